//! The lab's hardware in a network namespace of its own: real machines up to their first DHCP question, switched by
//! `ipmitool` through their service processors. Docker is a script that knows two networks.
//!
//! Needs what the lab needs: root (or user namespaces), QEMU with its iPXE ROMs, and ipmitool.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a failed set-up fails the test")]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use remote::{Output, Program, Running, StdioTo};
use runtime::Shutdown;

const DEADLINE: Duration = Duration::from_secs(50);

const DOCKER: &str = r#"#!/bin/sh
case "$1 $2 $3" in
"inspect "*) echo '[{"NetworkSettings":{"Networks":{"mgtnet":{},"svcnet":{}}}}]' ;;
"network inspect mgtnet") echo '[{"Id":"0123456789abcdef","Options":{"com.docker.network.bridge.name":"mgtbr"},
    "IPAM":{"Config":[{"Subnet":"10.5.107.0/24"}]}}]' ;;
"network inspect svcnet") echo '[{"Id":"0123456789abcdef","Options":{"com.docker.network.bridge.name":"svcbr"},
    "IPAM":{"Config":[{"Subnet":"192.168.0.0/24"}]}}]' ;;
"exec "*) shift 5; echo "$*" >>"${0%/*}/calls"; case "$2" in -z) cat >"${0%/*}/stanza" ;; esac ;;
esac
"#;

/// A network namespace with the container's two bridges; ends with its holder.
struct Namespace {
    holder: Running,
    dir: tempfile::TempDir,
}

impl Namespace {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("docker"), DOCKER).unwrap();
        fs::set_permissions(dir.path().join("docker"), fs::Permissions::from_mode(0o755)).unwrap();
        let ready = dir.path().join("ready");
        let script = format!(
            "mount -t sysfs sysfs /sys && ip link set lo up && ip link add mgtbr type bridge && \
             ip link add svcbr type bridge && ip address add 192.168.0.1/24 dev svcbr && \
             ip link set mgtbr up && ip link set svcbr up && touch {} && exec sleep 300",
            ready.display()
        );
        let root = nix::unistd::geteuid().is_root();
        let own = if root { "-nm" } else { "-nmUr" };
        let holder = Program::new("unshare").args([own, "sh", "-c", &script]);
        let log = dir.path().join("holder.log");
        let holder = holder.start(&StdioTo::File(log.clone())).unwrap();
        let namespace = Self { holder, dir };
        until(|| ready.exists(), || fs::read_to_string(&log).unwrap_or_default()).await;
        namespace
    }

    /// Runs a program in the namespace.
    async fn run(&self, words: &[&str]) -> Output {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}:/usr/sbin:/sbin", self.dir.path().display());
        let pid = self.holder.id().unwrap().to_string();
        let program = Program::new("nsenter").args(["-n", "-m", "-t", &pid]);
        let program = if nix::unistd::geteuid().is_root() { program } else { program.arg("-U") };
        let program = program.args(["env", &format!("PATH={path}")]).args(words.iter().copied());
        program.deadline(DEADLINE).run(&Shutdown::new()).await.unwrap()
    }

    async fn lab(&self, words: &[&str]) -> String {
        let state = self.state().display().to_string();
        let line = [&[env!("CARGO_BIN_EXE_xcat-lab"), "--state", &state], words].concat();
        let output = self.run(&line).await;
        assert!(output.success(), "{words:?}: {output:?}");
        output.stdout
    }

    async fn ipmi(&self, address: &str, words: &[&str]) -> String {
        let password = self.state().join("bmc.password").display().to_string();
        let head = ["ipmitool", "-I", "lanplus", "-C", "17", "-H", address, "-U", "admin"];
        let output = self.run(&[&head[..], &["-f", &password], words].concat()).await;
        assert!(output.success(), "{address} {words:?}: {output:?}");
        output.stdout
    }

    fn state(&self) -> std::path::PathBuf {
        self.dir.path().join("state")
    }

    fn serial(&self, node: &str) -> String {
        let bytes = fs::read(self.state().join(node).join("serial.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn process(&self, node: &str) -> String {
        fs::read_to_string(self.state().join(node).join("qemu.pid")).unwrap()
    }

    /// Resets the machine without its service processor.
    fn reset_from_within(&self, node: &str) {
        let mut qemu = UnixStream::connect(self.state().join(node).join("qmp.sock")).unwrap();
        let orders = r#"{"execute":"qmp_capabilities"} {"execute":"system_reset"}"#;
        qemu.set_read_timeout(Some(DEADLINE)).unwrap();
        qemu.write_all(orders.as_bytes()).unwrap();
        qemu.read_to_end(&mut Vec::new()).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }
}

/// A test that failed half way leaves a background process behind, which ends its machines by itself.
impl Drop for Namespace {
    fn drop(&mut self) {
        let pid = fs::read_to_string(self.state().join("serve.pid")).ok();
        if let Some(pid) = pid.and_then(|text| text.trim().parse().ok()) {
            let told = nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(pid),
                nix::sys::signal::Signal::SIGTERM,
            );
            println!("ended the background process {pid}: {told:?}");
        }
    }
}

/// Looks until it is true.
async fn until(mut done: impl FnMut() -> bool, about: impl Fn() -> String) {
    let end = Instant::now() + DEADLINE;
    while !done() {
        assert!(Instant::now() < end, "{}", about());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_are_plugged_in_switched_and_removed_without_a_trace() {
    let space = Namespace::new().await;
    let up = ["up", "2", "--firmware", "bios,uefi", "--define-only", "--accelerator", "tcg"];
    let shown = space.lab(&up).await;
    assert!(shown.contains("+ mkdef -z"), "{shown}");
    let secret = fs::read_to_string(space.state().join("bmc.password")).unwrap();
    assert!(!shown.contains(secret.trim()), "{shown}");
    let stanza = space.read("stanza");
    assert!(stanza.contains(&format!("bmcpassword={secret}")), "{stanza}");

    space.ipmi("192.168.0.201", &["chassis", "bootdev", "pxe"]).await;
    space.ipmi("192.168.0.201", &["power", "on"]).await;
    space.ipmi("192.168.0.202", &["power", "on"]).await;
    let asks = |times| {
        let space = &space;
        move || {
            space.serial("vnode01").matches("Configuring (net0 02:78:63:61:74:01").count() == times
        }
    };
    until(asks(1), || space.serial("vnode01")).await;
    let efi = || space.serial("vnode02").contains("Start PXE over IPv4");
    until(efi, || space.serial("vnode02")).await;
    // a reset begins in a new process, and one that the guest asks for as well
    let first = space.process("vnode01");
    space.ipmi("192.168.0.201", &["power", "reset"]).await;
    until(asks(2), || space.serial("vnode01")).await;
    let second = space.process("vnode01");
    assert_ne!(first, second);
    space.reset_from_within("vnode01");
    until(asks(3), || space.serial("vnode01")).await;
    assert_ne!(second, space.process("vnode01"));
    let status = space.lab(&["status"]).await;
    assert!(status.lines().nth(2).unwrap().starts_with("vnode01    on"), "{status}");

    // bridges that were made again get everything back
    let again = "ip link delete svcbr; ip link add svcbr type bridge && ip link set svcbr up";
    assert!(space.run(&["sh", "-c", again]).await.success());
    let mut shown = String::new();
    let end = Instant::now() + DEADLINE;
    while !shown.contains("192.168.0.202/32") {
        assert!(Instant::now() < end, "{shown}");
        shown = space.run(&["ip", "-br", "address"]).await.stdout;
    }
    space.ipmi("192.168.0.201", &["power", "off"]).await;
    assert!(space.ipmi("192.168.0.201", &["power", "status"]).await.contains("is off"));

    space.lab(&["down"]).await;
    let left = space.run(&["ip", "-br", "address"]).await.stdout;
    assert!(!left.contains("xlab") && !left.contains("192.168.0.20"), "{left}");
    assert!(space.read("calls").contains("rmdef -t node -o vnode01,vnode02"));
    assert!(!Path::new(&space.state().join("control.sock")).exists());
    let console = space.lab(&["console", "vnode01"]).await;
    assert!(console.contains("iPXE"), "{console}");
}
