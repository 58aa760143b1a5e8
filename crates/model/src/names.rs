//! Every host name that the tables give an address: nodes, their aliases, further interfaces
//! (tables `hosts` and `nics`). DNS, /etc/hosts and DHCP read the same list.

use std::net::IpAddr;

use base::NodeName;
use tables::Snapshot;

use crate::cell::{cell, list};
use crate::problem::Problem;

/// An address and its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostEntry {
    /// The node it belongs to.
    pub node: NodeName,
    /// The address.
    pub ip: IpAddr,
    /// Its own name.
    pub name: String,
    /// Further names for it.
    pub aliases: Vec<String>,
}

/// The names of all nodes, in the nodes' order; a node's own name comes first.
pub fn entries(snapshot: &Snapshot) -> (Vec<HostEntry>, Vec<Problem>) {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for node in snapshot.nodes() {
        of_node(snapshot, node, &mut found, &mut problems);
    }
    (found, problems)
}

/// The address that `host` stands for: itself, or that of the node of this name.
pub fn address_of(snapshot: &Snapshot, host: &str) -> Option<IpAddr> {
    let host = host.trim();
    if let Ok(address) = host.parse() {
        return Some(address);
    }
    let domain = snapshot.site("domain").unwrap_or_default();
    let short = host.strip_suffix(domain).and_then(|short| short.strip_suffix('.')).unwrap_or(host);
    let ip = |name| cell(snapshot, "hosts", "ip", name).and_then(|ip| first_ip(&ip));
    [host, short].into_iter().filter(|name| snapshot.has_node(name)).find_map(ip)
}

pub(crate) fn of_node(
    snapshot: &Snapshot,
    node: &NodeName,
    found: &mut Vec<HostEntry>,
    problems: &mut Vec<Problem>,
) {
    let hosts = |column| cell(snapshot, "hosts", column, node.as_str());
    let entry = |ip, name: String, aliases| HostEntry { node: node.clone(), ip, name, aliases };
    let own = hosts("ip");
    if let Some(text) = own.as_deref() {
        let aliases = hosts("hostnames").map(|names| list(&names).map(str::to_owned).collect());
        match first_ip(text) {
            Some(ip) => found.push(entry(ip, node.to_string(), aliases.unwrap_or_default())),
            None => problems.push(bad_address(node, "hosts", text)),
        }
    }
    let own = own.as_deref().and_then(first_ip);
    let mut further =
        other_interfaces(node, hosts("otherinterfaces").as_deref().unwrap_or_default());
    further.extend(nic_names(snapshot, node));
    for (name, address) in further {
        match address.parse() {
            Ok(ip) if Some(ip) == own => {}
            Ok(ip) => found.push(entry(ip, name, Vec::new())),
            Err(_) => problems.push(bad_address(node, "nics", &address)),
        }
    }
}

fn bad_address(node: &NodeName, table: &'static str, text: &str) -> Problem {
    Problem::new(table, node.as_str(), format!("'{text}' is not an IP address; it is left out"))
}

pub(crate) fn first_ip(text: &str) -> Option<IpAddr> {
    text.split([',', '|', ' ']).find_map(|part| part.trim().parse().ok())
}

/// `name:ip,name:ip`; a leading dash makes the name a suffix of the node's.
fn other_interfaces(node: &NodeName, text: &str) -> Vec<(String, String)> {
    let pair = |part: &str| {
        let (name, ip) = part.split_once(':')?;
        let name = if name.starts_with('-') { format!("{node}{name}") } else { name.to_owned() };
        Some((name, ip.to_owned()))
    };
    list(text).filter_map(pair).collect()
}

/// The names that table `nics` makes: prefix, node, suffix; the suffix is `-<nic>` by default.
fn nic_names(snapshot: &Snapshot, node: &NodeName) -> Vec<(String, String)> {
    let nics = |column| cell(snapshot, "nics", column, node.as_str()).unwrap_or_default();
    let ips = nics("nicips");
    if ips.is_empty() {
        return Vec::new();
    }
    let (suffixes, prefixes) = (nics("nichostnamesuffixes"), nics("nichostnameprefixes"));
    let mut names = Vec::new();
    for (nic, addresses) in per_nic(&ips) {
        for (index, address) in addresses.split('|').enumerate() {
            let part = |text| nth_value(text, nic, index);
            let (prefix, suffix) = (part(&prefixes), part(&suffixes));
            let default = if prefix.is_empty() { format!("-{nic}") } else { String::new() };
            let suffix = if suffix.is_empty() { &default } else { suffix };
            names.push((format!("{prefix}{node}{suffix}"), address.trim().to_owned()));
        }
    }
    names
}

/// `nic!value,nic!value`.
fn per_nic(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(',').filter_map(|part| part.trim().split_once('!'))
}

fn nth_value<'a>(text: &'a str, nic: &str, index: usize) -> &'a str {
    let values = per_nic(text).find(|(name, _)| *name == nic).map_or("", |(_, values)| values);
    values.split('|').nth(index).unwrap_or_default().trim()
}
