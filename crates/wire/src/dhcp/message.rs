//! The fixed part of a message and its place in a UDP payload.

use std::net::Ipv4Addr;

use base::Mac;

use super::options::{self, Options, code};

/// The shortest message that every client accepts (a BOOTP message, RFC 951).
pub const MIN_LENGTH: usize = 300;

const HEADER: usize = 236;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
const ETHERNET: u8 = 1;

/// Why a payload is not a DHCP message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDhcp {
    /// It ends inside the fixed part.
    #[error("it is {0} bytes long, shorter than any DHCP message")]
    Short(usize),
    /// Neither request nor reply.
    #[error("operation {0} is neither request nor reply")]
    Op(u8),
    /// The hardware address does not fit its field.
    #[error("a hardware address of {0} bytes")]
    HardwareLength(u8),
    /// The options do not start with the magic cookie.
    #[error("the options do not start with the DHCP cookie")]
    Cookie,
}

/// The direction of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// From a client.
    Request,
    /// From a server.
    Reply,
}

/// A hardware address of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hardware {
    /// The hardware type (IANA ARP parameters): 1 is Ethernet, 32 InfiniBand.
    pub kind: u8,
    length: u8,
    bytes: [u8; 16],
}

impl Hardware {
    /// The address `bytes` of hardware type `kind`; `None` above 16 bytes.
    pub fn new(kind: u8, bytes: &[u8]) -> Option<Self> {
        let length = u8::try_from(bytes.len()).ok().filter(|length| *length <= 16)?;
        let mut field = [0; 16];
        field[..bytes.len()].copy_from_slice(bytes);
        Some(Self { kind, length, bytes: field })
    }

    /// The address as bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// The address when it is an Ethernet address.
    pub fn mac(&self) -> Option<Mac> {
        let octets: [u8; 6] = self.bytes().try_into().ok()?;
        (self.kind == ETHERNET).then(|| Mac::new(octets))
    }
}

impl From<Mac> for Hardware {
    fn from(mac: Mac) -> Self {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&mac.octets());
        Self { kind: ETHERNET, length: 6, bytes }
    }
}

/// A DHCP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Direction.
    pub op: Op,
    /// The client's hardware address.
    pub hardware: Hardware,
    /// Relays passed.
    pub hops: u8,
    /// The client's transaction number.
    pub xid: u32,
    /// Seconds since the client began.
    pub secs: u16,
    /// The client cannot yet receive unicast.
    pub broadcast: bool,
    /// The address the client has and answers on.
    pub ciaddr: Ipv4Addr,
    /// The address given.
    pub yiaddr: Ipv4Addr,
    /// The next boot server.
    pub siaddr: Ipv4Addr,
    /// The relay.
    pub giaddr: Ipv4Addr,
    /// The server's name, at most 63 bytes.
    pub sname: String,
    /// The boot file, at most 127 bytes.
    pub file: String,
    /// The options.
    pub options: Options,
}

impl Message {
    /// The longest boot file that fits the fixed field; longer ones go into option 67.
    pub const MAX_FILE: usize = 127;

    /// An empty message.
    pub fn new(op: Op, hardware: Hardware, xid: u32) -> Self {
        Self {
            op,
            hardware,
            hops: 0,
            xid,
            secs: 0,
            broadcast: false,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            siaddr: Ipv4Addr::UNSPECIFIED,
            giaddr: Ipv4Addr::UNSPECIFIED,
            sname: String::new(),
            file: String::new(),
            options: Options::default(),
        }
    }

    /// An empty reply to `request`: the fields a server must copy (RFC 2131 section 4.3.1), and the
    /// relay agent information (RFC 3046).
    pub fn reply_to(request: &Self) -> Self {
        let mut reply = Self::new(Op::Reply, request.hardware, request.xid);
        reply.broadcast = request.broadcast;
        reply.giaddr = request.giaddr;
        if let Some(relay) = request.options.get(code::RELAY_AGENT) {
            reply.options.set(code::RELAY_AGENT, relay);
        }
        reply
    }

    /// Reads a UDP payload.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotDhcp> {
        let (header, rest) = bytes.split_at_checked(HEADER).ok_or(NotDhcp::Short(bytes.len()))?;
        let op = match header[0] {
            1 => Op::Request,
            2 => Op::Reply,
            other => return Err(NotDhcp::Op(other)),
        };
        let length = usize::from(header[2]);
        let address = header[28..44].get(..length).ok_or(NotDhcp::HardwareLength(header[2]))?;
        let hardware =
            Hardware::new(header[1], address).ok_or(NotDhcp::HardwareLength(header[2]))?;
        let rest = rest.strip_prefix(&COOKIE).ok_or(NotDhcp::Cookie)?;
        let mut options = Options::default();
        options.read(rest);
        let overload = options.get(code::OVERLOAD).and_then(|value| value.first().copied());
        let (sname, file) = (&header[44..108], &header[108..236]);
        let sname = field(sname, overload.is_some_and(|bits| bits & 2 != 0), &mut options);
        let file = field(file, overload.is_some_and(|bits| bits & 1 != 0), &mut options);
        options.remove(code::OVERLOAD);
        Ok(Self {
            op,
            hardware,
            hops: header[3],
            xid: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            secs: u16::from_be_bytes([header[8], header[9]]),
            broadcast: header[10] & 0x80 != 0,
            ciaddr: address_at(header, 12),
            yiaddr: address_at(header, 16),
            siaddr: address_at(header, 20),
            giaddr: address_at(header, 24),
            sname,
            file,
            options,
        })
    }

    /// Writes the UDP payload, padded to [`MIN_LENGTH`]. A server name or boot file that does not
    /// fit its field goes into its option.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut options = self.options.clone();
        let sname = fit(&self.sname, 63, code::TFTP_SERVER, &mut options);
        let file = fit(&self.file, Self::MAX_FILE, code::BOOT_FILE, &mut options);
        let mut out = Vec::with_capacity(MIN_LENGTH);
        out.push(if self.op == Op::Request { 1 } else { 2 });
        out.extend([self.hardware.kind, self.hardware.length, self.hops]);
        out.extend(self.xid.to_be_bytes());
        out.extend(self.secs.to_be_bytes());
        out.extend([if self.broadcast { 0x80 } else { 0 }, 0]);
        for address in [self.ciaddr, self.yiaddr, self.siaddr, self.giaddr] {
            out.extend(address.octets());
        }
        out.extend(self.hardware.bytes);
        out.extend_from_slice(sname.as_bytes());
        out.resize(108, 0);
        out.extend_from_slice(file.as_bytes());
        out.resize(HEADER, 0);
        out.extend(COOKIE);
        options.write(&mut out);
        out.resize(out.len().max(MIN_LENGTH), 0);
        out
    }

    /// The boot file, wherever it is written.
    pub fn boot_file(&self) -> Option<String> {
        let option = self.options.text(code::BOOT_FILE);
        option.or_else(|| Some(self.file.clone())).filter(|file| !file.is_empty())
    }
}

fn address_at(header: &[u8], at: usize) -> Ipv4Addr {
    Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3])
}

/// Reads `sname` or `file`: as more options when overloaded, else as text up to the first zero.
fn field(bytes: &[u8], overloaded: bool, options: &mut Options) -> String {
    if overloaded {
        options.read(bytes);
        return String::new();
    }
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    options::text(&bytes[..end])
}

fn fit<'a>(text: &'a str, room: usize, code: u8, options: &mut Options) -> &'a str {
    if text.len() <= room {
        return text;
    }
    options.set(code, text.as_bytes());
    ""
}
