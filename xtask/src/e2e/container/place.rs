//! Containers, volumes and a network for one case, which are gone when it ends.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::run::{Output, captured};
use crate::say::say;

pub(super) const IMAGE: &str = "xcat-rs:latest";
/// How long a step may take.
pub(super) const SHORT: Duration = Duration::from_mins(1);
const NETWORK: &str = "xcate2e";
/// The container's address, unless a case says otherwise.
pub(super) const ADDRESS: &str = "10.98.7.101";
const CAPABILITIES: &[&str] = &[
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "SETUID",
    "SETGID",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "NET_ADMIN",
];

/// Runs a program that has to succeed; gives back what it printed.
pub(super) fn ok(words: &[&str]) -> Result<String> {
    let output = captured(words, Duration::from_mins(5))?;
    ensure!(
        output.status == 0,
        "`{}` ended with {}: {}",
        words.join(" "),
        output.status,
        output.text()
    );
    Ok(output.stdout)
}

/// Runs lines of shell that have to succeed.
pub(super) fn shell(lines: &str) -> Result<String> {
    ok(&["bash", "-euc", lines])
}

/// The line of shell that lets these lines run before a program, every time.
pub(super) fn before(program: &str, lines: &str) -> String {
    format!(
        "mv {program} {program}.real; \
         printf '#!/bin/bash\\n%s\\nexec {program}.real \"$@\"\\n' '{lines}' | install -m 755 /dev/stdin {program}"
    )
}

/// The network of the cases.
pub(super) struct Network;

impl Network {
    pub(super) fn make() -> Result<Self> {
        captured(&["docker", "network", "rm", NETWORK], SHORT)?;
        ok(&["docker", "network", "create", "--subnet", "10.98.7.0/24", NETWORK])?;
        Ok(Self)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        tidy(&["docker", "network", "rm", NETWORK]);
    }
}

fn tidy(words: &[&str]) {
    if let Err(error) = captured(words, SHORT) {
        say(&format!("{}: {error:#}", words.join(" ")));
    }
}

/// A container and its state volume.
pub(super) struct Container {
    pub(super) name: &'static str,
    /// Volumes that go away with it, its state first.
    volumes: Vec<String>,
    /// When it was last started.
    begun: Cell<Instant>,
}

impl Drop for Container {
    fn drop(&mut self) {
        tidy(&["docker", "rm", "-f", "-v", self.name]);
        for volume in &self.volumes {
            tidy(&["docker", "volume", "rm", "-f", volume]);
        }
    }
}

impl Container {
    /// With an empty state volume, not started.
    pub(super) fn new(name: &'static str) -> Result<Self> {
        let volumes = vec![format!("{name}-state")];
        let place = Self { name, volumes, begun: Cell::new(Instant::now()) };
        captured(&["docker", "rm", "-f", "-v", name], SHORT)?;
        captured(&["docker", "volume", "rm", "-f", &place.volumes[0]], SHORT)?;
        Ok(place)
    }

    /// Where the state is mounted from.
    pub(super) fn state_option(&self) -> String {
        format!("{}:/.dbbackup", self.volumes[0])
    }

    /// Starts it as the guide does: full name, fixed address, the list of rights, and only the state mounted.
    pub(super) fn start(&self, more: &[&str]) -> Result<()> {
        let state = self.state_option();
        let ordinary = [
            "--network",
            NETWORK,
            "--ip",
            ADDRESS,
            "-v",
            &state,
            "--domainname",
            "clusters.com",
            "--add-host",
            "xcatmn.clusters.com:10.98.7.101",
        ];
        self.run(&[&ordinary[..], more].concat())
    }

    /// The same, and its files are changed by a line of shell before the supervisor takes over.
    pub(super) fn start_changed(&self, change: &str, more: &[&str]) -> Result<()> {
        let line = format!("{change}; exec /opt/xcat/share/xcat/container/init");
        let first = ["--entrypoint", "/usr/bin/tini", IMAGE, "-g", "--", "bash", "-c", &line];
        self.start(&[more, &first[..]].concat())
    }

    /// Starts it with a name, a prompt and the list of rights; the rest is the case's.
    pub(super) fn run(&self, options: &[&str]) -> Result<()> {
        let mut words = vec!["docker", "run", "-dit", "--name", self.name, "--hostname", "xcatmn"];
        words.extend(["--cap-drop", "ALL"]);
        words.extend(CAPABILITIES.iter().flat_map(|name| ["--cap-add", *name]));
        words.extend_from_slice(options);
        if !options.contains(&"--entrypoint") {
            words.push(IMAGE);
        }
        self.begun.set(Instant::now());
        ok(&words).map(drop)
    }

    pub(super) fn remove(&self) -> Result<()> {
        ok(&["docker", "rm", "-f", "-v", self.name]).map(drop)
    }

    /// Everything that it has said.
    pub(super) fn log(&self) -> Result<String> {
        Ok(captured(&["docker", "logs", self.name], SHORT)?.text().replace('\r', ""))
    }

    /// Waits until xcatd answers and the banner is out; gives back how long the answer took from `docker run` on.
    pub(super) fn wait_until_healthy(&self) -> Result<Duration> {
        let asked = Instant::now();
        loop {
            if self.exec(&["/opt/xcat/sbin/xcatd", "health"])?.status == 0 {
                let took = self.begun.get().elapsed();
                self.wait_for_log("log in: ")?;
                return Ok(took);
            }
            if asked.elapsed() > SHORT || !self.is_running()? {
                bail!("{} is not healthy: {}", self.name, self.log()?);
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn is_running(&self) -> Result<bool> {
        let state = ["docker", "inspect", "-f", "{{.State.Running}}", self.name];
        Ok(captured(&state, SHORT)?.stdout.trim() == "true")
    }

    /// Waits until the log has a line with all these words.
    pub(super) fn wait_for_line(&self, words: &[&str]) -> Result<String> {
        let end = Instant::now() + SHORT;
        loop {
            let log = self.log()?;
            let found = log.lines().find(|line| words.iter().all(|word| line.contains(word)));
            if let Some(line) = found {
                return Ok(line.to_owned());
            }
            ensure!(Instant::now() < end, "no line with {words:?} in: {log}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    pub(super) fn wait_for_log(&self, word: &str) -> Result<()> {
        self.wait_for_line(&[word]).map(drop)
    }

    /// Waits until the container has ended with this status, with one line that has these words.
    pub(super) fn ends(&self, status: i32, words: &[&str]) -> Result<()> {
        let end = Instant::now() + SHORT;
        while self.is_running()? {
            ensure!(Instant::now() < end, "it does not end: {}", self.log()?);
            thread::sleep(Duration::from_millis(100));
        }
        let found = ok(&["docker", "inspect", "-f", "{{.State.ExitCode}}", self.name])?;
        ensure!(
            found.trim() == status.to_string(),
            "it ended with {}: {}",
            found.trim(),
            self.log()?
        );
        self.wait_for_line(words).map(drop)
    }

    /// How a command in it ends.
    pub(super) fn exec(&self, words: &[&str]) -> Result<Output> {
        captured(&[&["docker", "exec", self.name], words].concat(), SHORT)
    }

    /// What a line of shell in it prints; it has to succeed.
    pub(super) fn sh(&self, line: &str) -> Result<String> {
        let output = self.exec(&["bash", "-lc", line])?;
        ensure!(output.status == 0, "`{line}` ended with {}: {}", output.status, output.text());
        Ok(output.stdout)
    }

    /// Waits until a line of shell in it succeeds.
    pub(super) fn wait_until(&self, line: &str) -> Result<()> {
        let end = Instant::now() + SHORT;
        while self.exec(&["bash", "-lc", line])?.status != 0 {
            ensure!(Instant::now() < end, "`{line}` does not come true: {}", self.log()?);
            thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// Lays files into the state volume, or changes them, before or between its lives.
    pub(super) fn prepare(&self, line: &str) -> Result<()> {
        let state = self.state_option();
        let words = [
            "docker",
            "run",
            "--rm",
            "-v",
            &state,
            "--network",
            "none",
            "--entrypoint",
            "bash",
            IMAGE,
            "-euc",
            line,
        ];
        ok(&words).map(drop).context("preparing the volume")
    }
}
