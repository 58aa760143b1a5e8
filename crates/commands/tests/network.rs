//! makehosts, makedns, makedhcp and nodestat: what the tables say of names and addresses.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Cluster, Printed, printed};
use tables::{Patch, ids, table};

async fn cluster() -> Cluster {
    let mut patch = Patch::new();
    for node in ["n1", "n2", "n3"] {
        patch.set(ids::NODELIST, &[node], &[("groups", Some("all"))]);
    }
    let hosts = table("hosts").unwrap();
    let named = [("ip", Some("10.1.0.1")), ("hostnames", Some("login,gate"))];
    patch.set(hosts, &["n1"], &named);
    patch.set(hosts, &["n2"], &[("ip", Some("10.1.0.2"))]);
    let lan = ["10.1.0.0", "255.255.0.0"];
    patch.set(table("networks").unwrap(), &lan, &[("netname", Some("lan"))]);
    patch.set(ids::SITE, &["domain"], &[("value", Some("clusters.com"))]);
    patch.set(table("mac").unwrap(), &["n1"], &[("mac", Some("02:00:00:00:00:01"))]);
    patch.set(table("mac").unwrap(), &["n2"], &[("mac", Some("nonsense"))]);
    Cluster::with(patch).await
}

async fn ran(cluster: &Cluster, line: &str) -> Printed {
    printed(&cluster.answer(line).await)
}

/// The hosts file after a command that succeeds.
async fn after(cluster: &Cluster, line: &str) -> String {
    let said = ran(cluster, line).await;
    assert_eq!((&*said.stdout, said.code), ("", 0), "$ {line}\n{}", said.stderr);
    std::fs::read_to_string(&*cluster.services.hosts_file.lock().await).unwrap()
}

const LOCAL: &str = "127.0.0.1 localhost\n";

#[tokio::test]
async fn makehosts_writes_replaces_and_removes_lines() {
    let cluster = cluster().await;
    let (one, two) = ("10.1.0.1 n1 n1.clusters.com login gate", "10.1.0.2 n2 n2.clusters.com ");
    assert_eq!(after(&cluster, "makehosts").await, format!("{LOCAL}{one}\n{two}\n"));
    let long = "10.1.0.1 n1.clusters.com n1 login gate";
    assert_eq!(after(&cluster, "makehosts n1 -l").await, format!("{LOCAL}{long}\n{two}\n"));
    let first = "10.1.0.1 login gate n1.clusters.com n1";
    assert_eq!(after(&cluster, "makehosts n1 -o").await, format!("{LOCAL}{first}\n{two}\n"));
    let more = "10.1.0.1 n1 n1.clusters.com gate.clusters.com login.clusters.com login gate";
    assert_eq!(after(&cluster, "makehosts n1 -a").await, format!("{LOCAL}{more}\n{two}\n"));
    assert_eq!(after(&cluster, "makehosts -d n1").await, format!("{LOCAL}{two}\n"));
    assert_eq!(after(&cluster, "makehosts -d").await, format!("{LOCAL}{two}\n"));
    assert_eq!(after(&cluster, "makehosts -n n1").await, format!("{LOCAL}{one}\n"));
    let backup = cluster.dir.path().join("hosts.xcatbak");
    assert_eq!(std::fs::read_to_string(backup).unwrap(), format!("{LOCAL}{two}\n"));
}

#[tokio::test]
async fn makehosts_makes_the_file_and_names_what_it_leaves_out() {
    let cluster = cluster().await;
    let path = cluster.dir.path().join("hosts");
    std::fs::remove_file(&path).unwrap();
    let said = ran(&cluster, "makehosts n2,n3").await;
    let warning = "Warning: [xcatmn]: Ignoring node 'n3', it can not be resolved.\n";
    assert_eq!((&*said.stderr, said.code), (warning, 0));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "10.1.0.2 n2 n2.clusters.com \n");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let said = ran(&cluster, "makehosts").await;
    assert!(said.code == 1 && said.stderr.contains("cannot read"), "{said:?}");
}

#[tokio::test]
async fn dhcp_and_dns_tell_what_they_answer_and_what_they_cannot() {
    let cluster = cluster().await;
    let shown = ran(&cluster, "makedhcp -q n1,n2").await;
    let line = "n1: ip-address = 10.1.0.1, hardware-address = 02:00:00:00:00:01\n";
    assert_eq!((&*shown.stdout, shown.code), (line, 0));
    let bad = ran(&cluster, "makedhcp n2").await;
    let told = "Error: [xcatmn]: node n2: mac 'nonsense' is no Ethernet address; run: chdef n2 \
                mac=ADDRESS\n";
    assert_eq!((&*bad.stderr, bad.code), (told, 1));
    let none = ran(&cluster, "makedhcp n3").await;
    let told = "Warning: [xcatmn]: Unable to find mac address for n3\n";
    assert_eq!((&*none.stderr, none.code), (told, 0));
    let all = ran(&cluster, "makedhcp -a").await;
    assert!(all.code == 1 && all.stderr.contains("node n2: mac 'nonsense'"), "{all:?}");
    let good = ran(&cluster, "makedhcp n1").await;
    assert_eq!((&*good.stderr, good.code), ("", 0));
    assert_eq!(ran(&cluster, "makedns").await.stdout, "DNS setup is completed\n");
    for line in ["makedhcp -d n1", "makedhcp -a -d", "makedns -d n1"] {
        let said = ran(&cluster, line).await;
        assert!(said.code == 0 && said.stderr.contains("nothing was removed"), "{said:?}");
    }
    for (line, told) in [
        ("makedhcp -q n1 -n", "The -q option cannot be used with other options."),
        ("makedhcp -n -a", "The -n option cannot be used with other options."),
        ("makedhcp n1 -s 'x;'", "statements of ISC DHCP"),
        ("makedns -e", "let them forward the zone clusters.com"),
    ] {
        let said = ran(&cluster, line).await;
        assert!(said.code == 1 && said.stderr.contains(told), "{line} {said:?}");
    }
    let said = ran(&cluster, "makedhcp").await;
    assert!(said.code == 1 && said.stdout.contains("Usage: makedhcp"), "{said:?}");
}

#[tokio::test]
async fn a_view_that_lags_behind_is_not_trusted() {
    let cluster = cluster().await;
    tokio::time::pause();
    cluster.answer("chdef n1 ip=10.1.0.9").await;
    for line in ["makedns", "makedhcp -n"] {
        let said = ran(&cluster, line).await;
        assert!(said.code == 1 && said.stderr.contains("hint: look at lsxcatd"), "{said:?}");
    }
}

#[tokio::test]
async fn nodes_without_an_address_have_no_host() {
    let cluster = cluster().await;
    let said = ran(&cluster, "nodestat n3 -u").await;
    assert_eq!((&*said.stdout, said.code), ("n3: nosuchhost\n", 0));
    let snapshot = cluster.services.store.snapshot();
    assert_eq!(&*snapshot.node_cell("nodelist", "status", "n3").unwrap().text, "nosuchhost");
    let said = ran(&cluster, "nodestat n3 now").await;
    assert!(said.code == 1 && said.stderr.contains("'now' is not understood"), "{said:?}");
}

#[tokio::test]
async fn makenetworks_shows_and_defines_the_networks_of_the_machine() {
    let cluster = cluster().await;
    let stanza = "\n#From xcatmn.\n10_3_0_0-255_255_0_0:\n    objtype=network\n    net=10.3.0.0\n    \
                  mask=255.255.0.0\n    gateway=<xcatmaster>\n    mgtifname=eth0\n    mtu=9000\n    \
                  tftpserver=10.3.0.1\n";
    let shown = ran(&cluster, "makenetworks -d").await;
    assert_eq!((&*shown.stdout, shown.code), (stanza, 0));
    let defined = ran(&cluster, "makenetworks").await;
    assert_eq!((&*defined.stdout, &*defined.stderr, defined.code), ("", "", 0));
    let known = ran(&cluster, "lsdef -t network 10_3_0_0-255_255_0_0 -i mtu,tftpserver -c").await;
    let name = "10_3_0_0-255_255_0_0";
    assert_eq!(known.stdout, format!("{name}: mtu=9000\n{name}: tftpserver=<xcatmaster>\n"));
    let again = ran(&cluster, "makenetworks").await;
    let warning = format!(
        "Warning: [xcatmn]: The network entry '{name}' already exists in xCAT networks table. \
         Cannot create a definition for '{name}'\n"
    );
    assert_eq!((again.stderr, again.code), (warning, 0));
    let shown = ran(&cluster, "makenetworks --display").await;
    assert_eq!(shown.stdout, stanza.replace("    tftpserver=10.3.0.1\n", ""));
}

#[tokio::test]
async fn link_local_addresses_stand_beside_the_others() {
    let cluster = cluster().await;
    after(&cluster, "makehosts n1").await;
    let own = "10.1.0.1 n1 n1.clusters.com login gate";
    let local = "fe80::ff:fe00:1 n1 n1.clusters.com ";
    assert_eq!(after(&cluster, "makehosts -m n1").await, format!("{LOCAL}{own}\n{local}\n"));
    assert_eq!(after(&cluster, "makehosts -d -m n1").await, format!("{LOCAL}{own}\n"));
}

#[tokio::test]
async fn check_tells_what_is_wrong_and_what_to_run() {
    let cluster = cluster().await;
    let said = ran(&cluster, "xcat-check n1").await;
    assert_eq!((&*said.stdout, said.code), ("checked 1 node: 0 errors, 0 warnings\n", 0));
    let said = ran(&cluster, "xcat-check n2 -q").await;
    let told = "error: node n2: mac 'nonsense' is no Ethernet address; run: chdef n2 mac=ADDRESS\n\
                checked 1 node: 1 error, 0 warnings\n";
    assert_eq!((&*said.stdout, said.code), (told, 1));
    let all = ran(&cluster, "xcat-check").await;
    assert!(all.stdout.contains("error: site clustersite: master is not set"), "{}", all.stdout);
    assert!(all.stdout.ends_with("warning\n") || all.stdout.ends_with("warnings\n"));
}

#[tokio::test]
async fn many_nodes_with_the_same_fault_are_counted() {
    let mut patch = Patch::new();
    for number in 1..=25 {
        let node = format!("x{number:02}");
        patch.set(ids::NODELIST, &[&node], &[("groups", Some("all"))]);
        patch.set(ids::HOSTS, &[&node], &[("ip", Some("bad"))]);
    }
    let cluster = Cluster::with(patch).await;
    let said = ran(&cluster, "xcat-check all").await;
    assert_eq!(said.stdout.lines().count(), 12, "{}", said.stdout);
    assert!(said.stdout.contains("... and 15 more: ip is no IP address; show all with -V"));
    assert_eq!(ran(&cluster, "xcat-check all -V").await.stdout.lines().count(), 26);
}

#[tokio::test]
async fn xcatconfig_does_what_is_asked_for_in_order() {
    let cluster = cluster().await;
    for (line, told) in [
        ("xcatconfig -u", "Missing\nDefaults(Never)\n"),
        ("xcatconfig -k -c", "SshKeys\nCredentials\n"),
        ("xcatconfig -d", "Defaults(Never)\n"),
        (
            "xcatconfig -f",
            "Missing\nSshKeys\nCredentials\nDefaults(Always)\n\
             Defined the network 10_3_0_0-255_255_0_0.\n",
        ),
        ("xcatconfig -i", "Missing\nDefaults(Never)\n"),
        ("xcatconfig -m", "Management Node defined in the database.\n"),
    ] {
        let said = ran(&cluster, line).await;
        assert_eq!((&*said.stdout, &*said.stderr, said.code), (told, "", 0), "{line}");
    }
    let shown = ran(&cluster, "nodels __mgmtnode").await;
    assert_eq!(shown.stdout, "xcatmn\n");
    for (line, told) in [
        ("xcatconfig", "Run xcatconfig -h"),
        ("xcatconfig -f -k", "give it alone"),
        ("xcatconfig -i -u", "not both"),
        ("xcatconfig -s", "makes its own ssh host keys"),
        ("xcatconfig -t", "sysctl -w net.ipv4.neigh.default.gc_thresh1=1024"),
        ("xcatconfig --installdir /x", "is always /install"),
    ] {
        let said = ran(&cluster, line).await;
        assert!(said.code == 1 && said.stderr.contains(told), "{line} {said:?}");
    }
}
