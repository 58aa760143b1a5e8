//! The management node's daemon: configuration, sessions, the install monitor, the boot services, and their wiring.
//!
//! Decisions are made elsewhere (`model`, `commands`); here values are gathered, decisions are asked for, and what they
//! say is done.

mod audit;
pub mod bypass;
mod commands_log;
pub mod config;
mod core;
mod daemon;
pub mod health;
pub mod logs;
mod metrics;
mod monitor;
mod node_logs;
mod recorder;
pub mod reference;
mod session;
mod setup;

pub use daemon::Daemon;
