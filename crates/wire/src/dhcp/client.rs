//! The client's half of the conversation: messages to send, and what an acknowledgement grants.

use std::net::Ipv4Addr;

use base::Mac;

use super::options::code;
use super::{Arch, Message, MessageType, Op};

/// What a client asks for: mask, router, name servers, host name, domain, MTU, broadcast, time.
const WANTED: [u8; 8] = [
    code::SUBNET_MASK,
    code::ROUTER,
    code::DNS,
    code::HOST_NAME,
    code::DOMAIN,
    code::MTU,
    code::BROADCAST,
    code::NTP,
];

impl Message {
    /// A search for servers by the machine with `mac`.
    pub fn discover(mac: Mac, xid: u32) -> Self {
        let mut message = Self::new(Op::Request, mac.into(), xid);
        message.broadcast = true;
        message.options.set_message_type(MessageType::Discover);
        message.options.set(code::PARAMETERS, WANTED);
        message
    }

    /// The acceptance of `offer`.
    pub fn request_of(offer: &Self) -> Self {
        let mut message = Self::new(Op::Request, offer.hardware, offer.xid);
        message.broadcast = true;
        message.options.set_message_type(MessageType::Request);
        message.options.set(code::REQUESTED_ADDRESS, offer.yiaddr.octets());
        if let Some(server) = offer.options.address(code::SERVER_ID) {
            message.options.set(code::SERVER_ID, server.octets());
        }
        message.options.set(code::PARAMETERS, WANTED);
        message
    }

    /// The renewal of `lease`, sent to the server from the leased address.
    pub fn renewal_of(lease: &Lease, mac: Mac, xid: u32) -> Self {
        let mut message = Self::new(Op::Request, mac.into(), xid);
        message.ciaddr = lease.address;
        message.options.set_message_type(MessageType::Request);
        message.options.set(code::PARAMETERS, WANTED);
        message
    }

    /// The same request as a boot ROM of architecture `arch` sends it.
    #[must_use]
    pub fn as_boot_rom(mut self, arch: Arch) -> Self {
        let class = format!("PXEClient:Arch:{:05}:UNDI:002001", arch.0);
        self.options.set(code::VENDOR_CLASS, class);
        self.options.set(code::CLIENT_ARCH, arch.0.to_be_bytes());
        self.options.set(code::CLIENT_INTERFACE, [1, 2, 1]);
        self
    }

    /// The same request as iPXE sends it.
    #[must_use]
    pub fn as_ipxe(mut self, arch: Arch) -> Self {
        self = self.as_boot_rom(arch);
        self.options.set(code::USER_CLASS, *b"iPXE");
        self
    }

    /// Whether this is the answer of type `kind` to the transaction `xid` of `mac`.
    pub fn answers(&self, kind: MessageType, mac: Mac, xid: u32) -> bool {
        self.op == Op::Reply
            && self.xid == xid
            && self.hardware.mac() == Some(mac)
            && self.options.message_type() == Some(kind)
    }
}

/// What a server granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The client's address.
    pub address: Ipv4Addr,
    /// The length of the network prefix.
    pub prefix: u8,
    /// The default router.
    pub router: Option<Ipv4Addr>,
    /// Name servers.
    pub dns: Vec<Ipv4Addr>,
    /// The client's name.
    pub host_name: Option<String>,
    /// The client's domain.
    pub domain: Option<String>,
    /// The interface MTU.
    pub mtu: Option<u16>,
    /// The server to renew with.
    pub server: Ipv4Addr,
    /// The next boot server (`siaddr`), else the DHCP server.
    pub next_server: Ipv4Addr,
    /// How long the lease lasts.
    pub seconds: u32,
}

impl Lease {
    /// Reads an acknowledgement; `None` when it grants no usable address.
    pub fn from_ack(ack: &Message) -> Option<Self> {
        let address = Some(ack.yiaddr).filter(|address| !address.is_unspecified())?;
        let server = ack.options.address(code::SERVER_ID).unwrap_or(ack.siaddr);
        let mask = ack.options.address(code::SUBNET_MASK).map_or(u32::MAX << 8, u32::from);
        Some(Self {
            address,
            prefix: u8::try_from(mask.leading_ones()).unwrap_or(32),
            router: ack.options.address(code::ROUTER),
            dns: ack.options.addresses(code::DNS).collect(),
            host_name: ack.options.text(code::HOST_NAME).filter(|name| !name.is_empty()),
            domain: ack.options.text(code::DOMAIN).filter(|name| !name.is_empty()),
            mtu: ack.options.u16(code::MTU),
            server,
            next_server: if ack.siaddr.is_unspecified() { server } else { ack.siaddr },
            seconds: ack.options.u32(code::LEASE_TIME).unwrap_or(u32::MAX),
        })
    }
}
