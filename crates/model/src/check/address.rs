//! Addresses and names of nodes: each belongs to one node, and lies in a network that is served.

use std::collections::HashMap;
use std::net::IpAddr;

use base::{Mac, NodeName};
use tables::{Cell, TableId, ids};

use super::known::Known;
use super::{Fault, Findings, Wanted, Written};
use crate::names::{HostEntry, first_ip};
use crate::node::parse_macs;

pub(super) fn check(known: &Known<'_>, wanted: Wanted<'_>, found: &mut Findings) {
    let mut all = Checker { known, wanted, found };
    all.entries();
    all.names();
    all.unreadable();
    all.macs();
    all.service_processors();
}

struct Checker<'a, 'b> {
    known: &'a Known<'a>,
    wanted: Wanted<'b>,
    found: &'a mut Findings,
}

impl Checker<'_, '_> {
    fn is_wanted(&self, node: &str) -> bool {
        is_wanted(self.wanted, node)
    }

    /// A finding about an attribute of `node` that stands in `table.column`.
    fn node(
        &mut self,
        node: &str,
        place: (TableId, &'static str, &'static str),
        fault: &Fault<'_>,
    ) {
        let (table, column, attribute) = place;
        let cell = self.known.cell(table, column, node);
        let cell = cell.filter(|cell| is_literal(self.known, table, column, node, cell));
        self.found.node(Written { node, attribute, cell: cell.as_ref() }, fault);
    }

    /// Whether the second of two nodes is to be told that it has what the first one has.
    fn is_told(&self, first: &str, second: &str) -> bool {
        self.is_wanted(second) || self.is_wanted(first)
    }

    fn entries(&mut self) {
        let known = self.known;
        let mut owners: HashMap<IpAddr, &HostEntry> = HashMap::with_capacity(known.entries.len());
        for entry in &known.entries {
            let node = entry.node.as_str();
            let first = *owners.entry(entry.ip).or_insert(entry);
            if first.node != entry.node && self.is_told(first.node.as_str(), node) {
                let (value, owner) = (entry.ip.to_string(), format!(" {}", first.node));
                let fault = Fault::error(&value, "is the address of", "ip=ADDRESS").detail(&owner);
                self.node(node, place_of(entry), &fault);
            }
            if self.is_wanted(node) {
                self.lies_well(entry);
            }
        }
    }

    /// The address is in a network, is one of a host, and nobody else has it.
    fn lies_well(&mut self, entry: &HostEntry) {
        let (known, node, ip) = (self.known, entry.node.as_str(), entry.ip.to_string());
        let IpAddr::V4(address) = entry.ip else { return };
        let place = place_of(entry);
        if known.is_own(entry.ip) && !known.is_this_machine(node) {
            let fault = Fault::error(&ip, "is an address of this management node", "ip=ADDRESS");
            self.node(node, place, &fault);
        }
        let Some(network) = known.network_of(entry.ip) else {
            let what = "is in no network of the networks table: no DHCP and no domain for it";
            let fault = Fault::error(&ip, what, "!mkdef -t network NAME net=ADDRESS mask=MASK");
            return self.node(node, place, &fault);
        };
        let detail = format!(" {}", network.name);
        if network.is_dynamic(address) {
            let fault =
                Fault::error(&ip, "is inside of the dynamic range of network", "ip=ADDRESS");
            self.node(node, place, &fault.detail(&detail));
        }
        let ends = [network.net.network(), network.net.broadcast()];
        if network.net.prefix_len() < 31 && ends.contains(&address) {
            let what = "is no address of a host in network";
            self.node(node, place, &Fault::error(&ip, what, "ip=ADDRESS").detail(&detail));
        }
        if network.gateway.as_deref() == Some(&*ip) && !known.is_this_machine(node) {
            let fault = Fault::warning(&ip, "is the gateway of network", "ip=ADDRESS");
            self.node(node, place, &fault.detail(&detail));
        }
    }

    /// Names are compared without regard to case, as resolvers do.
    fn names(&mut self) {
        let known = self.known;
        let mut owners: HashMap<String, &HostEntry> = HashMap::with_capacity(known.entries.len());
        for entry in &known.entries {
            let node = entry.node.as_str();
            for name in std::iter::once(&entry.name).chain(&entry.aliases) {
                let first = *owners.entry(name.to_ascii_lowercase()).or_insert(entry);
                if first.node != entry.node && self.is_told(first.node.as_str(), node) {
                    let owner = format!(" {}", first.node);
                    let fault = Fault::error(name, "is a name of", "hostnames=").detail(&owner);
                    self.node(node, (ids::HOSTS, "hostnames", "hostnames"), &fault);
                }
            }
            if self.is_wanted(node) && !is_host_name(&entry.name) {
                let what = "is no name of a host for DNS: letters, digits and dashes are";
                let fault = Fault::warning(&entry.name, what, "!mkdef -t node NAME");
                self.found.node(Written { node, attribute: "name", cell: None }, &fault);
            }
        }
    }

    /// What the readers of the tables left out.
    fn unreadable(&mut self) {
        let (known, wanted) = (self.known, self.wanted);
        for problem in known.problems.iter().filter(|problem| is_wanted(wanted, &problem.key)) {
            let node = &*problem.key;
            let ip = known.cell(ids::HOSTS, "ip", node);
            let ip = ip.filter(|cell| problem.table == "hosts" && first_ip(&cell.text).is_none());
            if let Some(cell) = ip {
                let fault = Fault::error(&cell.text, "is no IP address", "ip=ADDRESS");
                self.node(node, (ids::HOSTS, "ip", "ip"), &fault);
                continue;
            }
            let (attribute, run) = match problem.table {
                "hosts" => ("otherinterfaces", "otherinterfaces=NAME:ADDRESS"),
                _ => ("nicips", "nicips.NIC=ADDRESS"),
            };
            let fault = Fault::error("", "", run).detail(&problem.text);
            self.found.node(Written { node, attribute, cell: None }, &fault);
        }
    }

    fn macs(&mut self) {
        let known = self.known;
        let mut owners: HashMap<Mac, &str> = HashMap::with_capacity(known.snapshot.node_count());
        for node in known.snapshot.nodes().map(NodeName::as_str) {
            let Some(cell) = known.cell(ids::MAC, "mac", node) else { continue };
            let place = (ids::MAC, "mac", "mac");
            let (nics, bad) = parse_macs(&cell.text);
            let told = self.is_wanted(node);
            for mac in bad.iter().filter(|_| told) {
                self.node(node, place, &Fault::error(mac, "is no Ethernet address", "mac=ADDRESS"));
            }
            for nic in nics {
                let first = *owners.entry(nic.mac).or_insert(node);
                if first != node && self.is_told(first, node) {
                    let (value, owner) = (nic.mac.to_string(), format!(" {first}"));
                    let what = "is the hardware address of";
                    let fault = Fault::error(&value, what, "mac=ADDRESS").detail(&owner);
                    self.node(node, place, &fault);
                }
            }
        }
    }

    fn service_processors(&mut self) {
        let known = self.known;
        let mut owners: HashMap<String, &str> = HashMap::new();
        for node in known.snapshot.nodes().map(NodeName::as_str) {
            for table in [ids::IPMI, ids::OPENBMC] {
                let Some(cell) = known.cell(table, "bmc", node) else { continue };
                let value = cell.text.trim();
                let first = *owners.entry(value.to_ascii_lowercase()).or_insert(node);
                if first != node && self.is_told(first, node) {
                    let owner = format!(" {first}");
                    let what = "is the service processor of";
                    let fault = Fault::error(value, what, "bmc=ADDRESS").detail(&owner);
                    self.node(node, (table, "bmc", "bmc"), &fault);
                }
            }
        }
    }
}

fn is_wanted(wanted: Wanted<'_>, node: &str) -> bool {
    wanted.is_none_or(|names| names.contains(node))
}

/// Whether a cell of a group says the same for all of its nodes.
fn is_literal(known: &Known<'_>, table: TableId, column: &str, node: &str, cell: &Cell) -> bool {
    let raw = known.snapshot.raw_node_value(table, column, node);
    raw.is_some_and(|raw| raw.text == cell.text)
}

/// Where the address of an entry stands.
fn place_of(entry: &HostEntry) -> (TableId, &'static str, &'static str) {
    if entry.name == entry.node.as_str() {
        (ids::HOSTS, "ip", "ip")
    } else {
        (ids::NICS, "nicips", "nicips")
    }
}

pub(super) fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        let inside = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let ends = !label.starts_with('-') && !label.ends_with('-');
        !label.is_empty() && label.len() <= 63 && ends && label.bytes().all(inside)
    };
    name.split('.').all(label)
}
