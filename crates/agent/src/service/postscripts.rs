//! Running the node's postscripts: fetched by name, run with the node's environment, logged in
//! xCAT's words (protocol.md section 7.1), the log sent home, the outcome reported.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Component, Path};
use std::process::ExitCode;
use std::time::Duration;

use base::{Clock, SystemClock};

use super::mirror::{Mirror, store};
use super::script;
use super::spawn::Job;
use crate::console::{say, say_error};
use crate::facts::{Facts, NoFacts};
use crate::http::{self, HttpError, Url};
use crate::monitor;
use crate::patience::Patience;

const DIR: &str = "/xcatpost";
/// Where it comes from.
const FROM: &str = "/install/postscripts";
const SCRIPT: &str = "/xcatpost/mypostscript";
const INFO: &str = "/opt/xcat/xcatinfo";
const LOG: &str = "/var/log/xcat/xcat.log";
/// How long one postscript may run, and all of them together.
const ONE: Duration = Duration::from_mins(30);
const ALL: Duration = Duration::from_hours(2);
/// Where sshd listens, and how long it is waited for before the node says that it is booted.
const SSH_PORT: u16 = 22;
const SSHD_ATTEMPTS: u32 = 60;
const SSHD_PAUSE: Duration = Duration::from_millis(500);
/// How much of the log is sent home.
const SENT: usize = 256 << 10;

#[derive(Debug, thiserror::Error)]
enum PostscriptError {
    #[error("cannot write {path}")]
    Write { path: &'static str, source: io::Error },
    #[error("the node's script is not fetched")]
    Fetch(#[source] HttpError),
    #[error("the node's script does not run")]
    Run(#[source] io::Error),
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    Failed,
}

/// Runs all postscripts of this node and reports `booted` or `failed`.
pub(super) fn run_all(facts: &Facts) -> ExitCode {
    monitor::report(facts, "postbooting", Patience::with_attempts(2));
    let outcome = perform(facts).unwrap_or_else(|error| {
        log(&say_error(&error));
        Outcome::Failed
    });
    send_log(facts);
    await_sshd();
    let (status, code) = match outcome {
        Outcome::Done => ("booted", ExitCode::SUCCESS),
        Outcome::Failed => ("failed", ExitCode::FAILURE),
    };
    monitor::report(facts, status, Patience::with_attempts(10));
    code
}

/// Waits until sshd answers: a node that says it is booted is logged in to at once. An image
/// without sshd, or one whose sshd does not come up, is not held up for long.
fn await_sshd() {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, SSH_PORT));
    if !Path::new("/usr/sbin/sshd").exists() {
        return;
    }
    for _ in 0..SSHD_ATTEMPTS {
        if TcpStream::connect_timeout(&address, SSHD_PAUSE).is_ok() {
            return;
        }
        std::thread::sleep(SSHD_PAUSE);
    }
    log(&say_error(&io::Error::new(io::ErrorKind::TimedOut, "sshd does not answer yet")));
}

fn perform(facts: &Facts) -> Result<Outcome, PostscriptError> {
    prepare(facts)?;
    let path = format!("/tftpboot/mypostscripts/mypostscript.{}", facts.node);
    let url = Url::new(facts.server, facts.http_port, path);
    let fetched = Patience::with_attempts(6)
        .run(|| present(http::get_text(&url)), |error| drop(say_error(error)));
    let Some(text) = fetched.map_err(PostscriptError::Fetch)? else {
        log("the management node has no script for this node");
        return Ok(Outcome::Done);
    };
    let names = script::names(&text);
    say(&format!("{} postscripts: {}", names.len(), names.join(" ")));
    if !names.is_empty() {
        copy_all(facts);
    }
    write(SCRIPT, &script::wrap(&text))?;
    let code = run_script().map_err(PostscriptError::Run)?;
    Ok(if code == 0 { Outcome::Done } else { Outcome::Failed })
}

/// What was fetched; nothing when the server has no such file.
fn present<T>(fetched: Result<T, HttpError>) -> Result<Option<T>, HttpError> {
    match fetched {
        Err(HttpError::Status { status: 404, .. }) => Ok(None),
        result => result.map(Some),
    }
}

/// Copies what scripts may read beside themselves; each script that is to run is fetched again then,
/// so that a copy that is not whole fails those only that need the rest.
fn copy_all(facts: &Facts) {
    let server = (facts.server, facts.http_port);
    match (Mirror { server, from: FROM, to: Path::new(DIR) }).run() {
        Ok(count) => say(&format!("{count} files of {FROM} are here")),
        Err(error) => log(&say_error(&error)),
    }
}

/// Makes the directories, and the file of facts that xCAT's scripts read.
fn prepare(facts: &Facts) -> Result<(), PostscriptError> {
    for (path, dir) in [(DIR, DIR), (INFO, "/opt/xcat"), (LOG, "/var/log/xcat")] {
        fs::create_dir_all(dir).map_err(|source| PostscriptError::Write { path, source })?;
    }
    let info = format!(
        "XCATSERVER={}\nHTTPPORT={}\nNODE={}\nINSTALLDIR=/install\n",
        facts.server, facts.http_port, facts.node
    );
    write(INFO, &info)
}

fn write(path: &'static str, text: &str) -> Result<(), PostscriptError> {
    fs::write(path, text).map_err(|source| PostscriptError::Write { path, source })
}

/// Runs the wrapped script; bash when the image has it, as xCAT's scripts expect.
fn run_script() -> io::Result<i32> {
    let shell = if Path::new("/bin/bash").exists() { "/bin/bash" } else { "/bin/sh" };
    let me = std::env::current_exe()?;
    let me = me.to_string_lossy();
    let env = [("XCAT_NODE", &*me), ("HOME", "/root")];
    let job =
        Job { program: shell, args: &[SCRIPT], env: &env, dir: Path::new(DIR), deadline: ALL };
    job.run(say)
}

/// Fetches one postscript and runs it; the environment is the caller's, that is the node script's.
pub fn run_postscript(kind: &str, name: &str, args: &[&str]) -> ExitCode {
    let code = match Facts::load() {
        Ok(facts) => run_named(&facts, kind, name, args),
        Err(error @ (NoFacts::Unreadable(_) | NoFacts::Incomplete)) => {
            say_error(&error);
            1
        }
    };
    ExitCode::from(u8::try_from(code).unwrap_or(255))
}

fn run_named(facts: &Facts, kind: &str, name: &str, args: &[&str]) -> i32 {
    if let Err(error) = obtain(facts, name) {
        log(&format!("{} {kind} {name} does NOT exist.", now()));
        log(&base::chain(&error));
        return 255;
    }
    log(&format!("{} {kind} start..: {name}", now()));
    let program = format!("./{name}");
    let env = [("LOGLABEL", "xcat")];
    let job = Job { program: &program, args, env: &env, dir: Path::new(DIR), deadline: ONE };
    let code = job.run(log).unwrap_or_else(|error| {
        log(&format!("{name} does not run: {error}"));
        126
    });
    log(&format!("{} {kind} end....: {name} exited with code {code}", now()));
    code
}

#[derive(Debug, thiserror::Error)]
enum ObtainError {
    #[error("'{name}' is not the name of a postscript")]
    Name { name: String },
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("cannot write the postscript {name}")]
    Write { name: String, source: io::Error },
}

/// Fetches a postscript into the directory of scripts.
fn obtain(facts: &Facts, name: &str) -> Result<(), ObtainError> {
    if !is_script_name(name) {
        return Err(ObtainError::Name { name: name.to_owned() });
    }
    let url = Url::new(facts.server, facts.http_port, format!("{FROM}/{name}"));
    let missing = || HttpError::Status { url: url.clone(), status: 404 };
    let bytes = Patience::with_attempts(5)
        .run(|| present(http::get_bytes(&url)), |error| drop(say_error(error)))?
        .ok_or_else(missing)?;
    store(&Path::new(DIR).join(name), &bytes)
        .map_err(|source| ObtainError::Write { name: name.to_owned(), source })
}

/// Whether the name stays inside the directory of scripts and can be asked for as it is.
fn is_script_name(name: &str) -> bool {
    let path = Path::new(name);
    !name.is_empty()
        && path.components().all(|part| matches!(part, Component::Normal(_)))
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+/".contains(&byte))
}

fn now() -> String {
    SystemClock.now().local()
}

/// Says a line and keeps it in the log.
fn log(line: &str) {
    say(line);
    let written = OpenOptions::new().create(true).append(true).open(LOG);
    if let Err(error) = written.and_then(|mut file| writeln!(file, "{line}")) {
        say(&format!("cannot write {LOG}: {error}"));
    }
}

fn send_log(facts: &Facts) {
    let text = fs::read(LOG).unwrap_or_default();
    let tail = &text[text.len().saturating_sub(SENT)..];
    let url = Url::new(facts.server, facts.http_port, "/xcat/node/log");
    let sent = Patience::with_attempts(5).run(
        || http::post_text(&url, &String::from_utf8_lossy(tail)),
        |error| drop(say_error(error)),
    );
    if let Err(error) = sent {
        say(&format!("the log is not sent home: {}", base::chain(&error)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside_the_directory() {
        for good in ["syslog", "cfg/mark.sh", "a-b_c+1"] {
            assert!(is_script_name(good), "{good}");
        }
        for bad in ["", "/etc/passwd", "../x", "a/../b", "a b", "a?b"] {
            assert!(!is_script_name(bad), "{bad}");
        }
    }
}
