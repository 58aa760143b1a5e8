//! What this machine is called and connected to. The texts are read in one place and understood by pure functions; no
//! name service is asked, because nothing may be up yet.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use model::Machine;
use model::machine::Port;
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::InterfaceFlags;

/// The texts that describe a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    pub(crate) hostname: String,
    pub(crate) hosts: String,
    pub(crate) resolv_conf: String,
    pub(crate) kernel_domain: String,
    pub(crate) routes: String,
    pub(crate) timezone: String,
}

impl Texts {
    /// Reads them from the system; what cannot be read is empty.
    pub(crate) fn read() -> Self {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let hostname = nix::unistd::gethostname().unwrap_or_default();
        Self {
            hostname: hostname.to_string_lossy().into_owned(),
            hosts: text("/etc/hosts"),
            resolv_conf: text("/etc/resolv.conf"),
            kernel_domain: text("/proc/sys/kernel/domainname"),
            routes: text("/proc/net/route"),
            timezone: timezone(&text("/etc/timezone")),
        }
    }

    /// The host name without its domain.
    pub(crate) fn short_name(&self) -> &str {
        self.hostname.split('.').next().unwrap_or_default()
    }

    /// The domain: from the host name, from `/etc/hosts`, from the kernel, from `resolv.conf`.
    pub(crate) fn domain(&self) -> Option<String> {
        let of_name = |name: &str| Some(name.split_once('.')?.1.to_owned());
        let short = self.short_name();
        let in_hosts = || {
            let full = |name: &&str| name.split_once('.').is_some_and(|(first, _)| first == short);
            hosts_entries(&self.hosts).find_map(|(_, names)| of_name(names.into_iter().find(full)?))
        };
        let kernel = || Some(self.kernel_domain.trim().to_owned()).filter(|text| text != "(none)");
        let searched = || {
            let words = |line: &str| {
                let mut words = line.split_whitespace().map(str::to_owned);
                matches!(words.next().as_deref(), Some("search" | "domain"))
                    .then(|| words.next())?
            };
            self.resolv_conf.lines().find_map(words)
        };
        let found = of_name(&self.hostname).or_else(in_hosts).or_else(kernel).or_else(searched);
        found
            .map(|domain| domain.trim_end_matches('.').to_owned())
            .filter(|domain| !domain.is_empty())
    }

    /// The address that `/etc/hosts` gives to this machine's name.
    pub(crate) fn own_address(&self) -> Option<Ipv4Addr> {
        let short = self.short_name();
        let is_own =
            |names: &[&str]| names.iter().any(|name| name.split('.').next() == Some(short));
        hosts_entries(&self.hosts)
            .filter(|(_, names)| is_own(names))
            .find_map(|(address, _)| address.parse().ok().filter(|ip: &Ipv4Addr| !ip.is_loopback()))
    }

    /// The name servers of `resolv.conf`.
    pub(crate) fn resolvers(&self) -> Vec<IpAddr> {
        let server = |line: &str| {
            let mut words = line.split_whitespace();
            if words.next() == Some("nameserver") { words.next()?.parse().ok() } else { None }
        };
        self.resolv_conf.lines().filter_map(server).collect()
    }

    /// The default gateway.
    fn gateway(&self) -> Option<Ipv4Addr> {
        self.routes.lines().skip(1).find_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            let (destination, gateway) = (words.next()?, words.next()?);
            let gateway = u32::from_str_radix(gateway, 16).ok()?;
            let found = destination == "00000000" && gateway != 0;
            found.then(|| Ipv4Addr::from(gateway.swap_bytes()))
        })
    }

    /// The machine with its interfaces as they are now.
    pub(crate) fn machine(&self) -> Machine {
        Machine { host_name: self.hostname.clone(), links: links(), gateway: self.gateway() }
    }
}

/// The interfaces that are up, but for the loopback, by their names.
fn links() -> Vec<Port> {
    let mut found: BTreeMap<String, Port> = BTreeMap::new();
    for entry in getifaddrs().into_iter().flatten().filter(is_usable) {
        let name = entry.interface_name.clone();
        let link = found.entry(name).or_insert_with_key(|name| Port {
            name: name.clone(),
            mtu: mtu(name),
            addresses: Vec::new(),
        });
        link.addresses.extend(address(&entry));
    }
    found.into_values().collect()
}

fn is_usable(entry: &InterfaceAddress) -> bool {
    entry.flags.contains(InterfaceFlags::IFF_UP)
        && !entry.flags.contains(InterfaceFlags::IFF_LOOPBACK)
}

fn mtu(interface: &str) -> Option<u32> {
    let path = format!("/sys/class/net/{interface}/mtu");
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn address(entry: &InterfaceAddress) -> Option<IpNet> {
    let (address, mask) = (entry.address.as_ref()?, entry.netmask.as_ref()?);
    let (address, mask): (IpAddr, IpAddr) = match (address.as_sockaddr_in(), mask.as_sockaddr_in())
    {
        (Some(address), Some(mask)) => (address.ip().into(), mask.ip().into()),
        _ => (address.as_sockaddr_in6()?.ip().into(), mask.as_sockaddr_in6()?.ip().into()),
    };
    IpNet::with_netmask(address, mask).ok()
}

/// The lines of `/etc/hosts`: address and names.
fn hosts_entries(hosts: &str) -> impl Iterator<Item = (&str, Vec<&str>)> {
    hosts.lines().filter_map(|line| {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        Some((words.next()?, words.collect()))
    })
}

/// The time zone's name: `TZ`, `/etc/timezone`, where `/etc/localtime` leads, else UTC.
fn timezone(etc_timezone: &str) -> String {
    let variable = std::env::var("TZ").unwrap_or_default();
    let linked = std::fs::read_link("/etc/localtime").unwrap_or_default();
    let linked = linked.to_string_lossy();
    let linked = linked.split_once("zoneinfo/").map_or("", |(_, zone)| zone);
    let zones = [variable.trim_start_matches(':'), etc_timezone.trim(), linked, "UTC"];
    zones.into_iter().find(|zone| !zone.is_empty()).unwrap_or("UTC").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(hostname: &str) -> Texts {
        Texts { hostname: hostname.to_owned(), ..Texts::default() }
    }

    #[test]
    fn the_domain_is_found_where_it_is_known() {
        assert_eq!(texts("mn.a.b").domain().as_deref(), Some("a.b"));
        let hosts = "127.0.0.1 localhost\n10.0.0.1 mn.h.x mn # us\n".to_owned();
        assert_eq!(Texts { hosts, ..texts("mn") }.domain().as_deref(), Some("h.x"));
        let kernel_domain = "k.x\n".to_owned();
        assert_eq!(Texts { kernel_domain, ..texts("mn") }.domain().as_deref(), Some("k.x"));
        let resolv_conf = "nameserver 1.1.1.1\nsearch s.x t.x\n".to_owned();
        let kernel_domain = "(none)\n".to_owned();
        let machine = Texts { resolv_conf, kernel_domain, ..texts("mn") };
        assert_eq!(machine.domain().as_deref(), Some("s.x"));
        assert_eq!(machine.resolvers(), [IpAddr::from([1, 1, 1, 1])]);
        assert_eq!(texts("mn").domain(), None);
    }

    #[test]
    fn the_own_address_and_the_gateway_are_read_from_the_systems_tables() {
        let hosts = "127.0.1.1 mn\n10.0.0.7\tmn.x mn\n".to_owned();
        let routes =
            "Iface\tDestination\tGateway\nlo\t0000007F\t00000000\neth0\t00000000\t016B050A\t0003\n";
        let machine = Texts { hosts, routes: routes.to_owned(), ..texts("mn") };
        assert_eq!(machine.own_address(), Some(Ipv4Addr::new(10, 0, 0, 7)));
        assert_eq!(machine.gateway(), Some(Ipv4Addr::new(10, 5, 107, 1)));
    }
}
