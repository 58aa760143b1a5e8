//! Which arguments are secrets, and what is written in their place: they must not reach the audit
//! log, the history or any other record of a command line.

/// What replaces a secret.
const MASK: &str = "xxxxxxxx";
/// An assignment whose name contains one of these has a secret value.
const SECRET_NAMES: &[&str] = &[
    "password",
    "passwd",
    "bmcpw",
    "secret",
    "snmpauth",
    "snmppriv",
    "privkey",
    "authkey",
    "community",
];

/// The arguments in one line, with the values of secrets masked.
pub fn masked<'a>(arguments: impl IntoIterator<Item = &'a str>) -> String {
    let mask = |argument: &str| match argument.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={MASK}"),
        _ => argument.to_owned(),
    };
    arguments.into_iter().map(mask).collect::<Vec<_>>().join(" ")
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|secret| name.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked() {
        let arguments = ["n1", "bmcpassword=secret1", "passwd.password=x=y", "mgt=ipmi"];
        let text = masked(arguments);
        assert_eq!(text, "n1 bmcpassword=xxxxxxxx passwd.password=xxxxxxxx mgt=ipmi");
    }
}
