//! `xcat-node`, the one program that runs on nodes: process 1 of the initramfs, and later the
//! services of the booted system.
//!
//! It is linked statically, has no async runtime, resolves no names (addresses come from DHCP and
//! the kernel command line) and asks no one but the management node. Every wait ends.

mod cmdline;
mod console;
mod facts;
mod fetch;
mod hex;
mod http;
pub mod init;
mod loopdev;
mod monitor;
mod net;
mod patience;
pub mod service;

pub use cmdline::BootArgs;
pub use facts::Facts;
