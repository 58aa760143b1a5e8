//! TFTP packets (RFC 1350) and their options (RFC 2347, 2348, 2349, 7440), and what a server agrees
//! to. No sockets; the transfer itself lives with the server.

use std::time::Duration;

/// The UDP port of servers.
pub const PORT: u16 = 69;

/// The data bytes in a packet when nothing else was agreed.
pub const DEFAULT_BLOCK_SIZE: u16 = 512;

/// The largest block that fits an Ethernet frame unfragmented; larger wishes are cut to this.
pub const MAX_BLOCK_SIZE: u16 = 1468;

/// The most packets sent before waiting for an acknowledgement.
pub const MAX_WINDOW: u16 = 64;

/// The longest request that is read.
pub const MAX_REQUEST: usize = 1024;

/// Why bytes are not a TFTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTftp {
    /// It ends too early.
    #[error("the packet is cut off")]
    Short,
    /// An unknown operation.
    #[error("operation {0} is not a TFTP operation")]
    Operation(u16),
    /// A text without its zero byte, or not UTF-8.
    #[error("a text in the packet does not end or is not UTF-8")]
    Text,
    /// A mode that is neither octet nor netascii.
    #[error("the transfer mode is neither octet nor netascii")]
    Mode,
}

/// The error codes of RFC 1350 and 2347.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// See the message.
    Undefined,
    /// No such file.
    NotFound,
    /// Not allowed.
    Access,
    /// No space.
    Full,
    /// Illegal operation.
    Illegal,
    /// Unknown transfer.
    UnknownTransfer,
    /// File exists.
    Exists,
    /// No such user.
    NoUser,
    /// The options are not acceptable.
    Options,
}

impl ErrorCode {
    const ALL: [Self; 9] = [
        Self::Undefined,
        Self::NotFound,
        Self::Access,
        Self::Full,
        Self::Illegal,
        Self::UnknownTransfer,
        Self::Exists,
        Self::NoUser,
        Self::Options,
    ];

    fn from_number(number: u16) -> Self {
        Self::ALL.get(usize::from(number)).copied().unwrap_or(Self::Undefined)
    }

    fn number(self) -> u16 {
        self as u16
    }
}

/// A request for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The file as the client spells it.
    pub file: String,
    /// Options in the client's order; names in lower case.
    pub options: Vec<(String, String)>,
}

/// A TFTP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// The client wants to read.
    Read(Request),
    /// The client wants to write.
    Write(Request),
    /// A part of the file; shorter than the block size at the end.
    Data {
        /// The number of the block, which wraps to zero.
        block: u16,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// All blocks up to this one arrived.
    Ack {
        /// The number of the block.
        block: u16,
    },
    /// The transfer ends.
    Error {
        /// The kind.
        code: ErrorCode,
        /// The text.
        message: String,
    },
    /// The options the server agreed to.
    OptionAck(Vec<(String, String)>),
}

impl Packet {
    /// Reads a UDP payload.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotTftp> {
        let (operation, rest) = number(bytes)?;
        match operation {
            1 => Ok(Self::Read(request(rest)?)),
            2 => Ok(Self::Write(request(rest)?)),
            3 => number(rest).map(|(block, data)| Self::Data { block, bytes: data.to_vec() }),
            4 => number(rest).map(|(block, _)| Self::Ack { block }),
            5 => error(rest),
            6 => Ok(Self::OptionAck(options(rest)?)),
            other => Err(NotTftp::Operation(other)),
        }
    }

    /// Writes the UDP payload.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Read(request) => write_request(&mut out, 1, request),
            Self::Write(request) => write_request(&mut out, 2, request),
            Self::Data { block, bytes } => write_data(&mut out, *block, bytes),
            Self::Ack { block } => out.extend([0, 4].into_iter().chain(block.to_be_bytes())),
            Self::Error { code, message } => {
                out.extend([0, 5].into_iter().chain(code.number().to_be_bytes()));
                write_text(&mut out, message);
            }
            Self::OptionAck(options) => {
                out.extend([0, 6]);
                write_options(&mut out, options);
            }
        }
        out
    }
}

/// Appends a data packet to `out`, for senders that reuse their buffer.
pub fn write_data(out: &mut Vec<u8>, block: u16, bytes: &[u8]) {
    out.extend([0, 3]);
    out.extend(block.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// How a file is transferred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Data bytes in a packet.
    pub block_size: u16,
    /// Packets sent before waiting.
    pub window: u16,
    /// How long to wait for an acknowledgement.
    pub timeout: Duration,
    /// What to acknowledge; empty when the client asked for nothing we know.
    pub agreed: Vec<(String, String)>,
}

impl Request {
    /// What the server agrees to for a file of `size` bytes. Unknown and unreadable options are left
    /// out, as RFC 2347 says.
    pub fn terms(&self, size: u64) -> Terms {
        let mut terms = Terms {
            block_size: DEFAULT_BLOCK_SIZE,
            window: 1,
            timeout: Duration::from_secs(1),
            agreed: Vec::new(),
        };
        for (name, value) in &self.options {
            if let Some(granted) = terms.grant(name, value, size)
                && !terms.agreed.iter().any(|(have, _)| have == name)
            {
                terms.agreed.push((name.clone(), granted));
            }
        }
        terms
    }
}

impl Terms {
    fn grant(&mut self, name: &str, value: &str, size: u64) -> Option<String> {
        let number: u64 = value.trim().parse().ok()?;
        match name {
            "tsize" => Some(size.to_string()),
            "blksize" if (8..=65464).contains(&number) => {
                self.block_size = u16::try_from(number).unwrap_or(u16::MAX).min(MAX_BLOCK_SIZE);
                Some(self.block_size.to_string())
            }
            "timeout" if (1..=255).contains(&number) => {
                self.timeout = Duration::from_secs(number);
                Some(number.to_string())
            }
            "windowsize" if (1..=65535).contains(&number) => {
                self.window = u16::try_from(number).unwrap_or(u16::MAX).min(MAX_WINDOW);
                Some(self.window.to_string())
            }
            _ => None,
        }
    }
}

fn number(bytes: &[u8]) -> Result<(u16, &[u8]), NotTftp> {
    let (number, rest) = bytes.split_first_chunk().ok_or(NotTftp::Short)?;
    Ok((u16::from_be_bytes(*number), rest))
}

fn text(bytes: &[u8]) -> Result<(&str, &[u8]), NotTftp> {
    let end = bytes.iter().position(|byte| *byte == 0).ok_or(NotTftp::Text)?;
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| NotTftp::Text)?;
    Ok((text, &bytes[end + 1..]))
}

fn request(bytes: &[u8]) -> Result<Request, NotTftp> {
    let (file, rest) = text(bytes)?;
    let (mode, rest) = text(rest)?;
    if !mode.eq_ignore_ascii_case("octet") && !mode.eq_ignore_ascii_case("netascii") {
        return Err(NotTftp::Mode);
    }
    // Some ROMs pad the request or cut its last option short: what comes before still counts.
    let mut list = Vec::new();
    let mut rest = rest;
    while let Ok((name, after)) = text(rest)
        && let Ok((value, after)) = text(after)
        && !name.is_empty()
    {
        list.push((name.to_ascii_lowercase(), value.to_owned()));
        rest = after;
    }
    Ok(Request { file: file.to_owned(), options: list })
}

fn options(mut bytes: &[u8]) -> Result<Vec<(String, String)>, NotTftp> {
    let mut list = Vec::new();
    while !bytes.is_empty() {
        let (name, rest) = text(bytes)?;
        let (value, rest) = text(rest)?;
        list.push((name.to_ascii_lowercase(), value.to_owned()));
        bytes = rest;
    }
    Ok(list)
}

fn error(bytes: &[u8]) -> Result<Packet, NotTftp> {
    let (code, rest) = number(bytes)?;
    let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    let message = String::from_utf8_lossy(&rest[..end]).into_owned();
    Ok(Packet::Error { code: ErrorCode::from_number(code), message })
}

fn write_request(out: &mut Vec<u8>, operation: u8, request: &Request) {
    out.extend([0, operation]);
    write_text(out, &request.file);
    write_text(out, "octet");
    write_options(out, &request.options);
}

fn write_options(out: &mut Vec<u8>, options: &[(String, String)]) {
    for (name, value) in options {
        write_text(out, name);
        write_text(out, value);
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    out.extend(text.bytes().filter(|byte| *byte != 0));
    out.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asked(options: &[(&str, &str)]) -> Request {
        let options = options.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Request { file: "f".to_owned(), options }
    }

    #[test]
    fn the_server_agrees_to_what_it_knows_within_its_bounds() {
        let terms = asked(&[
            ("tsize", "0"),
            ("blksize", "65464"),
            ("windowsize", "9999"),
            ("timeout", "3"),
            ("rollover", "0"),
            ("blksize", "7"),
        ])
        .terms(1234);
        assert_eq!((terms.block_size, terms.window), (1468, 64));
        assert_eq!(terms.timeout, Duration::from_secs(3));
        let agreed: Vec<_> = terms.agreed.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(agreed, ["tsize=1234", "blksize=1468", "windowsize=64", "timeout=3"]);
        let plain = asked(&[("blksize", "7"), ("windowsize", "0"), ("timeout", "x")]).terms(1);
        assert_eq!((plain.block_size, plain.window, plain.agreed.len()), (512, 1, 0));
    }

    #[test]
    fn a_request_keeps_what_is_readable() {
        let read = Packet::parse(b"\0\x01file\0OCTET\0BLKSIZE\x001024\0tsi").unwrap();
        let Packet::Read(request) = read else { panic!("not a read: {read:?}") };
        assert_eq!(request.file, "file");
        assert_eq!(request.options, [("blksize".to_owned(), "1024".to_owned())]);
        assert_eq!(Packet::parse(b"\0\x01file\0mail\0"), Err(NotTftp::Mode));
        assert_eq!(Packet::parse(b"\0\x01file"), Err(NotTftp::Text));
        assert_eq!(Packet::parse(b"\0\x09"), Err(NotTftp::Operation(9)));
        assert_eq!(Packet::parse(b"\0"), Err(NotTftp::Short));
    }

    fn any_text() -> impl Strategy<Value = String> {
        "[a-z0-9/._-]{1,20}"
    }

    fn any_packet() -> impl Strategy<Value = Packet> {
        let options = prop::collection::vec((any_text(), any_text()), 0..5).boxed();
        let request = (any_text(), options.clone())
            .prop_map(|(file, options)| Request { file, options })
            .boxed();
        prop_oneof![
            request.clone().prop_map(Packet::Read),
            request.prop_map(Packet::Write),
            (any::<u16>(), prop::collection::vec(any::<u8>(), 0..600))
                .prop_map(|(block, bytes)| Packet::Data { block, bytes }),
            any::<u16>().prop_map(|block| Packet::Ack { block }),
            (0_u16..9, any_text()).prop_map(|(code, message)| Packet::Error {
                code: ErrorCode::from_number(code),
                message
            }),
            options.prop_map(Packet::OptionAck),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(packet in any_packet()) {
            prop_assert_eq!(Packet::parse(&packet.to_bytes()).unwrap(), packet);
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(packet) = Packet::parse(&bytes) {
                prop_assert_eq!(Packet::parse(&packet.to_bytes()).unwrap(), packet);
            }
        }
    }
}
