//! xdsh: a command on many nodes over ssh. Lines come back as `node: line`, each node's together,
//! or as they arrive with `-s`.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use base::{ErrorKind, Failure, NodeName};
use command::{Answer, Item};
use model::flight::{BootEvent, Step};
use model::names;
use remote::{Line, Stream, ssh};
use tables::Snapshot;
use tokio::sync::mpsc;

use crate::call::Call;
use crate::files;
use crate::services::Services;
use crate::shape::{Behaviour, Command, Job, Plan};
use crate::sink::Sink;

pub(crate) static COMMAND: Command = Command::new("xdsh", Behaviour::Nodes(xdsh));

/// How many nodes at a time when nothing else is asked for; the original's number.
const FANOUT: usize = 64;

/// The largest fan-out: each is a process.
const MAX_FANOUT: usize = 1024;

/// How long a command may take when no timeout is asked for.
const LONGEST: Duration = Duration::from_hours(24);

/// The largest script that `-e` sends: it travels as one argument.
const MAX_SCRIPT: usize = 96 * 1024;

/// How much of a node's output waits for its end; with more, what there is goes out, so that a node
/// that prints without end fills no memory.
const MAX_KEPT: usize = 1024 * 1024;

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

/// ssh's exit code when it could not run the command.
const SSH_FAILED: i32 = 255;

/// What is run, and how.
#[derive(Clone, Debug)]
struct Shell {
    script: String,
    user: String,
    stream: bool,
    silent: bool,
    exit_status: bool,
    timeout: Option<Duration>,
    options: Vec<String>,
}

fn xdsh(call: &Call, services: &Services, sink: &Sink) -> Result<Plan, Failure> {
    let nodes = call.required_nodes()?;
    let env = environment(&call.env);
    let shell = shell(call, &env)?;
    let job = |node: &NodeName| {
        let host = address(&call.snapshot, node);
        let (services, sink, node, shell) =
            (services.clone(), sink.clone(), node.clone(), shell.clone());
        Job::new(node.clone(), async move { run(&services, &sink, &node, &host, &shell).await })
    };
    Ok(Plan {
        first: Answer::new(),
        jobs: nodes.iter().map(job).collect(),
        limit: fanout(call, &env)?,
        deadline: shell.timeout.map_or(LONGEST, |timeout| timeout + Duration::from_secs(10)),
    })
}

fn environment(env: &[String]) -> BTreeMap<&str, &str> {
    env.iter().filter_map(|pair| pair.split_once('=')).collect()
}

fn fanout(call: &Call, env: &BTreeMap<&str, &str>) -> Result<usize, Failure> {
    let Some(text) = call.options.value("f").or(env.get("DSH_FANOUT").copied()) else {
        return Ok(FANOUT);
    };
    match text.parse::<usize>() {
        Ok(count) if count > 0 => Ok(count.min(MAX_FANOUT)),
        _ => Err(usage(format!("the fanout '{text}' is not a number above 0"))),
    }
}

fn usage(text: String) -> Failure {
    Failure::new(ErrorKind::Usage, text)
}

fn shell(call: &Call, env: &BTreeMap<&str, &str>) -> Result<Shell, Failure> {
    for (letter, what) in [("E", "-E"), ("r", "-r"), ("v", "-v")] {
        if call.options.has(letter) {
            return Err(Failure::new(ErrorKind::NotFound, format!("{what} is not available yet")));
        }
    }
    let words = call.options.operands().join(" ");
    if words.trim().is_empty() {
        return Err(usage("no command is given".to_owned()));
    }
    let script = if call.options.has("e") { wrapped(call, env, &words)? } else { words };
    let timeout = match call.options.value("t").or(env.get("DSH_TIMEOUT").copied()) {
        None => None,
        Some(text) => match text.parse::<u64>() {
            Ok(0) => None,
            Ok(seconds) => Some(Duration::from_secs(seconds).min(LONGEST)),
            Err(_) => return Err(usage(format!("the timeout '{text}' is not a number"))),
        },
    };
    let options = call.options.value("o").or(env.get("DSH_NODE_OPTS").copied());
    Ok(Shell {
        script,
        user: user(call, env)?,
        stream: call.options.has("s"),
        silent: call.options.has("Q"),
        exit_status: call.options.has("z"),
        timeout,
        options: ssh_options(options.unwrap_or_default(), &call.user)?,
    })
}

/// Whom to be on the nodes. The daemon's key opens every account, so only root may choose.
fn user(call: &Call, env: &BTreeMap<&str, &str>) -> Result<String, Failure> {
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

/// A script that makes the file of `-e` on the node, runs it with its arguments and removes it.
fn wrapped(call: &Call, env: &BTreeMap<&str, &str>, words: &str) -> Result<String, Failure> {
    let words = env.get("DSHEXECUTE").copied().unwrap_or(words);
    let (file, arguments) = words.split_once(' ').unwrap_or((words, ""));
    let path = call.cwd.join(file);
    let text = read_script(&path, &call.user)?;
    let mut end = "END_OF_SCRIPT".to_owned();
    while text.contains(&end) {
        end.push('_');
    }
    Ok(format!(
        "f=$(mktemp) || exit 1\ncat >\"$f\" <<'{end}'\n{}\n{end}\nchmod 700 \"$f\"\n\
         \"$f\" {arguments}\nrc=$?\nrm -f \"$f\"\nexit $rc",
        text.trim_end_matches('\n')
    ))
}

fn read_script(path: &Path, user: &str) -> Result<String, Failure> {
    let shown = path.display();
    files::read_as(path, user, MAX_SCRIPT).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            Failure::new(ErrorKind::NotFound, format!("File {shown} does not exist"))
        }
        _ => Failure::new(ErrorKind::Denied, format!("File {shown} cannot be sent: {error}")),
    })
}

/// The node's address if the tables know it, else its name.
fn address(snapshot: &Snapshot, node: &NodeName) -> String {
    let address = names::address_of(snapshot, node.as_str());
    address.as_ref().map_or_else(|| node.to_string(), IpAddr::to_string)
}

async fn run(
    services: &Services,
    sink: &Sink,
    node: &NodeName,
    host: &str,
    shell: &Shell,
) -> Answer {
    let mut options = (*services.ssh).clone();
    options.user.clone_from(&shell.user);
    options.deadline = shell.timeout;
    options.options.push(format!("HostKeyAlias={node}"));
    options.options.extend(shell.options.iter().cloned());
    let program = ssh::command(host, &options, &shell.script).keep(0);
    let (lines, received) = mpsc::channel::<Line>(64);
    let work = program.run_lines(sink.cancelled(), lines);
    let (outcome, kept) = tokio::join!(work, collect(received, sink, node, shell));
    let mut answer = Answer(kept);
    match outcome {
        Ok(output) => finish(services, node, output.exit.code(), shell, &mut answer),
        Err(error) => {
            answer.push(Item::node_error(node.as_str(), base::chain(&error)));
        }
    }
    answer
}

/// Passes on what a node prints, or keeps it until the node has ended.
async fn collect(
    mut lines: mpsc::Receiver<Line>,
    sink: &Sink,
    node: &NodeName,
    shell: &Shell,
) -> Vec<Item> {
    let (mut kept, mut size) = (Vec::new(), 0);
    while let Some(line) = lines.recv().await {
        if shell.silent {
            continue;
        }
        size += line.text.len() + size_of::<Item>();
        kept.push(shown(node, &line));
        if shell.stream || size > MAX_KEPT {
            sink.send_all(kept.drain(..)).await;
            size = 0;
        }
    }
    kept
}

fn shown(node: &NodeName, line: &Line) -> Item {
    let text = format!("{node}: {}", line.text);
    match line.stream {
        Stream::Stdout => Item::data(text),
        Stream::Stderr => Item::Stderr(text),
    }
}

fn finish(services: &Services, node: &NodeName, code: i32, shell: &Shell, answer: &mut Answer) {
    if shell.exit_status && code != SSH_FAILED {
        answer.line(format!("{node}: Remote_command_rc = {code}"));
    }
    match code {
        0 => {}
        SSH_FAILED => {
            answer.error(format!("{node} remote shell had error code: {code}"));
        }
        code => {
            answer.error(format!(" {node} remote Command had return code: {code} "));
        }
    }
    if code != SSH_FAILED {
        let time = services.clock.now();
        let text = "answered over ssh".to_owned();
        let event = BootEvent { time, node: Some(node.clone()), mac: None, step: Step::Ssh, text };
        // Only the first such answer of a boot tells anything: a full recorder may lose others.
        if services.events.try_send(event).is_err() {
            tracing::debug!(%node, "the recorder is busy; an ssh answer is not recorded");
        }
    }
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
