//! Every host name that the tables give an address: nodes, their aliases, further interfaces
//! (tables `hosts` and `nics`), with their domains. DNS, the hosts file and DHCP read the same list.

use std::net::IpAddr;

use base::NodeName;
use ipnet::IpNet;
use tables::{Snapshot, cells};

use crate::cell::{cell, field, list, rows};
use crate::network::parse_net;
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
    /// The DNS domain of all of them.
    pub domain: Option<String>,
}

/// The names of all nodes, in the nodes' order; a node's own name comes first.
pub fn entries(snapshot: &Snapshot) -> (Vec<HostEntry>, Vec<Problem>) {
    let names = Names::of(snapshot);
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for node in snapshot.nodes() {
        let more = [names.of_node(node), names.of_nics(node)];
        for (entries, bad) in more {
            found.extend(entries);
            problems.extend(bad);
        }
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

/// The domain of each network, and that of the site for the rest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Domains {
    /// The closest first.
    networks: Vec<(IpNet, String, Option<String>)>,
    site: Option<String>,
}

impl Domains {
    pub(crate) fn read(snapshot: &Snapshot) -> Self {
        let domain = |text: &str| text.trim_matches('.').to_owned();
        let mut networks: Vec<_> = rows(snapshot, "networks")
            .filter_map(|row| {
                let net = parse_net(field(row, "net")?, field(row, "mask").unwrap_or_default())?;
                let name = field(row, "netname").unwrap_or_default().to_owned();
                Some((net, name, field(row, "domain").map(domain)))
            })
            .collect();
        networks.sort_by_key(|(net, ..)| std::cmp::Reverse(net.prefix_len()));
        let site = snapshot.site("domain").map(str::trim).filter(|text| !text.is_empty());
        Self { networks, site: site.map(domain) }
    }

    /// The domain of the closest network that holds `ip`, else the site's.
    pub(crate) fn of(&self, ip: IpAddr) -> Option<&str> {
        self.of_network(ip).or(self.site.as_deref())
    }

    fn of_network(&self, ip: IpAddr) -> Option<&str> {
        self.closest(ip)?.1
    }

    /// The name and the domain of the closest network that holds `ip`.
    fn closest(&self, ip: IpAddr) -> Option<(&str, Option<&str>)> {
        let network = self.networks.iter().find(|(net, ..)| net.contains(&ip))?;
        Some((&network.1, network.2.as_deref()))
    }

    fn named(&self, name: &str) -> Option<&str> {
        self.networks.iter().find(|(_, known, _)| known == name)?.2.as_deref()
    }
}

/// The reader of names from one snapshot.
pub(crate) struct Names<'a> {
    snapshot: &'a Snapshot,
    domains: Domains,
}

/// What was read, and what could not be used.
pub(crate) type Read = (Vec<HostEntry>, Vec<Problem>);

impl<'a> Names<'a> {
    pub(crate) fn of(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, domains: Domains::read(snapshot) }
    }

    /// The node's own name, its aliases, and what `hosts.otherinterfaces` adds.
    pub(crate) fn of_node(&self, node: &NodeName) -> Read {
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        let hosts = |column| cell(self.snapshot, "hosts", column, node.as_str());
        let own = hosts("ip").map(|text| (first_ip(&text), text));
        match &own {
            Some((Some(ip), _)) => found.push(self.own_entry(node, *ip)),
            Some((None, text)) => problems.push(bad_address(node, "hosts", text)),
            None => {}
        }
        let own = own.and_then(|(ip, _)| ip);
        let domain = own.and_then(|ip| self.domains.of(ip)).or(self.domains.site.as_deref());
        let others = hosts("otherinterfaces");
        for (name, address) in other_interfaces(node, others.as_deref().unwrap_or_default()) {
            match address.parse() {
                Ok(ip) if Some(ip) == own => {}
                Ok(ip) => {
                    let domain = self.domains.of_network(ip).or(domain);
                    found.push(entry(node, ip, name, Vec::new(), domain));
                }
                Err(_) => problems.push(bad_address(node, "hosts", &address)),
            }
        }
        (found, problems)
    }

    /// The entry of a node at `ip`. Aliases of an interface with the same address are its own.
    pub(crate) fn own_entry(&self, node: &NodeName, ip: IpAddr) -> HostEntry {
        let names = cell(self.snapshot, "hosts", "hostnames", node.as_str());
        let mut aliases: Vec<String> =
            names.iter().flat_map(|names| list(names)).map(str::to_owned).collect();
        let (nics, _) = self.nics(node);
        let same = nics.into_iter().filter(|nic| nic.address.parse() == Ok(ip));
        aliases.extend(same.flat_map(|nic| nic.aliases));
        entry(node, ip, node.to_string(), aliases, self.domains.of(ip))
    }

    /// The names that table `nics` makes: prefix, node, suffix; the suffix is `-<nic>` by default.
    pub(crate) fn of_nics(&self, node: &NodeName) -> Read {
        let own = cell(self.snapshot, "hosts", "ip", node.as_str());
        let own = own.as_deref().and_then(first_ip);
        let (nics, mut problems) = self.nics(node);
        let mut found = Vec::new();
        for nic in nics {
            match nic.address.parse() {
                Ok(ip) if Some(ip) == own => {}
                Ok(ip) => {
                    problems.extend(self.strays(node, &nic, ip));
                    let domain = self.domains.of_network(ip);
                    let domain = domain.or_else(|| self.domains.named(&nic.network));
                    let domain = domain.or(self.domains.site.as_deref());
                    found.push(entry(node, ip, nic.name, nic.aliases, domain));
                }
                Err(_) => problems.push(bad_address(node, "nics", &nic.address)),
            }
        }
        (found, problems)
    }

    /// An interface that is said to be in one network and has an address of another.
    fn strays(&self, node: &NodeName, nic: &NicName, ip: IpAddr) -> Option<Problem> {
        let (network, _) = self.domains.closest(ip)?;
        let differs = !nic.network.is_empty() && nic.network != network;
        differs.then(|| {
            let NicName { name, network: said, .. } = nic;
            let text = format!("{name} is said to be in network {said}, but {ip} is in {network}");
            Problem::new("nics", node.as_str(), text)
        })
    }

    fn nics(&self, node: &NodeName) -> (Vec<NicName>, Vec<Problem>) {
        let read = |column| cell(self.snapshot, "nics", column, node.as_str()).unwrap_or_default();
        let (mut names, mut problems) = (Vec::new(), Vec::new());
        let ips = read("nicips");
        if ips.is_empty() {
            return (names, problems);
        }
        let (suffixes, prefixes) = (read("nichostnamesuffixes"), read("nichostnameprefixes"));
        let (networks, aliases) = (read("nicnetworks"), read("nicaliases"));
        for (nic, addresses) in per_nic(&ips) {
            let addresses = value_of(node, addresses);
            for (index, address) in addresses.split('|').enumerate() {
                let part = |text: &str| nth_value(node, text, nic, index);
                let (prefix, suffix) = (part(&prefixes), part(&suffixes));
                match nic_name(node, nic, &prefix, &suffix) {
                    Ok(_) if address.trim().is_empty() => {}
                    Ok(name) => names.push(NicName {
                        name,
                        address: address.trim().to_owned(),
                        network: part(&networks),
                        aliases: list(&part(&aliases)).map(str::to_owned).collect(),
                    }),
                    Err(text) => problems.push(Problem::new("nics", node.as_str(), text)),
                }
            }
        }
        (names, problems)
    }
}

/// An address of an interface as table `nics` describes it.
struct NicName {
    name: String,
    address: String,
    network: String,
    aliases: Vec<String>,
}

fn entry(
    node: &NodeName,
    ip: IpAddr,
    name: String,
    aliases: Vec<String>,
    domain: Option<&str>,
) -> HostEntry {
    HostEntry { node: node.clone(), ip, name, aliases, domain: domain.map(str::to_owned) }
}

fn bad_address(node: &NodeName, table: &'static str, text: &str) -> Problem {
    Problem::new(table, node.as_str(), format!("'{text}' is not an IP address; it is left out"))
}

pub(crate) fn first_ip(text: &str) -> Option<IpAddr> {
    text.split([',', '|', ' ']).find_map(|part| part.trim().parse().ok())
}

/// `name:ip,name!ip`; a leading dash makes the name a suffix of the node's.
fn other_interfaces(node: &NodeName, text: &str) -> Vec<(String, String)> {
    let pair = |part: &str| {
        let (name, ip) = part.split_once('!').or_else(|| part.split_once(':'))?;
        let name = if name.starts_with('-') { format!("{node}{name}") } else { name.to_owned() };
        Some((name, ip.to_owned()))
    };
    list(text).filter_map(pair).collect()
}

/// The host name of an interface, of which neither part may have a dot.
fn nic_name(node: &NodeName, nic: &str, prefix: &str, suffix: &str) -> Result<String, String> {
    let short = node.as_str().split('.').next().unwrap_or_default();
    let is_plain = prefix.is_empty() && suffix.is_empty();
    if is_plain && nic.contains('.') {
        return Err(format!(
            "the interface {nic} needs a suffix without a dot; set it with: chdef {node} \
             nichostnamesuffixes.{nic}=-SUFFIX"
        ));
    }
    if let Some((part, what)) = [(suffix, "nichostnamesuffixes"), (prefix, "nichostnameprefixes")]
        .into_iter()
        .find(|(part, _)| part.contains('.'))
    {
        return Err(format!("{what}.{nic} is '{part}', which must not have a dot"));
    }
    Ok(if is_plain { format!("{short}-{nic}") } else { format!("{prefix}{short}{suffix}") })
}

/// `nic!value,nic!value`, or with colons as older tables have it.
fn per_nic(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let split = |part: &'_ str| part.find('!').or_else(|| part.find(':'));
    text.split(',').map(str::trim).filter_map(move |part| {
        let at = split(part)?;
        Some((&part[..at], &part[at + 1..]))
    })
}

/// The value of an interface, with an expression of its own evaluated.
fn value_of(node: &NodeName, text: &str) -> String {
    cells::evaluate(text, node.as_str()).unwrap_or_default().into_owned()
}

fn nth_value(node: &NodeName, text: &str, nic: &str, index: usize) -> String {
    let values = per_nic(text).find(|(name, _)| *name == nic).map_or("", |(_, values)| values);
    let values = value_of(node, values);
    values.split('|').nth(index).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn shown(changes: &[(&str, &str, &str, &str)]) -> (Vec<String>, Vec<String>) {
        let (entries, problems) = entries(&testing::snapshot(changes));
        let text = |entry: HostEntry| {
            let domain = entry.domain.unwrap_or_default();
            format!("{} {} {} [{}]", entry.ip, entry.name, entry.aliases.join(","), domain)
        };
        let own = |entry: &HostEntry| entry.node.as_str() == "n1";
        let shown = entries.into_iter().filter(own).map(text).collect();
        (shown, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn interfaces_get_names_addresses_and_domains() {
        let (shown, problems) = shown(&[
            ("hosts", "n1", "hostnames", "login gate"),
            ("hosts", "n1", "otherinterfaces", "-ib:10.9.0.1,stor!10.9.0.2"),
            ("nics", "n1", "nicips", "eth0!10.1.0.101,eth1!11.1.0.1|11.1.0.2,ib0!|10.8.0.($1)|"),
            ("nics", "n1", "nichostnamesuffixes", "eth1!-a|-b"),
            ("nics", "n1", "nichostnameprefixes", "ib0!ib-"),
            ("nics", "n1", "nicaliases", "eth0!moe larry,eth1!|curly"),
        ]);
        assert_eq!(
            shown,
            [
                "10.1.0.101 n1 login,gate,moe,larry [cluster.test]",
                "10.9.0.1 n1-ib  [cluster.test]",
                "10.9.0.2 stor  [cluster.test]",
                "11.1.0.1 n1-a  [cluster.test]",
                "11.1.0.2 n1-b curly [cluster.test]",
                "10.8.0.1 ib-n1  [cluster.test]",
            ]
        );
        assert_eq!(problems, [] as [&str; 0]);
    }

    #[test]
    fn what_cannot_be_a_host_is_named() {
        let (shown, problems) = shown(&[
            ("hosts", "n1", "ip", "10.1.0.300"),
            ("hosts", "n1", "otherinterfaces", "x:junk"),
            ("nics", "n1", "nicips", "eth0.5!11.1.0.1,eth1!junk,eth2!11.1.0.3"),
            ("nics", "n1", "nichostnamesuffixes", "eth2!-a.b"),
        ]);
        assert_eq!(shown, [] as [&str; 0]);
        let parts = [
            "n1: '10.1.0.300' is not an IP address; it is left out (table hosts)",
            "n1: 'junk' is not an IP address; it is left out (table hosts)",
            "n1: the interface eth0.5 needs a suffix",
            "n1: nichostnamesuffixes.eth2 is '-a.b', which must not have a dot (table nics)",
            "n1: 'junk' is not an IP address; it is left out (table nics)",
        ];
        for (problem, part) in problems.iter().zip(parts) {
            assert!(problem.starts_with(part), "{problem}");
        }
        assert_eq!(problems.len(), parts.len());
    }

    #[test]
    fn an_interface_in_another_network_than_it_says_is_told() {
        let (_, problems) = shown(&[
            ("nics", "n1", "nicips", "eth1!10.1.9.9"),
            ("nics", "n1", "nicnetworks", "eth1!storage"),
        ]);
        let told = "n1: n1-eth1 is said to be in network storage, but 10.1.9.9 is in mgtnet \
                    (table nics)";
        assert_eq!(problems, [told]);
    }
}
