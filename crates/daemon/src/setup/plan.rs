//! What an empty set of tables is filled with, as a pure function of the machine and of what is there already.
//!
//! Invariant: nothing that an administrator may have written is changed. A table gets its first rows once; later only
//! that is put back without which nothing works: some keys of `site`, and root's row in a `policy` that is empty.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use base::Secret;
use model::Machine;
use tables::{Patch, Snapshot, ids};

use crate::setup::seeds::Seeds;

/// What the tables are seeded from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) domain: Option<String>,
    /// The address that the machine's name stands for.
    pub(crate) own_address: Option<Ipv4Addr>,
    pub(crate) machine: Machine,
    pub(crate) resolvers: Vec<String>,
    pub(crate) timezone: String,
    /// The crypted password of root on nodes; none when the one that was given cannot be had.
    pub(crate) root_password: Option<Secret<String>>,
    /// The name in the server's certificate.
    pub(crate) certificate_name: String,
    /// The postscripts that are installed.
    pub(crate) postscripts: Vec<String>,
    pub(crate) install: PathBuf,
    pub(crate) tftp: PathBuf,
    pub(crate) share: PathBuf,
    pub(crate) etc: PathBuf,
    pub(crate) client_port: u16,
    pub(crate) monitor_port: u16,
    pub(crate) http_port: u16,
    /// The architecture in xCAT's spelling.
    pub(crate) arch: String,
}

/// Keys of `site` that have the same value everywhere.
const SITE: &[(&str, &str)] = &[
    ("auditnosyslog", "0"),
    ("auditskipcmds", "ALL"),
    ("blademaxp", "64"),
    ("cleanupdiskfullxcatpost", "no"),
    ("cleanupxcatpost", "no"),
    ("consoleondemand", "no"),
    ("databaseloc", "/var/lib"),
    ("db2installloc", "/mntdb2"),
    ("dhcplease", "43200"),
    ("dnshandler", "ddns"),
    ("enableASMI", "no"),
    ("fsptimeout", "0"),
    ("ipmimaxp", "64"),
    ("ipmiretries", "3"),
    ("ipmitimeout", "2"),
    ("maxssh", "8"),
    ("nodesyncfiledir", "/var/xcat/node/syncfiles"),
    ("powerinterval", "0"),
    ("ppcmaxp", "64"),
    ("ppcretry", "3"),
    ("ppctimeout", "0"),
    ("sharedtftp", "1"),
    ("SNsyncfiledir", "/var/xcat/syncfiles"),
    ("sshbetweennodes", "ALLGROUPS"),
    ("syspowerinterval", "0"),
    ("useNmapfromMN", "no"),
    ("vsftp", "n"),
    ("xcatsslversion", ""),
    ("xcattlspolicy", "modern"),
];
/// Without these nothing works.
const MANDATORY: &[&str] =
    &["domain", "master", "nameservers", "installdir", "tftpdir", "xcatdport", "xcatiport"];
/// What nodes may ask without a certificate.
const NODE_REQUESTS: &[(&str, &str)] = &[
    ("2", "getbmcconfig"),
    ("2.1", "remoteimmsetup"),
    ("2.3", "lsxcatd"),
    ("3", "nextdestiny"),
    ("4", "getdestiny"),
    ("4.4", "getpostscript"),
    ("4.5", "getcredentials"),
    ("4.6", "syncfiles"),
    ("4.7", "litefile"),
    ("4.8", "litetree"),
    ("4.9", "getadapter"),
];
/// The images that are defined from the start, by profile.
const IMAGES: &[&str] = &["compute", "lab"];
const OS: &str = "debian13";

/// What is missing in `snapshot`.
pub(crate) fn plan(facts: &Facts, snapshot: &Snapshot, seeds: &Seeds) -> Patch {
    let mut patch = Patch::new();
    let lack = |table| seeds.lack(table, snapshot);
    site(facts, snapshot, lack(ids::SITE), &mut patch);
    if lack(ids::NETWORKS) {
        for network in facts.machine.networks() {
            network.define(&mut patch);
        }
    }
    if lack(ids::PASSWD)
        && let Some(password) = &facts.root_password
    {
        let password = password.expose().as_str();
        let cells = [("password", Some(password)), ("cryptmethod", Some("sha512"))];
        patch.set(ids::PASSWD, &["system", "root"], &cells);
    }
    if lack(ids::POLICY) {
        policy(facts, &mut patch);
    } else if nobody_may(snapshot) {
        root_may(&mut patch);
    }
    if lack(ids::POSTSCRIPTS) {
        postscripts(facts, &mut patch);
    }
    if lack(ids::OSIMAGE) {
        for profile in IMAGES {
            image(facts, profile, &mut patch);
        }
    }
    patch
}

/// Whether the policy denies everything to everybody: it is empty.
pub(crate) fn nobody_may(snapshot: &Snapshot) -> bool {
    snapshot.row_count(ids::POLICY) == 0
}

fn site(facts: &Facts, snapshot: &Snapshot, first: bool, patch: &mut Patch) {
    let master = master(facts).map(|address| address.to_string()).unwrap_or_default();
    let forwarders: Vec<&str> = facts
        .resolvers
        .iter()
        .map(String::as_str)
        .filter(|resolver| *resolver != master && !resolver.starts_with("127."))
        .collect();
    let http_port = Some(facts.http_port).filter(|port| *port != 80);
    let here = [
        ("httpport", http_port.map(|port| port.to_string()).unwrap_or_default()),
        ("domain", facts.domain.clone().unwrap_or_default()),
        ("forwarders", forwarders.join(",")),
        ("installdir", facts.install.display().to_string()),
        ("master", master.clone()),
        ("nameservers", master),
        ("tftpdir", facts.tftp.display().to_string()),
        ("timezone", facts.timezone.clone()),
        ("xcatconfdir", facts.etc.display().to_string()),
        ("xcatdport", facts.client_port.to_string()),
        ("xcatiport", facts.monitor_port.to_string()),
    ];
    let same = SITE.iter().filter(|_| first).map(|(key, value)| (*key, (*value).to_owned()));
    let here = here.into_iter().filter(|(key, value)| {
        let wanted = first || MANDATORY.contains(key);
        wanted && !value.is_empty() && snapshot.row(ids::SITE, &[key]).is_none()
    });
    for (key, value) in same.chain(here) {
        patch.set(ids::SITE, &[key], &[("value", Some(&value))]);
    }
}

/// The address under which nodes know this machine: the one of its name, else the first.
fn master(facts: &Facts) -> Option<Ipv4Addr> {
    let first = facts.machine.addresses().next();
    let own = facts.machine.addresses().find(|net| Some(net.addr()) == facts.own_address);
    own.or(first).map(|net| net.addr())
}

fn root_may(patch: &mut Patch) {
    patch.set(ids::POLICY, &["1"], &[("name", Some("root")), ("rule", Some("allow"))]);
}

fn policy(facts: &Facts, patch: &mut Patch) {
    root_may(patch);
    let name = Some(&*facts.certificate_name).filter(|name| !name.is_empty());
    if name.is_some() {
        patch.set(ids::POLICY, &["1.2"], &[("name", name), ("rule", Some("trusted"))]);
    }
    for (priority, command) in NODE_REQUESTS {
        let cells = [("commands", Some(*command)), ("rule", Some("allow"))];
        patch.set(ids::POLICY, &[priority], &cells);
    }
}

/// xCAT's default scripts, as far as they are installed.
fn postscripts(facts: &Facts, patch: &mut Patch) {
    let installed = |names: &[&str]| {
        let here = |name: &&&str| facts.postscripts.iter().any(|found| found == **name);
        names.iter().filter(here).copied().collect::<Vec<&str>>().join(",")
    };
    let first = installed(&["syslog", "remoteshell", "syncfiles"]);
    let at_boot = installed(&["otherpkgs"]);
    let cells = [("postscripts", Some(&*first)), ("postbootscripts", Some(&*at_boot))];
    patch.set(ids::POSTSCRIPTS, &["xcatdefaults"], &cells);
    patch.set(ids::POSTSCRIPTS, &["service"], &[("postscripts", Some("servicenode"))]);
}

fn image(facts: &Facts, profile: &str, patch: &mut Patch) {
    let arch = &facts.arch;
    let name = format!("{OS}-{arch}-netboot-{profile}");
    let install = facts.install.display();
    let rootimgdir = format!("{install}/netboot/{OS}/{arch}/{profile}");
    let otherpkgdir = format!("{install}/post/otherpkgs/{OS}/{arch}");
    let share = facts.share.display();
    let pkglist = format!("{share}/netboot/debian/{profile}.{arch}.pkglist");
    let description = match profile {
        "lab" => "Debian 13, small, for virtual nodes",
        _ => "Debian 13, diskless",
    };
    patch.set(
        ids::OSIMAGE,
        &[&name],
        &[
            ("profile", Some(profile)),
            ("imagetype", Some("linux")),
            ("description", Some(description)),
            ("provmethod", Some("netboot")),
            ("osname", Some("Linux")),
            ("osvers", Some(OS)),
            ("osarch", Some(arch)),
        ],
    );
    patch.set(
        ids::LINUXIMAGE,
        &[&name],
        &[
            ("pkglist", Some(&*pkglist)),
            ("otherpkgdir", Some(&*otherpkgdir)),
            ("rootimgdir", Some(&*rootimgdir)),
            ("permission", Some("755")),
        ],
    );
}

#[cfg(test)]
mod tests {
    use model::machine::Port;

    use super::*;

    fn facts() -> Facts {
        let link = |name: &str, address: &str| Port {
            name: name.to_owned(),
            mtu: Some(1500),
            addresses: vec![address.parse().unwrap()],
        };
        let machine = Machine {
            host_name: "xcatmn".to_owned(),
            links: vec![link("eth1", "192.168.0.101/24"), link("eth0", "10.5.107.101/24")],
            gateway: Some(Ipv4Addr::new(10, 5, 107, 1)),
        };
        Facts {
            domain: Some("clusters.com".to_owned()),
            own_address: Some(Ipv4Addr::new(10, 5, 107, 101)),
            machine,
            resolvers: vec![
                "127.0.0.11".to_owned(),
                "9.9.9.9".to_owned(),
                "10.5.107.101".to_owned(),
            ],
            timezone: "Europe/Berlin".to_owned(),
            root_password: Some(Secret::new("$6$x".to_owned())),
            certificate_name: "xcatmn".to_owned(),
            postscripts: vec!["remoteshell".to_owned(), "syslog".to_owned()],
            install: "/install".into(),
            tftp: "/tftpboot".into(),
            share: "/opt/xcat/share/xcat".into(),
            etc: "/etc/xcat".into(),
            client_port: 3001,
            monitor_port: 3002,
            http_port: 80,
            arch: "x86_64".to_owned(),
        }
    }

    fn seeded() -> Snapshot {
        let patch = plan(&facts(), &Snapshot::empty(), &Seeds::default());
        Snapshot::empty().apply(&patch).unwrap().0
    }

    #[test]
    fn an_empty_set_of_tables_describes_the_machine() {
        let seeded = seeded();
        for (key, value) in [
            ("domain", "clusters.com"),
            ("master", "10.5.107.101"),
            ("nameservers", "10.5.107.101"),
            ("forwarders", "9.9.9.9"),
            ("xcatdport", "3001"),
            ("timezone", "Europe/Berlin"),
            ("dhcplease", "43200"),
        ] {
            assert_eq!(seeded.site(key), Some(value), "{key}");
        }
        let net = seeded.row(ids::NETWORKS, &["10.5.107.0", "255.255.255.0"]).unwrap();
        assert_eq!(net.get("netname"), Some("10_5_107_0-255_255_255_0"));
        assert_eq!((net.get("gateway"), net.get("mgtifname")), (Some("10.5.107.1"), Some("eth0")));
        let net = seeded.row(ids::NETWORKS, &["192.168.0.0", "255.255.255.0"]).unwrap();
        assert_eq!(net.get("gateway"), Some("<xcatmaster>"));
        assert_eq!(seeded.row_count(ids::POLICY), 13);
        let defaults = seeded.row(ids::POSTSCRIPTS, &["xcatdefaults"]).unwrap();
        assert_eq!(defaults.get("postscripts"), Some("syslog,remoteshell"));
        let image = seeded.row(ids::LINUXIMAGE, &["debian13-x86_64-netboot-lab"]).unwrap();
        assert_eq!(image.get("rootimgdir"), Some("/install/netboot/debian13/x86_64/lab"));
    }

    #[test]
    fn a_second_start_changes_nothing() {
        assert!(plan(&facts(), &seeded(), &Seeds::default()).is_empty());
        assert!(plan(&facts(), &seeded(), &Seeds::all()).is_empty());
    }

    #[test]
    fn what_an_administrator_changed_or_removed_stays_so() {
        let mut edits = Patch::new();
        edits.set(ids::SITE, &["domain"], &[("value", Some("other.org"))]);
        edits.delete(ids::SITE, &["dhcplease"]).delete(ids::SITE, &["tftpdir"]);
        edits.delete(ids::POLICY, &["4.9"]);
        let edited = seeded().apply(&edits).unwrap().0;
        let later = edited.apply(&plan(&facts(), &edited, &Seeds::all())).unwrap().0;
        assert_eq!((later.site("domain"), later.site("dhcplease")), (Some("other.org"), None));
        assert_eq!(later.site("tftpdir"), Some("/tftpboot"));
        assert_eq!(later.row_count(ids::POLICY), 12);
    }

    /// The tables with every row removed.
    fn emptied() -> Snapshot {
        let (seeded, mut removals) = (seeded(), Patch::new());
        for row in tables::TableId::all().flat_map(|table| seeded.rows(table)) {
            removals.delete(row.table(), &row.key().collect::<Vec<_>>());
        }
        seeded.apply(&removals).unwrap().0
    }

    #[test]
    fn tables_that_an_administrator_emptied_get_only_what_nothing_works_without() {
        let emptied = emptied();
        let later = emptied.apply(&plan(&facts(), &emptied, &Seeds::all())).unwrap().0;
        for table in [ids::PASSWD, ids::NETWORKS, ids::POSTSCRIPTS, ids::OSIMAGE, ids::LINUXIMAGE] {
            assert_eq!(later.row_count(table), 0, "{table}");
        }
        assert_eq!(later.row_count(ids::SITE), MANDATORY.len());
        assert_eq!((later.site("master"), later.site("timezone")), (Some("10.5.107.101"), None));
        let policy: Vec<_> = later.rows(ids::POLICY).map(|row| row.get("name")).collect();
        assert_eq!(policy, [Some("root")], "what root is allowed anyway, and no more");
    }

    #[test]
    fn a_first_start_that_was_cut_short_is_completed() {
        let emptied = emptied();
        let later = emptied.apply(&plan(&facts(), &emptied, &Seeds::default())).unwrap().0;
        for table in [ids::SITE, ids::PASSWD, ids::NETWORKS, ids::POLICY, ids::OSIMAGE] {
            assert_eq!(later.row_count(table), seeded().row_count(table), "{table}");
        }
    }
}
