//! `tabedit`: a table as CSV in the caller's editor, sent back when it was changed.
//!
//! What was edited is never thrown away: when it cannot be sent back, or somebody else has changed the table in the
//! meantime, the file stays and is named.

use std::ffi::OsString;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use command::{Meta, Options};
use nix::poll::PollFlags;

use crate::output::Output;
use crate::render::Stream;

/// Tables whose rows the daemon numbers; a restored row would get another number.
const LOGS: &[&str] = &["auditlog", "eventlog"];
const EDITORS: &[&str] = &["TABEDITOR", "EDITOR"];
const DEFAULT_EDITOR: &str = "vi";

/// Why nothing more is done, in a line for standard error.
struct Stopped(String);

impl<E: std::error::Error> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self(base::chain(&error))
    }
}

/// Edits the table that the arguments name; returns the exit status.
pub(crate) fn run(meta: &Meta, arguments: &[String], output: &Output) -> u8 {
    let options = Options::parse(meta, arguments);
    let usage = format!("{}\n", meta.help());
    let table = match &options {
        Ok(options) if options.help() => return shown(output, Stream::Out, &usage, 0),
        Ok(options) => match options.operands() {
            [table] => table,
            _ => return shown(output, Stream::Err, &usage, 1),
        },
        Err(error) => return shown(output, Stream::Err, &format!("Error: {error}\n{usage}"), 1),
    };
    if LOGS.contains(&&**table) {
        let text =
            format!("Error: {table} is a log and cannot be edited; tabprune removes rows of it\n");
        return shown(output, Stream::Err, &text, 1);
    }
    match edit(table, output) {
        Ok(status) => status,
        Err(Stopped(reason)) => {
            shown(output, Stream::Err, &format!("Error: cannot edit {table}: {reason}\n"), 1)
        }
    }
}

fn shown(output: &Output, stream: Stream, text: &str, status: u8) -> u8 {
    if output.write(stream, text.as_bytes()).is_ok() { status } else { 1 }
}

fn edit(table: &str, output: &Output) -> Result<u8, Stopped> {
    let before = match dump(table)? {
        Ok(text) => text,
        Err(status) => return Ok(status),
    };
    let directory = nix::unistd::mkdtemp(&std::env::temp_dir().join("tabedit.XXXXXX"))?;
    let file = directory.join(format!("{table}.csv"));
    std::fs::write(&file, &before)?;
    let outcome = edit_file(table, &before, &file, output)?;
    match outcome {
        Outcome::Done(status) => {
            std::fs::remove_dir_all(&directory)?;
            Ok(status)
        }
        Outcome::Kept(reason) => {
            let text = format!("Error: {reason}; what you have edited is in {}\n", file.display());
            Ok(shown(output, Stream::Err, &text, 1))
        }
    }
}

/// What became of the file.
enum Outcome {
    /// It is not needed any more.
    Done(u8),
    /// It holds what could not be sent back, for this reason.
    Kept(String),
}

fn edit_file(table: &str, before: &[u8], file: &Path, output: &Output) -> Result<Outcome, Stopped> {
    loop {
        let ended = output.undisturbed(|| editor(file).spawn()).and_then(wait);
        output.forget_interrupts();
        match ended {
            Ok(status) if status.success() => {}
            Ok(status) => return Ok(Outcome::Kept(format!("the editor ended with {status}"))),
            Err(error) => return Ok(Outcome::Kept(format!("the editor cannot be run: {error}"))),
        }
        if std::fs::read(file)? == before {
            let text = "No file modifications detected, not restoring.\n";
            return Ok(Outcome::Done(shown(output, Stream::Out, text, 0)));
        }
        if dump(table)?.ok().as_deref() != Some(before) {
            return Ok(Outcome::Kept(format!("{table} was changed by somebody else meanwhile")));
        }
        if client(&["tabrestore"]).arg(file).stdin(Stdio::null()).status()?.success() {
            return Ok(Outcome::Done(0));
        }
        if !asked_to_go_on(output) {
            return Ok(Outcome::Kept(format!("{table} is as it was")));
        }
    }
}

fn wait(mut child: Child) -> std::io::Result<ExitStatus> {
    child.wait()
}

/// What `tabdump` prints, or the status with which it failed after saying why.
fn dump(table: &str) -> Result<Result<Vec<u8>, u8>, Stopped> {
    let mut command = client(&["tabdump", "--", table]);
    let ran =
        command.env("XCAT_UTF8", "1").stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if ran.status.success() && !ran.stdout.is_empty() {
        return Ok(Ok(ran.stdout));
    }
    Ok(Err(ran
        .status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .filter(|code| *code != 0)
        .unwrap_or(1)))
}

/// This program as another command.
#[expect(
    clippy::disallowed_methods,
    reason = "the client has no runtime, and waits for what it starts"
)]
fn client(words: &[&str]) -> Command {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"));
    let mut command = Command::new(program);
    command.arg0("xcat").args(words).env_remove("XCATSHOWXML").env_remove("XCATXMLTRACE");
    command
}

/// The editor may have arguments of its own, so a shell starts it.
#[expect(
    clippy::disallowed_methods,
    reason = "the client has no runtime, and waits for what it starts"
)]
fn editor(file: &Path) -> Command {
    let set = |name: &&str| std::env::var_os(name).filter(|value| !value.is_empty());
    let mut script = EDITORS.iter().find_map(set).unwrap_or_else(|| OsString::from(DEFAULT_EDITOR));
    script.push(" \"$1\"");
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script).arg("tabedit").arg(file);
    command
}

/// Waits for Enter; an interrupt and the end of standard input mean no.
fn asked_to_go_on(output: &Output) -> bool {
    let question = b"Press Enter to edit again, Ctrl-C to give up.\n";
    let stdin = std::io::stdin();
    let answered = output.write(Stream::Err, question).is_ok()
        && output.wait(stdin.as_fd(), PollFlags::POLLIN).is_ok();
    let mut byte = [0];
    answered && stdin.lock().read(&mut byte).is_ok_and(|count| count > 0)
}
