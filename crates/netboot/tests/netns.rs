//! The servers against real peers, each test in network namespaces of its own: DHCP clients, TFTP,
//! curl, dig, tcpdump, and machines that boot in QEMU with BIOS and with UEFI.
//!
//! Needs root and the peers' packages; where they are missing a test says so and passes nothing off
//! as proven. No traffic leaves the namespaces.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "the peers are programs")]
#![expect(clippy::print_stderr, reason = "what was skipped or measured must be seen")]

mod common;

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::{Cell, SOON};
use model::flight::{BootEvent, Step};
use netboot::{Dhcp, DhcpPorts, Dns, Http, RouterAdvertiser, Tftp};
use runtime::Shutdown;

const SERVER: &str = "10.77.0.1";
const NODE: &str = "02:00:00:77:00:01";
/// Machines boot slowly where nothing accelerates them and others use the processors too.
const BOOT: Duration = Duration::from_mins(2);

/// Says why a test proves nothing here; `true` when it can run.
fn ready(programs: &[&str]) -> bool {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("NOT TESTED: network namespaces need root");
        return false;
    }
    let found = |program: &&&str| {
        let dirs = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
        dirs.iter().any(|dir| Path::new(dir).join(program).exists()) || Path::new(program).exists()
    };
    let missing: Vec<_> = programs.iter().filter(|program| !found(program)).collect();
    if !missing.is_empty() {
        eprintln!("NOT TESTED: these are not installed: {missing:?}");
    }
    missing.is_empty()
}

fn ip(line: &str) {
    let output = Command::new("ip").args(line.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "ip {line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Two namespaces: the server's with a bridge, the client's with a link into it.
struct Lab {
    server: String,
    client: String,
    dir: tempfile::TempDir,
    shutdown: Vec<Shutdown>,
    threads: Vec<std::thread::JoinHandle<()>>,
    events: mpsc::Receiver<BootEvent>,
}

impl Lab {
    fn start(cells: &[Cell<'_>]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let id = format!("{}x{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let (server, client) = (format!("xcs{id}"), format!("xcc{id}"));
        for name in [&server, &client] {
            ip(&format!("netns add {name}"));
            ip(&format!("-n {name} link set lo up"));
        }
        ip(&format!("-n {server} link add br0 type bridge stp_state 0 forward_delay 0"));
        ip(&format!("-n {server} addr add {SERVER}/16 dev br0"));
        ip(&format!("-n {server} link set br0 up"));
        ip(&format!("-n {server} link add p0 type veth peer name c0 netns {client}"));
        ip(&format!("-n {server} link set p0 master br0 up"));
        ip(&format!("-n {client} link set c0 address {NODE}"));
        ip(&format!("-n {client} link set c0 up"));
        let dir = tempfile::tempdir().unwrap();
        for name in ["install", "tftpboot", "out"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        let (sender, events) = mpsc::channel();
        let mut lab =
            Self { server, client, dir, shutdown: Vec::new(), threads: Vec::new(), events };
        let cells = lab.cells(cells);
        lab.serve(lab.server.clone(), "br0", SERVER, cells, sender);
        lab
    }

    fn cells(&self, more: &[Cell<'_>]) -> Vec<[String; 4]> {
        let install = self.dir.path().join("install").display().to_string();
        let tftp = self.dir.path().join("tftpboot").display().to_string();
        let own: &[Cell<'_>] = &[
            ("networks", "10.77.0.0,255.255.0.0", "netname", "mgtnet"),
            ("site", "domain", "value", "cluster.test"),
            ("site", "installdir", "value", &install),
            ("site", "tftpdir", "value", &tftp),
            ("nodelist", "n1", "groups", "all"),
            ("hosts", "n1", "ip", "10.77.0.101"),
            ("mac", "n1", "mac", NODE),
            ("noderes", "n1", "netboot", "xnba"),
        ];
        let owned = |cell: &Cell<'_>| [cell.0, cell.1, cell.2, cell.3].map(str::to_owned);
        own.iter().chain(more).map(owned).collect()
    }

    /// Starts all servers in a namespace, from a thread that lives in it.
    fn serve(
        &mut self,
        namespace: String,
        interface: &'static str,
        address: &'static str,
        cells: Vec<[String; 4]>,
        sender: mpsc::Sender<BootEvent>,
    ) {
        let shutdown = Shutdown::new();
        self.shutdown.push(shutdown.clone());
        let (started, waiting) = mpsc::channel();
        self.threads.push(std::thread::spawn(move || {
            let file = File::open(format!("/run/netns/{namespace}")).unwrap();
            nix::sched::setns(file, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(servers(interface, address, &cells, sender, shutdown, started));
        }));
        waiting.recv_timeout(SOON).expect("the servers start");
    }

    /// Runs a program of the client to its end.
    fn run(&self, program: &str, args: &[&str]) -> Output {
        let mut command = Command::new("timeout");
        command.args(["60", "ip", "netns", "exec", &self.client, program]).args(args);
        command.current_dir(self.dir.path().join("out")).stdin(Stdio::null()).output().unwrap()
    }

    /// What a program of the client prints; it must succeed.
    fn text(&self, program: &str, args: &[&str]) -> String {
        let output = self.run(program, args);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "{program} {args:?}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    fn event(&self, step: Step, limit: Duration) -> BootEvent {
        let end = Instant::now() + limit;
        let mut seen = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(event) if event.step == step => return event,
                Ok(event) => seen.push(format!("{} {}", event.step, event.text)),
                Err(error) => panic!("no {step} within {limit:?}: {error}; seen: {seen:#?}"),
            }
        }
    }

    fn address_client(&self) {
        ip(&format!("-n {} addr add 10.77.0.101/16 dev c0", self.client));
    }

    /// A machine on the bridge.
    fn machine(&self, args: &[&str]) -> Machine {
        let server = &self.server;
        ip(&format!("-n {server} tuntap add tap0 mode tap"));
        ip(&format!("-n {server} link set tap0 master br0 up"));
        // The client's link would answer to the same hardware address.
        ip(&format!("-n {} link set c0 down", self.client));
        let serial = self.dir.path().join("serial");
        let console = format!("file:{}", serial.display());
        let mut command = Command::new("ip");
        command.args(["netns", "exec", server, "qemu-system-x86_64"]);
        command.args(["-accel", "tcg", "-machine", "q35,graphics=off", "-m", "512", "-nodefaults"]);
        command.args(["-display", "none", "-serial", &console]);
        command.args(["-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no"]).args(args);
        Machine { child: command.stdin(Stdio::null()).spawn().unwrap(), serial }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.shutdown.iter().for_each(Shutdown::cancel);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                eprintln!("a server thread panicked");
            }
        }
        for name in [&self.server, &self.client] {
            if let Err(error) = Command::new("ip").args(["netns", "delete", name]).status() {
                eprintln!("the namespace {name} stays: {error}");
            }
        }
    }
}

/// A virtual machine that is ended with the test.
struct Machine {
    child: Child,
    serial: std::path::PathBuf,
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("the machine stays: {error}");
        }
        if std::thread::panicking() {
            let serial = std::fs::read(&self.serial).unwrap_or_default();
            eprintln!("serial console:\n{}", String::from_utf8_lossy(&serial));
        }
    }
}

async fn servers(
    interface: &str,
    address: &str,
    cells: &[[String; 4]],
    sender: mpsc::Sender<BootEvent>,
    shutdown: Shutdown,
    started: mpsc::Sender<()>,
) {
    let cells: Vec<Cell<'_>> = cells.iter().map(|[t, k, c, v]| (&**t, &**k, &**c, &**v)).collect();
    let mut facts = netboot::server_facts(Path::new("/usr/lib/ipxe"));
    assert!(facts.interfaces.iter().any(|nic| nic.name == interface), "{facts:?}");
    "xcatmn".clone_into(&mut facts.host_name);
    facts.resolvers.clear();
    let mut cluster = common::cluster(&cells, &facts);
    let (context, tasks) = (cluster.context.clone(), cluster.context.tasks.clone());
    let any = |port| SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
    let (logs, _kept) = tokio::sync::mpsc::channel(8);
    let dhcp = Dhcp::bind(context.clone(), DhcpPorts::default()).unwrap();
    let tftp = Tftp::bind(context.clone(), any(69)).unwrap();
    let http = Http::bind(context.clone(), any(80).into(), logs).await.unwrap();
    let local = SocketAddrV4::new(address.parse().unwrap(), 53);
    let dns = Dns::bind(context.clone(), local.into()).await.unwrap();
    let end = cluster.shutdown.clone();
    tasks.critical("dhcp", dhcp.run(end.clone()));
    tasks.critical("tftp", tftp.run(end.clone()));
    tasks.critical("http", http.run(end.clone()));
    tasks.critical("dns", dns.run(end.clone()));
    tasks.critical("router", RouterAdvertiser::new(context).run(end));
    started.send(()).unwrap();
    loop {
        tokio::select! {
            Some(event) = cluster.events.recv() => {
                // The test may have ended already.
                if sender.send(event).is_err() { break }
            }
            () = shutdown.cancelled() => break,
        }
    }
    assert!(tasks.drain(SOON).await, "all tasks end");
}

#[test]
fn dhclient_gets_the_reserved_address_and_settings() {
    if !ready(&["ip", "dhclient"]) {
        return;
    }
    let lab = Lab::start(&[("networks", "10.77.0.0,255.255.0.0", "gateway", "10.77.0.254")]);
    let leases = lab.dir.path().join("out/leases");
    std::fs::write(&leases, "").unwrap();
    let file = leases.display().to_string();
    let args = ["-1", "-d", "-sf", "/bin/true", "-lf", &file, "-pf", "/dev/null", "c0"];
    // It stays in the foreground until it is ended: the lease file is what counts.
    let mut command = Command::new("timeout");
    command.args(["20", "ip", "netns", "exec", &lab.client, "dhclient"]).args(args);
    let mut child =
        command.current_dir(lab.dir.path().join("out")).stderr(Stdio::null()).spawn().unwrap();
    let granted = lab.event(Step::Address, SOON);
    assert!(
        granted.text.starts_with("DISCOVER from an operating system: offered 10.77.0.101"),
        "{}",
        granted.text
    );
    assert!(lab.event(Step::Address, SOON).text.contains("granted 10.77.0.101"));
    let end = Instant::now() + SOON;
    let text = loop {
        let text = std::fs::read_to_string(&leases).unwrap_or_default();
        if text.contains('}') || Instant::now() > end {
            break text;
        }
        std::thread::yield_now();
    };
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(child.id().try_into().unwrap()),
        nix::sys::signal::SIGTERM,
    )
    .unwrap();
    child.wait().unwrap();
    for line in [
        "fixed-address 10.77.0.101;",
        "option subnet-mask 255.255.0.0;",
        "option routers 10.77.0.254;",
        "option domain-name-servers 10.77.0.1;",
        "option host-name \"n1\";",
        "option domain-name \"cluster.test\";",
        "option dhcp-lease-time 43200;",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}

#[test]
fn udhcpc_gets_an_address_and_an_unknown_machine_a_recorded_silence() {
    if !ready(&["ip", "busybox"]) {
        return;
    }
    let lab = Lab::start(&[]);
    let args = ["udhcpc", "-i", "c0", "-n", "-q", "-f", "-t", "3", "-s", "/bin/true"];
    lab.text("busybox", &args);
    lab.event(Step::Address, SOON);
    ip(&format!("-n {} link set c0 down", lab.client));
    ip(&format!("-n {} link set c0 address 02:00:00:77:00:99 up", lab.client));
    let output = lab.run(
        "busybox",
        &["udhcpc", "-i", "c0", "-n", "-q", "-f", "-t", "1", "-T", "1", "-s", "/bin/true"],
    );
    assert!(!output.status.success());
    let silent = lab.event(Step::DhcpSilent, SOON);
    assert!(
        silent.text.ends_with("no node has the MAC address 02:00:00:77:00:99"),
        "{}",
        silent.text
    );
}

#[test]
fn tftp_clients_fetch_loaders_scripts_and_large_files() {
    if !ready(&["ip", "tftp", "curl"]) {
        return;
    }
    let lab = Lab::start(&[("chain", "n1", "currstate", "boot")]);
    lab.address_client();
    let bytes: Vec<u8> = (0..40_000_000_u32).map(|index| index.to_be_bytes()[2]).collect();
    std::fs::write(lab.dir.path().join("tftpboot/large"), &bytes).unwrap();
    let out = lab.dir.path().join("out");
    lab.text("tftp", &["-m", "binary", SERVER, "-c", "get", "xcat/xnba/nodes/n1", "script"]);
    assert_eq!(std::fs::read(out.join("script")).unwrap(), b"#!gpxe\n#boot\nexit\n");
    lab.text(
        "curl",
        &["-sS", "-o", "large", "--tftp-blksize", "1468", &format!("tftp://{SERVER}/large")],
    );
    assert!(std::fs::read(out.join("large")).unwrap() == bytes);
    if Path::new("/usr/lib/ipxe/undionly.kpxe").exists() {
        lab.text("curl", &["-sS", "-o", "loader", &format!("tftp://{SERVER}/xcat/xnba.kpxe")]);
        let loader = std::fs::read("/usr/lib/ipxe/undionly.kpxe").unwrap();
        assert!(std::fs::read(out.join("loader")).unwrap() == loader);
    }
    assert!(!lab.run("curl", &["-sS", &format!("tftp://{SERVER}/none")]).status.success());
    assert!(lab.event(Step::Absent, SOON).text.contains("none: there is no"));
}

#[test]
fn curl_fetches_resumes_and_posts() {
    if !ready(&["ip", "curl"]) {
        return;
    }
    let lab = Lab::start(&[]);
    lab.address_client();
    let bytes: Vec<u8> = (0..10_000_000_u32).map(|index| index.to_be_bytes()[2]).collect();
    std::fs::write(lab.dir.path().join("install/rootimg.sfs"), &bytes).unwrap();
    std::fs::write(lab.dir.path().join("out/image"), &bytes[..3_000_000]).unwrap();
    let url = format!("http://{SERVER}/install/rootimg.sfs");
    lab.text("curl", &["-sSf", "-C", "-", "-o", "image", &url]);
    assert!(std::fs::read(lab.dir.path().join("out/image")).unwrap() == bytes);
    assert_eq!(lab.event(Step::Image, SOON).node.unwrap().as_str(), "n1");
    let log = format!("http://{SERVER}/xcat/node/log");
    let code = lab.text(
        "curl",
        &["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--data-binary", "hello", &log],
    );
    assert_eq!(code, "204");
}

#[test]
fn dig_resolves_forwards_and_reverses() {
    if !ready(&["ip", "dig"]) {
        return;
    }
    let mut lab = Lab::start(&[("site", "forwarders", "value", "10.77.0.101")]);
    lab.address_client();
    let upstream = lab.cells(&[
        ("site", "domain", "value", "other.test"),
        ("site", "forwarders", "value", "10.77.9.9"),
    ]);
    let (sender, _events) = mpsc::channel();
    lab.serve(lab.client.clone(), "c0", "10.77.0.101", upstream, sender);
    let server = format!("@{SERVER}");
    let dig = |args: &[&str]| lab.text("dig", &[&[&server, "+tries=1", "+time=5"], args].concat());
    let short = |args: &[&str]| dig(&[&["+short"], args].concat()).trim().to_owned();
    assert_eq!(short(&["n1.cluster.test", "A"]), "10.77.0.101");
    assert_eq!(short(&["+tcp", "n1.cluster.test", "A"]), "10.77.0.101");
    assert_eq!(short(&["+noedns", "xcatmn.cluster.test", "A"]), SERVER);
    assert_eq!(short(&["-x", "10.77.0.101"]), "n1.cluster.test.");
    assert!(dig(&["zz.cluster.test"]).contains("status: NXDOMAIN"));
    assert_eq!(short(&["n1.other.test", "A"]), "10.77.0.101", "forwarded");
    assert_eq!(short(&["+tcp", "n1.other.test", "A"]), "10.77.0.101", "forwarded over TCP");
    assert!(
        short(&["cluster.test", "SOA"])
            .starts_with("xcatmn.cluster.test. root.xcatmn.cluster.test.")
    );
}

#[test]
fn routers_are_advertised_with_a_lifetime_of_zero() {
    if !ready(&["ip", "tcpdump"]) {
        return;
    }
    let lab = Lab::start(&[]);
    let filter = "icmp6 and ip6[40] == 134";
    let text = lab.text("tcpdump", &["-i", "c0", "-c", "1", "-n", "-v", filter]);
    assert!(text.contains("router advertisement") && text.contains("router lifetime 0s"), "{text}");
    assert!(text.contains("hlim 255") && text.contains("> ff02::1"), "{text}");
    assert!(!text.contains("bad icmp6"), "{text}");
}

const DISKLESS: &[Cell<'_>] = &[
    ("chain", "n1", "currstate", "netboot debian12-x86_64-compute"),
    ("bootparams", "n1", "kernel", "xcat/osimage/deb12/kernel"),
    ("bootparams", "n1", "initrd", "xcat/osimage/deb12/initrd-stateless.gz"),
    ("bootparams", "n1", "kcmdline", "quiet"),
];

fn with_kernel(lab: &Lab) {
    let image = lab.dir.path().join("tftpboot/xcat/osimage/deb12");
    std::fs::create_dir_all(&image).unwrap();
    // No kernel: that it is fetched is all that is asked here.
    std::fs::write(image.join("kernel"), vec![0; 100_000]).unwrap();
    std::fs::write(image.join("initrd-stateless.gz"), vec![0; 100_000]).unwrap();
}

#[test]
fn a_bios_machine_with_an_old_ipxe_rom_fetches_its_kernel_without_waiting() {
    if !ready(&["ip", "qemu-system-x86_64", "/usr/lib/ipxe/qemu/pxe-virtio.rom"]) {
        return;
    }
    let lab = Lab::start(DISKLESS);
    with_kernel(&lab);
    let nic = format!("virtio-net-pci,netdev=n0,mac={NODE},bootindex=1");
    let begun = Instant::now();
    let _machine = lab.machine(&["-device", &nic]);
    let offer = lab.event(Step::DhcpOffer, BOOT);
    let asked = begun.elapsed();
    assert!(
        offer.text.contains("boot file http://10.77.0.1/tftpboot/xcat/xnba/nodes/n1"),
        "{}",
        offer.text
    );
    lab.event(Step::Script, BOOT);
    let script = begun.elapsed();
    lab.event(Step::Kernel, BOOT);
    eprintln!(
        "BIOS: DHCP after {asked:.1?}, script after {script:.1?}, kernel after {:.1?}",
        begun.elapsed()
    );
    assert!(
        script.saturating_sub(asked) < Duration::from_secs(14),
        "iPXE waited for a router or a proxy"
    );
}

#[test]
fn a_uefi_machine_loads_ipxe_over_tftp_and_fetches_its_kernel() {
    let (code, vars) = ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd");
    if !ready(&["ip", "qemu-system-x86_64", code, vars, "/usr/lib/ipxe/snponly.efi"]) {
        return;
    }
    let lab = Lab::start(DISKLESS);
    with_kernel(&lab);
    let own_vars = lab.dir.path().join("vars.fd");
    std::fs::copy(vars, &own_vars).unwrap();
    let code = format!("if=pflash,format=raw,readonly=on,file={code}");
    let vars = format!("if=pflash,format=raw,file={}", own_vars.display());
    let nic = format!("virtio-net-pci,netdev=n0,mac={NODE},bootindex=1,romfile=");
    let begun = Instant::now();
    let _machine = lab.machine(&[
        "-drive",
        &code,
        "-drive",
        &vars,
        "-device",
        &nic,
        "-device",
        "virtio-rng-pci",
    ]);
    let offer = lab.event(Step::DhcpOffer, BOOT);
    let asked = begun.elapsed();
    assert!(
        offer.text.contains("(x86_64 UEFI): offered 10.77.0.101, boot file xcat/xnba.efi"),
        "{}",
        offer.text
    );
    lab.event(Step::Tftp, BOOT);
    let loader = begun.elapsed();
    lab.event(Step::Script, BOOT);
    let script = begun.elapsed();
    lab.event(Step::Kernel, BOOT);
    eprintln!(
        "UEFI: DHCP after {asked:.1?}, loader after {loader:.1?}, script after {script:.1?}, kernel after {:.1?}",
        begun.elapsed()
    );
}
