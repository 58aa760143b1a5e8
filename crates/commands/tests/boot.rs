//! nodeset, genimage, packimage, `xcat boot` and lsxcatd, as far as they go without an image.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use base::{Clock, SystemClock};
use common::{Cluster, Printed, printed};
use store::{BootRecord, HistoryQuery};
use tables::{Patch, ids, table};

async fn cluster() -> Cluster {
    let mut patch = Patch::new();
    for node in ["n1", "n2"] {
        patch.set(ids::NODELIST, &[node], &[("groups", Some("all"))]);
    }
    let id = |name| table(name).unwrap();
    patch.set(id("mac"), &["n1"], &[("mac", Some("02:00:00:00:00:01"))]);
    patch.set(id("hosts"), &["n1"], &[("ip", Some("10.1.0.1"))]);
    let lan = ["10.1.0.0", "255.255.0.0"];
    patch.set(id("networks"), &lan, &[("netname", Some("lan"))]);
    let facts = [("osvers", Some("debian13")), ("osarch", Some("x86_64"))];
    for (image, method) in [("img", "netboot"), ("disk", "install")] {
        patch.set(id("osimage"), &[image], &facts);
        let more = [("profile", Some("compute")), ("provmethod", Some(method))];
        patch.set(id("osimage"), &[image], &more);
    }
    let cluster = Cluster::with(patch).await;
    let install = cluster.dir.path().join("install").display().to_string();
    let said = ran(&cluster, &format!("chdef -t site clustersite installdir={install}")).await;
    assert_eq!(said.code, 0, "{said:?}");
    cluster
}

async fn ran(cluster: &Cluster, line: &str) -> Printed {
    printed(&cluster.answer(line).await)
}

#[tokio::test]
async fn states_are_set_and_shown() {
    let cluster = cluster().await;
    for (line, stdout) in [
        ("nodeset all stat", "n1: discover\nn2: discover\n"),
        ("nodeset n1 boot", "n1: boot\n"),
        ("nodeset n2 offline", "n2: offline\n"),
        ("nodeset all stat", "n1: boot\nn2: offline\n"),
    ] {
        let said = ran(&cluster, line).await;
        assert_eq!((&*said.stdout, &*said.stderr, said.code), (stdout, "", 0), "$ {line}");
    }
    let history = cluster.services.store.history(HistoryQuery::default()).await.unwrap();
    let newest = (&*history[0].user, &*history[0].command);
    assert_eq!(newest, ("root", "nodeset n2 offline"));
}

#[tokio::test]
async fn a_state_that_a_node_cannot_have_changes_nothing() {
    let cluster = cluster().await;
    let before = cluster.services.store.snapshot().generation();
    for (line, error) in [
        ("nodeset n1 osimage=none", "Cannot find the OS image none in the osimage table."),
        ("nodeset n1 osimage=img", "the image img is not packed"),
        ("nodeset n1 osimage=disk", "disk has provmethod install, which is not available yet"),
        ("nodeset n1 osimage", "OS image name must be specified in nodetype.provmethod"),
        ("nodeset n1 netboot", "have been deprecated"),
        ("nodeset n1 shell", "the state shell is not available yet"),
        ("nodeset n1 sideways", "Unknown state sideways requested"),
        ("nodeset nosuch boot", "Invalid nodes and/or groups in noderange: nosuch"),
        ("genimage none", "Cannot find image 'none' from the osimage table."),
        ("genimage disk", "disk is not a diskless image"),
        ("genimage img -k 6.1", "the option k is not available yet"),
        ("packimage img -m cpio", "cpio is not available"),
    ] {
        let said = ran(&cluster, line).await;
        assert!(said.stderr.contains(error), "$ {line}\n{}", said.stderr);
        assert_eq!((&*said.stdout, said.code), ("", 1), "$ {line}");
    }
    for line in ["nodeset", "nodeset n1", "genimage", "packimage a b"] {
        let said = ran(&cluster, line).await;
        assert!(said.code == 1 && said.stdout.contains("Usage: "), "$ {line}\n{said:?}");
    }
    assert_eq!(cluster.services.store.snapshot().generation(), before);
}

#[tokio::test]
async fn a_boot_is_told_step_by_step() {
    let cluster = cluster().await;
    let nothing = ran(&cluster, "xcat-boot n2").await;
    assert!(nothing.stdout.starts_with("n2") && nothing.code == 0, "{nothing:?}");
    let record = |step: &str, text: &str| BootRecord {
        time: SystemClock.now(),
        node: Some("n1".to_owned()),
        mac: Some("02:00:00:00:00:01".to_owned()),
        attempt: 0,
        step: step.to_owned(),
        text: text.to_owned(),
    };
    let records = vec![
        record("power", "rpower boot: was off"),
        record("dhcp-offer", "offered 10.1.0.1"),
        record("of-a-later-version", "something"),
    ];
    cluster.services.store.record_boot(records).await.unwrap();
    let said = ran(&cluster, "xcat-boot n1").await;
    assert!(said.stdout.starts_with("n1: boot attempt 1 of "), "{}", said.stdout);
    assert!(said.stdout.contains("rpower boot: was off"), "{}", said.stdout);
    assert!(said.stdout.contains("offered 10.1.0.1"), "{}", said.stdout);
    assert!(!said.stdout.contains("something"), "{}", said.stdout);
    let stranger = BootRecord {
        time: SystemClock.now(),
        node: None,
        mac: Some("02:00:00:00:00:99".to_owned()),
        attempt: 0,
        step: "dhcp-silent".to_owned(),
        text: "nobody knows it".to_owned(),
    };
    let off = record("power", "rpower on: was off");
    cluster.services.store.record_boot(vec![off, stranger]).await.unwrap();
    let said = ran(&cluster, "xcat-boot n1").await;
    assert!(said.stdout.contains("02:00:00:00:00:99"), "{}", said.stdout);
    let nobody = ran(&cluster, "xcat-boot").await;
    assert!(nobody.code == 1 && nobody.stdout.contains("Usage: xcat boot"), "{nobody:?}");
}

#[tokio::test]
async fn the_daemon_tells_what_it_is() {
    let cluster = cluster().await;
    let node = "This is a Management Node\n";
    for (line, stdout) in [("lsxcatd -d", "dbengine=SQLite\n"), ("lsxcatd -t", node)] {
        let said = ran(&cluster, line).await;
        assert_eq!((&*said.stdout, said.code), (stdout, 0), "$ {line}");
    }
    let version = ran(&cluster, "lsxcatd -v").await.stdout;
    assert!(version.starts_with("Version "), "{version}");
    let all = ran(&cluster, "lsxcatd -a").await.stdout;
    assert!(all.starts_with(&format!("{version}{node}dbengine=SQLite\n")), "{all}");
    let help = ran(&cluster, "lsxcatd -h").await;
    assert!(help.stdout.starts_with("Usage: lsxcatd") && help.code == 0, "{help:?}");
    let nothing = ran(&cluster, "lsxcatd").await;
    assert!(nothing.stdout.contains("Usage: lsxcatd") && nothing.code == 1, "{nothing:?}");
}
