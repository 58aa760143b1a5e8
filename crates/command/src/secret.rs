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
    "productkey",
    "tokenid",
];

/// What can stand between a name and the `=` after it.
const OPERATORS: &[char] = &['=', '!', ',', '^', '+', '-', '@', ':'];
/// Options whose value is a secret and whose name does not say so.
const SECRET_OPTIONS: &[(&str, &str)] =
    &[("bmcdiscover", "-p"), ("pasu", "-p"), ("switchdiscover", "-c")];

/// The arguments in one line, with the values of secrets masked.
pub fn masked<'a>(arguments: impl IntoIterator<Item = &'a str>) -> String {
    masked_of("", arguments)
}

/// The arguments of `command` in one line, with the values of secrets masked.
pub fn masked_of<'a>(command: &str, arguments: impl IntoIterator<Item = &'a str>) -> String {
    let mut follows = false;
    let mut words = Vec::new();
    for argument in arguments {
        words.push(if follows { Cow::Borrowed(MASK) } else { mask(argument) });
        follows = !follows && announces(command, argument);
    }
    words.join(" ")
}

/// Whether the word is an option whose value, the next word, is a secret.
fn announces(command: &str, word: &str) -> bool {
    let long = word.strip_prefix("--").is_some_and(|name| !name.contains('=') && is_secret(name));
    long || SECRET_OPTIONS.contains(&(command, word))
}

/// An argument up to the first secret in it: the condition of chtab has several assignments, and
/// nobody knows whether a comma begins the next one or belongs to the secret.
fn mask(argument: &str) -> Cow<'_, str> {
    let operators = argument.match_indices('=').chain(argument.match_indices("!~"));
    let names = operators.map(|(at, _)| argument[..at].trim_end_matches(OPERATORS));
    let secret = names.filter(|name| name.rsplit(',').next().is_some_and(is_secret));
    match secret.min_by_key(|name| name.len()) {
        Some(name) => Cow::Owned(format!("{name}={MASK}")),
        None => Cow::Borrowed(argument),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    if name == "userid" {
        // rspconfig USERID=... sets the password of that account.
        return true;
    }
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

    #[test]
    fn conditions_and_options_are_masked_too() {
        for (arguments, text) in [
            (vec!["-w", "bmcpassword==s3cret"], "-w bmcpassword=xxxxxxxx"),
            (vec!["-w", "bmcpassword!~s3cret"], "-w bmcpassword=xxxxxxxx"),
            (vec!["-w", "ipmi.password=~/s3cret/"], "-w ipmi.password=xxxxxxxx"),
            (vec!["n1,ipmi.password!=s3cret"], "n1,ipmi.password=xxxxxxxx"),
            (vec!["n1", "ipmi.password,=s3cret"], "n1 ipmi.password=xxxxxxxx"),
            (vec!["--bmcpasswd", "s3cret", "-s", "nmap"], "--bmcpasswd xxxxxxxx -s nmap"),
            (vec!["--password=s3cret"], "--password=xxxxxxxx"),
            (vec!["USERID=s3cret", "updateBMC=n"], "USERID=xxxxxxxx updateBMC=n"),
            (vec!["bmcusername=root", "mgt!=ipmi"], "bmcusername=root mgt!=ipmi"),
        ] {
            assert_eq!(masked(arguments), text);
        }
        let arguments = ["--range", "10.0.0.1", "-u", "root", "-p", "s3cret"];
        assert_eq!(masked_of("bmcdiscover", arguments), "--range 10.0.0.1 -u root -p xxxxxxxx");
        assert_eq!(masked_of("restorexCATdb", ["-p", "/dump"]), "-p /dump");
    }
}
