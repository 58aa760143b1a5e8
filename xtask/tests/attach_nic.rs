//! `container/attach-nic` on a host of its own: a network namespace with a bridge, an interface with several addresses and
//! routes of both families, and a neighbour at the other end of its wire.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "the script under test is a program")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
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
/// What an ordinary server has besides: addresses whose routes the kernel makes in one family and a network manager in the
/// other, and what a router advertised.
const MANAGED: &[&str] = &[
    "addr add 10.60.0.5/24 brd + metric 70 dev nic0 label nic0:1",
    "addr add fd00:21::5/64 dev nic0 nodad noprefixroute",
    "addr add 10.61.0.5/24 dev nic0 noprefixroute",
    "-6 route add fd00:21::/64 dev nic0 proto kernel metric 100",
    "-6 route add default via fd00:20::fe dev nic0 proto static metric 100",
    "route add 10.61.0.0/24 dev nic0 proto kernel scope link src 10.61.0.5 metric 100",
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
        // A watcher that still waits would hold the namespace.
        self.end(&self.processes());
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
            untested("attach-nic needs root, iproute2 and busybox");
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
            host.neighbour_ip(words);
        }
        assert!(host.is_reached(), "the neighbour reaches the host before the test");
        Some(host)
    }

    fn ip(&self, words: &str) -> String {
        run(&format!("ip -n {} {words}", self.name))
    }

    fn gets_managed(&self) {
        for words in MANAGED {
            self.ip(words);
        }
    }

    fn neighbour_ip(&self, words: &str) -> String {
        run(&format!("ip -n {} {words}", self.neighbour))
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

    /// The script with a program of that name in front of the others.
    fn script_with(&self, name: &str, body: &str, words: &str) -> Command {
        let directory = self.directory.path().join("bin");
        std::fs::create_dir_all(&directory).unwrap();
        let program = directory.join(name);
        std::fs::write(&program, format!("#!/bin/bash\n{body}\n")).unwrap();
        run(&format!("chmod 755 {}", program.display()));
        let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("/sbin/ip");
        command.args(["netns", "exec", &self.name, "env", &format!("PATH={path}"), "bash"]);
        command.arg(script()).args(words.split_whitespace());
        command.env("XCAT_ATTACH_STATE", self.state());
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
            lines.extend(kept.map(timeless));
        }
        lines
            .extend(self.ip("-o link show nic0").contains("master").then(|| "enslaved".to_owned()));
        lines.sort();
        lines
    }

    /// Whether the neighbour reaches the addresses of both families.
    fn is_reached(&self) -> bool {
        ["10.20.0.5", "10.20.0.6", "fd00:20::5"].iter().all(|address| self.is_reached_at(address))
    }

    fn is_reached_at(&self, address: &str) -> bool {
        let mut ping = Command::new("ip");
        ping.args(["netns", "exec", &self.neighbour, "busybox", "ping", "-c", "1", "-W", "2"]);
        ping.arg(address).output().unwrap().status.success()
    }

    fn processes(&self) -> Vec<String> {
        let answer = Command::new("ip").args(["netns", "pids", &self.name]).output().unwrap();
        String::from_utf8_lossy(&answer.stdout).split_whitespace().map(str::to_owned).collect()
    }

    fn end(&self, processes: &[String]) {
        for pid in processes.iter().filter(|pid| self.processes().contains(pid)) {
            Command::new("kill").args(["-KILL", pid]).output().ok();
        }
    }

    /// Ends what the watcher waits for, however long that is, and waits for what it does then.
    fn time_passes(&self) {
        let sleeps = |pid: &String| {
            std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n")
        };
        let mut sleeping = Vec::new();
        wait_until("the watcher waits", || {
            sleeping = self.processes();
            sleeping.retain(sleeps);
            !sleeping.is_empty()
        });
        self.end(&sleeping);
        self.wait_until_nothing_is_attached();
    }

    fn wait_until_nothing_is_attached(&self) {
        wait_until("everything is put back", || {
            self.succeeds("--status").contains("nothing is attached")
        });
    }
}

/// A script that is ended with the test, whatever state it is in.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Running {
    fn start(mut command: Command) -> Self {
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    fn is_suspended(&self) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()));
        status.is_ok_and(|text| text.contains("State:\tT"))
    }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A line of `ip` without how long something is still valid, and without what depends on whether a wire is plugged in.
fn timeless(line: &str) -> String {
    let words = line.split_whitespace().filter(|word| *word != "linkdown");
    words
        .map(|word| if word.ends_with("sec") { "a-time" } else { word })
        .collect::<Vec<_>>()
        .join(" ")
}

#[expect(clippy::print_stderr, reason = "what is not tested is said")]
fn untested(why: &str) {
    eprintln!("NOT TESTED: {why}");
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
    let said = host.succeeds("nic0 --timeout 60");
    assert!(said.contains("--confirm"), "{said}");
    assert!(host.succeeds("nic0").contains("waits for"));
    assert!(host.succeeds("--status").contains("waits for --confirm"));
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
    host.succeeds("nic0 --timeout 3");
    host.wait_until_nothing_is_attached();
    assert_eq!(host.facts(), before);
    assert!(host.is_reached());
    host.refuses("--confirm", "put back");
}

/// An `ip` that sends the script a signal, and fails, the first time that it comes to each of the steps.
fn interrupting(steps: &[(&str, &str)]) -> String {
    let arm = |(number, (step, signal)): (usize, &(&str, &str))| {
        format!(
            "case \"$*\" in *'{step}'*) mkdir \"$0.{number}\" 2>/dev/null && kill -{signal} $PPID && exit 1 ;; esac\n"
        )
    };
    let arms: String = steps.iter().enumerate().map(arm).collect();
    format!("{arms}exec /sbin/ip \"$@\"")
}

fn interrupted(host: &Host, step: &str, signal: &str) -> Output {
    let body = interrupting(&[(step, signal)]);
    host.script_with("ip", &body, "nic0 --timeout 60").output().unwrap()
}

#[test]
fn a_script_that_is_killed_halfway_leaves_a_watcher_that_puts_everything_back() {
    for step in ["master mgtbr", "addr add", "addr del", "route del", "route a"] {
        let Some(host) = Host::new() else { return };
        let before = host.facts();
        let output = interrupted(&host, step, "KILL");
        assert!(!output.status.success(), "killed at {step}: {}", text(&output));
        host.time_passes();
        assert_eq!(host.facts(), before, "killed at {step}");
        assert!(host.is_reached(), "killed at {step}");
    }
}

#[test]
fn a_script_that_is_stopped_or_fails_puts_everything_back_at_once() {
    for (signal, step) in [("TERM", "addr del"), ("INT", "route a"), ("0", "addr add")] {
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
    interrupted(&host, "addr del", "KILL");
    let watcher = std::fs::read_to_string(host.state().join("nic0/watcher")).unwrap();
    run(&format!("kill -KILL {}", watcher.split_whitespace().next().unwrap()));
    assert!(host.succeeds("--status").contains("halfway"));
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
    host.ip("link add carrier0 type veth peer name carrier1");
    host.ip("link add link carrier0 name carried0 type macvlan");
    let wireless = host.directory.path().join("sysfs/slave1/phy80211");
    std::fs::create_dir_all(wireless).unwrap();
    let before = host.facts();
    host.refuses("nosuchnic", "no interface nosuchnic");
    host.refuses("lo", "loopback");
    host.refuses("mgtbr", "is a bridge");
    host.refuses("slave0", "belongs to otherbr");
    host.refuses("slave1", "wireless");
    host.refuses("carrier0", "macvlan");
    host.refuses("nic0 --bridge nobr", "no bridge nobr");
    host.refuses("nic0 --bridge slave1", "slave1 is no bridge");
    host.refuses("nic0 --timeout soon", "seconds");
    host.refuses("--detach nosuchnic", "no interface nosuchnic");
    assert_eq!(host.facts(), before);
    assert!(host.succeeds("--status").contains("nothing is attached"));
}

#[test]
fn routes_that_the_kernel_makes_in_one_family_only_are_moved_and_put_back() {
    let Some(host) = Host::new() else { return };
    host.gets_managed();
    let before = host.facts();
    host.succeeds("nic0 --timeout 60");
    let routes = host.ip("-4 route show") + &host.ip("-6 route show");
    for route in [
        "10.60.0.0/24 dev mgtbr proto kernel scope link src 10.60.0.5 metric 70",
        "10.61.0.0/24 dev mgtbr proto kernel scope link src 10.61.0.5 metric 100",
        "fd00:21::/64 dev mgtbr proto kernel metric 100",
        "default via fd00:20::fe dev mgtbr proto static metric 100",
    ] {
        assert!(routes.contains(route), "{route}: {routes}");
    }
    assert!(host.is_reached());
    host.succeeds("--confirm");
    host.succeeds("--detach nic0");
    assert_eq!(host.facts(), before);
}

#[test]
fn an_attach_that_fails_leaves_the_default_routes() {
    let Some(host) = Host::new() else { return };
    host.gets_managed();
    let before = host.facts();
    let output = interrupted(&host, "route append default", "0");
    assert!(text(&output).contains("everything is as it was"), "{}", text(&output));
    assert_eq!(host.facts(), before);
}

#[test]
fn what_cannot_be_put_back_is_named_and_the_rest_is_put_back() {
    let Some(host) = Host::new() else { return };
    let body = "case \"$*\" in *'route a'*' 10.50.0.0/16 '*) exit 1 ;; esac\nexec /sbin/ip \"$@\"";
    let output = host.script_with("ip", body, "nic0 --timeout 60").output().unwrap();
    let said = text(&output);
    assert!(!output.status.success() && !said.contains("as it was"), "{said}");
    let command = "ip route add 10.50.0.0/16 via 10.20.0.254 table 100 dev nic0";
    assert!(said.contains(command) && said.lines().count() == 1, "{said}");
    assert!(host.succeeds("--status").contains(command));
    assert!(host.ip("-4 route show").contains("default via 10.20.0.254 dev nic0"));
    assert!(host.ip("-6 route show").contains("default via fd00:20::fe dev nic0"));
    assert!(host.is_reached());
}

#[test]
fn what_has_an_end_has_none_on_the_bridge() {
    let Some(host) = Host::new() else { return };
    for words in [
        "addr add 10.20.0.7/24 dev nic0 valid_lft 600 preferred_lft 500",
        "addr add fd00:22::7/64 dev nic0 nodad valid_lft 600 preferred_lft 0",
        "-6 route add default via fe80::fe dev nic0 proto ra metric 1026 expires 600 pref high",
        "-6 route add fd00:99::/64 dev nic0 proto kernel metric 256 expires 600",
    ] {
        host.ip(words);
    }
    let before = host.facts();
    assert!(host.succeeds("nic0 --timeout 60").contains("10.20.0.7/24 had an end"));
    let bridge = host.ip("-o addr show dev mgtbr");
    assert!(bridge.contains("10.20.0.7/24") && bridge.contains("fd00:22::7/64"), "{bridge}");
    assert!(bridge.contains("deprecated") && !bridge.contains("valid_lft 600sec"), "{bridge}");
    let left = host.ip("-6 route show dev nic0");
    assert!(left.lines().all(|line| line.starts_with("fe80::/64 ")), "{left}");
    let routes = host.ip("-6 route show dev mgtbr");
    assert!(routes.contains("default via fe80::fe proto ra metric 1027 pref high"), "{routes}");
    assert!(!routes.contains("expires"), "{routes}");

    // What the bridge itself learns from a router meanwhile.
    host.ip("-6 route add default via fe80::fe dev mgtbr proto ra metric 1026 expires 600");
    host.ip("addr add fd00:20::77/64 dev mgtbr nodad valid_lft 600 preferred_lft 600");
    assert!(host.succeeds("--detach nic0").contains("DHCP client has to ask over nic0"));
    let after = host.facts().into_iter().map(|fact| fact.replace("metric 1027", "metric 1026"));
    assert_eq!(after.collect::<Vec<_>>(), before);
}

#[test]
fn a_script_that_is_suspended_halfway_does_not_keep_the_watcher_from_its_work() {
    let Some(host) = Host::new() else { return };
    let before = host.facts();
    let body = interrupting(&[("route a", "STOP")]);
    let mut script = Running::start(host.script_with("ip", &body, "nic0 --timeout 60"));
    wait_until("the script is suspended", || script.is_suspended());
    host.time_passes();
    wait_until("the script has ended", || script.has_ended());
    assert_eq!(host.facts(), before);
    assert!(host.is_reached());
}

#[test]
fn a_terminal_does_not_suspend_the_script_while_it_changes_things() {
    for signal in ["TSTP", "TTIN", "TTOU"] {
        let Some(host) = Host::new() else { return };
        let before = host.facts();
        let body = interrupting(&[("route a", signal)]);
        let mut script = Running::start(host.script_with("ip", &body, "nic0 --timeout 60"));
        wait_until("the script has ended", || script.has_ended());
        assert_eq!(host.facts(), before);
    }
}

#[test]
fn putting_back_that_is_killed_halfway_is_finished_by_the_watcher() {
    for steps in [
        &[("route a", "0"), ("route append", "0"), ("nomaster", "KILL")][..],
        &[("route a", "0"), ("dev nic0", "0"), ("route append 10.40", "KILL")],
    ] {
        let Some(host) = Host::new() else { return };
        let before = host.facts();
        let mut attach = host.script_with("ip", &interrupting(steps), "nic0 --timeout 60");
        let output = attach.output().unwrap();
        assert!(!output.status.success() && output.stderr.is_empty(), "{}", text(&output));
        host.time_passes();
        assert_eq!(host.facts(), before, "{steps:?}");
    }
}

#[test]
fn detaching_that_is_killed_halfway_is_finished_by_a_watcher() {
    for step in ["nomaster", "addr add", "addr del", "route a"] {
        let Some(host) = Host::new() else { return };
        let before = host.facts();
        host.succeeds("nic0 --timeout 60");
        host.succeeds("--confirm");
        let body = interrupting(&[(step, "KILL")]);
        host.script_with("ip", &body, "--detach nic0").output().unwrap();
        assert!(host.facts() != before);
        host.refuses("--confirm", "nothing waits");
        host.time_passes();
        assert_eq!(host.facts(), before, "killed at {step}");
    }
}

#[test]
fn a_bridge_that_vanishes_does_not_take_the_addresses_along() {
    let of_nic = |host: &Host| {
        let facts = host.facts();
        let of_nic = facts.iter().filter(|fact| fact.contains("nic0"));
        of_nic.map(|fact| without_number(fact)).collect::<Vec<_>>()
    };
    for end in ["--detach nic0", "the watcher", "nic0"] {
        let Some(host) = Host::new() else { return };
        let before = of_nic(&host);
        host.succeeds("nic0 --timeout 60");
        host.ip("link delete mgtbr");
        host.refuses("--confirm", "nic0 has left its bridge");
        match end {
            "the watcher" => host.time_passes(),
            "nic0" => {
                host.ip("link add mgtbr type bridge");
                host.succeeds("nic0 --timeout 60");
                assert!(host.is_reached(), "the bridge was made again");
                host.succeeds("--detach nic0");
            }
            _ => drop(host.succeeds(end)),
        }
        assert_eq!(of_nic(&host), before, "{end}");
        assert!(host.is_reached(), "{end}");
    }
}

/// A line of `ip -o` without the number of the interface.
fn without_number(line: &str) -> String {
    line.split_once(": ").map_or(line, |(_, rest)| rest).to_owned()
}

#[test]
fn routes_of_other_interfaces_keep_their_source() {
    let Some(host) = Host::new() else { return };
    for words in [
        "link add other0 type veth peer name other1",
        "addr add 10.80.0.1/24 dev other0",
        "link set other0 up",
        "link set other1 up",
        "route add 10.81.0.0/16 via 10.80.0.9 dev other0 src 10.20.0.5",
    ] {
        host.ip(words);
    }
    let before = host.facts();
    host.succeeds("nic0 --timeout 60");
    assert!(host.ip("-4 route show dev other0").contains("10.81.0.0/16"));
    host.succeeds("--detach nic0");
    assert_eq!(host.facts(), before);
}

#[test]
fn routes_with_several_next_hops_are_refused() {
    for words in [
        "route add 10.90.0.0/16 nexthop via 10.20.0.254 dev nic0 nexthop via 10.20.0.253 dev nic0",
        "-6 route add fd00:90::/64 nexthop via fe80::fd dev nic0 nexthop via fe80::fe dev nic0",
    ] {
        let Some(host) = Host::new() else { return };
        host.ip(words);
        let before = host.facts();
        host.refuses("nic0", "several next hops");
        assert_eq!(host.facts(), before);
    }
}

#[test]
fn who_manages_the_interface_is_named() {
    let Some(host) = Host::new() else { return };
    for (name, body, word) in [
        ("ifquery", "true", "ifupdown"),
        ("networkctl", "echo '  2 nic0 ether routable configured'", "systemd-networkd"),
        ("nmcli", "echo '100 (connected)'", "NetworkManager"),
    ] {
        let output = host.script_with(name, body, "nic0 --timeout 60").output().unwrap();
        assert!(output.status.success() && text(&output).contains(word), "{}", text(&output));
        host.succeeds("--detach nic0");
    }
}

#[test]
fn a_second_bridge_is_refused_until_the_interface_has_left_the_first() {
    let Some(host) = Host::new() else { return };
    let before = host.facts();
    host.ip("link add svcbr type bridge");
    host.succeeds("nic0 --timeout 60");
    host.refuses("nic0 --bridge svcbr", "--detach nic0 comes first");
    host.succeeds("--detach nic0");
    host.ip("link delete svcbr");
    assert_eq!(host.facts(), before);
}

#[test]
fn vlans_of_the_interface_go_on_working() {
    let Some(host) = Host::new() else { return };
    let vlan = "link add link nic0 name nic0.100 type vlan id 100";
    let made = Command::new("ip").args(["-n", &host.name]).args(vlan.split(' ')).output().unwrap();
    if !made.status.success() {
        return untested("a VLAN needs a kernel that has them");
    }
    host.ip("addr add 10.100.0.5/24 dev nic0.100");
    host.ip("link set nic0.100 up");
    host.neighbour_ip("link add link wire0 name wire0.100 type vlan id 100");
    host.neighbour_ip("addr add 10.100.0.254/24 dev wire0.100");
    host.neighbour_ip("link set wire0.100 up");
    let before = host.facts();
    assert!(host.is_reached_at("10.100.0.5"));
    host.succeeds("nic0 --timeout 60");
    assert!(host.is_reached() && host.is_reached_at("10.100.0.5"));
    host.succeeds("--detach nic0");
    assert!(host.is_reached() && host.is_reached_at("10.100.0.5"));
    assert_eq!(host.facts(), before);
}
