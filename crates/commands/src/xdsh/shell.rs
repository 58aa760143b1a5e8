//! What a command line of xdsh asks for. Reads scripts and files of variables as the user who asks; runs nothing.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use base::{ErrorKind, Failure};

use crate::call::Call;
use crate::files;

/// How many nodes at a time when nothing else is asked for; the original's number.
const FANOUT: usize = 64;

/// The largest fan-out: each is a process.
const MAX_FANOUT: usize = 1024;

/// How long a command may take when no timeout is asked for.
pub(super) const LONGEST: Duration = Duration::from_hours(24);

/// The largest script and the largest file of variables: they travel as one argument.
const MAX_SCRIPT: usize = 48 * 1024;

/// Where nodes keep the files of earlier synchronisations, unless the site says otherwise.
const SYNC_FILES: &str = "/var/xcat/node/syncfiles";

/// Options of the original that are not there, with what to do instead.
const REFUSED: &[(&str, &str)] = &[
    ("B", "-B is not available here; set XCATBYPASS=1 in the environment"),
    ("devicetype", "--devicetype is not available yet: only nodes with a shell are reached"),
    ("i", "-i is not available yet; on the management node, run: chroot IMAGE COMMAND"),
    (
        "K",
        "-K is not available yet: diskless nodes get root's key when they boot; for another node \
         append /install/postscripts/_ssh/authorized_keys to its /root/.ssh/authorized_keys",
    ),
    (
        "q",
        "-q is not available: there are no contexts; options and DSH_ variables are all there is",
    ),
    ("T", "-T is not available; -m tells when each node starts and ends"),
];

/// Options of ssh that change nothing but the connection: what everybody may set. Others run
/// programs here, read files here, or log in as somebody else.
const HARMLESS: &[&str] = &[
    "addressfamily",
    "ciphers",
    "compression",
    "connectionattempts",
    "connecttimeout",
    "hostkeyalgorithms",
    "ipqos",
    "kexalgorithms",
    "loglevel",
    "macs",
    "port",
    "rekeylimit",
    "serveralivecountmax",
    "serveraliveinterval",
    "stricthostkeychecking",
    "tcpkeepalive",
];

/// What is run, and how.
#[derive(Clone, Debug)]
pub(super) struct Shell {
    /// What the login shell of the node is given.
    pub(super) script: String,
    /// Whom to be there.
    pub(super) user: String,
    /// What becomes of what is printed there.
    pub(super) output: Printing,
    /// Whether the exit status is printed.
    pub(super) exit_status: bool,
    /// Whether it is told when each node starts and ends.
    pub(super) monitor: bool,
    /// Whether a node has to answer before anything is sent to it.
    pub(super) verify: bool,
    /// How long a node may print nothing.
    pub(super) timeout: Option<Duration>,
    /// Options for ssh, `NAME=value`.
    pub(super) options: Vec<String>,
    /// Nodes at a time.
    pub(super) fanout: usize,
}

/// What becomes of what nodes print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Printing {
    /// Each node's lines together.
    Together,
    /// Lines as they arrive.
    Stream,
    /// Nothing.
    Silent,
}

type Environment<'a> = BTreeMap<&'a str, &'a str>;

impl Shell {
    /// Reads the command line and the shell settings that the client sends along.
    pub(super) fn read(call: &Call) -> Result<Self, Failure> {
        let has = |name| call.options.has(name);
        if let Some((_, told)) = REFUSED.iter().find(|(name, _)| has(name)) {
            return Err(Failure::new(ErrorKind::NotFound, *told));
        }
        let env: Environment = call.env.iter().filter_map(|pair| pair.split_once('=')).collect();
        remote_shell(call, &env)?;
        let options = call.options.value("o").or(env.get("DSH_NODE_OPTS").copied());
        let output = match () {
            () if has("Q") => Printing::Silent,
            () if has("s") => Printing::Stream,
            () => Printing::Together,
        };
        Ok(Self {
            script: if has("c") { cleanup(call)? } else { script(call, &env)? },
            user: user(call, &env)?,
            output,
            exit_status: has("z"),
            monitor: has("m"),
            verify: has("v") || env.contains_key("DSH_VERIFY"),
            timeout: timeout(call, &env)?,
            options: ssh_options(options.unwrap_or_default(), &call.user)?,
            fanout: fanout(call, &env)?,
        })
    }

    /// The port that the options for ssh name.
    pub(super) fn port(&self) -> Option<u16> {
        let port = |option: &String| {
            let (name, value) = option.split_once('=')?;
            name.eq_ignore_ascii_case("port").then(|| value.parse().ok())?
        };
        self.options.iter().find_map(port)
    }
}

fn usage(text: String) -> Failure {
    Failure::new(ErrorKind::Usage, text)
}

fn fanout(call: &Call, env: &Environment) -> Result<usize, Failure> {
    let Some(text) = call.options.value("f").or(env.get("DSH_FANOUT").copied()) else {
        return Ok(FANOUT);
    };
    match text.parse::<usize>() {
        Ok(count) if count > 0 => Ok(count.min(MAX_FANOUT)),
        _ => Err(usage(format!("the fanout '{text}' is not a number above 0"))),
    }
}

fn timeout(call: &Call, env: &Environment) -> Result<Option<Duration>, Failure> {
    let Some(text) = call.options.value("t").or(env.get("DSH_TIMEOUT").copied()) else {
        return Ok(None);
    };
    match text.parse::<u64>() {
        Ok(0) => Ok(None),
        Ok(seconds) => Ok(Some(Duration::from_secs(seconds).min(LONGEST))),
        Err(_) => Err(usage(format!("the timeout '{text}' is not a number of seconds"))),
    }
}

/// Nodes are reached with OpenSSH; another program is refused, not passed over.
fn remote_shell(call: &Call, env: &Environment) -> Result<(), Failure> {
    let wanted = call.options.value("r").or(env.get("DSH_NODE_RSH").copied());
    let other = wanted.filter(|path| Path::new(path).file_name().is_none_or(|name| name != "ssh"));
    other.map_or(Ok(()), |path| {
        let text =
            format!("the remote shell '{path}' is not available; nodes are reached with ssh");
        Err(Failure::new(ErrorKind::NotFound, text))
    })
}

/// Whom to be on the nodes. The daemon's key opens every account, so only root may choose.
fn user(call: &Call, env: &Environment) -> Result<String, Failure> {
    let wanted = call.options.value("l").or(env.get("DSH_TO_USERID").copied());
    let wanted = wanted.unwrap_or(&call.user);
    if call.user != "root" && wanted != call.user {
        let text = format!("{} may not run commands as {wanted}", call.user);
        return Err(Failure::new(ErrorKind::Denied, text));
    }
    if wanted.is_empty() || wanted.starts_with('-') {
        return Err(usage(format!("'{wanted}' is not a user name")));
    }
    Ok(wanted.to_owned())
}

/// `-o Name=value` pairs in the text of the option `-o`.
fn ssh_options(text: &str, asker: &str) -> Result<Vec<String>, Failure> {
    let mut options = Vec::new();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let option = match word.strip_prefix("-o") {
            Some("") => words.next(),
            Some(option) => Some(option),
            None => None,
        };
        let Some((name, _)) = option.and_then(|option| option.split_once('=')) else {
            return Err(usage(format!("'{word}' is not an ssh option; write -oNAME=VALUE")));
        };
        if asker != "root" && !HARMLESS.contains(&&*name.to_ascii_lowercase()) {
            let text = format!("only root may set the ssh option {name}");
            return Err(Failure::new(ErrorKind::Denied, text));
        }
        options.extend(option.map(str::to_owned));
    }
    Ok(options)
}

/// What the nodes are to run: the words of the command line, or the script that they name.
fn script(call: &Call, env: &Environment) -> Result<String, Failure> {
    let words = call.options.operands().join(" ");
    if words.trim().is_empty() {
        return Err(usage("no command is given".to_owned()));
    }
    let variables = variables(call, env)?;
    let sudo = if call.options.has("sudo") { "sudo " } else { "" };
    if call.options.has("e") {
        return Ok(variables + &wrapped(call, env, &words, sudo)?);
    }
    Ok(format!("{variables}{sudo}{words}"))
}

/// Sets what the file of `-E` sets, and exports it.
fn variables(call: &Call, env: &Environment) -> Result<String, Failure> {
    let syntax = call.options.value("S");
    if let Some(other) = syntax.filter(|syntax| !["csh", "ksh"].contains(syntax)) {
        return Err(usage(format!("the syntax '{other}' is neither csh nor ksh")));
    }
    let Some(file) = call.options.value("E").or(env.get("DSH_ENVIRONMENT").copied()) else {
        return Ok(String::new());
    };
    if syntax == Some("csh") {
        let text = "-E together with -S csh is not available yet; leave out -S csh";
        return Err(Failure::new(ErrorKind::NotFound, text));
    }
    let text = read_file(&call.cwd.join(file), &call.user)?;
    Ok(format!("set -a\n{}\nset +a\n", text.trim_end_matches('\n')))
}

/// Removes what earlier synchronisations have kept on the nodes.
fn cleanup(call: &Call) -> Result<String, Failure> {
    if let Some(word) = call.options.operands().first() {
        return Err(usage(format!("-c runs no command, and '{word}' is one")));
    }
    let directory = call.snapshot.site("nodesyncfiledir").unwrap_or(SYNC_FILES);
    let path = Path::new(directory);
    let plain = path.components().all(|part| !matches!(part, std::path::Component::ParentDir));
    if !path.is_absolute() || path.components().count() < 3 || !plain {
        let text = format!("site.nodesyncfiledir is '{directory}', which is not to be emptied");
        let hint = "set it to a directory of its own, such as /var/xcat/node/syncfiles";
        return Err(Failure::new(ErrorKind::Conflict, text).hint(hint));
    }
    Ok(format!("rm -rf -- {}/*", quoted(directory)))
}

/// A word that a shell takes as it is.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A script that makes the file of `-e` on the node, runs it with its arguments and removes it.
fn wrapped(call: &Call, env: &Environment, words: &str, sudo: &str) -> Result<String, Failure> {
    let words = env.get("DSHEXECUTE").copied().unwrap_or(words);
    let (file, arguments) = words.split_once(' ').unwrap_or((words, ""));
    let text = read_file(&call.cwd.join(file), &call.user)?;
    let mut end = "END_OF_SCRIPT".to_owned();
    while text.contains(&end) {
        end.push('_');
    }
    Ok(format!(
        "f=$(mktemp) || exit 1\ncat >\"$f\" <<'{end}'\n{}\n{end}\nchmod 700 \"$f\"\n\
         {sudo}\"$f\" {arguments}\nrc=$?\nrm -f \"$f\"\nexit $rc",
        text.trim_end_matches('\n')
    ))
}

fn read_file(path: &Path, user: &str) -> Result<String, Failure> {
    let shown = path.display();
    files::read_as(path, user, MAX_SCRIPT).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            Failure::new(ErrorKind::NotFound, format!("File {shown} does not exist"))
        }
        _ => Failure::new(ErrorKind::Denied, format!("File {shown} cannot be sent: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_do_more_than_connect_are_for_root() {
        assert_eq!(ssh_options("-oPort=2222 -o Compression=yes", "bob").unwrap().len(), 2);
        for option in [
            "ProxyCommand=x",
            "\"ProxyCommand\"=x",
            "LocalCommand=x",
            "PKCS11Provider=/tmp/x.so",
            "ControlPath=/x",
            "User=root",
            "Hostname=mn",
        ] {
            let refused = ssh_options(&format!("-o{option}"), "bob").unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Denied, "{option}");
            assert_eq!(ssh_options(&format!("-o {option}"), "root").unwrap(), [option]);
        }
        for bad in ["-F file", "-oPort", "x=y", "-o"] {
            assert_eq!(ssh_options(bad, "root").unwrap_err().kind, ErrorKind::Usage, "{bad}");
        }
    }
}
