//! A node as its tables describe it, inheritance applied.

use std::net::Ipv4Addr;
use std::sync::Arc;

use base::{Mac, NodeName};
use tables::Snapshot;

use crate::bmc::Bmc;
use crate::cell::cell;

/// A network interface in `mac.mac`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nic {
    /// Its hardware address.
    pub mac: Mac,
    /// What it is called on its network.
    pub host: NicHost,
}

/// The name that an interface gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NicHost {
    /// The node's own name.
    Node,
    /// Another host name (`MAC!name`).
    Named(String),
    /// It must not get an address (`MAC!*NOIP*`).
    NoIp,
}

/// Reads `MAC!host|MAC2|MAC3!*NOIP*`: the interfaces, and the parts that are not Ethernet addresses.
pub fn parse_macs(text: &str) -> (Vec<Nic>, Vec<String>) {
    let (mut nics, mut bad) = (Vec::new(), Vec::new());
    for part in text.split('|').map(str::trim).filter(|part| !part.is_empty()) {
        let (mac, host) = part.split_once('!').unwrap_or((part, ""));
        let host = match host.trim() {
            "" => NicHost::Node,
            "*NOIP*" => NicHost::NoIp,
            name => NicHost::Named(name.to_owned()),
        };
        match Mac::parse(mac.trim()) {
            Ok(mac) => nics.push(Nic { mac, host }),
            Err(_) => bad.push(mac.trim().to_owned()),
        }
    }
    (nics, bad)
}

/// A node with its inherited values; what is empty is absent.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name.
    pub name: NodeName,
    /// Its groups.
    pub groups: Vec<Arc<str>>,
    /// Its interfaces.
    pub nics: Vec<Nic>,
    /// Its address.
    pub ip: Option<Ipv4Addr>,
    /// `nodetype.arch`.
    pub arch: Option<Arc<str>>,
    /// `nodetype.os`.
    pub os: Option<Arc<str>>,
    /// `nodetype.profile`.
    pub profile: Option<Arc<str>>,
    /// `nodetype.provmethod`: usually the name of an osimage.
    pub provmethod: Option<Arc<str>>,
    /// `noderes.netboot`.
    pub netboot: Option<Arc<str>>,
    /// `noderes.xcatmaster`.
    pub xcatmaster: Option<Arc<str>>,
    /// `noderes.tftpserver`.
    pub tftpserver: Option<Arc<str>>,
    /// `noderes.nfsserver`.
    pub nfsserver: Option<Arc<str>>,
    /// `noderes.nameservers`.
    pub nameservers: Option<Arc<str>>,
    /// `noderes.installnic`.
    pub installnic: Option<Arc<str>>,
    /// `nodehm.mgt`.
    pub mgt: Option<Arc<str>>,
    /// `nodehm.serialport`.
    pub serialport: Option<Arc<str>>,
    /// `nodehm.serialspeed`.
    pub serialspeed: Option<Arc<str>>,
    /// `nodehm.serialflow`.
    pub serialflow: Option<Arc<str>>,
    /// `nodelist.status`.
    pub status: Option<Arc<str>>,
    /// What it is to boot.
    pub boot: BootParams,
    /// Its service processor.
    pub bmc: Option<Bmc>,
}

/// What nodeset decided for a node: tables `chain` and `bootparams`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootParams {
    /// `chain.currstate`, such as `netboot debian12-x86_64-compute`, `boot` or `offline`.
    pub state: Option<Arc<str>>,
    /// The kernel, relative to the TFTP root.
    pub kernel: Option<Arc<str>>,
    /// The initramfs, relative to the TFTP root.
    pub initrd: Option<Arc<str>>,
    /// The kernel's arguments.
    pub kcmdline: Option<Arc<str>>,
    /// The administrator's further arguments.
    pub addkcmdline: Option<Arc<str>>,
}

impl BootParams {
    /// Reads the cells of `node`.
    pub fn read(snapshot: &Snapshot, node: &str) -> Self {
        let boot = |column| cell(snapshot, "bootparams", column, node);
        Self {
            state: cell(snapshot, "chain", "currstate", node),
            kernel: boot("kernel"),
            initrd: boot("initrd"),
            kcmdline: boot("kcmdline"),
            addkcmdline: boot("addkcmdline"),
        }
    }

    /// The first word of the state: `netboot`, `boot`, `offline`, ...
    pub fn word(&self) -> &str {
        self.state.as_deref().and_then(|state| state.split_whitespace().next()).unwrap_or_default()
    }
}

impl Node {
    /// Reads the tables of the node `name`; none when there is no such node.
    pub fn read(snapshot: &Snapshot, name: &str) -> Option<Self> {
        let name = snapshot.node(name)?;
        let node = name.as_str();
        let get = |table, column| cell(snapshot, table, column, node);
        let macs = get("mac", "mac");
        Some(Self {
            groups: snapshot.groups_of(node),
            nics: macs.map(|macs| parse_macs(&macs).0).unwrap_or_default(),
            ip: get("hosts", "ip").and_then(|ip| first_ipv4(&ip)),
            arch: get("nodetype", "arch"),
            os: get("nodetype", "os"),
            profile: get("nodetype", "profile"),
            provmethod: get("nodetype", "provmethod"),
            netboot: get("noderes", "netboot"),
            xcatmaster: get("noderes", "xcatmaster"),
            tftpserver: get("noderes", "tftpserver"),
            nfsserver: get("noderes", "nfsserver"),
            nameservers: get("noderes", "nameservers"),
            installnic: get("noderes", "installnic"),
            mgt: get("nodehm", "mgt"),
            serialport: get("nodehm", "serialport"),
            serialspeed: get("nodehm", "serialspeed"),
            serialflow: get("nodehm", "serialflow"),
            status: get("nodelist", "status"),
            boot: BootParams::read(snapshot, node),
            bmc: Bmc::read(snapshot, node),
            name: name.clone(),
        })
    }
}

/// The first IPv4 address in a list.
pub(crate) fn first_ipv4(text: &str) -> Option<Ipv4Addr> {
    text.split([',', '|', ' ']).find_map(|part| part.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mac_column_names_interfaces() {
        let text = "02:00:00:00:00:01|02-00-00-00-00-02!n1-ib| 020000000003!*NOIP* |a0:00|";
        let (nics, bad) = parse_macs(text);
        let hosts: Vec<_> =
            nics.iter().map(|nic| (nic.mac.octets()[5], nic.host.clone())).collect();
        assert_eq!(
            hosts,
            [(1, NicHost::Node), (2, NicHost::Named("n1-ib".to_owned())), (3, NicHost::NoIp)]
        );
        assert_eq!(bad, ["a0:00"]);
    }
}
