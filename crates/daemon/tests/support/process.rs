//! The daemon as a program of its own, in a directory of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use remote::Program;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Where a daemon lives.
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
    pub(crate) config: PathBuf,
    pub(crate) socket: PathBuf,
}

impl Place {
    /// Writes a configuration for `dir`, with `more` settings before its sections; boot services are off.
    pub(crate) fn new(dir: &Path, more: &str) -> Self {
        let place = Self {
            dir: dir.to_owned(),
            config: dir.join("xcatd.toml"),
            socket: dir.join("xcatd.sock"),
        };
        let paths = ["state", "install", "tftp", "share", "log", "etc", "home", "hosts", "ssh"];
        let line = |name: &str, path: &Path| format!("{name} = \"{}\"", path.display());
        let mut lines: Vec<String> = paths.iter().map(|name| line(name, &dir.join(name))).collect();
        lines.push(line("socket", &place.socket));
        lines.push(more.to_owned());
        lines.push("[listen]\naddress = \"127.0.0.1\"\nclient = 0\nmonitor = 0".to_owned());
        lines.push("off = [\"dhcp\", \"tftp\", \"http\", \"dns\", \"ra\", \"metrics\"]".to_owned());
        std::fs::write(&place.config, lines.join("\n")).unwrap();
        place
    }

    /// The client as a program; it finds the daemon's program and this configuration.
    pub(crate) fn client(&self) -> Program {
        let daemon = Path::new(env!("CARGO_BIN_EXE_xcatd")).parent().unwrap();
        super::client()
            .env("XCATSOCKET", &self.socket)
            .env("XCATD_CONFIG", &self.config)
            .env("PATH", format!("{}:/usr/bin:/bin", daemon.display()))
    }

    pub(crate) async fn xcat(&self, words: &[&str]) -> super::Said {
        super::run(self.client().args(words)).await
    }

    /// Where a service of the running daemon listens.
    pub(crate) fn address(&self, service: &str) -> std::net::SocketAddr {
        let (log, mark) = (self.log("xcatd.log"), format!("service=\"{service}\" address="));
        let last = log.rsplit(&*mark).next().unwrap();
        last.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// A file in the directory of logs.
    pub(crate) fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.join("log").join(name)).unwrap_or_default()
    }
}

/// A running daemon; it is killed when it goes out of scope.
pub(crate) struct Process {
    child: Child,
    log: Option<JoinHandle<Vec<String>>>,
}

impl Process {
    /// Starts a daemon and waits until it serves.
    pub(crate) fn start(place: &Place) -> Self {
        Self::try_start(Self::command(place)).unwrap_or_else(|log| panic!("no start: {log:?}"))
    }

    /// The daemon's command line.
    #[expect(clippy::disallowed_methods, reason = "the test ends a process of its own")]
    pub(crate) fn command(place: &Place) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xcatd"));
        command.arg("--config").arg(&place.config);
        command
    }

    /// Starts a daemon; what it says when it does not come to serve.
    pub(crate) fn try_start(mut command: Command) -> Result<Self, Vec<String>> {
        let mut child = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| vec![error.to_string()])?;
        let (ready, wait) = mpsc::sync_channel(1);
        let errors = BufReader::new(child.stderr.take().unwrap());
        let log = thread::spawn(move || {
            let mut lines = Vec::new();
            for line in errors.lines().map_while(Result::ok) {
                if ["service=\"tls\"", "\"service\":\"tls\""].iter().any(|text| line.contains(text))
                {
                    // Nobody waits any more when the start has taken too long.
                    ready.send(()).ok();
                }
                lines.push(line);
            }
            lines
        });
        let process = Self { child, log: Some(log) };
        process.await_ready(&wait)
    }

    fn await_ready(self, ready: &Receiver<()>) -> Result<Self, Vec<String>> {
        match ready.recv_timeout(PATIENCE) {
            Ok(()) => Ok(self),
            Err(_) => Err(self.kill()),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Waits for its end, and says how it ended and what it said on standard error.
    pub(crate) fn wait(mut self) -> (ExitStatus, Vec<String>) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, self.log.take().unwrap().join().unwrap());
            }
            assert!(begun.elapsed() < PATIENCE, "the daemon does not end");
            thread::yield_now();
        }
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(self) -> (ExitStatus, Vec<String>) {
        self.signal(Signal::SIGTERM);
        self.wait()
    }

    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.log.take().unwrap().join().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.log.take().is_some() {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}
