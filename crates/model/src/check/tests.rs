//! A cluster without a fault, and each fault alone in it.

use std::net::Ipv4Addr;

use tables::{Patch, ids, table};

use super::*;
use crate::machine::Port;
use crate::testing;

type Change<'a> = (&'a str, &'a str, &'a str, &'a str);

fn machine() -> Machine {
    let link = |name: &str, address: &str| Port {
        name: name.to_owned(),
        mtu: Some(1500),
        addresses: vec![address.parse().unwrap()],
    };
    Machine {
        host_name: "xcatmn".to_owned(),
        links: vec![link("eth0", "10.1.0.1/16"), link("eth1", "192.0.2.7/24")],
        gateway: Some(Ipv4Addr::new(192, 0, 2, 1)),
    }
}

/// A cluster without a fault, and what is changed in it.
fn cluster(changes: &[Change<'_>]) -> Snapshot {
    let sound = [
        ("hosts", "n3", "ip", "10.1.0.103"),
        ("hosts", "n4", "ip", "10.1.0.104"),
        ("policy", "1", "name", "root"),
        ("policy", "1", "rule", "allow"),
        ("linuximage", "deb12", "pkglist", "/x/compute.pkglist"),
    ];
    testing::snapshot(&sound.iter().chain(changes).copied().collect::<Vec<_>>())
}

fn shown(snapshot: &Snapshot, nodes: Option<&[NodeName]>) -> Vec<String> {
    check(snapshot, &machine(), nodes).iter().map(ToString::to_string).collect()
}

fn found(changes: &[Change<'_>]) -> Vec<String> {
    shown(&cluster(changes), None)
}

#[test]
fn a_sound_cluster_has_no_findings() {
    assert_eq!(found(&[]), [] as [&str; 0]);
}

/// A change of the cluster, and the line that tells of it.
const FAULTS: &[(Change<'static>, &str)] = &[
    (
        ("hosts", "n1", "ip", "10.1.0.300"),
        "error: node n1: ip '10.1.0.300' is no IP address; run: chdef n1 ip=ADDRESS",
    ),
    (
        ("hosts", "n2", "ip", "10.1.0.101"),
        "error: node n2: ip '10.1.0.101' is the address of n1; run: chdef n2 ip=ADDRESS",
    ),
    (
        ("hosts", "n3", "ip", "10.9.0.3"),
        "error: node n3: ip '10.9.0.3' is in no network of the networks table: no DHCP and no \
             domain for it; run: mkdef -t network NAME net=ADDRESS mask=MASK",
    ),
    (
        ("hosts", "n3", "ip", "10.1.200.7"),
        "error: node n3: ip '10.1.200.7' is inside of the dynamic range of network mgtnet; run: \
             chdef n3 ip=ADDRESS",
    ),
    (
        ("hosts", "n3", "ip", "10.1.0.1"),
        "error: node n3: ip '10.1.0.1' is an address of this management node; run: chdef n3 \
             ip=ADDRESS",
    ),
    (
        ("hosts", "n3", "ip", "10.1.255.255"),
        "error: node n3: ip '10.1.255.255' is no address of a host in network mgtnet; run: chdef \
             n3 ip=ADDRESS",
    ),
    (
        ("hosts", "n3", "hostnames", "N1"),
        "error: node n3: hostnames 'N1' is a name of n1; run: chdef n3 hostnames=",
    ),
    (
        ("nics", "n3", "nicips", "eth1!junk"),
        "error: node n3: nicips 'junk' is not an IP address; it is left out; run: chdef n3 \
             nicips.NIC=ADDRESS",
    ),
    (
        ("mac", "n3", "mac", "junk"),
        "error: node n3: mac 'junk' is no Ethernet address; run: chdef n3 mac=ADDRESS",
    ),
    (
        ("mac", "n3", "mac", "02:00:00:00:00:02"),
        "error: node n3: mac '02:00:00:00:00:02' is the hardware address of n2; run: chdef n3 \
             mac=ADDRESS",
    ),
    (
        ("nodetype", "n3", "arch", "x86-64"),
        "error: node n3: arch 'x86-64' is no architecture; run: chdef n3 arch=x86_64",
    ),
    (
        ("nodetype", "compute", "arch", "amd64"),
        "error: group compute: arch 'amd64' is no architecture (2 nodes); run: chdef -t group \
             compute arch=x86_64",
    ),
    (
        ("noderes", "n3", "netboot", "ipxe"),
        "error: node n3: netboot 'ipxe' is no way to boot; run: chdef n3 netboot=xnba",
    ),
    (
        ("nodehm", "n3", "mgt", "ipmi"),
        "error: node n3: bmc is missing: the node has no service processor; run: chdef n3 \
             bmc=ADDRESS",
    ),
    (
        ("nodehm", "n3", "serialport", "ttyS0"),
        "error: node n3: serialport 'ttyS0' is no number; run: chdef n3 serialport=0",
    ),
    (
        ("nodetype", "n3", "provmethod", "nosuch"),
        "error: node n3: provmethod 'nosuch' is no osimage; run: chdef n3 provmethod=deb12",
    ),
    (
        ("noderes", "n3", "xcatmaster", "elsewhere"),
        "warning: node n3: xcatmaster 'elsewhere' has no address in the tables; run: chdef n3 \
             xcatmaster=ADDRESS",
    ),
    (
        ("noderes", "n3", "servicenode", "sn9"),
        "error: node n3: servicenode 'sn9' is no node; run: chdef n3 servicenode=",
    ),
    (
        ("hosts", "n77", "ip", "10.1.0.77"),
        "warning: row hosts.n77: node 'n77' is neither a node nor a group; run: chtab -d \
             node=n77 hosts",
    ),
    (
        ("nodelist", "n3", "groups", "all,n4"),
        "error: group n4: groupname is the name of a node too, and a noderange means the node; \
             run: rmdef -t group n4",
    ),
    (
        ("site", "domain", "value", "no domain"),
        "error: site clustersite: domain 'no domain' is no name of a domain; run: chdef -t site \
             clustersite domain=DOMAIN",
    ),
    (
        ("nodelist", "a;b", "groups", "all"),
        "error: row nodelist.a;b: node 'a;b' is no name for a node: it has a character that node names \
             cannot have; run: chtab -d node='a;b' nodelist",
    ),
    (
        ("site", "domain", "value", ""),
        "error: site clustersite: domain is not set: nodes have no full names; run: chdef -t \
             site clustersite domain=DOMAIN",
    ),
    (
        ("site", "master", "value", "10.1.0.9"),
        "error: site clustersite: master '10.1.0.9' is no address of this machine: nodes will \
             not find it; run: chdef -t site clustersite master=ADDRESS",
    ),
    (
        ("site", "dhcpinterfaces", "value", "eth0,eth8;sn1|eth7"),
        "error: site clustersite: dhcpinterfaces 'eth8' is no interface of this machine; run: \
             chdef -t site clustersite dhcpinterfaces=eth0,eth1",
    ),
    (
        ("policy", "1", "rule", "yes"),
        "warning: policy 1: name nobody called root is allowed anything over the network; run: \
             chdef -t policy 1 name=root rule=allow",
    ),
    (
        ("linuximage", "deb12", "pkglist", ""),
        "warning: osimage deb12: pkglist is missing: genimage has nothing to install; run: chdef \
             -t osimage deb12 pkglist=FILE",
    ),
    (
        ("osimage", "deb12", "osarch", "aarch64"),
        "warning: group compute: arch 'x86_64' is not the architecture of its image deb12 \
             (aarch64); run: chdef -t group compute arch=aarch64",
    ),
];

#[test]
fn each_fault_is_one_line_with_object_attribute_and_command() {
    for (change, line) in FAULTS {
        let lines = found(&[*change]);
        assert!(lines.iter().any(|found| found == line), "{change:?}\n{line}\n{lines:#?}");
    }
}

/// The findings about networks when these rows are added: name, net, mask, column, text.
fn networks(rows: &[(&str, &str, &str, &str, &str)]) -> Vec<String> {
    let mut patch = Patch::new();
    for (name, net, mask, column, text) in rows {
        let cells = [("netname", Some(*name)), (column, Some(*text))];
        patch.set(ids::NETWORKS, &[net, mask], &cells);
    }
    shown(&cluster(&[]).apply(&patch).unwrap().0, None)
}

#[test]
fn networks_are_held_against_themselves_and_each_other() {
    let range = |text: &str| networks(&[("a", "10.2.0.0", "255.255.255.0", "dynamicrange", text)]);
    let line = |text: &str, run: &str| {
        vec![format!("error: network a: dynamicrange {text}; run: chdef -t network a {run}")]
    };
    let example = "dynamicrange=10.2.0.128-10.2.0.254";
    assert_eq!(
        range("10.2.0.9-10.2.0.5"),
        line("'10.2.0.9-10.2.0.5' ends before it begins", "dynamicrange=10.2.0.5-10.2.0.9")
    );
    let outside = "'10.2.0.9-10.2.1.5' is not inside of the network 10.2.0.0/24";
    assert_eq!(range("10.2.0.9-10.2.1.5"), line(outside, example));
    assert_eq!(range("10.2.0.9"), line("'10.2.0.9' is no range FIRST-LAST", example));
    let cases = [
        (("a", "10.2", "16", "mtu", "1500"), "net '10.2' is no address; run"),
        (("a", "10.2.0.0", "255.0.255.0", "mtu", "1500"), "mask '255.0.255.0' is no mask of it"),
        (("a", "10.2.0.7", "255.255.0.0", "mtu", "1500"), "net '10.2.0.7' is an address inside"),
        (("a", "10.2.0.0", "16", "gateway", "10.3.0.1"), "gateway '10.3.0.1' is not inside of the"),
        (("a", "10.2.0.0", "16", "gateway", "rt"), "gateway 'rt' has no address in the tables"),
        (("a", "10.2.0.0", "16", "mtu", "big"), "mtu 'big' is no size of a packet"),
        (("a", "10.2.0.0", "16", "mgtifname", "eth9"), "mgtifname 'eth9' is no interface"),
        (("a", "192.0.2.0", "24", "mgtifname", "eth0"), "mgtifname=eth1"),
        (("a", "10.2.0.0", "16", "tftpserver", "tf"), "tftpserver 'tf' has no address"),
        (("a", "10.1.0.0", "16", "mtu", "1500"), "net is the same network as"),
        (("a", "10.1.3.0", "24", "mtu", "1500"), "net lies inside of mgtnet (10.1.0.0/16)"),
        (("mgtnet", "10.2.0.0", "16", "mtu", "1500"), "is the name of several networks"),
    ];
    for (row, part) in cases {
        let lines = networks(&[row]);
        assert!(lines.len() == 1 && lines[0].contains(part), "{row:?}\n{part}\n{lines:#?}");
    }
}

#[test]
fn groups_of_groups_and_dynamic_groups_are_followed() {
    let mut patch = Patch::new();
    let nodegroup = table("nodegroup").unwrap();
    patch.set(nodegroup, &["a"], &[("membergroups", Some("b,ghost"))]);
    patch.set(nodegroup, &["b"], &[("membergroups", Some("a"))]);
    patch.set(nodegroup, &["d"], &[("grouptype", Some("dynamic")), ("wherevals", Some("mgt"))]);
    patch.set(
        nodegroup,
        &["compute"],
        &[("grouptype", Some("dynamic")), ("wherevals", Some("a==b"))],
    );
    let lines = shown(&cluster(&[]).apply(&patch).unwrap().0, None).join("\n");
    for part in [
        "error: group a: membergroups leads back to the group itself",
        "warning: group a: membergroups 'ghost' is no group",
        "error: group b: membergroups leads back",
        "error: group d: wherevals 'mgt' cannot be read",
        "warning: group compute: grouptype is dynamic, but nodes have the group",
    ] {
        assert!(lines.contains(part), "{part}\n{lines}");
    }
}

#[test]
fn what_concerns_only_other_nodes_is_left_out() {
    let snapshot = cluster(&[
        ("hosts", "n1", "ip", "junk"),
        ("hosts", "n3", "ip", "10.1.0.102"),
        ("site", "master", "value", "10.1.0.9"),
    ]);
    let of = |name: &str| shown(&snapshot, Some(&[NodeName::parse(name).unwrap()]));
    assert_eq!(of("n4"), [] as [&str; 0]);
    assert!(of("n1").iter().all(|line| line.contains("node n1: ip 'junk'")));
    let both = ["error: node n3: ip '10.1.0.102' is the address of n2; run: chdef n3 ip=ADDRESS"];
    assert_eq!(
        (of("n2"), of("n3")),
        (both.map(str::to_owned).to_vec(), both.map(str::to_owned).to_vec())
    );
}

#[test]
fn an_expression_that_cannot_be_used_is_told_once_for_its_group() {
    let lines = found(&[("hosts", "compute", "hostnames", "|n(\\d+|x($1)|")]);
    let told: Vec<&String> =
        lines.iter().filter(|line| line.contains("regular expression")).collect();
    assert!(
        told.len() == 1 && told[0].starts_with("error: group compute: hostnames"),
        "{lines:#?}"
    );
}

#[test]
fn ten_thousand_sound_nodes_have_no_findings() {
    let mut patch = Patch::new();
    for number in 0..10_000_u32 {
        let node = format!("c{number:05}");
        let ip = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 1, 10, 0)) + number).to_string();
        let [_, _, high, low] = number.to_be_bytes();
        let mac = base::Mac::new([2, 1, 0, 0, high, low]).to_string();
        patch.set(ids::NODELIST, &[&node], &[("groups", Some("compute,all"))]);
        patch.set(ids::HOSTS, &[&node], &[("ip", Some(&*ip))]);
        patch.set(ids::MAC, &[&node], &[("mac", Some(&*mac))]);
    }
    let snapshot = cluster(&[]).apply(&patch).unwrap().0;
    assert_eq!(shown(&snapshot, None), [] as [&str; 0]);
}
