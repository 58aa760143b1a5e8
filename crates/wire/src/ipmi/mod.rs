//! IPMI over LAN: RMCP, RMCP+ sessions and the commands that power and boot a machine.
//!
//! Bytes and values only: no socket, no clock, and randomness comes in through [`Entropy`]. From the bottom up:
//!
//! | module | from | to |
//! |---|---|---|
//! | `lan` | a datagram | presence ping, IPMI 1.5 or RMCP+ packet |
//! | `suite`, `rakp` | user, password, nonces | proofs of the key exchange and the session's keys |
//! | `session` | keys | sealed packets with replay protection |
//! | `message` | a payload | one request or response with its checksums |
//! | `command`, `boot` | a request | a typed command, a typed answer |
//! | `console` | a login | the client's half of a session, as a state machine |
//! | `controller` | accounts | the service processor's half |
//!
//! Only the session type that is worth having is spoken: RMCP+ with cipher suites 3 and 17, always authenticated and
//! encrypted. After "IPMI Specification Second Generation v2.0", sections 12, 13, 20, 22 and 28.

mod boot;
mod command;
mod completion;
mod console;
mod controller;
mod lan;
mod message;
mod rakp;
mod session;
mod suite;

pub use boot::{BootDevice, BootFlags, BootOption, Firmware, Persistence};
pub use command::{
    AuthCapabilities, ChassisStatus, CipherSuites, Command, Control, DeviceId, Privilege,
};
pub use completion::Completion;
pub use console::{Console, Login, Progress, Refusal};
pub use controller::{Account, Controller, Event, Origin};
pub use lan::{Datagram, Payload, Plain, Sealed};
pub use message::{NetFn, Request, Response};
pub use rakp::{
    Exchange, InvalidUser, OpenRequest, OpenResponse, Rakp1, Rakp2, Rakp3, Rakp4, Status, UserName,
};
pub use session::{Reject, Session};
pub use suite::Suite;

/// The UDP port of RMCP.
pub const PORT: u16 = 623;

/// Fills a buffer with random bytes; the caller's, so that this module stays pure.
pub type Entropy<'a> = &'a mut dyn FnMut(&mut [u8]);

/// Why bytes are not what they claim to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Fewer bytes than the thing needs.
    #[error("{0} is cut short")]
    Short(&'static str),
    /// A checksum or padding that does not fit.
    #[error("{0} has a wrong checksum or padding")]
    Checksum(&'static str),
    /// A value that this code does not know.
    #[error("{0} has the unknown value {1:#04x}")]
    Unknown(&'static str, u8),
}

/// Splits `N` bytes off the front, or says what was cut short.
fn take<'a, const N: usize>(
    bytes: &'a [u8],
    what: &'static str,
) -> Result<(&'a [u8; N], &'a [u8]), Malformed> {
    bytes.split_first_chunk::<N>().ok_or(Malformed::Short(what))
}

#[cfg(test)]
mod tests;
