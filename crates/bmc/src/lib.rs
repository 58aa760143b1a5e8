//! Power and boot device of machines, through their service processors.
//!
//! One UDP socket per address family serves every service processor; a conversation is a route in its table and one
//! packet in flight. The rules of the protocol are in `wire::ipmi`; this crate adds sockets, deadlines and repetition.
//! Knows no tables and no node names.

mod client;
mod conversation;
mod error;
mod power;
mod socket;
mod target;

pub use client::Client;
pub use error::BmcError;
pub use power::{PowerAction, PowerReport, PowerState};
pub use target::Target;
pub use wire::ipmi::{BootDevice, BootFlags, DeviceId, Firmware, PORT, Persistence};
