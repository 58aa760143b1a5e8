//! Objects from outside: what is read and written where.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use tables::{ObjectType, Patch, Snapshot, TableId, ids, objects};

fn set(snapshot: &Snapshot, kind: ObjectType, name: &str, attributes: &[(&str, &str)]) -> Snapshot {
    let change = objects::set(snapshot, kind, name, attributes).unwrap();
    assert_eq!(change.warnings, [""; 0]);
    snapshot.apply(&change.patch).unwrap().0
}

fn read(snapshot: &Snapshot, kind: ObjectType, name: &str) -> Vec<(String, String)> {
    let attributes = objects::read(snapshot, kind, name).into_iter();
    let mut pairs: Vec<_> =
        attributes.map(|found| (found.name.to_string(), found.value.to_string())).collect();
    pairs.sort();
    pairs
}

/// One attribute, which has to be the same when all are read.
fn get(snapshot: &Snapshot, kind: ObjectType, name: &str, attribute: &str) -> Option<String> {
    let found = objects::value(snapshot, kind, name, attribute);
    let found = found.map(|found| found.value.to_string());
    let mut all = read(snapshot, kind, name).into_iter();
    assert_eq!(found, all.find(|(known, _)| known == attribute).map(|(_, value)| value));
    found
}

fn errors(snapshot: &Snapshot, kind: ObjectType, attributes: &[(&str, &str)]) -> Vec<String> {
    let refused = objects::set(snapshot, kind, "n1", attributes).unwrap_err();
    refused.iter().map(ToString::to_string).collect()
}

fn pairs(attributes: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> =
        attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    pairs.sort();
    pairs
}

#[test]
fn a_node_is_spread_over_the_tables_and_read_back() {
    let attributes = [
        ("groups", "compute,all"),
        ("mgt", "ipmi"),
        ("arch", "x86_64"),
        ("bmc", "10.2.0.1"),
        ("bmcpassword", "secret"),
        ("usercomment", "front"),
    ];
    let snapshot = set(&Snapshot::empty(), ObjectType::Node, "n1", &attributes);
    assert_eq!(snapshot.row(ids::IPMI, &["n1"]).unwrap().get("bmc"), Some("10.2.0.1"));
    assert!(snapshot.row(ids::OPENBMC, &["n1"]).is_none());
    assert_eq!(snapshot.row(ids::NODELIST, &["n1"]).unwrap().get("comments"), Some("front"));
    assert_eq!(read(&snapshot, ObjectType::Node, "n1"), pairs(&attributes));
    let mgt = objects::value(&snapshot, ObjectType::Node, "n1", "mgt").unwrap();
    assert_eq!(mgt.source(), "(Table:nodehm - Key:node - Column:mgt)");
    assert_eq!(mgt.from, None);
    assert_eq!(objects::names(&snapshot, ObjectType::Group).len(), 2);
    assert!(objects::exists(&snapshot, ObjectType::Group, "compute"));

    let gone = objects::remove(&snapshot, ObjectType::Node, "n1").unwrap();
    let (gone, _) = snapshot.apply(&gone).unwrap();
    assert!(TableId::all().all(|table| gone.row_count(table) == 0));
}

#[test]
fn conditions_choose_the_table_or_refuse() {
    let empty = Snapshot::empty();
    assert_eq!(
        errors(&empty, ObjectType::Node, &[("groups", "all"), ("bmc", "10.2.0.1")]),
        ["Cannot set the attr='bmc' attribute unless mgt value is ipmi or openbmc."]
    );
    assert_eq!(
        errors(&empty, ObjectType::Node, &[("nosuch", "1")]),
        ["'nosuch' is not a valid attribute for type 'node'."]
    );
    let node = set(&empty, ObjectType::Node, "n1", &[("groups", "all"), ("mgt", "openbmc")]);
    let node = set(&node, ObjectType::Node, "n1", &[("bmc", "10.2.0.1")]);
    assert_eq!(node.row(ids::OPENBMC, &["n1"]).unwrap().get("bmc"), Some("10.2.0.1"));
    assert_eq!(get(&node, ObjectType::Node, "n1", "bmc").as_deref(), Some("10.2.0.1"));
    let moved = set(&node, ObjectType::Node, "n1", &[("mgt", "ipmi")]);
    assert_eq!(get(&moved, ObjectType::Node, "n1", "bmc"), None);
}

#[test]
fn conditions_look_at_groups_words_and_several_keys() {
    let empty = Snapshot::empty();
    let group = set(&empty, ObjectType::Group, "all", &[("mgt", "ipmi")]);
    let node = set(&group, ObjectType::Node, "n2", &[("groups", "all"), ("bmc", "b")]);
    assert_eq!(get(&node, ObjectType::Node, "n2", "bmc").as_deref(), Some("b"));
    let fsp = [("groups", "all"), ("mgt", "fsp"), ("passwd.HMC", "a"), ("passwd.admin", "b")];
    let node = set(&empty, ObjectType::Node, "f1", &fsp);
    assert_eq!(node.row(ids::PPCDIRECT, &["f1", "HMC"]).unwrap().get("password"), Some("a"));
    assert_eq!(get(&node, ObjectType::Node, "f1", "passwd.admin").as_deref(), Some("b"));
    let attributes = [("imagetype", "linux"), ("provmethod", "netboot"), ("pkglist", "/p")];
    let image = set(&empty, ObjectType::OsImage, "i", &attributes);
    assert_eq!(image.row(ids::LINUXIMAGE, &["i"]).unwrap().get("pkglist"), Some("/p"));
    assert_eq!(read(&image, ObjectType::OsImage, "i"), pairs(&attributes));
}

#[test]
fn nodes_inherit_and_groups_show_what_is_written() {
    let computed = r"|\D+(\d+)|10.1.1.($1+0)|";
    let snapshot = set(&Snapshot::empty(), ObjectType::Node, "n7", &[("groups", "compute,all")]);
    let snapshot = set(&snapshot, ObjectType::Group, "compute", &[("ip", computed)]);
    assert_eq!(get(&snapshot, ObjectType::Node, "n7", "ip").as_deref(), Some("10.1.1.7"));
    assert_eq!(get(&snapshot, ObjectType::Group, "compute", "ip").as_deref(), Some(computed));
    let ip = objects::value(&snapshot, ObjectType::Node, "n7", "ip").unwrap();
    assert_eq!(ip.from.as_deref(), Some("compute"));
    let gone = objects::remove(&snapshot, ObjectType::Group, "compute").unwrap();
    let (gone, _) = snapshot.apply(&gone).unwrap();
    assert_eq!(gone.row_count(ids::HOSTS), 0);
    assert_eq!(gone.row(ids::NODELIST, &["n7"]).unwrap().get("groups"), Some("all"));
}

#[test]
fn interfaces_are_merged_into_one_cell() {
    let attributes =
        [("groups", "all"), ("nicips.eth1", "11.1.0.5"), ("nictypes.eth1", "Ethernet")];
    let snapshot = set(&Snapshot::empty(), ObjectType::Node, "n5", &attributes);
    let snapshot = set(&snapshot, ObjectType::Node, "n5", &[("nicips.ib0", "12.1.0.5")]);
    let cell = get(&snapshot, ObjectType::Node, "n5", "nicips").unwrap();
    assert_eq!(cell, "eth1!11.1.0.5,ib0!12.1.0.5");
    let snapshot = set(&snapshot, ObjectType::Node, "n5", &[("nicips.eth1", "")]);
    assert_eq!(get(&snapshot, ObjectType::Node, "n5", "nicips").unwrap(), "ib0!12.1.0.5");
    assert!(ObjectType::Node.has_attribute("nicips.eth9"));
    assert!(!ObjectType::Node.has_attribute("nicx.eth9"));
}

#[test]
fn scripts_that_every_node_runs_are_not_repeated() {
    let defaults = [("postscripts", Some("syslog,remoteshell"))];
    let mut patch = Patch::new();
    patch.set(ids::POSTSCRIPTS, &["xcatdefaults"], &defaults);
    let (snapshot, _) = Snapshot::empty().apply(&patch).unwrap();
    let attributes = [("groups", "all"), ("postscripts", "mine,syslog")];
    let change = objects::set(&snapshot, ObjectType::Node, "n1", &attributes).unwrap();
    assert_eq!(
        change.warnings,
        ["n1: postscripts 'syslog' is already included in the 'xcatdefaults'."]
    );
    let (snapshot, _) = snapshot.apply(&change.patch).unwrap();
    assert_eq!(get(&snapshot, ObjectType::Node, "n1", "postscripts").as_deref(), Some("mine"));
}

#[test]
fn networks_are_found_by_name_and_keyed_by_address() {
    let mut attributes = [("net", "10.1.0.0"), ("mask", "255.255.0.0"), ("mgtifname", "eth0")];
    let snapshot = set(&Snapshot::empty(), ObjectType::Network, "mgtnet", &attributes);
    assert!(snapshot.row(ids::NETWORKS, &["10.1.0.0", "255.255.0.0"]).is_some());
    let snapshot = set(&snapshot, ObjectType::Network, "mgtnet", &[("mask", "255.255.255.0")]);
    assert_eq!(snapshot.row_count(ids::NETWORKS), 1);
    attributes[1].1 = "255.255.255.0";
    assert_eq!(read(&snapshot, ObjectType::Network, "mgtnet"), pairs(&attributes));
    let net = objects::value(&snapshot, ObjectType::Network, "mgtnet", "net").unwrap();
    assert_eq!(net.source(), "(Table:networks - Key: netname - Column:net)");
}

#[test]
fn site_and_monitoring_take_any_key() {
    let attributes = [("domain", "cluster.test"), ("own", "1")];
    let snapshot = set(&Snapshot::empty(), ObjectType::Site, "clustersite", &attributes);
    assert_eq!(snapshot.site("own"), Some("1"));
    let snapshot = set(&snapshot, ObjectType::Site, "clustersite", &[("own", "")]);
    let rest = pairs(&[("domain", "cluster.test")]);
    assert_eq!(read(&snapshot, ObjectType::Site, "clustersite"), rest);
    let attributes = [("nodestatmon", "yes"), ("interval", "5")];
    let snapshot = set(&snapshot, ObjectType::Monitoring, "watch", &attributes);
    assert_eq!(snapshot.row(ids::MONITORING, &["watch"]).unwrap().get("nodestatmon"), Some("yes"));
    let interval = snapshot.row(ids::MONSETTING, &["watch", "interval"]).unwrap();
    assert_eq!(interval.get("value"), Some("5"));
    assert_eq!(read(&snapshot, ObjectType::Monitoring, "watch"), pairs(&[("interval", "5")]));
}
