//! A daemon in a directory of its own with free ports, and the client as a program.

#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod process;

use std::path::{Path, PathBuf};
use std::time::Duration;

use daemon::Daemon;
use daemon::config::{Config, Listen, LogFormat};
use remote::Program;
use tokio_util::sync::CancellationToken;

pub(crate) struct TestDaemon {
    pub(crate) daemon: Daemon,
    pub(crate) config: Config,
    pub(crate) dir: tempfile::TempDir,
}

pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) status: i32,
}

pub(crate) fn config(dir: &Path) -> Config {
    Config {
        state: dir.join("state"),
        install: dir.join("install"),
        tftp: dir.join("tftpboot"),
        share: dir.join("share"),
        log: dir.join("log"),
        etc: dir.join("etc"),
        home: dir.join("home"),
        socket: dir.join("xcatd.sock"),
        hosts: dir.join("hosts"),
        ssh: dir.join("ssh"),
        mirror: None,
        log_format: LogFormat::Text,
        drain: 0,
        listen: Listen {
            address: [127, 0, 0, 1].into(),
            client: 0,
            monitor: 0,
            dhcp: 0,
            tftp: 0,
            http: 0,
            dns: 0,
            metrics: 0,
            metrics_address: None,
            off: vec!["ra".to_owned(), "dhcp".to_owned()],
        },
    }
}

impl TestDaemon {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::start_in(dir, |_| ()).await
    }

    pub(crate) async fn start_in(dir: tempfile::TempDir, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config(dir.path());
        change(&mut config);
        let daemon = Daemon::start(config.clone()).await.unwrap();
        Self { daemon, config, dir }
    }

    /// Runs a command through the Unix socket.
    pub(crate) async fn xcat(&self, words: &[&str]) -> Said {
        let socket = self.config.socket.display().to_string();
        run(client().args(words).env("XCATSOCKET", socket)).await
    }

    /// Runs a command over TLS with the certificates in `credentials`.
    pub(crate) async fn xcat_tls(&self, credentials: &Path, words: &[&str]) -> Said {
        let address = self.daemon.address("tls").await;
        let program = client().args(words).env("XCATHOST", address.to_string());
        run(program.env("XCATCREDENTIALS", credentials)).await
    }

    /// The certificates that root of this host has.
    pub(crate) fn credentials(&self) -> PathBuf {
        self.config.home.join(".xcat")
    }

    pub(crate) async fn stop(self) -> tempfile::TempDir {
        self.daemon.stop().await;
        self.dir
    }
}

/// Where the client's program is.
pub(crate) fn client_path() -> String {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(Path::parent).unwrap();
    target.join("examples/xcat").display().to_string()
}

pub(crate) fn client() -> Program {
    Program::new(client_path()).clean_env().env("TERM", "dumb")
}

pub(crate) async fn run(program: Program) -> Said {
    run_for(program, Duration::from_secs(20)).await
}

/// Runs a program that may take a while.
pub(crate) async fn run_for(program: Program, limit: Duration) -> Said {
    let program = program.deadline(limit);
    let output = program.run(&CancellationToken::new()).await.unwrap();
    Said { out: output.stdout, err: output.stderr, status: output.exit.code() }
}
