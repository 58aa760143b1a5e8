//! What DHCP answers: a pure decision from the view and one message.
//!
//! Addresses are reserved in the tables; a machine that the tables do not know is never answered,
//! and why is said. Boot file names follow spec/provision.md section 4.

mod record;
mod reply;

pub use record::record;

use std::fmt;
use std::net::Ipv4Addr;

use base::{Mac, NodeName};
use ipnet::Ipv4Net;
use wire::dhcp::{Message, MessageType, Op, code};

use crate::network::Network;
use crate::view::{BootView, KnownNic, NicAddress};

/// A message and where it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The message.
    pub message: &'a Message,
    /// The interface it arrived on.
    pub interface: &'a str,
}

/// A reply for a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The node.
    pub node: NodeName,
    /// The message to send.
    pub message: Message,
}

/// What to do with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Offer the reserved address.
    Offer(Box<Reply>),
    /// Grant it.
    Ack(Box<Reply>),
    /// Refuse the address that the client wants.
    Nak(Box<Reply>),
    /// Say nothing, for this reason.
    Silent(Silence),
}

/// Why a message is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It is no client's message, or of no type that is answered.
    NotAsked,
    /// It has no Ethernet address.
    NotEthernet,
    /// It arrived on an interface that DHCP does not serve.
    NotServed {
        /// The interface.
        interface: String,
    },
    /// No node has this address.
    UnknownMac(Mac),
    /// The interface is marked `*NOIP*`.
    NoIp(NodeName),
    /// The node has no IP address.
    NoAddress {
        /// The node.
        node: NodeName,
        /// The name that has no address.
        host: String,
    },
    /// The node's address is not in the network that it asks from.
    WrongNetwork {
        /// The node.
        node: NodeName,
        /// Its address.
        address: Ipv4Addr,
        /// Where it asks: an interface or a relay.
        place: String,
    },
    /// The client accepted another server's offer.
    OtherServer {
        /// The node.
        node: NodeName,
        /// The other server.
        server: Ipv4Addr,
    },
    /// The client found its address in use.
    Declined {
        /// The node.
        node: NodeName,
        /// The address.
        address: Option<Ipv4Addr>,
    },
    /// The client gives its address back; it stays reserved.
    Released(NodeName),
}

impl Silence {
    /// The node, when it is known.
    pub fn node(&self) -> Option<&NodeName> {
        match self {
            Self::NotAsked | Self::NotEthernet | Self::NotServed { .. } | Self::UnknownMac(_) => {
                None
            }
            Self::NoIp(node)
            | Self::NoAddress { node, .. }
            | Self::WrongNetwork { node, .. }
            | Self::OtherServer { node, .. }
            | Self::Declined { node, .. }
            | Self::Released(node) => Some(node),
        }
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.write_str("the message asks for nothing"),
            Self::NotEthernet => f.write_str("the message has no Ethernet address"),
            Self::NotServed { interface } => {
                write!(
                    f,
                    "interface {interface} has no address in a network of the networks table, or site.dhcpinterfaces leaves it out"
                )
            }
            Self::UnknownMac(mac) => write!(f, "no node has the MAC address {mac}"),
            Self::NoIp(_) => f.write_str("this interface is marked *NOIP*"),
            Self::NoAddress { host, .. } => {
                write!(f, "{host} has no IP address in the hosts table")
            }
            Self::WrongNetwork { address, place, .. } => {
                write!(f, "the node's address {address} is not in the network of {place}")
            }
            Self::OtherServer { server, .. } => {
                write!(f, "the node accepted the offer of another DHCP server, {server}")
            }
            Self::Declined { address: Some(address), .. } => {
                write!(f, "the node declined {address}: another machine uses this address")
            }
            Self::Declined { address: None, .. } => f.write_str("the node declined its address"),
            Self::Released(_) => f.write_str("the node released its address"),
        }
    }
}

/// Where a client is, and by which address it reaches us.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    server: Ipv4Addr,
    net: Ipv4Net,
    network: Option<&'a Network>,
}

/// A client that is to be answered.
#[derive(Clone, Copy, Debug)]
struct Client<'a> {
    view: &'a BootView,
    message: &'a Message,
    nic: &'a KnownNic,
    address: Ipv4Addr,
    place: Place<'a>,
}

/// Decides what to answer.
pub fn decide(view: &BootView, ask: &Ask<'_>) -> Decision {
    consider(view, ask).unwrap_or_else(Decision::Silent)
}

fn consider(view: &BootView, ask: &Ask<'_>) -> Result<Decision, Silence> {
    let message = ask.message;
    let kind = match (message.op, message.options.message_type()) {
        (Op::Request, Some(kind)) => kind,
        (Op::Request, None) | (Op::Reply, _) => return Err(Silence::NotAsked),
    };
    let mac = message.hardware.mac().ok_or(Silence::NotEthernet)?;
    if message.giaddr.is_unspecified()
        && !view.dhcp_links().any(|link| link.interface == ask.interface)
    {
        return Err(Silence::NotServed { interface: ask.interface.to_owned() });
    }
    let nic = view.nic(mac).ok_or(Silence::UnknownMac(mac))?;
    let node = || nic.node.clone();
    let client = || client(view, ask, nic);
    match kind {
        MessageType::Discover => Ok(Decision::Offer(reply::grant(&client()?, MessageType::Offer))),
        MessageType::Request => request(&client()?),
        MessageType::Inform => Ok(Decision::Ack(reply::inform(&client()?))),
        MessageType::Decline => {
            let address = message.options.address(code::REQUESTED_ADDRESS);
            Err(Silence::Declined { node: node(), address })
        }
        MessageType::Release => Err(Silence::Released(node())),
        MessageType::Offer | MessageType::Ack | MessageType::Nak => Err(Silence::NotAsked),
    }
}

fn client<'a>(view: &'a BootView, ask: &Ask<'a>, nic: &'a KnownNic) -> Result<Client<'a>, Silence> {
    let node = || nic.node.clone();
    let address = match nic.address {
        NicAddress::Reserved(address) => address,
        NicAddress::NoIp => return Err(Silence::NoIp(node())),
        NicAddress::Missing => {
            return Err(Silence::NoAddress { node: node(), host: nic.host.clone() });
        }
    };
    let relay = ask.message.giaddr;
    let place = if relay.is_unspecified() {
        local_place(view, ask.interface, address)
    } else {
        relayed_place(view, relay, address)
    };
    let place = place.ok_or_else(|| Silence::WrongNetwork {
        node: node(),
        address,
        place: if relay.is_unspecified() {
            ask.interface.to_owned()
        } else {
            format!("relay {relay}")
        },
    })?;
    Ok(Client { view, message: ask.message, nic, address, place })
}

fn local_place<'a>(view: &'a BootView, interface: &str, address: Ipv4Addr) -> Option<Place<'a>> {
    let here =
        |link: &&crate::view::Link| link.interface == interface && link.net.contains(&address);
    let link = view.dhcp_links().find(here)?;
    Some(Place { server: link.address, net: link.net, network: view.network_of(address) })
}

fn relayed_place(view: &BootView, relay: Ipv4Addr, address: Ipv4Addr) -> Option<Place<'_>> {
    let holds = |network: &&Network| network.net.contains(&relay) && network.net.contains(&address);
    let network = view.networks().iter().find(holds)?;
    let server = view.address_facing(relay.into())?;
    Some(Place { server, net: network.net, network: Some(network) })
}

/// Answers a request: it may accept our offer, confirm an address after a restart, or renew.
fn request(client: &Client<'_>) -> Result<Decision, Silence> {
    let options = &client.message.options;
    if let Some(server) = options.address(code::SERVER_ID)
        && !client.view.links().iter().any(|link| link.address == server)
        && server != client.place.server
    {
        return Err(Silence::OtherServer { node: client.nic.node.clone(), server });
    }
    let wanted = options.address(code::REQUESTED_ADDRESS).unwrap_or(client.message.ciaddr);
    if wanted == client.address {
        return Ok(Decision::Ack(reply::grant(client, MessageType::Ack)));
    }
    let text =
        format!("{wanted} is not the address of {}: it is {}", client.nic.host, client.address);
    Ok(Decision::Nak(reply::refusal(client, &text)))
}

#[cfg(test)]
mod tests;
