//! What monitoring sees: `/metrics` in Prometheus' text format and `/healthz`, on a listener of their own (ADR 0070).
//!
//! Counting costs an atomic addition; everything else is looked up when somebody asks. No node names and no arguments: the
//! page says how much, the logs and `xcat boot` say what.

mod commands;
mod page;
mod serve;

pub(crate) use commands::{CommandCounts, Ended};
pub(crate) use page::{Sources, reference};
pub(crate) use serve::serve;
