//! The DNS zones of the cluster: addresses of nodes and of this server, their reverse names, and what
//! to answer. Everything else is forwarded.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::Ipv4Net;

use crate::facts::ServerFacts;
use crate::names::{Domains, HostEntry};
use crate::network::Network;
use crate::site::Site;

/// How long answers may be kept, in seconds: short, because the tables change and answers follow.
pub const TTL: u32 = 60;

/// The kinds of records that are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Names of addresses.
    Ptr,
    /// Name servers.
    Ns,
    /// Start of a zone.
    Soa,
    /// All of them.
    Any,
    /// Another one, of which there are none.
    Other,
}

/// The value of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// An address.
    Address(IpAddr),
    /// A name of an address.
    Ptr(String),
    /// A name server.
    Ns(String),
    /// The start of a zone: its name server and serial number.
    Soa {
        /// The name server.
        server: String,
        /// The serial number.
        serial: u32,
    },
}

/// What to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These values.
    Found(Vec<Data>),
    /// The name exists without such records; the zone's name for the negative answer.
    Empty(String),
    /// The name does not exist in our zone of this name.
    NoName(String),
    /// The name is not in our zones: ask the forwarders.
    NotOurs,
}

/// The zones.
#[derive(Clone, Debug, Default)]
pub struct Zones {
    domains: Vec<String>,
    reverse: Vec<Ipv4Net>,
    hosts: HashMap<String, Vec<IpAddr>>,
    names: HashMap<IpAddr, String>,
    server: String,
    forwarders: Vec<IpAddr>,
}

impl Zones {
    pub(crate) fn build(
        site: &Site,
        networks: &[Network],
        (domains, entries): (&Domains, &[HostEntry]),
        facts: &ServerFacts,
        own: &[Ipv4Addr],
    ) -> Self {
        let mut zones = Self::default();
        zones.domains.extend(site.domain.clone());
        zones.domains.extend(networks.iter().filter_map(|network| network.domain.clone()));
        zones.domains.sort();
        zones.domains.dedup();
        zones.reverse = networks.iter().map(|network| network.net).collect();
        zones.add_server(site, facts, own, domains);
        for entry in entries {
            let domain = entry.domain.as_deref();
            zones.add(&entry.name, domain, entry.ip);
            for alias in &entry.aliases {
                zones.add(alias, domain, entry.ip);
            }
        }
        zones.forwarders = forwarders(site, facts);
        zones
    }

    /// The server has one address, so that nodes never try one that they cannot reach; each of its
    /// addresses has its name.
    fn add_server(
        &mut self,
        site: &Site,
        facts: &ServerFacts,
        own: &[Ipv4Addr],
        domains: &Domains,
    ) {
        let host = if facts.host_name.is_empty() { "xcatmn" } else { &facts.host_name };
        self.server = full_name(host, site.domain.as_deref());
        for ip in own.iter().map(|ip| IpAddr::V4(*ip)) {
            self.names.entry(ip).or_insert_with(|| self.server.clone());
        }
        let Some(master) = own.first().map(|ip| IpAddr::V4(*ip)) else { return };
        self.add(host, domains.of(master), master);
        self.add_once(&self.server.clone(), master);
        let name = site.master.as_deref().filter(|name| name.parse::<IpAddr>().is_err());
        if let Some(name) = name {
            self.add(name, domains.of(master), master);
        }
    }

    fn add(&mut self, name: &str, domain: Option<&str>, ip: IpAddr) {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let full = full_name(&name, domain.map(str::to_ascii_lowercase).as_deref());
        self.add_once(&name, ip);
        self.add_once(&full, ip);
        self.names.entry(ip).or_insert(full);
    }

    fn add_once(&mut self, name: &str, ip: IpAddr) {
        let ips = self.hosts.entry(name.to_owned()).or_default();
        if !ips.contains(&ip) {
            ips.push(ip);
        }
    }

    /// The addresses of a host by its short or full name.
    pub fn lookup_host(&self, name: &str) -> impl Iterator<Item = IpAddr> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.hosts.get(&name).into_iter().flatten().copied()
    }

    /// Where to ask for what is not ours.
    pub fn forwarders(&self) -> &[IpAddr] {
        &self.forwarders
    }

    /// This server's full name.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The names of the zones.
    pub fn zone_names(&self) -> Vec<String> {
        let reverse = self.reverse.iter().map(|net| reverse_zone(*net));
        self.domains.iter().cloned().chain(reverse).collect()
    }

    /// Answers a question; `name` may end with a dot, `serial` numbers the state of the zones.
    pub fn answer(&self, name: &str, kind: Kind, serial: u32) -> Answer {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if let Some(ip) = reverse_address(&name) {
            return self.reverse_answer(ip, &name, kind);
        }
        let short_known = !name.contains('.') && self.hosts.contains_key(&name);
        let zone = self
            .domains
            .iter()
            .filter(|domain| within(&name, domain))
            .max_by_key(|domain| domain.len());
        let Some(zone) = zone.cloned().or_else(|| short_known.then(|| name.clone())) else {
            return Answer::NotOurs;
        };
        let mut found =
            if zone == name && !short_known { self.apex(kind, serial) } else { Vec::new() };
        let known = self.hosts.get(&name);
        found.extend(
            known
                .into_iter()
                .flatten()
                .filter(|ip| wanted(kind, **ip))
                .map(|ip| Data::Address(*ip)),
        );
        match known {
            _ if !found.is_empty() => Answer::Found(found),
            None if zone != name => Answer::NoName(zone),
            _ => Answer::Empty(zone),
        }
    }

    fn apex(&self, kind: Kind, serial: u32) -> Vec<Data> {
        let soa = Data::Soa { server: self.server.clone(), serial };
        let ns = Data::Ns(self.server.clone());
        match kind {
            Kind::Soa => vec![soa],
            Kind::Ns => vec![ns],
            Kind::Any => vec![soa, ns],
            Kind::A | Kind::Aaaa | Kind::Ptr | Kind::Other => Vec::new(),
        }
    }

    fn reverse_answer(&self, ip: IpAddr, name: &str, kind: Kind) -> Answer {
        let known = self.names.get(&ip);
        let ours = match ip {
            IpAddr::V4(ip) => {
                self.reverse.iter().find(|net| net.contains(&ip)).map(|net| reverse_zone(*net))
            }
            IpAddr::V6(_) => known.map(|_| name.to_owned()),
        };
        match (known, ours) {
            (_, None) => Answer::NotOurs,
            (None, Some(zone)) => Answer::NoName(zone),
            (Some(host), Some(_)) if matches!(kind, Kind::Ptr | Kind::Any) => {
                Answer::Found(vec![Data::Ptr(host.clone())])
            }
            (Some(_), Some(zone)) => Answer::Empty(zone),
        }
    }
}

fn wanted(kind: Kind, ip: IpAddr) -> bool {
    match kind {
        Kind::A => ip.is_ipv4(),
        Kind::Aaaa => ip.is_ipv6(),
        Kind::Any => true,
        Kind::Ptr | Kind::Ns | Kind::Soa | Kind::Other => false,
    }
}

fn full_name(name: &str, domain: Option<&str>) -> String {
    match domain {
        Some(domain) if !within(name, domain) => format!("{name}.{domain}"),
        _ => name.to_owned(),
    }
}

fn within(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The forwarders of the site, else the servers that this machine uses itself; never ourselves.
fn forwarders(site: &Site, facts: &ServerFacts) -> Vec<IpAddr> {
    let written: Vec<IpAddr> = site
        .forwarders
        .iter()
        .flat_map(|text| crate::cell::list(text))
        .filter_map(|part| part.parse().ok())
        .collect();
    let own = |ip: &IpAddr| {
        facts
            .interfaces
            .iter()
            .flat_map(|nic| &nic.addresses)
            .any(|net| IpAddr::V4(net.addr()) == *ip)
    };
    let list = if written.is_empty() { facts.resolvers.clone() } else { written };
    list.into_iter().filter(|ip| !own(ip)).collect()
}

/// The zone on a byte boundary that holds the reverse names of `net`.
fn reverse_zone(net: Ipv4Net) -> String {
    let octets = net.network().octets();
    let whole = usize::from(net.prefix_len() / 8).clamp(1, 3);
    let parts: Vec<String> = octets[..whole].iter().rev().map(u8::to_string).collect();
    format!("{}.in-addr.arpa", parts.join("."))
}

/// The address in `4.3.2.1.in-addr.arpa` or its IPv6 sibling.
fn reverse_address(name: &str) -> Option<IpAddr> {
    if let Some(text) = name.strip_suffix(".in-addr.arpa") {
        let parts: Vec<u8> = text.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
        let [d, c, b, a] = <[u8; 4]>::try_from(parts).ok()?;
        return Some(Ipv4Addr::new(a, b, c, d).into());
    }
    let nibbles = name.strip_suffix(".ip6.arpa")?.split('.').rev();
    let digits: String = nibbles.collect();
    let number = (digits.len() == 32).then(|| u128::from_str_radix(&digits, 16).ok())??;
    Some(Ipv6Addr::from(number).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn ask(name: &str, kind: Kind) -> Answer {
        testing::view(&[]).zones().answer(name, kind, 7)
    }

    fn address(text: &str) -> Answer {
        Answer::Found(vec![Data::Address(text.parse().unwrap())])
    }

    #[test]
    fn nodes_and_the_server_have_names() {
        assert_eq!(ask("n1.cluster.test.", Kind::A), address("10.1.0.101"));
        assert_eq!(ask("N1.Cluster.Test", Kind::A), address("10.1.0.101"));
        assert_eq!(ask("n1", Kind::A), address("10.1.0.101"));
        assert_eq!(ask("xcatmn.cluster.test", Kind::A), address("10.1.0.1"));
        assert_eq!(
            ask("101.0.1.10.in-addr.arpa", Kind::Ptr),
            Answer::Found(vec![Data::Ptr("n1.cluster.test".to_owned())])
        );
        assert_eq!(
            ask("1.0.1.10.in-addr.arpa", Kind::Ptr),
            Answer::Found(vec![Data::Ptr("xcatmn.cluster.test".to_owned())])
        );
    }

    #[test]
    fn what_is_not_there_and_what_is_not_ours_differ() {
        assert_eq!(ask("zz.cluster.test", Kind::A), Answer::NoName("cluster.test".to_owned()));
        assert_eq!(ask("n1.cluster.test", Kind::Aaaa), Answer::Empty("cluster.test".to_owned()));
        assert_eq!(ask("n1", Kind::Aaaa), Answer::Empty("n1".to_owned()));
        assert_eq!(ask("debian.org", Kind::A), Answer::NotOurs);
        assert_eq!(ask("othercluster.test", Kind::A), Answer::NotOurs);
        assert_eq!(
            ask("99.0.1.10.in-addr.arpa", Kind::Ptr),
            Answer::NoName("1.10.in-addr.arpa".to_owned())
        );
        assert_eq!(ask("1.1.1.1.in-addr.arpa", Kind::Ptr), Answer::NotOurs);
        assert_eq!(
            ask("cluster.test", Kind::Soa),
            Answer::Found(vec![Data::Soa { server: "xcatmn.cluster.test".to_owned(), serial: 7 }])
        );
        assert_eq!(ask("cluster.test", Kind::A), Answer::Empty("cluster.test".to_owned()));
    }

    #[test]
    fn forwarders_are_the_sites_else_the_machines() {
        assert_eq!(
            testing::view(&[]).zones().forwarders(),
            ["192.0.2.53".parse::<IpAddr>().unwrap()]
        );
        let view = testing::view(&[("site", "forwarders", "value", "10.9.9.9,10.1.0.1")]);
        assert_eq!(view.zones().forwarders(), ["10.9.9.9".parse::<IpAddr>().unwrap()]);
    }
}
