//! The servers that boot nodes: DHCP, TFTP, HTTP, DNS and router advertisements.
//!
//! Each is a loop around a pure decision of `model`: it takes a packet, asks the view, sends what the
//! view says, and records why. No tables, no store, no decisions here. Everything is bounded:
//! sessions, connections, waits, and the events that one machine can cause.

mod content;
mod context;
mod counts;
mod dhcp;
mod dns;
mod facts;
mod failure;
mod http;
mod limit;
mod packet;
mod router;
mod tftp;

pub use context::{Context, Recorder};
pub use counts::{Counts, Ending};
pub use dhcp::{Dhcp, DhcpPorts};
pub use dns::Dns;
pub use facts::server_facts;
pub use http::{Http, NodeLog};
pub use router::RouterAdvertiser;
pub use tftp::Tftp;
