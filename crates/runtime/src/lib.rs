//! How the daemon's work runs: supervised tasks, values that follow a generation, bounded fan-out, back-off, shutdown.
//!
//! No domain types: nothing here knows what a node, a table or a command is.

mod accept;
mod backoff;
mod fan_out;
mod log_file;
pub mod memory;
pub mod metrics;
mod seats;
mod shares;
mod tasks;
mod view;

pub use accept::{Listener, seat_each, serve_each};
pub use backoff::Backoff;
pub use fan_out::{FanOut, Panicked, fan_out};
pub use log_file::LogFile;
pub use seats::{Seat, Seats};
pub use shares::{Share, Shares};
pub use tasks::{TaskState, TaskStatus, Tasks};
pub use view::{Stale, View};

/// The token that ends work: a tree, cancelled from the root downwards.
pub type Shutdown = tokio_util::sync::CancellationToken;
