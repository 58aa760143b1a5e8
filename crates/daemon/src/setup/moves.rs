//! A container that was given another address: what still names the old one follows, what an administrator chose stays.
//!
//! The addresses of the last start are kept in the state directory, because nothing else knows them: the tables say what
//! nodes are told, not what this machine had. The decisions are pure.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::Machine;
use model::machine::{Port, Standing};
use tables::{Patch, Row, Snapshot, ids};

use crate::setup::files::{self, FileError};

/// Keys of `site` and columns of `networks` that may name this machine by its address, alone or in a list.
const SITE: &[&str] = &["master", "nameservers", "ntpservers"];
const NETWORKS: &[&str] = &["tftpserver", "nameservers", "ntpservers", "logservers", "dhcpserver"];

/// What has to change since the last start.
#[derive(Debug, Default)]
pub(crate) struct Move {
    pub(crate) patch: Patch,
    /// What was done, a line for each address and each new network.
    pub(crate) told: Vec<String>,
}

/// Compares the machine of the last start with that of now.
pub(crate) fn follow(before: &Machine, now: &Machine, snapshot: &Snapshot) -> Move {
    let moved = moved(before, now);
    let mut found = Move::default();
    let mut changed: BTreeMap<Ipv4Addr, Vec<String>> = BTreeMap::new();
    for key in SITE {
        let Some(row) = snapshot.row(ids::SITE, &[key]) else { continue };
        if let Some((value, olds)) = renamed(row, "value", &moved) {
            found.patch.set(ids::SITE, &[key], &[("value", Some(&value))]);
            note(&mut changed, &olds, &format!("site.{key}"));
        }
    }
    for row in snapshot.rows(ids::NETWORKS) {
        let key: Vec<&str> = row.key().collect();
        for column in NETWORKS {
            if let Some((value, olds)) = renamed(row, column, &moved) {
                found.patch.set(ids::NETWORKS, &key, &[(column, Some(&value))]);
                let name = row.get("netname").unwrap_or_default();
                note(&mut changed, &olds, &format!("networks.{column} of {name}"));
            }
        }
    }
    for (old, new) in &moved {
        let places = changed.get(old).map_or("nothing named it".to_owned(), |places| {
            format!("changed with it: {}", places.join(", "))
        });
        found.told.push(format!("the address {old} of this machine is now {new}; {places}"));
    }
    new_networks(before, now, snapshot, &mut found);
    found
}

fn note(changed: &mut BTreeMap<Ipv4Addr, Vec<String>>, olds: &[Ipv4Addr], place: &str) {
    for old in olds {
        changed.entry(*old).or_default().push(place.to_owned());
    }
}

/// Networks that the machine was not connected to before. One that it had and that is not defined was removed on purpose.
fn new_networks(before: &Machine, now: &Machine, snapshot: &Snapshot, found: &mut Move) {
    let known: Vec<String> = before.networks().iter().map(model::machine::Attached::name).collect();
    for network in now.networks() {
        let name = network.name();
        if !known.contains(&name) && network.standing(snapshot) == Standing::New {
            network.define(&mut found.patch);
            found.told.push(format!(
                "this machine is connected to a new network, which is defined now as {name}"
            ));
        }
    }
}

/// The addresses that are gone, each with the one that took its place: in the same network, else on the same interface.
fn moved(before: &Machine, now: &Machine) -> Vec<(Ipv4Addr, Ipv4Addr)> {
    let (before, now) = (addresses(before), addresses(now));
    let is_in =
        |list: &[(&str, Ipv4Net)], ip: Ipv4Addr| list.iter().any(|(_, net)| net.addr() == ip);
    let gone = before.iter().filter(|(_, net)| !is_in(&now, net.addr()));
    let came: Vec<_> = now.iter().filter(|(_, net)| !is_in(&before, net.addr())).collect();
    gone.filter_map(|(interface, old)| {
        let same_net = came.iter().find(|(_, new)| new.trunc() == old.trunc());
        let heir = same_net.or_else(|| came.iter().find(|(name, _)| name == interface))?;
        Some((old.addr(), heir.1.addr()))
    })
    .collect()
}

/// The addresses that are gone without an heir.
fn absent<'a>(before: &'a Machine, now: &Machine) -> Vec<(&'a str, Ipv4Net)> {
    let moved = moved(before, now);
    let is_here = |ip: Ipv4Addr| addresses(now).iter().any(|(_, net)| net.addr() == ip);
    let has_heir = |ip: Ipv4Addr| moved.iter().any(|(old, _)| *old == ip);
    let mut gone = addresses(before);
    gone.retain(|(_, net)| !is_here(net.addr()) && !has_heir(net.addr()));
    gone
}

fn addresses(machine: &Machine) -> Vec<(&str, Ipv4Net)> {
    let mut found = Vec::new();
    for port in &machine.links {
        for net in &port.addresses {
            if let IpNet::V4(net) = net {
                found.push((&*port.name, *net));
            }
        }
    }
    found
}

/// The IPv6 networks with their interfaces. Their addresses are not followed, but a network that the machine had is not new.
fn networks_v6(machine: &Machine) -> Vec<(&str, Ipv6Net)> {
    let mut found = Vec::new();
    for port in &machine.links {
        for net in &port.addresses {
            let IpNet::V6(net) = net else { continue };
            let entry = (&*port.name, net.trunc());
            if !net.addr().is_unicast_link_local() && !found.contains(&entry) {
                found.push(entry);
            }
        }
    }
    found
}

/// The IPv6 networks of now, and those that an interface had which has none now: it may be down.
fn known_v6<'a>(before: Option<&'a Machine>, now: &'a Machine) -> Vec<(&'a str, Ipv6Net)> {
    let mut known = networks_v6(now);
    let is_silent = |name: &str| networks_v6(now).iter().all(|(other, _)| *other != name);
    let before = before.map(networks_v6).unwrap_or_default();
    known.extend(before.into_iter().filter(|(name, _)| is_silent(name)));
    known
}

/// The cell with the new addresses in place of the old ones, and which those were; none when it names none of them.
fn renamed(
    row: &Row,
    column: &str,
    moved: &[(Ipv4Addr, Ipv4Addr)],
) -> Option<(String, Vec<Ipv4Addr>)> {
    let mut olds = Vec::new();
    let mut word = |word: &str| {
        let pair = moved.iter().find(|(old, _)| word.trim() == old.to_string());
        olds.extend(pair.map(|(old, _)| *old));
        pair.map_or_else(|| word.to_owned(), |(_, new)| new.to_string())
    };
    let value: Vec<String> = row.get(column)?.split(',').map(&mut word).collect();
    (!olds.is_empty()).then(|| (value.join(","), olds))
}

/// The machine of the last start; none when nothing was kept.
pub(crate) fn read(file: &Path) -> Result<Option<Machine>, FileError> {
    let Some(text) = files::read(file)? else { return Ok(None) };
    let mut machine = Machine::default();
    for line in text.lines() {
        let Some((name, Ok(net))) = line.split_once(' ').map(|(name, net)| (name, net.parse()))
        else {
            continue;
        };
        let port = Port { name: name.to_owned(), mtu: None, addresses: vec![net] };
        machine.links.push(port);
    }
    Ok(Some(machine))
}

/// Keeps the machine for the next start, with what the one before had and nothing has taken the place of: an interface that
/// is down at this start may come back with another address.
pub(crate) fn keep(
    file: &Path,
    before: Option<&Machine>,
    machine: &Machine,
) -> Result<(), FileError> {
    let mut kept = addresses(machine);
    kept.extend(before.into_iter().flat_map(|before| absent(before, machine)));
    let lines = kept.into_iter().map(|(name, net)| format!("{name} {net}\n"));
    let known = known_v6(before, machine);
    let lines = lines.chain(known.into_iter().map(|(name, net)| format!("{name} {net}\n")));
    files::ensure(file, lines.collect::<String>().as_bytes(), 0o600)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(addresses: &[(&str, &str)]) -> Machine {
        let port = |(name, net): &(&str, &str)| Port {
            name: (*name).to_owned(),
            mtu: None,
            addresses: vec![net.parse().unwrap()],
        };
        Machine { links: addresses.iter().map(port).collect(), ..Machine::default() }
    }

    fn tables(site: &[(&str, &str)]) -> Snapshot {
        let mut patch = Patch::new();
        for (key, value) in site {
            patch.set(ids::SITE, &[key], &[("value", Some(value))]);
        }
        let cells = [
            ("netname", Some("m")),
            ("tftpserver", Some("10.0.0.1")),
            ("dhcpserver", Some("10.0.0.9")),
        ];
        patch.set(ids::NETWORKS, &["10.0.0.0", "255.255.255.0"], &cells);
        Snapshot::empty().apply(&patch).unwrap().0
    }

    #[test]
    fn what_names_the_old_address_follows_and_the_rest_stays() {
        let before = machine(&[("eth0", "10.0.0.1/24"), ("eth1", "192.168.0.1/24")]);
        let now = machine(&[("eth0", "192.168.0.1/24"), ("eth1", "10.0.0.2/24")]);
        let tables = tables(&[
            ("master", "10.0.0.1"),
            ("nameservers", "10.0.0.1,9.9.9.9"),
            ("ntpservers", "10.0.0.8"),
        ]);
        let moved = follow(&before, &now, &tables);
        let after = tables.apply(&moved.patch).unwrap().0;
        assert_eq!(after.site("master"), Some("10.0.0.2"));
        assert_eq!(after.site("nameservers"), Some("10.0.0.2,9.9.9.9"));
        assert_eq!(after.site("ntpservers"), Some("10.0.0.8"));
        let net = after.row(ids::NETWORKS, &["10.0.0.0", "255.255.255.0"]).unwrap();
        assert_eq!(
            (net.get("tftpserver"), net.get("dhcpserver")),
            (Some("10.0.0.2"), Some("10.0.0.9"))
        );
        assert_eq!(moved.told.len(), 1);
        assert!(moved.told[0].contains("10.0.0.1 of this machine is now 10.0.0.2; changed with it: site.master, site.nameservers, networks.tftpserver of m"), "{:?}", moved.told);
    }

    #[test]
    fn another_network_on_the_same_interface_takes_the_place_and_is_defined() {
        let (before, now) =
            (machine(&[("eth0", "10.0.0.1/24")]), machine(&[("eth0", "10.7.0.5/16")]));
        let tables = tables(&[("master", "10.0.0.1")]);
        let moved = follow(&before, &now, &tables);
        let after = tables.apply(&moved.patch).unwrap().0;
        assert_eq!(after.site("master"), Some("10.7.0.5"));
        assert!(after.row(ids::NETWORKS, &["10.7.0.0", "255.255.0.0"]).is_some());
        assert_eq!(moved.told.len(), 2);
    }

    #[test]
    fn an_address_is_remembered_while_its_interface_is_down() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("addresses");
        let start = |now: &Machine, tables: &Snapshot| {
            let before = read(&file).unwrap();
            let moved = before.as_ref().map(|before| follow(before, now, tables));
            keep(&file, before.as_ref(), now).unwrap();
            moved.map_or_else(Vec::new, |moved| moved.told)
        };
        let tables = tables(&[("master", "10.0.0.1")]);
        start(&machine(&[("eth0", "10.0.0.1/24"), ("eth1", "192.168.0.1/24")]), &tables);
        for _ in 0..2 {
            let told = start(&machine(&[("eth1", "192.168.0.1/24")]), &tables);
            assert_eq!(told, Vec::<String>::new());
        }
        let back = machine(&[("eth0", "10.0.0.2/24"), ("eth1", "192.168.0.1/24")]);
        let told = start(&back, &tables);
        assert!(told[0].contains("10.0.0.1 of this machine is now 10.0.0.2"), "{told:?}");
        assert_eq!(start(&back, &tables), Vec::<String>::new());
        let kept = std::fs::read_to_string(&file).unwrap();
        assert_eq!(kept, "eth0 10.0.0.2/24\neth1 192.168.0.1/24\n");
    }

    #[test]
    fn an_administrators_choice_and_an_unchanged_machine_are_left_alone() {
        let here = machine(&[("eth0", "10.0.0.1/24")]);
        let tables = tables(&[("master", "10.0.0.77")]);
        assert!(follow(&here, &here, &tables).patch.is_empty());
        let elsewhere = machine(&[("eth0", "10.0.0.2/24")]);
        let after = tables.apply(&follow(&here, &elsewhere, &tables).patch).unwrap().0;
        assert_eq!(after.site("master"), Some("10.0.0.77"));
        let removed = Snapshot::empty();
        assert!(
            follow(&here, &elsewhere, &removed).patch.is_empty(),
            "a network that was removed stays so"
        );
    }

    #[test]
    fn an_ipv6_network_that_was_removed_stays_so_and_another_one_is_new() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("addresses");
        let start = |now: &Machine| {
            let before = read(&file).unwrap();
            let moved = before.as_ref().map(|before| follow(before, now, &Snapshot::empty()));
            keep(&file, before.as_ref(), now).unwrap();
            moved.map_or(0, |moved| moved.told.len())
        };
        let here = machine(&[
            ("eth0", "10.0.0.1/24"),
            ("eth0", "fd00::7:1/64"),
            ("eth0", "fd00::7:2/64"),
            ("eth0", "fe80::1/64"),
        ]);
        let down = machine(&[("eth0", "10.0.0.1/24")]);
        let elsewhere = machine(&[("eth0", "10.0.0.1/24"), ("eth0", "fd01::1/64")]);
        for (now, told) in
            [(&here, 0), (&here, 0), (&down, 0), (&here, 0), (&elsewhere, 1), (&elsewhere, 0)]
        {
            assert_eq!(start(now), told, "{now:?}");
        }
        let kept = std::fs::read_to_string(&file).unwrap();
        assert_eq!(kept, "eth0 10.0.0.1/24\neth0 fd01::/64\n");
    }

    #[test]
    fn the_machine_of_the_last_start_is_read_as_it_was_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("addresses");
        assert!(read(&file).unwrap().is_none());
        let here = machine(&[("eth0", "10.0.0.1/24"), ("eth1", "192.168.0.1/16")]);
        keep(&file, None, &here).unwrap();
        assert_eq!(read(&file).unwrap(), Some(here));
    }
}
