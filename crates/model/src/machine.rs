//! The networks that a machine is connected to, as definitions: what the first start writes into table `networks`,
//! and what `makenetworks` adds to it.
//!
//! Facts: `makenetworks(8)`. No I/O: whoever knows the machine brings its links.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use tables::{Patch, Row, Snapshot, ids};

use crate::cell::field;
use crate::network::parse_net;

/// What stands for the address by which nodes reach their server.
const MASTER: &str = "<xcatmaster>";

/// A machine and what it is connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Its name as it calls itself.
    pub host_name: String,
    /// Its interfaces that are up, without the loopback.
    pub links: Vec<Port>,
    /// Its default router.
    pub gateway: Option<Ipv4Addr>,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its largest packet.
    pub mtu: Option<u32>,
    /// Its addresses with their networks.
    pub addresses: Vec<IpNet>,
}

/// A network that the machine is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    net: IpNet,
    own: IpAddr,
    interface: String,
    mtu: Option<u32>,
    gateway: Option<Ipv4Addr>,
}

impl Machine {
    /// The IPv4 addresses with their networks, in the order of the interfaces.
    pub fn addresses(&self) -> impl Iterator<Item = Ipv4Net> {
        self.links.iter().flat_map(|link| &link.addresses).filter_map(|net| match net {
            IpNet::V4(net) => Some(*net),
            IpNet::V6(_) => None,
        })
    }

    /// The networks, each once, in the order of the interfaces. Those that hold no nodes are left out: loopback,
    /// link-local, multicast, and single addresses.
    pub fn networks(&self) -> Vec<Attached> {
        let mut found: Vec<Attached> = Vec::new();
        for link in &self.links {
            for address in link.addresses.iter().filter(|address| holds_nodes(address)) {
                let net = address.trunc();
                if found.iter().all(|known| known.net != net) {
                    found.push(Attached {
                        net,
                        own: address.addr(),
                        interface: link.name.clone(),
                        mtu: link.mtu,
                        gateway: self.gateway.filter(|router| net.contains(&IpAddr::V4(*router))),
                    });
                }
            }
        }
        found
    }
}

fn holds_nodes(address: &IpNet) -> bool {
    let ip = address.addr();
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let single = address.prefix_len() == address.max_prefix_len();
    !(link_local || single || ip.is_loopback() || ip.is_multicast() || ip.is_unspecified())
}

/// How a network stands to those that are defined already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is not defined.
    New,
    /// It is defined under another name.
    Known,
    /// Its name is taken, by itself or by another network.
    NameTaken,
}

impl Attached {
    /// The name that it gets: address and mask of IPv4 with underlines, the whole of IPv6.
    pub fn name(&self) -> String {
        match self.net {
            IpNet::V4(net) => format!("{}-{}", net.network(), net.netmask()).replace('.', "_"),
            IpNet::V6(net) => net.to_string(),
        }
    }

    /// Its key in table `networks`: address and mask.
    fn key(&self) -> (String, String) {
        match self.net {
            IpNet::V4(net) => (net.network().to_string(), net.netmask().to_string()),
            IpNet::V6(net) => (net.to_string(), format!("/{}", net.prefix_len())),
        }
    }

    /// How it stands to the definitions.
    pub fn standing(&self, snapshot: &Snapshot) -> Standing {
        let name = self.name();
        if definition(snapshot, &name).is_some() {
            return Standing::NameTaken;
        }
        let known = snapshot.enabled_rows(ids::NETWORKS).any(|row| self.is_same(row));
        if known { Standing::Known } else { Standing::New }
    }

    fn is_same(&self, row: &Row) -> bool {
        let (net, mask) = (field(row, "net").unwrap_or_default(), field(row, "mask"));
        parse_net(net, mask.unwrap_or_default()) == Some(self.net)
    }

    /// Adds its definition to a patch.
    pub fn define(&self, patch: &mut Patch) {
        let ((net, mask), name) = (self.key(), self.name());
        let mtu = self.mtu.map(|mtu| mtu.to_string());
        let mut cells = vec![("netname", Some(&*name)), ("mgtifname", Some(&*self.interface))];
        let router = self.router();
        if self.net.network().is_ipv4() {
            cells.extend([
                ("gateway", Some(&*router)),
                ("mtu", mtu.as_deref()),
                ("tftpserver", Some(MASTER)),
            ]);
        }
        patch.set(ids::NETWORKS, &[&net, &mask], &cells);
    }

    /// Its definition as a stanza, from the machine called `host`.
    pub fn stanza(&self, host: &str, snapshot: &Snapshot) -> Vec<String> {
        let ((net, mask), name) = (self.key(), self.name());
        let mut lines = vec![format!("\n#From {host}."), format!("{name}:")];
        let mut line = |name: &str, value: &dyn fmt::Display| {
            lines.push(format!("    {name}={value}"));
        };
        line("objtype", &"network");
        line("net", &net);
        line("mask", &mask);
        let v4 = self.net.network().is_ipv4();
        if v4 {
            line("gateway", &self.router());
        }
        line("mgtifname", &self.interface);
        if let Some(mtu) = self.mtu.filter(|_| v4) {
            line("mtu", &mtu);
        }
        let server = definition(snapshot, &name).and_then(|row| field(row, "tftpserver"));
        if v4 && server.is_none() {
            line("tftpserver", &self.own);
        }
        if self.standing(snapshot) == Standing::Known {
            lines
                .push("# Note: An equivalent xCAT network definition already exists.\n".to_owned());
        }
        lines
    }

    /// The router of nodes there: that of this machine, else this machine.
    fn router(&self) -> String {
        self.gateway.map_or_else(|| MASTER.to_owned(), |router| router.to_string())
    }
}

/// The definition called `name`.
fn definition<'a>(snapshot: &'a Snapshot, name: &str) -> Option<&'a Row> {
    snapshot.enabled_rows(ids::NETWORKS).find(|row| field(row, "netname") == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        let link = |name: &str, addresses: &[&str]| Port {
            name: name.to_owned(),
            mtu: Some(1500),
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
        };
        Machine {
            host_name: "xcatmn".to_owned(),
            links: vec![
                link("eth0", &["10.5.107.101/24", "10.5.107.102/24", "fd59::1/64", "fe80::1/64"]),
                link("eth1", &["192.168.0.101/16", "169.254.3.4/16", "10.9.9.9/32"]),
            ],
            gateway: Some(Ipv4Addr::new(10, 5, 107, 1)),
        }
    }

    fn defined(rows: &[(&str, &str, &str)]) -> Snapshot {
        let mut patch = Patch::new();
        for (name, net, mask) in rows {
            patch.set(ids::NETWORKS, &[net, mask], &[("netname", Some(name))]);
        }
        Snapshot::empty().apply(&patch).unwrap().0
    }

    fn standings(snapshot: &Snapshot) -> Vec<(String, Standing)> {
        let networks = machine().networks();
        networks.iter().map(|net| (net.name(), net.standing(snapshot))).collect()
    }

    #[test]
    fn each_network_with_room_for_nodes_is_found_once() {
        let names: Vec<String> = machine().networks().iter().map(Attached::name).collect();
        assert_eq!(names, ["10_5_107_0-255_255_255_0", "fd59::/64", "192_168_0_0-255_255_0_0"]);
        let mut patch = Patch::new();
        machine().networks().iter().for_each(|net| net.define(&mut patch));
        let snapshot = Snapshot::empty().apply(&patch).unwrap().0;
        let cells = |net: &str, mask: &str| {
            let row = snapshot.row(ids::NETWORKS, &[net, mask]).unwrap();
            ["mgtifname", "gateway", "tftpserver", "mtu"].map(|name| row.get(name).unwrap_or("-"))
        };
        let first = ["eth0", "10.5.107.1", "<xcatmaster>", "1500"];
        assert_eq!(cells("10.5.107.0", "255.255.255.0"), first);
        let second = ["eth1", "<xcatmaster>", "<xcatmaster>", "1500"];
        assert_eq!(cells("192.168.0.0", "255.255.0.0"), second);
        assert_eq!(cells("fd59::/64", "/64"), ["eth0", "-", "-", "-"]);
        assert!(standings(&snapshot).iter().all(|(_, standing)| *standing == Standing::NameTaken));
    }

    #[test]
    fn what_is_defined_already_is_known_by_name_or_by_address() {
        let snapshot = defined(&[
            ("mgt", "10.5.107.0", "255.255.255.0"),
            ("ula", "fd59:0::/64", "/64"),
            ("192_168_0_0-255_255_0_0", "172.16.0.0", "255.255.0.0"),
        ]);
        let standings: Vec<Standing> =
            standings(&snapshot).into_iter().map(|(_, standing)| standing).collect();
        assert_eq!(standings, [Standing::Known, Standing::Known, Standing::NameTaken]);
    }

    #[test]
    fn a_stanza_can_be_given_to_mkdef() {
        let snapshot = defined(&[("mgt", "10.5.107.0", "24")]);
        let stanzas: Vec<String> = machine()
            .networks()
            .iter()
            .map(|net| net.stanza("xcatmn", &snapshot).join("\n"))
            .collect();
        assert_eq!(
            stanzas,
            [
                "\n#From xcatmn.\n10_5_107_0-255_255_255_0:\n    objtype=network\n    \
                 net=10.5.107.0\n    mask=255.255.255.0\n    gateway=10.5.107.1\n    \
                 mgtifname=eth0\n    mtu=1500\n    tftpserver=10.5.107.101\n\
                 # Note: An equivalent xCAT network definition already exists.\n",
                "\n#From xcatmn.\nfd59::/64:\n    objtype=network\n    net=fd59::/64\n    \
                 mask=/64\n    mgtifname=eth0",
                "\n#From xcatmn.\n192_168_0_0-255_255_0_0:\n    objtype=network\n    \
                 net=192.168.0.0\n    mask=255.255.0.0\n    gateway=<xcatmaster>\n    \
                 mgtifname=eth1\n    mtu=1500\n    tftpserver=192.168.0.101",
            ]
        );
    }
}
