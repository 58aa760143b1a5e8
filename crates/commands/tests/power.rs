//! rpower and rsetboot against simulated service processors, over real sockets on loopback.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use base::Secret;
use common::{Cluster, printed};
use model::flight::{BootEvent, Step};
use sim::{Bmc, BmcServer, Settings, Switch};
use tables::{Patch, ids};
use tokio::sync::mpsc;

/// Three nodes: `n1` with a service processor, `n2` with a wrong password, `n3` with none.
struct Bench {
    cluster: Cluster,
    events: mpsc::Receiver<BootEvent>,
    bmc: Arc<Bmc>,
}

fn tables() -> Patch {
    let mut patch = Patch::new();
    for node in ["n1", "n2", "n3"] {
        patch.set(ids::NODELIST, &[node], &[("groups", Some("all"))]);
    }
    let ipmi = tables::table("ipmi").unwrap();
    let account = |bmc, password| {
        [("bmc", Some(bmc)), ("username", Some("admin")), ("password", Some(password))]
    };
    patch.set(ipmi, &["n1"], &account("127.9.7.1", "cluster"));
    patch.set(ipmi, &["n2"], &account("127.9.7.2", "notthis"));
    patch.set(ids::NODEHM, &["all"], &[("mgt", Some("ipmi"))]);
    patch
}

impl Bench {
    async fn start() -> Self {
        let mut cluster = Cluster::with(tables()).await;
        let server = BmcServer::bind(SocketAddr::from(([0, 0, 0, 0], 0))).unwrap();
        cluster.services.ipmi_port = server.local().port();
        let (sender, events) = mpsc::channel(64);
        cluster.services.events = sender;
        let settings = Settings::new("admin", Secret::new("cluster".into()));
        let bmc = Arc::new(Bmc::new(&settings, Arc::new(Switch::default())).unwrap());
        for last in [1, 2] {
            server.insert(IpAddr::V4(Ipv4Addr::new(127, 9, 7, last)), bmc.clone());
        }
        let shutdown = cluster.tasks.shutdown().clone();
        cluster.tasks.spawn("simulated BMCs", async move {
            server.run(&shutdown).await.unwrap();
        });
        Self { cluster, events, bmc }
    }

    async fn check(&self, line: &str, stdout: &str, code: u8) -> String {
        let actual = printed(&self.cluster.answer(line).await);
        assert_eq!((&*actual.stdout, actual.code), (stdout, code), "$ {line}\n{}", actual.stderr);
        actual.stderr
    }

    fn status(&self, node: &str) -> Option<String> {
        let cell = self.cluster.services.store.snapshot().node_cell("nodelist", "status", node);
        cell.map(|cell| cell.text.to_string())
    }
}

#[tokio::test]
async fn power_is_switched_reported_and_noted() {
    let mut bench = Bench::start().await;
    for (line, stdout) in [
        ("rpower n1 stat", "n1: off\n"),
        ("rpower n1 off", "n1: off\n"),
        ("rpower n1 boot", "n1: off on\n"),
        ("rpower n1 on", "n1: on\n"),
        ("rpower n1 boot", "n1: on reset\n"),
        ("rpower n1 nmi", "n1: nmi\n"),
        ("rpower n1 reset", "n1: reset\n"),
        ("rpower n1 state", "n1: on\n"),
    ] {
        assert_eq!(bench.check(line, stdout, 0).await, "");
    }
    assert_eq!(bench.status("n1").as_deref(), Some("powering-on"));
    bench.check("rpower n1 softoff", "n1: softoff\n", 0).await;
    assert_eq!(bench.status("n1").as_deref(), Some("powering-off"));
    let mut told = Vec::new();
    while let Ok(event) = bench.events.try_recv() {
        assert_eq!(event.step, Step::Power);
        told.push(event.text);
    }
    let expected = [
        "rpower boot: was off",
        "rpower boot: was on",
        "rpower nmi: was on",
        "rpower reset: was on",
        "rpower softoff: was on",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn each_node_that_cannot_be_switched_says_why() {
    let mut bench = Bench::start().await;
    let stderr = bench.check("rpower n2,n3 on", "", 1).await;
    let wrong = "n2: [xcatmn]: Error: wrong password for the user 'admin' of the BMC at 127.9.7.2";
    let none = "n3: [xcatmn]: Error: no service processor is defined; set it with: chdef n3 bmc=";
    assert!(stderr.contains(wrong) && stderr.contains(none), "{stderr}");
    assert!(!stderr.contains("notthis"), "{stderr}");
    assert_eq!(bench.status("n2"), None);
    let mut failed = Vec::new();
    while let Ok(event) = bench.events.try_recv() {
        assert_eq!(event.step, Step::PowerFailed);
        failed.push(event.node.unwrap().to_string());
    }
    failed.sort();
    assert_eq!(failed, ["n2", "n3"]);
    let unknown = bench.check("rpower n1 explode", "", 1).await;
    assert!(unknown.contains("unsupported command rpower explode"), "{unknown}");
    let text = "n1: Please enter an action (eg: boot,off,on, etc) when using mgt=ipmi.\n";
    bench.check("rpower n1", text, 1).await;
    for (line, told) in [
        ("rpower n1 on off", "only one action at a time: 'on' and then 'off' is too much"),
        ("rpower n1 on -t soon", "the number of seconds 'soon' of -t is not a number"),
        ("rsetboot n1 net hd", "only one action at a time: 'net' and then 'hd' is too much"),
    ] {
        let refused = printed(&bench.cluster.answer(line).await);
        assert!(refused.stderr.contains(told) && refused.code == 1, "$ {line}\n{refused:?}");
        assert!(refused.stdout.contains("Usage: r"), "{refused:?}");
    }
    assert_eq!(bench.status("n1"), None);
    let nobody = printed(&bench.cluster.answer("rpower").await);
    assert!(nobody.code == 1 && nobody.stdout.contains("Usage: rpower"), "{nobody:?}");
}

#[tokio::test]
async fn nothing_more_is_switched_for_a_client_that_left() {
    let mut bench = Bench::start().await;
    let gone = tokio_util::sync::CancellationToken::new();
    gone.cancel();
    let bmc = bench.cluster.services.bmc.until(&gone);
    let account = (IpAddr::from([127, 9, 7, 1]), "admin", Secret::new("cluster".into()));
    let mut target = bmc::Target::new(account.0, account.1, account.2);
    target.addr.set_port(bench.cluster.services.ipmi_port);
    let refused = bmc.power(&target, bmc::PowerAction::On).await.unwrap_err();
    assert!(matches!(refused, bmc::BmcError::Cancelled { .. }), "{refused}");
    bench.check("rpower n1 stat", "n1: off\n", 0).await;
    assert!(bench.events.try_recv().is_err());
}

#[tokio::test]
async fn a_site_that_does_not_want_states_gets_none() {
    let bench = Bench::start().await;
    bench.cluster.answer("chdef -t site clustersite nodestatus=n").await;
    bench.check("rpower n1 on", "n1: on\n", 0).await;
    assert_eq!(bench.status("n1"), None);
}

#[tokio::test]
async fn the_device_of_the_next_boot_is_chosen_and_shown() {
    let bench = Bench::start().await;
    for (line, stdout) in [
        ("rsetboot n1 stat", "n1: boot override inactive\n"),
        ("rsetboot n1 net", "n1: Network\n"),
        ("rsetboot n1 floppy", "n1: Floppy\n"),
        ("rsetboot n1 hd -u -p", "n1: Hard Drive\n"),
        ("rsetboot n1", "n1: Hard Drive\n"),
    ] {
        assert_eq!(bench.check(line, stdout, 0).await, "");
    }
    let flags = bench.bmc.boot_flags().unwrap();
    assert_eq!((flags.firmware, flags.persistence), (bmc::Firmware::Efi, bmc::Persistence::Always));
    bench.check("rsetboot n1 def", "n1: boot override inactive\n", 0).await;
    let stderr = bench.check("rsetboot n1,n3 cloud", "", 1).await;
    let lines: Vec<&str> = stderr.lines().collect();
    let refused = |node| format!("{node}: [xcatmn]: Error: unsupported command setboot cloud");
    assert_eq!(lines, [refused("n1"), refused("n3")]);
}
