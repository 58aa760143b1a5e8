//! What is amiss with this machine and what to do about it, a line each. Pure: the facts are values.

use std::net::Ipv4Addr;

use ipnet::IpNet;
use model::Machine;
use tables::Snapshot;

/// What is known about the start.
#[derive(Debug, Default)]
pub(crate) struct Start<'a> {
    pub(crate) host: &'a str,
    /// The address that the machine's name stands for.
    pub(crate) named: Option<Ipv4Addr>,
    pub(crate) machine: Machine,
    /// The file system of the state, where the write-ahead log is unsafe.
    pub(crate) remote: Option<&'a str>,
    /// The file system of the state, where it does not outlive the container or the host.
    pub(crate) passing: Option<&'a str>,
}

/// The lines, after the tables were completed.
pub(crate) fn advice(start: &Start<'_>, snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(domain(start, snapshot));
    lines.extend(master(start, snapshot));
    lines.extend(name(start));
    lines.extend(doubled(&start.machine));
    lines.extend(start.remote.map(|system| {
        format!("the state is on {system}, where SQLite's write-ahead log is unsafe: a rollback journal is used and edits are slower; a local file system for /.dbbackup is better")
    }));
    lines.extend(start.passing.map(|system| {
        format!("the state is on {system} and goes with it: mount a volume at /.dbbackup (-v xcat_dbbackup:/.dbbackup)")
    }));
    lines
}

fn domain(start: &Start<'_>, snapshot: &Snapshot) -> Option<String> {
    let host = start.host;
    snapshot.site("domain").is_none_or(str::is_empty).then(|| {
        format!("the host name '{host}' has no domain, so DNS knows no node by name: chdef -t site clustersite domain=EXAMPLE.COM, or start the container with --add-host {host}.EXAMPLE.COM:ADDRESS")
    })
}

/// Nodes are told to come to `site.master`: an address that this machine has not leads them astray.
fn master(start: &Start<'_>, snapshot: &Snapshot) -> Option<String> {
    let master: Ipv4Addr = snapshot.site("master")?.parse().ok()?;
    let own = start.machine.addresses().next().map(|net| net.addr());
    let is_own = start.machine.addresses().any(|net| net.addr() == master);
    (!is_own).then(|| {
        let own = own.map_or("ADDRESS".to_owned(), |own| own.to_string());
        format!("no interface has {master}, the address of site.master, so nodes will not find this machine: chdef -t site clustersite master={own} nameservers={own}, or give the container that address")
    })
}

fn name(start: &Start<'_>) -> Option<String> {
    let named = start.named?;
    let is_own = start.machine.addresses().any(|net| net.addr() == named);
    (!is_own).then(|| {
        format!("/etc/hosts says that '{}' is {named}, which no interface has: correct extra_hosts (--add-host) or the container's address", start.host)
    })
}

/// Interfaces that share a network: the kernel answers for one by the other.
fn doubled(machine: &Machine) -> Vec<String> {
    let nets: Vec<(&str, IpNet)> = machine
        .links
        .iter()
        .flat_map(|link| link.addresses.iter().map(|net| (&*link.name, net.trunc())))
        .filter(|(_, net)| net.network().is_ipv4())
        .collect();
    let mut lines: Vec<String> = Vec::new();
    for (index, (name, net)) in nets.iter().enumerate() {
        let twin = nets[..index].iter().find(|(other, known)| known == net && other != name);
        lines.extend(twin.map(|(other, _)| {
            format!("{other} and {name} are both in {net}, so answers may leave by the wrong one: connect the container to that network once (docker network disconnect)")
        }));
    }
    lines
}

#[cfg(test)]
mod tests {
    use model::machine::Port;
    use tables::{Patch, ids};

    use super::*;

    fn machine(addresses: &[(&str, &str)]) -> Machine {
        let port = |(name, net): &(&str, &str)| Port {
            name: (*name).to_owned(),
            mtu: None,
            addresses: vec![net.parse().unwrap()],
        };
        Machine { links: addresses.iter().map(port).collect(), ..Machine::default() }
    }

    fn site(values: &[(&str, &str)]) -> Snapshot {
        let mut patch = Patch::new();
        for (key, value) in values {
            patch.set(ids::SITE, &[key], &[("value", Some(value))]);
        }
        Snapshot::empty().apply(&patch).unwrap().0
    }

    #[test]
    fn a_machine_that_is_right_needs_none() {
        let start = Start {
            host: "mn",
            named: Some(Ipv4Addr::new(10, 0, 0, 1)),
            machine: machine(&[
                ("eth0", "10.0.0.1/24"),
                ("eth0", "10.0.0.2/24"),
                ("eth1", "192.168.0.1/24"),
            ]),
            ..Start::default()
        };
        assert!(advice(&start, &site(&[("domain", "x.org"), ("master", "10.0.0.1")])).is_empty());
    }

    #[test]
    fn each_line_says_what_to_do() {
        let start = Start {
            host: "mn",
            named: Some(Ipv4Addr::new(10, 9, 0, 1)),
            machine: machine(&[("eth0", "10.0.0.1/24"), ("eth1", "10.0.0.2/24")]),
            remote: Some("NFS"),
            passing: Some("tmpfs"),
        };
        let lines = advice(&start, &site(&[("master", "10.0.0.7")]));
        for (line, words) in lines.iter().zip([
            ["'mn' has no domain", "chdef -t site clustersite domain="],
            ["10.0.0.7", "master=10.0.0.1"],
            ["10.9.0.1", "extra_hosts"],
            ["eth0 and eth1 are both in 10.0.0.0/24", "disconnect"],
            ["NFS", "local file system"],
            ["tmpfs", "-v xcat_dbbackup:/.dbbackup"],
        ]) {
            assert!(words.iter().all(|word| line.contains(word)), "{line}");
        }
        assert_eq!(lines.len(), 6);
    }
}
