//! The daemon as a process: its configuration file, its log, its signals.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use remote::StdioTo;
use support::process::{PATIENCE, Place, Process};
use support::{Said, run};

/// A program in the place of ssh that says that it runs, and waits until a file appears.
struct SlowSsh {
    pid: PathBuf,
    go: PathBuf,
}

impl SlowSsh {
    fn install(place: &Place) -> Self {
        let (pid, go) = (place.dir.join("ssh.pid"), place.dir.join("ssh.go"));
        let script = format!(
            "#!/bin/sh\necho $$ >{0}.new\nmv {0}.new {0}\nuntil [ -e {1} ]; do sleep 0.02; done\necho answer\n",
            pid.display(),
            go.display()
        );
        let ssh = place.dir.join("ssh");
        std::fs::write(&ssh, script).unwrap();
        std::fs::set_permissions(&ssh, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { pid, go }
    }

    async fn runs(&self) -> String {
        until(|| self.pid.exists()).await;
        std::fs::read_to_string(&self.pid).unwrap().trim().to_owned()
    }
}

async fn until(mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

fn alive(process: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

/// A daemon with a node, and an `xdsh` to it that is under way.
async fn with_running_xdsh(place: &Place) -> (Process, SlowSsh, tokio::task::JoinHandle<Said>) {
    let daemon = Process::start(place);
    let ssh = SlowSsh::install(place);
    place.xcat(&["mkdef", "-t", "node", "n1", "groups=all", "ip=127.0.0.1"]).await;
    let program = place.client().args(["xdsh", "n1", "date"]);
    #[expect(clippy::disallowed_methods, reason = "the test waits for it")]
    let command = tokio::spawn(run(program));
    ssh.runs().await;
    (daemon, ssh, command)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_runs_may_end_after_sigterm_and_no_other_begins() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "drain = 30");
    let (daemon, ssh, command) = with_running_xdsh(&place).await;
    daemon.signal(Signal::SIGTERM);
    until(|| !place.socket.exists()).await;
    assert_ne!(place.xcat(&["nodels"]).await.status, 0);
    std::fs::write(&ssh.go, "").unwrap();
    let said = command.await.unwrap();
    assert_eq!((said.status, &*said.out), (0, "n1: answer\n"), "{}", said.err);
    let (status, log) = daemon.wait();
    assert!(status.success(), "{log:?}");
    assert!(log.iter().any(|line| line.contains("shutting down")), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_too_long_after_sigterm_is_cancelled() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "drain = 1");
    let (daemon, ssh, command) = with_running_xdsh(&place).await;
    let process = ssh.runs().await;
    let (status, log) = daemon.stop();
    assert!(status.success() && !alive(&process), "{log:?}");
    assert_ne!(command.await.unwrap().status, 0);
    assert!(log.iter().any(|line| line.contains("they are cancelled")), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sigterm_ends_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "drain = 600");
    let (daemon, ssh, command) = with_running_xdsh(&place).await;
    let process = ssh.runs().await;
    daemon.signal(Signal::SIGTERM);
    until(|| !place.socket.exists()).await;
    let begun = Instant::now();
    let (status, log) = daemon.stop();
    assert!(begun.elapsed() < Duration::from_secs(10) && status.success(), "{log:?}");
    until(|| !alive(&process)).await;
    assert_ne!(command.await.unwrap().status, 0);
    let daemon = Process::start(&place);
    assert_eq!(place.xcat(&["nodels"]).await.out, "n1\n");
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_client_ends_its_command_and_what_that_started() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    let daemon = Process::start(&place);
    place.xcat(&["mkdef", "-t", "node", "n1", "groups=all", "ip=127.0.0.1"]).await;
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        let ssh = SlowSsh::install(&place);
        let program = place.client().args(["xdsh", "n1", "date"]);
        let mut client = program.start(&StdioTo::Null).unwrap();
        let process = ssh.runs().await;
        let id = Pid::from_raw(client.id().unwrap().cast_signed());
        nix::sys::signal::kill(id, signal).unwrap();
        let ended = tokio::time::timeout(PATIENCE, client.wait()).await.unwrap().unwrap();
        let expected = if signal == Signal::SIGKILL { 128 + 9 } else { 0 };
        assert_eq!(ended.code(), expected, "{signal}");
        until(|| !alive(&process)).await;
        std::fs::remove_file(&ssh.pid).unwrap();
    }
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_a_file_of_lines_with_fields() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    let daemon = Process::start(&place);
    place.xcat(&["nodels"]).await;
    let log = place.log("xcatd.log");
    assert!(log.contains("request command=\"nodels\""), "{log}");
    assert!(log.contains("service=\"tls\" address=127.0.0.1:"), "{log}");
    let moved = dir.path().join("moved.log");
    std::fs::rename(dir.path().join("log/xcatd.log"), &moved).unwrap();
    daemon.signal(Signal::SIGHUP);
    place.xcat(&["lsdef"]).await;
    let log = place.log("xcatd.log");
    assert!(log.contains("command=\"lsdef\"") && !log.contains("nodels"), "{log}");
    let (status, on_stderr) = daemon.stop();
    assert!(status.success() && on_stderr.iter().any(|line| line.contains("nodels")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_filter_of_the_log_is_said_once() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    let mut command = Process::command(&place);
    command.env("XCATD_LOG", "inof");
    Process::try_start(command).unwrap_or_else(|log| panic!("{log:?}")).stop();
    let log = place.log("xcatd.log");
    let said: Vec<_> = log.lines().filter(|line| line.contains("XCATD_LOG")).collect();
    assert!(said.len() == 1 && said[0].contains("inof") && said[0].contains("WARN"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_can_be_json() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "log_format = \"json\"");
    let mut command = Process::command(&place);
    command.env("XCATD_LOG", "info");
    let daemon = Process::try_start(command).unwrap_or_else(|log| panic!("{log:?}"));
    place.xcat(&["nodels"]).await;
    daemon.stop();
    let log = place.log("xcatd.log");
    let request = log.lines().find(|line| line.contains("\"nodels\"")).unwrap();
    assert!(request.starts_with('{') && request.contains("\"command\":\"nodels\""), "{request}");
    assert!(log.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_error_that_is_the_log_gets_each_line_once() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    Process::start(&place).stop();
    let path = dir.path().join("log/xcatd.log");
    std::fs::write(&path, "").unwrap();
    let append = || std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    let mut command = Process::command(&place);
    let mut child = command.stdout(append()).stderr(append()).spawn().unwrap();
    until(|| place.log("xcatd.log").contains("service=\"tls\"")).await;
    nix::sys::signal::kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(place.log("xcatd.log").matches("shutting down").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_setting_is_refused_in_one_line_that_names_it_and_the_file() {
    let dir = tempfile::tempdir().unwrap();
    for (text, names) in [
        ("[listen]\nhtpp = 80\n", ["`htpp`", "`http`"]),
        ("sate = \"/s\"\n", ["`sate`", "`state`"]),
        ("log_format = \"xml\"\n", ["`xml`", "`json`"]),
        ("drain = \"soon\"\n", ["drain", "soon"]),
    ] {
        let place = Place::new(dir.path(), "");
        std::fs::write(&place.config, text).unwrap();
        let Err(log) = Process::try_start(Process::command(&place)) else {
            panic!("it starts with {text}")
        };
        let [line] = &*log else { panic!("{log:?}") };
        assert!(line.contains(&*place.config.to_string_lossy()), "{line}");
        assert!(names.iter().all(|name| line.contains(name)), "{line}");
    }
}
