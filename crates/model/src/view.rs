//! What all boot services need, built purely from one snapshot and the server's own addresses.
//!
//! Only the indexes that packets are looked up by are made in advance; everything else is read from
//! the snapshot when it is asked for. Nothing here reads a file, a socket or a clock.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use base::{Mac, NodeName};
use ipnet::Ipv4Net;
use tables::Snapshot;

use crate::cell::{cell, list};
use crate::dns::Zones;
use crate::facts::ServerFacts;
use crate::names::{self, Domains, HostEntry};
use crate::network::Network;
use crate::node::{NicHost, parse_macs};
use crate::problem::Problem;
use crate::site::Site;

/// An address of this server in a network that the tables define.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The interface.
    pub interface: String,
    /// Its hardware address.
    pub mac: Option<Mac>,
    /// The address.
    pub address: Ipv4Addr,
    /// The network as the tables define it.
    pub net: Ipv4Net,
}

/// What is known about a hardware address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownNic {
    /// The node.
    pub node: NodeName,
    /// Its host name there.
    pub host: String,
    /// The address to give.
    pub address: NicAddress,
}

/// The address to give to an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NicAddress {
    /// This one.
    Reserved(Ipv4Addr),
    /// None, on purpose (`*NOIP*`).
    NoIp,
    /// The tables have none.
    Missing,
}

/// The tables that the indexes are made from; `nodelist` counts by its members only, so that the
/// status of a booting node costs nothing here.
const INDEXED: [&str; 5] = ["hosts", "mac", "networks", "nics", "site"];

/// What boot services answer from.
#[derive(Clone, Debug)]
pub struct BootView {
    pub(crate) snapshot: Snapshot,
    index: Arc<Index>,
}

/// What is looked up by packets.
#[derive(Debug)]
struct Index {
    site: Site,
    facts: ServerFacts,
    networks: Vec<Network>,
    links: Vec<Link>,
    nics: HashMap<Mac, KnownNic>,
    owners: HashMap<IpAddr, NodeName>,
    zones: Zones,
}

impl BootView {
    /// Builds the view; rows that cannot be used are left out and reported.
    pub fn build(snapshot: &Snapshot, facts: &ServerFacts) -> (Self, Vec<Problem>) {
        let (index, problems) = Index::build(snapshot, facts);
        (Self { snapshot: snapshot.clone(), index: Arc::new(index) }, problems)
    }

    /// The view of a later snapshot. The indexes are kept when nothing that they are made from has
    /// changed, and then nothing is reported again.
    pub fn update(&self, snapshot: &Snapshot, facts: &ServerFacts) -> (Self, Vec<Problem>) {
        if self.index.facts != *facts || !self.same_index(snapshot) {
            return Self::build(snapshot, facts);
        }
        let view = Self { snapshot: snapshot.clone(), index: self.index.clone() };
        (view, Vec::new())
    }

    fn same_index(&self, snapshot: &Snapshot) -> bool {
        let same = |name: &str| {
            let table = tables::table(name);
            table.is_some_and(|id| {
                self.snapshot.table_generation(id) == snapshot.table_generation(id)
            })
        };
        self.snapshot.same_membership(snapshot) && INDEXED.iter().all(|name| same(name))
    }

    /// The tables that the view was built from.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// What the tables do not know of this server.
    pub fn facts(&self) -> &ServerFacts {
        &self.index.facts
    }

    /// The site's settings.
    pub fn site(&self) -> &Site {
        &self.index.site
    }

    /// The DNS zones.
    pub fn zones(&self) -> &Zones {
        &self.index.zones
    }

    /// The networks, the closest first.
    pub fn networks(&self) -> &[Network] {
        &self.index.networks
    }

    /// This server's addresses in defined networks.
    pub fn links(&self) -> &[Link] {
        &self.index.links
    }

    /// The links on which DHCP answers and routers are advertised.
    pub fn dhcp_links(&self) -> impl Iterator<Item = &Link> {
        let wanted = self.site().dhcp_interfaces.as_deref();
        let served = move |link: &&Link| wanted.is_none_or(|names| names.contains(&link.interface));
        self.index.links.iter().filter(served)
    }

    /// What is known about `mac`.
    pub fn nic(&self, mac: Mac) -> Option<&KnownNic> {
        self.index.nics.get(&mac)
    }

    /// The node that has `address`.
    pub fn node_at(&self, address: IpAddr) -> Option<&NodeName> {
        self.index.owners.get(&address.to_canonical())
    }

    /// The closest network that holds `address`.
    pub fn network_of(&self, address: Ipv4Addr) -> Option<&Network> {
        self.index.networks.iter().find(|network| network.net.contains(&address))
    }

    /// The address by which `peer` reaches this server: in its own network, else the master's.
    pub fn address_facing(&self, peer: IpAddr) -> Option<Ipv4Addr> {
        let IpAddr::V4(peer) = peer.to_canonical() else { return None };
        let link = self.index.links.iter().find(|link| link.net.contains(&peer));
        link.map(|link| link.address)
            .or_else(|| master(&self.index.site, &self.index.links, &self.index.facts))
    }

    /// Replaces `<xcatmaster>` and names by addresses in a list of servers.
    pub(crate) fn servers(&self, text: &str, ours: Ipv4Addr) -> Vec<Ipv4Addr> {
        let address = |part: &str| match part {
            "<xcatmaster>" => Some(ours),
            name => self.resolve(name),
        };
        list(text).filter_map(address).collect()
    }

    /// The IPv4 address of a literal or of a known host.
    pub(crate) fn resolve(&self, name: &str) -> Option<Ipv4Addr> {
        if let Ok(address) = name.parse() {
            return Some(address);
        }
        self.index.zones.lookup_host(name).find_map(|address| match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        })
    }

    pub(crate) fn cell(&self, table: &str, column: &str, node: &str) -> Option<Arc<str>> {
        cell(&self.snapshot, table, column, node)
    }
}

impl Index {
    fn build(snapshot: &Snapshot, facts: &ServerFacts) -> (Self, Vec<Problem>) {
        let (networks, mut problems) = Network::read_all(snapshot);
        let domains = Domains::read(snapshot);
        let (entries, bad) = names::entries(snapshot);
        problems.extend(bad);
        let site = Site::read(snapshot);
        let links = links(facts, &networks);
        let owners = owners(&entries, &mut problems);
        let nics = nics(snapshot, &entries, &networks, &mut problems);
        let mut own: Vec<Ipv4Addr> = master(&site, &links, facts).into_iter().collect();
        own.extend(links.iter().map(|link| link.address));
        let zones = Zones::build(&site, &networks, (&domains, &entries), facts, &own);
        let facts = facts.clone();
        (Self { site, facts, networks, links, nics, owners, zones }, problems)
    }
}

fn links(facts: &ServerFacts, networks: &[Network]) -> Vec<Link> {
    let mut links = Vec::new();
    for interface in &facts.interfaces {
        for address in interface.addresses.iter().map(Ipv4Net::addr) {
            let Some(network) = networks.iter().find(|network| network.net.contains(&address))
            else {
                continue;
            };
            let (interface, mac) = (interface.name.clone(), interface.mac);
            links.push(Link { interface, mac, address, net: network.net });
        }
    }
    links
}

/// The management node's main address: `site.master` when it is an address, else that of the first
/// link, else any.
fn master(site: &Site, links: &[Link], facts: &ServerFacts) -> Option<Ipv4Addr> {
    let written = site.master.as_deref().and_then(|master| master.parse().ok());
    let linked = || links.first().map(|link| link.address);
    let any = || facts.interfaces.iter().flat_map(|nic| &nic.addresses).map(Ipv4Net::addr).next();
    written.or_else(linked).or_else(any)
}

fn owners(entries: &[HostEntry], problems: &mut Vec<Problem>) -> HashMap<IpAddr, NodeName> {
    let mut owners: HashMap<IpAddr, NodeName> = HashMap::with_capacity(entries.len());
    for entry in entries {
        match owners.entry(entry.ip) {
            Entry::Vacant(free) => {
                free.insert(entry.node.clone());
            }
            Entry::Occupied(taken) if *taken.get() != entry.node => {
                let text = format!("{} belongs to {} already", entry.ip, taken.get());
                problems.push(Problem::new("hosts", entry.node.as_str(), text));
            }
            Entry::Occupied(_) => {}
        }
    }
    owners
}

fn nics(
    snapshot: &Snapshot,
    entries: &[HostEntry],
    networks: &[Network],
    problems: &mut Vec<Problem>,
) -> HashMap<Mac, KnownNic> {
    let addresses = addresses(entries);
    let mut nics: HashMap<Mac, KnownNic> = HashMap::new();
    for node in snapshot.nodes() {
        let Some(text) = cell(snapshot, "mac", "mac", node.as_str()) else { continue };
        let problem = |text: String| Problem::new("mac", node.as_str(), text);
        let (found, bad) = parse_macs(&text);
        problems.extend(
            bad.iter()
                .map(|mac| problem(format!("'{mac}' is not an Ethernet address; it is ignored"))),
        );
        for nic in found {
            let known = known_nic(node, nic.mac, nic.host, &addresses);
            problems.extend(doubt(&known, networks).map(problem));
            match nics.entry(nic.mac) {
                Entry::Vacant(free) => {
                    free.insert(known);
                }
                Entry::Occupied(taken) => {
                    problems.push(problem(format!(
                        "{} belongs to {} already; it is ignored",
                        nic.mac,
                        taken.get().node
                    )));
                }
            }
        }
    }
    nics
}

/// The first IPv4 address of each name.
fn addresses(entries: &[HostEntry]) -> HashMap<&str, Ipv4Addr> {
    let mut addresses = HashMap::with_capacity(entries.len());
    for entry in entries {
        let IpAddr::V4(ip) = entry.ip else { continue };
        for name in std::iter::once(&entry.name).chain(&entry.aliases) {
            addresses.entry(name.as_str()).or_insert(ip);
        }
    }
    addresses
}

fn known_nic(
    node: &NodeName,
    mac: Mac,
    host: NicHost,
    addresses: &HashMap<&str, Ipv4Addr>,
) -> KnownNic {
    let host = match host {
        NicHost::Node => node.to_string(),
        NicHost::Named(name) => name,
        NicHost::NoIp => {
            let host = format!("{node}-noip{}", mac.to_string().replace(':', ""));
            return KnownNic { node: node.clone(), host, address: NicAddress::NoIp };
        }
    };
    let address =
        addresses.get(host.as_str()).map_or(NicAddress::Missing, |ip| NicAddress::Reserved(*ip));
    KnownNic { node: node.clone(), host, address }
}

/// What speaks against giving this interface its address.
fn doubt(nic: &KnownNic, networks: &[Network]) -> Option<String> {
    let ip = match nic.address {
        NicAddress::Reserved(ip) => ip,
        NicAddress::NoIp => return None,
        NicAddress::Missing => {
            return Some(format!(
                "{} has no IP address in the hosts table; DHCP cannot answer it",
                nic.host
            ));
        }
    };
    let Some(network) = networks.iter().find(|network| network.net.contains(&ip)) else {
        return Some(format!("{ip} is in no network of the networks table; DHCP cannot answer it"));
    };
    network
        .is_dynamic(ip)
        .then(|| format!("{ip} is inside the dynamic range of network {}", network.name))
}
