//! Our client against our simulated service processors, over real sockets on loopback.
#![expect(clippy::unwrap_used, reason = "a failed set-up fails the test")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::Secret;
use bmc::{
    BmcError, BootDevice, BootFlags, Client, Firmware, Persistence, PowerAction, PowerState, Target,
};
use runtime::{Shutdown, Tasks, fan_out};
use sim::{Bmc, BmcServer, Fault, Rule, Settings, Switch, When};
use wire::ipmi::{Privilege, Suite};

const NETWORK_ONCE: BootFlags = BootFlags {
    device: BootDevice::Network,
    firmware: Firmware::Efi,
    persistence: Persistence::Once,
};

fn settings() -> Settings {
    Settings::new("admin", Secret::new("cluster".into()))
}

/// Some service processors, a client, and the tasks of both.
struct Bench {
    tasks: Tasks,
    client: Client,
    bmcs: Vec<Arc<Bmc>>,
    targets: Vec<Target>,
}

impl Bench {
    fn new(count: u32, settings: &Settings) -> Self {
        let tasks = Tasks::new(Shutdown::new());
        let any = SocketAddr::from(([0, 0, 0, 0], 0));
        let server = Arc::new(BmcServer::bind(any).unwrap());
        let port = server.local().port();
        let mut bmcs = Vec::new();
        let mut targets = Vec::new();
        for number in 0..count {
            let addr = IpAddr::V4(Ipv4Addr::from(0x7f08_0001 + number));
            let bmc = Arc::new(Bmc::new(settings, Arc::new(Switch::default())).unwrap());
            server.insert(addr, Arc::clone(&bmc));
            bmcs.push(bmc);
            let mut target = Target::new(addr, "admin", Secret::new("cluster".into()));
            target.addr.set_port(port);
            target.timeout = Duration::from_millis(300);
            targets.push(target);
        }
        let shutdown = tasks.shutdown().clone();
        tasks.spawn("simulated BMCs", async move {
            server.run(&shutdown).await.unwrap();
        });
        let client = Client::start(&tasks).unwrap();
        Self { tasks, client, bmcs, targets }
    }

    async fn end(self) {
        self.tasks.shutdown().cancel();
        assert!(self.tasks.drain(Duration::from_secs(5)).await);
    }
}

#[tokio::test]
async fn power_and_boot_device_work_with_either_suite() {
    for suites in [vec![Suite::Sha256], vec![Suite::Sha1]] {
        let bench = Bench::new(1, &Settings { suites, ..settings() });
        let (client, target) = (&bench.client, &bench.targets[0]);
        let power = async |action| client.power(target, action).await.unwrap();
        assert_eq!(power(PowerAction::Status).await, PowerState::Off);
        assert_eq!(client.boot_flags(target).await.unwrap(), None);
        client.boot_device(target, NETWORK_ONCE).await.unwrap();
        assert_eq!(client.boot_flags(target).await.unwrap(), Some(NETWORK_ONCE));
        assert_eq!(power(PowerAction::On).await, PowerState::On);
        assert_eq!(power(PowerAction::Status).await, PowerState::On);
        assert_eq!(client.boot_flags(target).await.unwrap(), None, "used once");
        assert_eq!(power(PowerAction::Reset).await, PowerState::On);
        assert_eq!(power(PowerAction::Off).await, PowerState::Off);
        assert_eq!(power(PowerAction::Reset).await, PowerState::Off);
        assert_eq!(client.device_id(target).await.unwrap().device, 0x20);
        bench.end().await;
    }
}

#[tokio::test]
async fn wrong_user_password_and_privilege_are_told_apart() {
    let bench = Bench::new(1, &settings());
    let (client, target) = (&bench.client, &bench.targets[0]);
    let attempt = async |target: Target| {
        let error = client.power(&target, PowerAction::Status).await.unwrap_err();
        let text = error.failure().to_string();
        assert!(text.contains("127.8.0.1"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        error
    };
    let password = Target { password: Secret::new("hunter2".into()), ..target.clone() };
    assert!(matches!(attempt(password).await, BmcError::Password { .. }));
    let user = Target { user: "nobody".into(), ..target.clone() };
    assert!(matches!(attempt(user).await, BmcError::User { .. }));
    let long = Target { user: "a name of too many bytes".into(), ..target.clone() };
    assert!(matches!(attempt(long).await, BmcError::Login { .. }));
    let weak = Settings { privilege: Privilege::User, ..settings() };
    bench.bmcs[0].configure(&weak).unwrap();
    assert!(matches!(attempt(target.clone()).await, BmcError::Privilege { .. }));
    let operator = Settings { privilege: Privilege::Operator, ..settings() };
    bench.bmcs[0].configure(&operator).unwrap();
    assert_eq!(client.power(target, PowerAction::On).await.unwrap(), PowerState::On);
    bench.end().await;
}

#[tokio::test]
async fn a_silent_controller_is_given_up_in_time_and_a_slow_or_lossy_one_is_not() {
    let bench = Bench::new(1, &settings());
    let (client, target, bmc) = (&bench.client, &bench.targets[0], &bench.bmcs[0]);
    let impatient = Target { timeout: Duration::from_millis(40), retries: 2, ..target.clone() };
    bmc.set_rules(vec![Rule::new(When::Always, Fault::Drop)]);
    let started = Instant::now();
    let error = client.power(&impatient, PowerAction::Status).await.unwrap_err();
    assert!(matches!(error, BmcError::Silent { packets: 3, .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(3));

    bmc.set_rules(vec![Rule::new(When::After(3), Fault::Drop)]);
    let error = client.power(&impatient, PowerAction::Status).await.unwrap_err();
    assert!(matches!(error, BmcError::Lost { .. }), "{error}");

    for fault in [Fault::Drop, Fault::Garble, Fault::Delay(Duration::from_millis(20))] {
        bmc.set_rules(vec![Rule::new(When::Every(3), fault)]);
        let quick = Target { timeout: Duration::from_millis(60), retries: 5, ..target.clone() };
        let state = client.power(&quick, PowerAction::On).await;
        assert_eq!(state.unwrap(), PowerState::On, "{fault:?}");
    }
    bench.end().await;
}

#[tokio::test]
async fn a_busy_controller_is_asked_again_and_then_reported() {
    let bench = Bench::new(1, &settings());
    let (client, target, bmc) = (&bench.client, &bench.targets[0], &bench.bmcs[0]);
    let target = Target { retries: 1, ..target.clone() };
    // five packets open the session, the sixth asks
    bmc.set_rules(vec![Rule::new(When::First(6), Fault::Busy)]);
    assert_eq!(client.power(&target, PowerAction::On).await.unwrap(), PowerState::On);
    bmc.set_rules(vec![Rule::new(When::Always, Fault::Busy)]);
    let error = client.power(&target, PowerAction::On).await.unwrap_err();
    assert!(matches!(error, BmcError::Busy { .. }), "{error}");
    bench.end().await;
}

#[tokio::test]
async fn callers_for_the_same_controller_wait_for_each_other() {
    let bench = Bench::new(1, &settings());
    let (client, target) = (bench.client.clone(), bench.targets[0].clone());
    let mut calls = fan_out(20, 0..20, move |_| {
        let (client, target) = (client.clone(), target.clone());
        async move { client.power(&target, PowerAction::On).await.unwrap() }
    });
    while let Some((_, state)) = calls.next().await {
        assert_eq!(state, Ok(PowerState::On));
    }
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_controllers_answer_through_one_socket() {
    let bench = Bench::new(1000, &settings());
    let (client, targets) = (bench.client.clone(), bench.targets.clone());
    let started = Instant::now();
    let mut calls = fan_out(1000, targets, move |target| {
        let client = client.clone();
        async move { client.power(&target, PowerAction::On).await }
    });
    let mut on = 0;
    while let Some((target, state)) = calls.next().await {
        let state = state.unwrap();
        assert!(matches!(state, Ok(PowerState::On)), "{}: {state:?}", target.addr);
        on += 1;
    }
    println!("{on} BMCs switched on in {:?}", started.elapsed());
    assert_eq!(on, 1000);
    bench.end().await;
}
