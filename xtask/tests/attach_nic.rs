//! `container/attach-nic` on a host of its own: a network namespace with a bridge, an interface with several addresses and
//! routes of both families, and a neighbour at the other end of its wire.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "the script under test is a program")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What the interface has before each test: several addresses, and routes that need one another.
const BEFORE: &[&str] = &[
    "link set lo up",
    "link add mgtbr address 02:00:00:00:00:01 type bridge",
    "addr add 10.5.107.1/24 dev mgtbr",
    "link set mgtbr up",
    "addr add 10.20.0.5/24 brd + dev nic0",
    "addr add 10.20.0.6/24 brd + dev nic0",
    "addr add 10.5.107.7/24 dev nic0",
    "addr add 172.30.1.1/32 dev nic0",
    "addr add fd00:20::5/64 dev nic0 nodad",
    "link set nic0 up",
    "route add default via 10.20.0.254 dev nic0 metric 50",
    "route add 10.30.0.0/16 dev nic0 src 10.20.0.6",
    "route add 10.40.0.0/16 via 10.30.0.9 dev nic0",
    "route add 10.50.0.0/16 via 10.20.0.254 dev nic0 table 100",
    "-6 route add default via fd00:20::fe dev nic0",
    "-6 route add fd00:30::/64 via fe80::fe dev nic0",
];
const NEIGHBOUR: &[&str] = &[
    "link set wire0 up",
    "addr add 10.20.0.254/24 dev wire0",
    "addr add fd00:20::fe/64 dev wire0 nodad",
];
/// What the kernel makes and changes by itself.
const OWN: &[&str] = &["inet6 fe80", "local fe80", "anycast", "fe80::/64", "ff00::/8"];
static COUNT: AtomicU32 = AtomicU32::new(0);

struct Host {
    name: String,
    neighbour: String,
    directory: tempfile::TempDir,
}

impl Drop for Host {
    fn drop(&mut self) {
        for name in [&self.name, &self.neighbour] {
            Command::new("ip").args(["netns", "delete", name]).status().ok();
        }
    }
}

impl Host {
    /// `None` where there are no namespaces to be had; that is said.
    fn new() -> Option<Self> {
        let works = |words: &[&str]| {
            Command::new(words[0]).args(&words[1..]).output().is_ok_and(|out| out.status.success())
        };
        let has_root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n");
        if !has_root || !works(&["busybox", "true"]) || !works(&["ip", "netns"]) {
            untested();
            return None;
        }
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("xan{}-{number}", std::process::id());
        let host =
            Self { neighbour: format!("{name}n"), name, directory: tempfile::tempdir().unwrap() };
        run(&format!("ip netns add {}", host.name));
        run(&format!("ip netns add {}", host.neighbour));
        host.ip(&format!("link add nic0 type veth peer name wire0 netns {}", host.neighbour));
        for words in BEFORE {
            host.ip(words);
        }
        for words in NEIGHBOUR {
            run(&format!("ip -n {} {words}", host.neighbour));
        }
        assert!(host.is_reached(), "the neighbour reaches the host before the test");
        Some(host)
    }

    fn ip(&self, words: &str) -> String {
        run(&format!("ip -n {} {words}", self.name))
    }

    fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    fn script(&self, words: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, "bash"]).arg(script());
        command.args(words.split_whitespace());
        command.env("XCAT_ATTACH_STATE", self.state());
        command.env("XCAT_ATTACH_SYSFS", self.directory.path().join("sysfs"));
        command
    }

    fn attach_nic(&self, words: &str) -> Output {
        self.script(words).output().unwrap()
    }

    fn succeeds(&self, words: &str) -> String {
        let output = self.attach_nic(words);
        assert!(output.status.success(), "{words}: {}", text(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Refused in one line that has `word` in it.
    fn refuses(&self, words: &str, word: &str) {
        let output = self.attach_nic(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{words} succeeded");
        assert!(said.lines().count() == 1 && said.contains(word), "{words}: {said}");
    }

    /// Everything that the script may touch, but for what the kernel keeps for itself.
    fn facts(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for question in ["-o addr show", "-4 route show table all", "-6 route show table all"] {
            let answer = self.ip(question);
            let kept = answer.lines().filter(|line| OWN.iter().all(|own| !line.contains(own)));
            lines.extend(kept.map(|line| line.replace(" linkdown", "").trim_end().to_owned()));
        }
        lines
            .extend(self.ip("-o link show nic0").contains("master").then(|| "enslaved".to_owned()));
        lines.sort();
        lines
    }

    /// Whether the neighbour reaches the addresses of both families.
    fn is_reached(&self) -> bool {
        ["10.20.0.5", "10.20.0.6", "fd00:20::5"].iter().all(|address| {
            let mut ping = Command::new("ip");
            ping.args(["netns", "exec", &self.neighbour, "busybox", "ping", "-c", "1", "-W", "2"]);
            ping.arg(address).output().unwrap().status.success()
        })
    }

    fn wait_until_nothing_is_attached(&self) {
        let end = Instant::now() + Duration::from_secs(20);
        while !self.succeeds("--status").contains("nothing is attached") {
            assert!(Instant::now() < end, "nothing was put back in time");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

#[expect(clippy::print_stderr, reason = "what is not tested is said")]
fn untested() {
    eprintln!("NOT TESTED: attach-nic needs root, iproute2 and busybox");
}

fn script() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../container/attach-nic"))
}

fn run(words: &str) -> String {
    let mut words = words.split_whitespace();
    let output = Command::new(words.next().unwrap()).args(words.clone()).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", text(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn what_the_interface_has_moves_to_the_bridge_and_back() {
    let Some(host) = Host::new() else { return };
    let before = host.facts();
    let said = host.succeeds("nic0 --timeout 2");
    assert!(said.contains("--confirm"), "{said}");
    assert!(host.succeeds("--confirm").contains("nic0 stays in mgtbr"));
    let bridge = host.ip("-o addr show dev mgtbr");
    for address in [
        "10.20.0.5/24",
        "10.20.0.6/24",
        "10.5.107.1/24",
        "10.5.107.7/24",
        "172.30.1.1/32",
        "fd00:20::5/64",
    ] {
        assert!(bridge.contains(address), "{address}: {bridge}");
    }
    assert!(!host.ip("-o addr show dev nic0").contains("inet "));
    for (family, route) in [
        ("-4", "default via 10.20.0.254 dev mgtbr"),
        ("-4", "10.40.0.0/16 via 10.30.0.9 dev mgtbr"),
        ("-4", "10.50.0.0/16 via 10.20.0.254 dev mgtbr table 100"),
        ("-6", "default via fd00:20::fe dev mgtbr"),
        ("-6", "fd00:30::/64 via fe80::fe dev mgtbr"),
    ] {
        let routes = host.ip(&format!("{family} route show table all"));
        assert!(routes.contains(route), "{route}: {routes}");
    }
    assert!(host.is_reached());
    assert!(host.succeeds("nic0").contains("nic0 is in mgtbr already"));
    host.refuses("--confirm", "nothing waits");
    assert!(host.succeeds("--status").contains("nic0 in mgtbr, confirmed"));
    host.succeeds("--detach nic0");
    assert_eq!(host.facts(), before);
    assert!(host.is_reached());
    assert!(host.succeeds("--detach nic0").contains("in no bridge"));
}

#[test]
fn what_nobody_confirms_is_put_back() {
    let Some(host) = Host::new() else { return };
    let before = host.facts();
    host.succeeds("nic0 --timeout 1");
    assert!(host.facts() != before);
    assert!(host.succeeds("nic0").contains("waits for"));
    host.wait_until_nothing_is_attached();
    assert_eq!(host.facts(), before);
    assert!(host.is_reached());
    host.refuses("--confirm", "put back");
}

/// Runs the script with an `ip` that sends it a signal, and fails, the first time that it comes to a step.
fn interrupted(host: &Host, step: &str, signal: &str) -> Output {
    let directory = host.directory.path().join("bin");
    std::fs::create_dir_all(&directory).unwrap();
    let body = format!(
        "#!/bin/bash\ncase \"$*\" in *'{step}'*) mkdir \"$0.done\" 2>/dev/null && kill -{signal} $PPID && exit 1 ;; esac\nexec /sbin/ip \"$@\"\n"
    );
    let program = directory.join("ip");
    std::fs::write(&program, body).unwrap();
    run(&format!("chmod 755 {}", program.display()));
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("/sbin/ip");
    command.args(["netns", "exec", &host.name, "env", &format!("PATH={path}"), "bash"]);
    command.arg(script()).args(["nic0", "--timeout", "1"]);
    command.env("XCAT_ATTACH_STATE", host.state()).output().unwrap()
}

#[test]
fn a_script_that_is_killed_halfway_leaves_a_watcher_that_puts_everything_back() {
    for step in ["master mgtbr", "addr flush", "addr add", "route add"] {
        let Some(host) = Host::new() else { return };
        let before = host.facts();
        let output = interrupted(&host, step, "KILL");
        assert!(!output.status.success(), "killed at {step}: {}", text(&output));
        host.wait_until_nothing_is_attached();
        assert_eq!(host.facts(), before, "killed at {step}");
        assert!(host.is_reached(), "killed at {step}");
    }
}

#[test]
fn a_script_that_is_stopped_or_fails_puts_everything_back_at_once() {
    for (signal, step) in [("TERM", "addr flush"), ("INT", "route add"), ("0", "addr add")] {
        let Some(host) = Host::new() else { return };
        let before = host.facts();
        let output = interrupted(&host, step, signal);
        assert!(text(&output).contains("everything is as it was"), "{signal}: {}", text(&output));
        assert!(!output.status.success());
        assert_eq!(host.facts(), before, "{signal} at {step}");
        assert!(host.succeeds("--status").contains("nothing is attached"));
    }
}

#[test]
fn a_lost_terminal_does_not_stop_the_script() {
    let Some(host) = Host::new() else { return };
    let before = host.facts();
    let gone = std::fs::File::create("/dev/full").unwrap();
    let output = interrupted(&host, "addr add", "HUP");
    assert!(!output.status.success(), "the step itself failed: {}", text(&output));
    assert_eq!(host.facts(), before);
    let status = host.script("nic0 --timeout 30").stdout(gone).status().unwrap();
    assert!(status.success() && host.is_reached());
    host.succeeds("--detach nic0");
    assert_eq!(host.facts(), before);
}

#[test]
fn an_attempt_that_was_cut_short_with_its_watcher_is_undone_by_the_next_one() {
    let Some(host) = Host::new() else { return };
    let before = host.facts();
    interrupted(&host, "addr flush", "KILL");
    let watcher = std::fs::read_to_string(host.state().join("nic0/watcher")).unwrap();
    run(&format!("kill -KILL {}", watcher.trim()));
    host.succeeds("nic0 --timeout 30");
    host.succeeds("--confirm");
    assert!(host.is_reached());
    host.succeeds("--detach nic0");
    assert_eq!(host.facts(), before);
}

#[test]
fn what_cannot_be_attached_is_refused_and_left_alone() {
    let Some(host) = Host::new() else { return };
    host.ip("link add slave0 type veth peer name slave1");
    host.ip("link add otherbr type bridge");
    host.ip("link set slave0 master otherbr");
    let wireless = host.directory.path().join("sysfs/slave1/phy80211");
    std::fs::create_dir_all(wireless).unwrap();
    let before = host.facts();
    host.refuses("nosuchnic", "no interface nosuchnic");
    host.refuses("lo", "loopback");
    host.refuses("mgtbr", "is a bridge");
    host.refuses("slave0", "belongs to otherbr");
    host.refuses("slave1", "wireless");
    host.refuses("nic0 --bridge nobr", "no bridge nobr");
    host.refuses("nic0 --bridge slave1", "slave1 is no bridge");
    host.refuses("nic0 --timeout soon", "seconds");
    host.refuses("--detach nosuchnic", "no interface nosuchnic");
    assert_eq!(host.facts(), before);
    assert!(host.succeeds("--status").contains("nothing is attached"));
}
