//! DHCPv4 messages (RFC 2131, options of RFC 2132, long options of RFC 3396), read leniently and
//! written exactly.
//!
//! Boot ROMs and service processors send junk: text that is not UTF-8, options cut off at the end of
//! the packet, missing end markers, client identifiers of no length. Reading therefore keeps option
//! values as bytes, stops at the first option that does not fit, and refuses only what cannot be a
//! DHCP message at all. What an option means is decided by the accessors, each of which answers
//! `None` for a value of the wrong shape. No I/O, no policy.

mod client;
mod message;
mod options;

pub use client::Lease;
pub use message::{Hardware, MIN_LENGTH, Message, NotDhcp, Op};
pub use options::{Options, PrivateOption, code};

use std::fmt;

/// The UDP port of servers and relays.
pub const SERVER_PORT: u16 = 67;
/// The UDP port of clients.
pub const CLIENT_PORT: u16 = 68;

/// What a message is for (option 53).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// A client looks for servers.
    Discover,
    /// A server offers an address.
    Offer,
    /// A client asks for, renews or confirms an address.
    Request,
    /// A client found the address in use.
    Decline,
    /// A server grants the address.
    Ack,
    /// A server refuses the address.
    Nak,
    /// A client gives the address back.
    Release,
    /// A client wants options without an address.
    Inform,
}

impl MessageType {
    const ALL: [Self; 8] = [
        Self::Discover,
        Self::Offer,
        Self::Request,
        Self::Decline,
        Self::Ack,
        Self::Nak,
        Self::Release,
        Self::Inform,
    ];

    /// The type that `number` stands for.
    pub fn from_number(number: u8) -> Option<Self> {
        let index = usize::from(number).checked_sub(1)?;
        Self::ALL.get(index).copied()
    }

    /// The number of this type on the wire.
    pub fn number(self) -> u8 {
        match self {
            Self::Discover => 1,
            Self::Offer => 2,
            Self::Request => 3,
            Self::Decline => 4,
            Self::Ack => 5,
            Self::Nak => 6,
            Self::Release => 7,
            Self::Inform => 8,
        }
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discover => "DISCOVER",
            Self::Offer => "OFFER",
            Self::Request => "REQUEST",
            Self::Decline => "DECLINE",
            Self::Ack => "ACK",
            Self::Nak => "NAK",
            Self::Release => "RELEASE",
            Self::Inform => "INFORM",
        })
    }
}

/// The processor and firmware of a network boot client (option 93; the IANA registry
/// "Processor Architecture Types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arch(pub u16);

impl Arch {
    /// x86 with a BIOS.
    pub const BIOS: Self = Self(0);

    /// Whether this is 64-bit x86 UEFI; 7 and 9 mean the same in practice.
    pub fn is_uefi_x64(self) -> bool {
        matches!(self.0, 7 | 9)
    }

    /// Whether this is 64-bit ARM UEFI.
    pub fn is_uefi_arm64(self) -> bool {
        self.0 == 0x0b
    }

    /// Whether this is a UEFI that boots from HTTP by itself (x86 32, x86 64, ARM 32, ARM 64).
    pub fn is_http_boot(self) -> bool {
        matches!(self.0, 0x0f | 0x10 | 0x12 | 0x13)
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            0x00 => "x86 BIOS",
            0x02 => "Itanium",
            0x06 => "x86 UEFI",
            0x07 | 0x09 => "x86_64 UEFI",
            0x0a => "arm UEFI",
            0x0b => "aarch64 UEFI",
            0x0c => "ppc64 Open Firmware",
            0x0e => "ppc64 OPAL",
            0x10 => "x86_64 UEFI HTTP boot",
            0x13 => "aarch64 UEFI HTTP boot",
            _ => return write!(f, "architecture {}", self.0),
        };
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests;
