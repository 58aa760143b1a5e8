//! Our half of IPMI against programs that others wrote: OpenIPMI's `ipmi_sim` as a service processor, `ipmitool` and
//! FreeIPMI's `ipmipower` as clients. They come from the Debian packages openipmi, ipmitool and freeipmi-tools.
#![expect(clippy::unwrap_used, reason = "a failed set-up fails the test")]

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use base::Secret;
use bmc::{
    BmcError, BootDevice, BootFlags, Client, Firmware, Persistence, PowerAction, PowerState, Target,
};
use remote::{Program, StdioTo};
use runtime::{Shutdown, Tasks};
use sim::{Bmc, BmcServer, Machine, Settings, Switch};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const DEADLINE: Duration = Duration::from_secs(30);

/// A simulated service processor on a port of its own.
struct Simulated {
    tasks: Tasks,
    bmc: Arc<Bmc>,
    machine: Arc<Switch>,
    port: u16,
}

impl Simulated {
    fn start() -> Self {
        let tasks = Tasks::new(Shutdown::new());
        let server = BmcServer::bind(SocketAddr::new(LOCALHOST, 0)).unwrap();
        let machine = Arc::new(Switch::default());
        let settings = Settings::new("admin", Secret::new("cluster".into()));
        let bmc = Arc::new(Bmc::new(&settings, machine.clone()).unwrap());
        server.insert(LOCALHOST, Arc::clone(&bmc));
        let (port, shutdown) = (server.local().port(), tasks.shutdown().clone());
        tasks.spawn("simulated BMC", async move { server.run(&shutdown).await.unwrap() });
        Self { tasks, bmc, machine, port }
    }

    async fn end(self) {
        self.tasks.shutdown().cancel();
        assert!(self.tasks.drain(DEADLINE).await);
    }
}

async fn run(program: Program) -> remote::Output {
    program.deadline(DEADLINE).run(&Shutdown::new()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ipmitool_switches_our_simulator_with_both_suites() {
    let simulated = Simulated::start();
    for suite in ["3", "17"] {
        let port = simulated.port.to_string();
        let ipmitool = async |words: &str, expected: &str| {
            let login =
                ["-I", "lanplus", "-C", suite, "-H", "127.0.0.1", "-p", &port, "-U", "admin", "-E"];
            let program = Program::new("ipmitool").args(login).args(words.split(' '));
            let output = run(program.env("IPMI_PASSWORD", "cluster")).await;
            assert!(output.success(), "-C {suite} {words}: {output:?}");
            assert!(output.stdout.contains(expected), "-C {suite} {words}: {output:?}");
        };
        ipmitool("power status", "Chassis Power is off").await;
        ipmitool("chassis bootdev pxe options=efiboot", "Set Boot Device to pxe").await;
        ipmitool("chassis bootparam get 5", "Force PXE").await;
        assert_eq!(simulated.bmc.boot_flags().unwrap().device, BootDevice::Network);
        ipmitool("power on", "Up/On").await;
        assert!(simulated.machine.is_on());
        ipmitool("power status", "Chassis Power is on").await;
        ipmitool("power off", "Down/Off").await;
        ipmitool("mc info", "Device ID").await;
        ipmitool("mc guid", "GUID").await;
    }
    simulated.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ipmipower_switches_our_simulator_with_both_suites() {
    let simulated = Simulated::start();
    for suite in ["3", "17"] {
        for (action, expected) in
            [("--on", "ok"), ("--stat", "on"), ("--off", "ok"), ("--stat", "off")]
        {
            let host = format!("127.0.0.1:{}", simulated.port);
            let program = Program::new("ipmipower")
                .args(["-D", "LAN_2_0", "-I", suite, "-h", &host, "-u", "admin", "-p", "cluster"])
                .arg(action);
            let output = run(program).await;
            assert!(output.stdout.trim().ends_with(expected), "-I {suite} {action}: {output:?}");
        }
    }
    simulated.end().await;
}

const IPMI_SIM_MC: &str = "\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
";

const CHASSIS: &str = "\
#!/bin/sh
cd \"${0%/*}\" || exit 1
case \"$1 $2\" in
'get power') echo \"power:$(cat power)\" ;;
'set power') echo \"$3\" >power ;;
'set reset') : ;;
'set boot') echo \"$3\" >boot ;;
*) exit 1 ;;
esac
";

/// The configuration of an `ipmi_sim` in `dir`, with one administrator.
fn ipmi_sim(dir: &std::path::Path, port: u16) -> Program {
    let lan = format!(
        "name \"interop\"\nset_working_mc 0x20\n startlan 1\n  addr 127.0.0.1 {port}\n  priv_limit admin\n\
         \x20 allowed_auths_callback none md2 md5 straight\n  allowed_auths_user none md2 md5 straight\n\
         \x20 allowed_auths_operator none md2 md5 straight\n  allowed_auths_admin none md2 md5 straight\n\
         \x20 guid a123456789abcdefa123456789abcdef\n endlan\n chassis_control \"{}/chassis\"\n\
         \x20user 2 true \"admin\" \"cluster\" admin 10 none md2 md5 straight\n",
        dir.display()
    );
    fs::write(dir.join("lan.conf"), lan).unwrap();
    fs::write(dir.join("mc.emu"), IPMI_SIM_MC).unwrap();
    fs::write(dir.join("power"), "0\n").unwrap();
    fs::write(dir.join("chassis"), CHASSIS).unwrap();
    fs::set_permissions(dir.join("chassis"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(dir.join("state")).unwrap();
    Program::new("ipmi_sim").cwd(dir).args(["-n", "-c", "lan.conf", "-f", "mc.emu", "-s", "state"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_client_switches_ipmi_sim_after_falling_back_to_suite_3() {
    let dir = tempfile::tempdir().unwrap();
    let port = UdpSocket::bind((LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let log = dir.path().join("log");
    let program = ipmi_sim(dir.path(), port);
    let running = program.start(&StdioTo::File(log)).unwrap();

    let tasks = Tasks::new(Shutdown::new());
    let client = Client::start(&tasks).unwrap();
    let mut target = Target::new(LOCALHOST, "admin", Secret::new("cluster".into()));
    target.addr.set_port(port);
    // the simulator needs a moment to start: the client repeats until it is there
    (target.timeout, target.retries) = (Duration::from_millis(300), 12);
    let power = async |action| client.power(&target, action).await.unwrap();
    assert_eq!(power(PowerAction::Status).await, PowerState::Off);
    let flags = BootFlags {
        device: BootDevice::Network,
        firmware: Firmware::Legacy,
        persistence: Persistence::Once,
    };
    client.boot_device(&target, flags).await.unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("boot")).unwrap(), "pxe\n");
    assert_eq!(power(PowerAction::On).await, PowerState::On);
    assert_eq!(power(PowerAction::Status).await, PowerState::On);
    assert_eq!(power(PowerAction::Off).await, PowerState::Off);
    assert_eq!(fs::read_to_string(dir.path().join("power")).unwrap(), "0\n");
    assert_eq!(client.device_id(&target).await.unwrap().device, 0);

    let wrong = Target { password: Secret::new("hunter2".into()), ..target.clone() };
    let error = client.power(&wrong, PowerAction::Status).await.unwrap_err();
    assert!(matches!(error, BmcError::Password { .. }), "{error}");
    let stranger = Target { user: "nobody".into(), ..target.clone() };
    let error = client.power(&stranger, PowerAction::Status).await.unwrap_err();
    assert!(matches!(error, BmcError::User { .. }), "{error}");

    tasks.shutdown().cancel();
    assert!(tasks.drain(DEADLINE).await);
    running.stop(Duration::from_secs(5)).await.unwrap();
}
