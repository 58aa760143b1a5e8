//! A simulated service processor: IPMI sessions and commands in front of a [`Machine`], misbehaving by rule.

mod fault;
mod processor;
mod server;

pub use fault::{Fault, Rule, When};
pub use processor::{Bmc, Machine, Settings, Switch};
pub use server::BmcServer;

pub(crate) use processor::Reaction;
