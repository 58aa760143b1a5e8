//! Which arguments are secrets, and what is written in their place: they must not reach the audit
//! log, the history or any other record of a command line.

use std::borrow::Cow;

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
    "prodkey",
    "tokenid",
];

/// The arguments in one line, with the values of secrets masked.
pub fn masked<'a>(arguments: impl IntoIterator<Item = &'a str>) -> String {
    arguments.into_iter().map(mask).collect::<Vec<_>>().join(" ")
}

/// An argument up to the first secret in it: the condition of chtab has several assignments, and
/// nobody knows whether a comma begins the next one or belongs to the secret.
fn mask(argument: &str) -> Cow<'_, str> {
    let mut start = 0;
    for part in argument.split_inclusive(',') {
        if let Some((name, _)) = part.split_once('=')
            && is_secret(name)
        {
            return Cow::Owned(format!("{}{name}={MASK}", &argument[..start]));
        }
        start += part.len();
    }
    Cow::Borrowed(argument)
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
        let text = masked(["key=ipmi,password=a,b=c", "passwd", "groups=a,b"]);
        assert_eq!(text, "key=ipmi,password=xxxxxxxx passwd groups=a,b");
    }
}
