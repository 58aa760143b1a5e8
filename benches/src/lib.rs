//! What the benches share: a cluster of any size, and a stopwatch.
//!
//! `benches/run` measures whole processes against a real daemon; `cargo bench -p benches` measures the hot paths
//! inside of them.

pub mod cluster;
pub mod stopwatch;
