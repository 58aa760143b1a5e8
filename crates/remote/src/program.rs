//! One program to run: its arguments, environment, input and bounds as a value, and the run itself.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::child::{Group, Running};
use crate::lines::{Capture, Line, Stream, pump};
use crate::outcome::{Exit, Output, RunError};

/// How much of each output stream is kept unless asked otherwise.
const DEFAULT_LIMIT: usize = 1 << 20;

/// How long the pipes may stay open after the program ended (a grandchild may hold them).
const LINGER: Duration = Duration::from_secs(2);

/// A program with everything it is given; running it does not change it.
#[derive(Clone, Debug)]
pub struct Program {
    path: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    inherit_env: bool,
    cwd: Option<PathBuf>,
    stdin: Vec<u8>,
    deadline: Option<Duration>,
    limit: usize,
}

/// Where the output of a started program goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StdioTo {
    /// Nowhere.
    Null,
    /// Appended to this file, standard error included.
    File(PathBuf),
    /// To our own standard output and error.
    Inherit,
}

impl Program {
    /// The program `program`, looked up on PATH when it has no slash; it starts with no input, our
    /// environment, no deadline, and keeps a mebibyte of each output stream.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            path: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            inherit_env: true,
            cwd: None,
            stdin: Vec::new(),
            deadline: None,
            limit: DEFAULT_LIMIT,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable in its environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Gives it only the variables set by [`Program::env`].
    #[must_use]
    pub fn clean_env(mut self) -> Self {
        self.inherit_env = false;
        self
    }

    /// Runs it in the directory `dir`.
    #[must_use]
    pub fn cwd(mut self, dir: impl Into<PathBuf>) -> Self {
        self.cwd = Some(dir.into());
        self
    }

    /// Gives it `bytes` on standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Ends it when it runs longer than `limit`.
    #[must_use]
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = Some(limit);
        self
    }

    /// Keeps the last `bytes` of each output stream.
    #[must_use]
    pub fn keep(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// The program's name without its directory, for messages.
    pub fn name(&self) -> String {
        let name = Path::new(&self.path).file_name().unwrap_or(&self.path);
        name.to_string_lossy().into_owned()
    }

    /// The arguments, for tests of plans.
    pub fn arguments(&self) -> impl Iterator<Item = &std::ffi::OsStr> {
        self.args.iter().map(OsString::as_os_str)
    }

    /// Runs it to its end, whatever that is; see [`Output::success`].
    pub async fn run(&self, cancel: &CancellationToken) -> Result<Output, RunError> {
        self.run_with(cancel, None).await
    }

    /// Runs it to its end and hands over each line as it is printed. Lines are also kept in the
    /// output; a full channel holds the program back, a closed one is ignored.
    pub async fn run_lines(
        &self,
        cancel: &CancellationToken,
        lines: mpsc::Sender<Line>,
    ) -> Result<Output, RunError> {
        self.run_with(cancel, Some(lines)).await
    }

    /// Starts it and leaves it running; it ends with [`Running::stop`] or when `Running` is dropped.
    pub fn start(&self, output: &StdioTo) -> Result<Running, RunError> {
        let (stdout, stderr) = match output {
            StdioTo::Null => (Stdio::null(), Stdio::null()),
            StdioTo::Inherit => (Stdio::inherit(), Stdio::inherit()),
            StdioTo::File(path) => self.append_to(path).map_err(|e| self.cannot_start(e))?,
        };
        let mut command = self.command();
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn();
        Ok(Running::new(self.name(), child.map_err(|e| self.cannot_start(e))?))
    }

    async fn run_with(
        &self,
        cancel: &CancellationToken,
        lines: Option<mpsc::Sender<Line>>,
    ) -> Result<Output, RunError> {
        let mut command = self.command();
        command.stdin(if self.stdin.is_empty() { Stdio::null() } else { Stdio::piped() });
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child = &mut child.map_err(|e| self.cannot_start(e))?;
        let mut group = Group::of(child);
        let ended = tokio::select! {
            output = self.drive(child, lines) => output,
            () = cancel.cancelled() => Err(RunError::Cancelled { program: self.name() }),
            () = after(self.deadline) => Err(RunError::TimedOut {
                program: self.name(),
                after: self.deadline.unwrap_or_default(),
            }),
        };
        match &ended {
            Ok(_) => group.release(),
            Err(_) => group.end(child).await,
        }
        ended
    }

    async fn drive(
        &self,
        child: &mut Child,
        lines: Option<mpsc::Sender<Line>>,
    ) -> Result<Output, RunError> {
        let (mut out, mut err) = (Capture::new(self.limit), Capture::new(self.limit));
        let stdin = feed(child.stdin.take(), &self.stdin);
        let stdout = pump(child.stdout.take(), Stream::Stdout, &mut out, lines.clone());
        let stderr = pump(child.stderr.take(), Stream::Stderr, &mut err, lines);
        let status = {
            let pipes = async { tokio::join!(stdin, stdout, stderr) };
            tokio::pin!(pipes);
            tokio::select! {
                _ = &mut pipes => child.wait().await,
                status = child.wait() => {
                    // whoever still holds the pipes is not what was asked for
                    drop(tokio::time::timeout(LINGER, &mut pipes).await);
                    status
                }
            }
        };
        let status = status.map_err(|source| RunError::Lost { program: self.name(), source })?;
        Ok(Output { exit: Exit::from(status), stdout: out.into_text(), stderr: err.into_text() })
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that starts processes")]
    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        if !self.inherit_env {
            command.env_clear();
        }
        if let Some(dir) = &self.cwd {
            command.current_dir(dir);
        }
        command.args(&self.args).envs(self.env.iter().map(|(n, v)| (n, v)));
        command.process_group(0).kill_on_drop(true);
        command
    }

    #[expect(clippy::unused_self, reason = "reads as a step of starting this program")]
    fn append_to(&self, path: &Path) -> std::io::Result<(Stdio, Stdio)> {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        Ok((file.try_clone()?.into(), file.into()))
    }

    fn cannot_start(&self, source: std::io::Error) -> RunError {
        RunError::Start { program: self.name(), source }
    }
}

/// Waits for `limit`; for ever when there is none.
async fn after(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

/// Writes the input; a program that does not read it all is none of our business.
async fn feed(pipe: Option<ChildStdin>, bytes: &[u8]) {
    if let Some(mut pipe) = pipe {
        drop(pipe.write_all(bytes).await);
        drop(pipe.shutdown().await);
    }
}

#[cfg(test)]
mod tests {
    use base::ErrorKind;

    use super::*;

    fn sh(script: &str) -> Program {
        Program::new("sh").args(["-c", script])
    }

    #[tokio::test]
    async fn output_code_input_and_environment() {
        let output = sh("cat; echo $MARK; echo bad >&2; exit 3")
            .stdin("in\n")
            .clean_env()
            .env("MARK", "x")
            .env("PATH", "/usr/bin:/bin")
            .run(&CancellationToken::new())
            .await
            .unwrap();
        assert_eq!(output.exit, Exit::Code(3));
        assert_eq!(output.stdout, "in\nx\n");
        assert_eq!(output.last_line(), "bad");
    }

    #[tokio::test]
    async fn only_the_end_of_much_output_is_kept() {
        let output = sh("seq 1 100000").keep(1000).run(&CancellationToken::new()).await.unwrap();
        assert!(output.stdout.len() <= 1000);
        assert!(output.stdout.ends_with("99999\n100000\n"));
    }

    #[tokio::test]
    async fn lines_arrive_as_they_are_printed() {
        let (send, mut receive) = mpsc::channel(4);
        let cancel = CancellationToken::new();
        let program = sh("printf 'a\\nb'; echo c >&2");
        let (output, lines) = tokio::join!(program.run_lines(&cancel, send), async {
            let mut lines = Vec::new();
            while let Some(line) = receive.recv().await {
                lines.push(line.text);
            }
            lines.sort();
            lines
        });
        assert!(output.unwrap().success());
        assert_eq!(lines, ["a", "b", "c"]);
    }

    #[tokio::test]
    async fn cancelling_ends_the_whole_group() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        // parent and child hold the fifo open: its end is theirs
        let program = sh(&format!("exec 3>{}; echo ready; sleep 600 & wait", fifo.display()));
        let both_gone = tokio::task::spawn_blocking(move || std::fs::read(fifo));
        let cancel = CancellationToken::new();
        let (send, mut receive) = mpsc::channel(4);
        let (outcome, line) = tokio::join!(program.run_lines(&cancel, send), async {
            let line = receive.recv().await;
            cancel.cancel();
            line
        });
        assert!(matches!(outcome.unwrap_err(), RunError::Cancelled { .. }));
        assert_eq!(line.unwrap().text, "ready");
        assert!(both_gone.await.unwrap().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_deadline_ends_a_run() {
        let limit = Duration::from_millis(50);
        let error =
            sh("sleep 600").deadline(limit).run(&CancellationToken::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
    }

    #[tokio::test]
    async fn cancelling_and_missing_programs_are_told_apart() {
        let cancel = CancellationToken::new();
        cancel.cancel();
        let error = sh("sleep 600").run(&cancel).await.unwrap_err();
        assert!(matches!(error, RunError::Cancelled { .. }));
        let error = Program::new("/no/such/program").run(&CancellationToken::new()).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn a_started_program_is_stopped() {
        let mut running = sh("sleep 600").start(&StdioTo::Null).unwrap();
        assert!(running.try_exit().unwrap().is_none());
        let exit = running.stop(Duration::from_secs(5)).await.unwrap();
        assert_eq!(exit, Exit::Signal(15));
    }
}
