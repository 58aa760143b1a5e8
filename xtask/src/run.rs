//! Starting programs: shown on the terminal, or captured with a deadline.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// What a captured program left behind.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// Both streams, for the message of a failed expectation.
    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// The root of the workspace.
pub(crate) fn top() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or(here.clone(), PathBuf::from)
}

#[expect(clippy::disallowed_methods, reason = "a development tool; the rule guards the product")]
fn command(words: &[&str]) -> Command {
    let mut command = Command::new(words.first().copied().unwrap_or_default());
    command.args(&words[1..]).current_dir(top());
    command
}

/// Runs a program whose output goes where ours goes.
pub(crate) fn shown(words: &[&str]) -> Result<()> {
    let status = command(words).status().with_context(|| format!("cannot start {}", words[0]))?;
    if !status.success() {
        bail!("`{}` failed ({status})", words.join(" "));
    }
    Ok(())
}

/// Tells whether a program runs and succeeds.
pub(crate) fn succeeds(words: &[&str]) -> bool {
    captured(words, Duration::from_secs(30)).is_ok_and(|output| output.status == 0)
}

/// Runs a program to its end, or kills it at the deadline; both are told apart from how it ended.
pub(crate) fn captured(words: &[&str], deadline: Duration) -> Result<Output> {
    let mut child = command(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", words[0]))?;
    let stdout = reader(child.stdout.take());
    let stderr = reader(child.stderr.take());
    let status = wait(&mut child, deadline).with_context(|| format!("`{}`", words.join(" ")))?;
    Ok(Output { status, stdout: collected(&stdout), stderr: collected(&stderr) })
}

fn wait(child: &mut Child, deadline: Duration) -> Result<i32> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code().unwrap_or(-1));
        }
        if Instant::now() >= end {
            child.kill()?;
            child.wait()?;
            bail!("did not end within {} s", deadline.as_secs());
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Starts a program that is written to and read from while it runs.
pub(crate) fn spawned(words: &[&str]) -> Result<Child> {
    command(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", words[0]))
}

/// Collects a pipe in the background, so that neither stream can block the program.
pub(crate) fn reader(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (chunks, received) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        let Some(mut pipe) = pipe else { return };
        while let Ok(length @ 1..) = pipe.read(&mut buffer) {
            if chunks.send(buffer[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    received
}

/// What the pipe brought. A background process that still holds it after the program's end is not waited for.
fn collected(received: &Receiver<Vec<u8>>) -> String {
    let mut bytes = Vec::new();
    while let Ok(chunk) = received.recv_timeout(Duration::from_secs(1)) {
        bytes.extend(chunk);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
