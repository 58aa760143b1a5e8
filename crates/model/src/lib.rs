//! Typed readings of a table snapshot, and every decision that the daemon takes as a pure function of
//! values: what DHCP answers, what a boot path stands for, which scripts a node gets.
//!
//! No I/O, no clock, no sockets.

pub mod bmc;
pub mod boot;
mod boot_file;
mod cell;
pub mod check;
pub mod destiny;
pub mod dhcp;
pub mod dns;
mod facts;
pub mod flight;
pub mod hosts;
pub mod ipxe;
pub mod machine;
pub mod names;
pub mod network;
pub mod node;
pub mod osimage;
pub mod policy;
pub mod postscript;
mod problem;
pub mod selection;
pub mod site;
pub mod ssh;
#[cfg(test)]
mod testing;
pub mod universe;
pub mod view;

pub use bmc::{Bmc, BmcKind};
pub use facts::{Interface, ServerFacts};
pub use machine::Machine;
pub use network::Network;
pub use node::{BootParams, Nic, NicHost, Node, parse_macs};
pub use osimage::OsImage;
pub use problem::Problem;
pub use site::Site;
pub use view::{BootView, Link};
