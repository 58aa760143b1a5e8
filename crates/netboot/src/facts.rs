//! What the tables do not know: this machine's interfaces, name and resolvers.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use base::Mac;
use ipnet::Ipv4Net;
use model::{Interface, ServerFacts};
use nix::ifaddrs::{InterfaceAddress, getifaddrs};

/// Reads them; `boot_dir` is where boot loaders are installed. What cannot be read is left out.
pub fn server_facts(boot_dir: &Path) -> ServerFacts {
    let resolv_conf = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let host_name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let host_name = host_name.unwrap_or_default();
    ServerFacts {
        host_name: host_name.split('.').next().unwrap_or_default().to_ascii_lowercase(),
        interfaces: interfaces(),
        boot_dir: boot_dir.to_owned(),
        resolvers: resolvers(&resolv_conf),
    }
}

/// The interfaces that have an address. Others come and go with every container of a host, and each difference would cost
/// a new view of all nodes.
fn interfaces() -> Vec<Interface> {
    let mut found: BTreeMap<String, Interface> = BTreeMap::new();
    for entry in getifaddrs().into_iter().flatten() {
        let name = entry.interface_name.clone();
        let interface = found.entry(name.clone()).or_insert_with(|| Interface {
            name,
            mac: None,
            addresses: Vec::new(),
        });
        if let Some(mac) = mac_of(&entry) {
            interface.mac = Some(mac);
        }
        interface.addresses.extend(address_of(&entry));
    }
    let counts = |nic: &Interface| nic.name != "lo" && !nic.addresses.is_empty();
    found.into_values().filter(counts).collect()
}

fn mac_of(entry: &InterfaceAddress) -> Option<Mac> {
    let link = entry.address.as_ref()?.as_link_addr()?;
    link.addr().filter(|_| link.halen() == 6).map(Mac::new)
}

fn address_of(entry: &InterfaceAddress) -> Option<Ipv4Net> {
    let address = entry.address.as_ref()?.as_sockaddr_in()?.ip();
    let mask: Ipv4Addr = entry.netmask.as_ref()?.as_sockaddr_in()?.ip();
    Ipv4Net::with_netmask(address, mask).ok()
}

/// The name servers in a resolver configuration.
fn resolvers(text: &str) -> Vec<IpAddr> {
    let server = |line: &str| line.trim().strip_prefix("nameserver")?.trim().parse().ok();
    text.lines().filter_map(server).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_are_read_from_their_lines() {
        let text = "# x\nsearch a.b\nnameserver 10.0.0.1\n nameserver\t::1\nnameserver x\n";
        assert_eq!(resolvers(text).len(), 2);
    }
}
