//! What stands in for hardware: service processors and network-booting machines that speak the real wire.
//!
//! The library simulates service processors ([`Bmc`], [`BmcServer`]) in front of any [`Machine`]; the program
//! `xcat-lab` puts QEMU machines behind them, on the bridges of the management node's container.

mod bmc;
pub mod lab;

pub use bmc::{Bmc, BmcServer, Fault, Machine, Rule, Settings, Switch, When};
