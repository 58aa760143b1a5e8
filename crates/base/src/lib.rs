//! The vocabulary every other crate shares: names, secrets, time and the kinds of failure.
//!
//! No domain logic, no I/O besides reading the system clock.

mod clock;
mod error;
mod names;
mod secret;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use error::{ErrorKind, Failure, chain};
pub use names::{InvalidName, Mac, NodeName};
pub use secret::Secret;
