//! Which machines a lab has: names, addresses, identities. Pure.
//!
//! Everything follows from a machine's number, so that a lab that is made again is the same lab. Machine and service
//! processor have the same last byte: 201 and up, far from what Docker hands out by itself.

use std::net::Ipv4Addr;

use base::{ErrorKind, Failure};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

/// More would run into the end of a /24.
pub(crate) const NODES_MAX: u16 = 48;
/// Distance of the first machine's address from the end of its network.
const FROM_END: u32 = 55;
/// Distance between machines and service processors when they share a network.
const APART: u32 = 50;

/// How a machine starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FirmwareKind {
    /// SeaBIOS and QEMU's iPXE ROM.
    Bios,
    /// OVMF and its own PXE: the path that asks TFTP for a boot loader.
    Uefi,
}

impl FirmwareKind {
    /// Its name in arguments and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bios => "bios",
            Self::Uefi => "uefi",
        }
    }
}

/// A network of the container: its bridge on this host and its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) name: String,
    pub(crate) bridge: String,
    pub(crate) subnet: Ipv4Net,
}

/// One machine of the lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodePlan {
    /// Node name.
    pub(crate) name: String,
    /// Counted from 1.
    pub(crate) number: u16,
    /// Its address on the management network.
    pub(crate) ip: Ipv4Addr,
    /// The address of its service processor.
    pub(crate) bmc: Ipv4Addr,
    /// Hardware address, locally administered.
    pub(crate) mac: String,
    /// SMBIOS UUID.
    pub(crate) uuid: String,
    /// Firmware.
    pub(crate) firmware: FirmwareKind,
}

impl NodePlan {
    /// The name of its tap device.
    pub(crate) fn tap(&self) -> String {
        format!("xlab{:02}", self.number)
    }
}

/// The machines 1 to `count`, firmware dealt out in turn.
pub(crate) fn plan(
    count: u16,
    prefix: &str,
    firmware: &[FirmwareKind],
    management: &Network,
    service: &Network,
) -> Result<Vec<NodePlan>, Failure> {
    if count == 0 || count > NODES_MAX {
        let message = format!("a lab has 1 to {NODES_MAX} nodes, not {count}");
        return Err(Failure::new(ErrorKind::Usage, message));
    }
    let shared = management.subnet == service.subnet;
    let turns = firmware.iter().cycle();
    (1..=count)
        .zip(turns)
        .map(|(number, firmware)| {
            Ok(NodePlan {
                name: format!("{prefix}{number:02}"),
                number,
                ip: address(management, number, 0)?,
                bmc: address(service, number, if shared { APART } else { 0 })?,
                mac: format!("02:78:63:61:74:{number:02x}"),
                uuid: format!("78636174-6c61-8b00-8000-{number:012x}"),
                firmware: *firmware,
            })
        })
        .collect()
}

fn address(network: &Network, number: u16, below: u32) -> Result<Ipv4Addr, Failure> {
    let last = u32::from(network.subnet.broadcast());
    let offset = FROM_END.saturating_add(below);
    let found = last.checked_sub(offset).and_then(|first| first.checked_add(u32::from(number)));
    let address = found
        .map(Ipv4Addr::from)
        .filter(|address| network.subnet.contains(address) && *address != network.subnet.network());
    address.ok_or_else(|| {
        let message =
            format!("network {} ({}) is too small for a lab", network.name, network.subnet);
        Failure::new(ErrorKind::Conflict, message).hint("use a /24 or larger")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(name: &str, subnet: &str) -> Network {
        Network { name: name.into(), bridge: "br".into(), subnet: subnet.parse().unwrap() }
    }

    #[test]
    fn a_machine_and_its_service_processor_end_in_the_same_byte() {
        let (mgt, svc) = (network("m", "10.5.107.0/24"), network("s", "192.168.0.0/24"));
        let firmware = [FirmwareKind::Bios, FirmwareKind::Uefi];
        let nodes = plan(3, "vnode", &firmware, &mgt, &svc).unwrap();
        assert_eq!(nodes[0].name, "vnode01");
        assert_eq!(nodes[0].ip, Ipv4Addr::new(10, 5, 107, 201));
        assert_eq!(nodes[2].bmc, Ipv4Addr::new(192, 168, 0, 203));
        assert_eq!(nodes[1].firmware, FirmwareKind::Uefi);
        assert_eq!(nodes[2].firmware, FirmwareKind::Bios);
        assert_eq!(nodes[1].mac, "02:78:63:61:74:02");
    }

    #[test]
    fn one_network_for_both_keeps_the_addresses_apart() {
        let net = network("n", "10.5.107.0/24");
        let nodes = plan(NODES_MAX, "v", &[FirmwareKind::Bios], &net, &net).unwrap();
        assert!(nodes.iter().all(|a| nodes.iter().all(|b| a.ip != b.bmc)));
    }

    #[test]
    fn too_many_nodes_and_too_small_networks_are_refused() {
        let (small, large) = (network("s", "10.0.0.0/27"), network("l", "10.0.0.0/16"));
        let bios = [FirmwareKind::Bios];
        assert!(plan(49, "v", &bios, &large, &large).is_err());
        assert!(plan(0, "v", &bios, &large, &large).is_err());
        assert!(plan(2, "v", &bios, &small, &small).is_err());
        assert_eq!(plan(1, "v", &bios, &large, &large).unwrap()[0].ip.octets()[2..], [255, 201]);
    }
}
