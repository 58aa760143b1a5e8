//! The option list of a message: codes, values as bytes, and typed readings.

use std::net::Ipv4Addr;

use super::{Arch, MessageType};

/// Option codes that boot services use.
pub mod code {
    /// Subnet mask.
    pub const SUBNET_MASK: u8 = 1;
    /// Routers.
    pub const ROUTER: u8 = 3;
    /// Name servers.
    pub const DNS: u8 = 6;
    /// Log servers.
    pub const LOG_SERVERS: u8 = 7;
    /// Host name.
    pub const HOST_NAME: u8 = 12;
    /// Domain name.
    pub const DOMAIN: u8 = 15;
    /// Root path.
    pub const ROOT_PATH: u8 = 17;
    /// Interface MTU.
    pub const MTU: u8 = 26;
    /// Broadcast address.
    pub const BROADCAST: u8 = 28;
    /// Time servers.
    pub const NTP: u8 = 42;
    /// Vendor specific.
    pub const VENDOR_SPECIFIC: u8 = 43;
    /// Requested address.
    pub const REQUESTED_ADDRESS: u8 = 50;
    /// Lease time in seconds.
    pub const LEASE_TIME: u8 = 51;
    /// `file` and `sname` carry options.
    pub const OVERLOAD: u8 = 52;
    /// Message type.
    pub const MESSAGE_TYPE: u8 = 53;
    /// Server identifier.
    pub const SERVER_ID: u8 = 54;
    /// Parameter request list.
    pub const PARAMETERS: u8 = 55;
    /// Text of a refusal.
    pub const MESSAGE: u8 = 56;
    /// Largest message the client takes.
    pub const MAX_SIZE: u8 = 57;
    /// Renewal time.
    pub const RENEWAL_TIME: u8 = 58;
    /// Rebinding time.
    pub const REBINDING_TIME: u8 = 59;
    /// Vendor class.
    pub const VENDOR_CLASS: u8 = 60;
    /// Client identifier.
    pub const CLIENT_ID: u8 = 61;
    /// TFTP server name.
    pub const TFTP_SERVER: u8 = 66;
    /// Boot file name.
    pub const BOOT_FILE: u8 = 67;
    /// User class (RFC 3004).
    pub const USER_CLASS: u8 = 77;
    /// Relay agent information (RFC 3046).
    pub const RELAY_AGENT: u8 = 82;
    /// Client system architecture (RFC 4578).
    pub const CLIENT_ARCH: u8 = 93;
    /// Client network interface (RFC 4578).
    pub const CLIENT_INTERFACE: u8 = 94;
    /// Client machine identifier (RFC 4578).
    pub const CLIENT_UUID: u8 = 97;
    /// Domain search list.
    pub const DOMAIN_SEARCH: u8 = 119;
    /// iPXE's encapsulated options.
    pub const IPXE: u8 = 175;
    /// PXELINUX configuration file.
    pub const CONFIG_FILE: u8 = 209;
}

const PAD: u8 = 0;
const END: u8 = 255;

/// A sub-option inside options 43, 82 and 175.
pub type PrivateOption<'a> = (u8, &'a [u8]);

/// Options in the order in which they first appeared. Parts of a long option are joined (RFC 3396).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options(Vec<(u8, Vec<u8>)>);

impl Options {
    /// Adds what `bytes` holds, until the end marker or the first option that does not fit.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        for (code, value) in entries(bytes) {
            self.join(code, value);
        }
    }

    fn join(&mut self, code: u8, value: &[u8]) {
        match self.0.iter_mut().find(|(have, _)| *have == code) {
            Some((_, have)) => have.extend_from_slice(value),
            None => self.0.push((code, value.to_vec())),
        }
    }

    /// Writes the options: the message type first, relay agent information last, then the end
    /// marker. Values above 255 bytes are split.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let rank = |code: u8| match code {
            code::MESSAGE_TYPE => 0,
            code::RELAY_AGENT => 2,
            _ => 1,
        };
        for wanted in 0..=2 {
            for (code, value) in self.0.iter().filter(|(code, _)| rank(*code) == wanted) {
                write_one(out, *code, value);
            }
        }
        out.push(END);
    }

    /// The value of `code`.
    pub fn get(&self, code: u8) -> Option<&[u8]> {
        self.0.iter().find(|(have, _)| *have == code).map(|(_, value)| value.as_slice())
    }

    /// Whether `code` is present.
    pub fn has(&self, code: u8) -> bool {
        self.get(code).is_some()
    }

    /// Sets `code`, replacing an earlier value. Pad and end are no options and are left out.
    pub fn set(&mut self, code: u8, value: impl Into<Vec<u8>>) {
        if matches!(code, PAD | END) {
            return;
        }
        let value = value.into();
        match self.0.iter_mut().find(|(have, _)| *have == code) {
            Some((_, have)) => *have = value,
            None => self.0.push((code, value)),
        }
    }

    /// Sets `code` to a list of addresses; an empty list sets nothing.
    pub fn set_addresses(&mut self, code: u8, addresses: &[Ipv4Addr]) {
        if !addresses.is_empty() {
            self.set(code, addresses.iter().flat_map(Ipv4Addr::octets).collect::<Vec<u8>>());
        }
    }

    /// Sets `code` to a number of 32 bits.
    pub fn set_u32(&mut self, code: u8, number: u32) {
        self.set(code, number.to_be_bytes());
    }

    /// Sets the message type.
    pub fn set_message_type(&mut self, kind: MessageType) {
        self.set(code::MESSAGE_TYPE, [kind.number()]);
    }

    /// Removes `code`.
    pub fn remove(&mut self, code: u8) {
        self.0.retain(|(have, _)| *have != code);
    }

    /// All options with their values.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.0.iter().map(|(code, value)| (*code, value.as_slice()))
    }

    /// The message type; absent in plain BOOTP.
    pub fn message_type(&self) -> Option<MessageType> {
        match self.get(code::MESSAGE_TYPE)? {
            [number] => MessageType::from_number(*number),
            _ => None,
        }
    }

    /// The first address in `code`.
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        self.addresses(code).next()
    }

    /// The addresses in `code`; bytes beyond the last whole one are ignored.
    pub fn addresses(&self, code: u8) -> impl Iterator<Item = Ipv4Addr> {
        let value = self.get(code).unwrap_or_default();
        value
            .chunks_exact(4)
            .map(|octets| Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]))
    }

    /// The value of `code` as a number of 32 bits.
    pub fn u32(&self, code: u8) -> Option<u32> {
        Some(u32::from_be_bytes(self.get(code)?.try_into().ok()?))
    }

    /// The value of `code` as a number of 16 bits.
    pub fn u16(&self, code: u8) -> Option<u16> {
        Some(u16::from_be_bytes(self.get(code)?.try_into().ok()?))
    }

    /// The value of `code` as text: trailing zero bytes dropped, what is not UTF-8 replaced.
    pub fn text(&self, code: u8) -> Option<String> {
        self.get(code).map(text)
    }

    /// The first architecture in option 93.
    pub fn arch(&self) -> Option<Arch> {
        match self.get(code::CLIENT_ARCH)? {
            [high, low, ..] => Some(Arch(u16::from_be_bytes([*high, *low]))),
            _ => None,
        }
    }

    /// The user classes, whether they come with lengths (RFC 3004) or, as iPXE sends them, as text.
    pub fn user_classes(&self) -> Vec<String> {
        let value = self.get(code::USER_CLASS).unwrap_or_default();
        counted(value).unwrap_or_else(|| vec![value]).into_iter().map(text).collect()
    }

    /// Whether the client is iPXE (or gPXE, or xNBA, which is built from it): it says so as its user
    /// class, or sends iPXE's own options.
    pub fn is_ipxe(&self) -> bool {
        let named = |class: &String| matches!(class.as_str(), "iPXE" | "gPXE" | "xNBA");
        self.has(code::IPXE) || self.user_classes().iter().any(named)
    }

    /// The machine identifier of option 97, which starts with a type byte of zero.
    pub fn uuid(&self) -> Option<[u8; 16]> {
        match self.get(code::CLIENT_UUID)? {
            [0, uuid @ ..] => uuid.try_into().ok(),
            _ => None,
        }
    }

    /// The sub-options inside `code`.
    pub fn private(&self, code: u8) -> impl Iterator<Item = PrivateOption<'_>> {
        entries(self.get(code).unwrap_or_default())
    }

    /// Sets `code` to a list of sub-options, each of at most 255 bytes; longer ones are cut.
    pub fn set_private(&mut self, code: u8, parts: &[PrivateOption<'_>]) {
        let mut value = Vec::new();
        for (part, bytes) in parts {
            let bytes = &bytes[..bytes.len().min(255)];
            push_short(&mut value, *part, bytes);
        }
        self.set(code, value);
    }
}

fn write_one(out: &mut Vec<u8>, code: u8, value: &[u8]) {
    if value.is_empty() {
        push_short(out, code, value);
    }
    for part in value.chunks(255) {
        push_short(out, code, part);
    }
}

fn push_short(out: &mut Vec<u8>, code: u8, value: &[u8]) {
    out.extend([code, u8::try_from(value.len()).unwrap_or(u8::MAX)]);
    out.extend_from_slice(value);
}

/// The options in `bytes` up to the end marker or the first that does not fit.
fn entries(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        while let [PAD, after @ ..] = rest {
            rest = after;
        }
        let [code, length, after @ ..] = rest else { return None };
        if *code == END {
            return None;
        }
        let (value, after) = after.split_at_checked(usize::from(*length))?;
        rest = after;
        Some((*code, value))
    })
}

/// Splits a list of length-prefixed parts; `None` when the lengths do not add up.
fn counted(mut value: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    while let [length, rest @ ..] = value {
        let (part, rest) = rest.split_at_checked(usize::from(*length))?;
        parts.push(part);
        value = rest;
    }
    (!parts.is_empty()).then_some(parts)
}

pub(super) fn text(value: &[u8]) -> String {
    let end = value.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    String::from_utf8_lossy(&value[..end]).into_owned()
}
