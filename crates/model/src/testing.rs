//! A small cluster for the tests of this crate.

use std::path::PathBuf;

use base::Mac;
use tables::{Patch, Snapshot};

use crate::facts::{Interface, ServerFacts};
use crate::view::BootView;

/// The tables: table, key, column, text.
const CLUSTER: &[(&str, &str, &str, &str)] = &[
    ("site", "domain", "value", "cluster.test"),
    ("site", "master", "value", "10.1.0.1"),
    ("nodelist", "n1", "groups", "compute,all"),
    ("nodelist", "n2", "groups", "compute,all"),
    ("nodelist", "n3", "groups", "all"),
    ("nodelist", "n4", "groups", "all"),
    ("hosts", "n1", "ip", "10.1.0.101"),
    ("hosts", "n2", "ip", "10.1.0.102"),
    ("hosts", "n4", "ip", "172.16.0.4"),
    ("mac", "n1", "mac", "02:00:00:00:00:01|02:00:00:00:0f:01!*NOIP*"),
    ("mac", "n2", "mac", "02:00:00:00:00:02"),
    ("mac", "n3", "mac", "02:00:00:00:00:03"),
    ("mac", "n4", "mac", "02:00:00:00:00:04"),
    ("noderes", "compute", "netboot", "xnba"),
    ("nodetype", "compute", "arch", "x86_64"),
    ("nodetype", "compute", "os", "debian12"),
    ("nodetype", "compute", "profile", "compute"),
    ("nodetype", "n1", "provmethod", "deb12"),
    ("chain", "n1", "currstate", "netboot debian12-x86_64-compute"),
    ("bootparams", "n1", "kernel", "xcat/osimage/deb12/kernel"),
    ("bootparams", "n1", "initrd", "xcat/osimage/deb12/initrd-stateless.gz"),
    (
        "bootparams",
        "n1",
        "kcmdline",
        "imgurl=http://!myipfn!:80/install/x.sfs XCAT=!myipfn!:3001 quiet",
    ),
    ("osimage", "deb12", "provmethod", "netboot"),
    ("osimage", "deb12", "osvers", "debian12"),
    ("osimage", "deb12", "osarch", "x86_64"),
    ("osimage", "deb12", "profile", "compute"),
    ("linuximage", "deb12", "permission", "755"),
    ("postscripts", "xcatdefaults", "postscripts", "syslog,remoteshell"),
    ("postscripts", "xcatdefaults", "postbootscripts", "otherpkgs"),
];

/// The tables of the cluster with `changes`: table, key, column, text.
pub(crate) fn snapshot(changes: &[(&str, &str, &str, &str)]) -> Snapshot {
    let mut patch = Patch::new();
    let nets = tables::table("networks").unwrap();
    patch.set(
        nets,
        &["10.1.0.0", "255.255.0.0"],
        &[
            ("netname", Some("mgtnet")),
            ("gateway", Some("<xcatmaster>")),
            ("dynamicrange", Some("10.1.200.1-10.1.200.254")),
        ],
    );
    for (table, key, column, text) in CLUSTER.iter().chain(changes) {
        patch.set(tables::table(table).unwrap(), &[key], &[(column, Some(text))]);
    }
    Snapshot::empty().apply(&patch).unwrap().0
}

/// This server: one interface in the cluster's network, one outside.
pub(crate) fn facts() -> ServerFacts {
    let nic = |name: &str, last, address: &str| Interface {
        name: name.to_owned(),
        mac: Some(Mac::new([2, 0, 0, 0, 0xff, last])),
        addresses: vec![address.parse().unwrap()],
    };
    ServerFacts {
        host_name: "xcatmn".to_owned(),
        interfaces: vec![nic("eth0", 1, "10.1.0.1/16"), nic("eth1", 2, "192.0.2.7/24")],
        boot_dir: PathBuf::from("/boot-dir"),
        resolvers: vec!["192.0.2.53".parse().unwrap()],
    }
}

/// The view of the cluster with `changes`.
pub(crate) fn view(changes: &[(&str, &str, &str, &str)]) -> BootView {
    BootView::build(&snapshot(changes), &facts()).0
}
