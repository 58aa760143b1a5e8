//! Running a program of the booted system: output line by line, a deadline for the whole group.
//!
//! The agent has no async runtime, so it cannot use the crate that runs programs elsewhere
//! (docs/adr/0031); this is its one place that starts processes.

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The longest line passed on.
const LONGEST_LINE: u64 = 16 << 10;
/// How long output of grandchildren is waited for after the program ended.
const LINGER: Duration = Duration::from_secs(2);

/// A program to run.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) program: &'a str,
    pub(super) args: &'a [&'a str],
    pub(super) env: &'a [(&'a str, &'a str)],
    pub(super) dir: &'a Path,
    pub(super) deadline: Duration,
}

impl Job<'_> {
    /// Runs the program, hands over its lines, and returns its code: 128 and more for a signal, 124
    /// when it ran past its deadline and was killed.
    pub(super) fn run(&self, mut line: impl FnMut(&str)) -> io::Result<i32> {
        let until = Instant::now() + self.deadline;
        let mut child = self.start()?;
        let (send, lines) = sync_channel(64);
        spawn_reader(child.stdout.take(), send.clone())?;
        spawn_reader(child.stderr.take(), send)?;
        let mut ended = None;
        loop {
            match lines.recv_timeout(Duration::from_millis(100)) {
                Ok(text) => line(&text),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if ended.is_none() && child.try_wait()?.is_some() {
                ended = Some(Instant::now());
            }
            if ended.is_some_and(|at: Instant| at.elapsed() > LINGER) {
                break;
            }
            if Instant::now() >= until {
                line(&format!("killed: it ran longer than {} s", self.deadline.as_secs()));
                kill(&mut child)?;
                return Ok(124);
            }
        }
        let status = child.wait()?;
        Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
    }

    #[expect(clippy::disallowed_methods, reason = "the agent's one place that starts processes")]
    fn start(&self) -> io::Result<Child> {
        Command::new(self.program)
            .args(self.args)
            .envs(self.env.iter().copied())
            .current_dir(self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
    }
}

fn kill(child: &mut Child) -> io::Result<()> {
    if let Ok(id) = i32::try_from(child.id()) {
        killpg(Pid::from_raw(id), Signal::SIGKILL).unwrap_or(());
    }
    child.wait().map(drop)
}

/// Reads lines in a thread of its own, which ends with the pipe or with the receiver.
fn spawn_reader(
    pipe: Option<impl Read + Send + 'static>,
    lines: SyncSender<String>,
) -> io::Result<()> {
    let Some(pipe) = pipe else { return Ok(()) };
    let mut reader = BufReader::new(pipe);
    let read = move || {
        loop {
            let mut bytes = Vec::new();
            let length = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes);
            let text = String::from_utf8_lossy(&bytes);
            let over = !matches!(length, Ok(1..));
            if over || lines.send(text.trim_end_matches(['\n', '\r']).to_owned()).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("output".to_owned()).spawn(read).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, deadline: Duration) -> (i32, Vec<String>) {
        let mut lines = Vec::new();
        let args = ["-c", script];
        let dir = Path::new("/");
        let job = Job { program: "/bin/sh", args: &args, env: &[("MARK", "x")], dir, deadline };
        let code = job.run(|line| lines.push(line.to_owned())).unwrap();
        lines.sort();
        (code, lines)
    }

    #[test]
    fn lines_of_both_streams_and_the_code_come_back() {
        let (code, lines) = sh("echo out $MARK; echo err >&2; exit 7", Duration::from_secs(30));
        assert_eq!((code, lines), (7, vec!["err".to_owned(), "out x".to_owned()]));
    }

    #[test]
    fn a_program_past_its_deadline_is_killed_and_said() {
        let (code, lines) = sh("sleep 600", Duration::from_millis(200));
        assert_eq!(code, 124);
        assert!(lines[0].starts_with("killed"));
    }
}
