//! Reaching other programs and machines: running programs here and over ssh, the only home of process spawning, and
//! knocking on ports.
//!
//! Everything a program prints is bounded, every run can be cancelled and can have a deadline, and
//! ending a run ends its whole process group. Knows no tables and no nodes.

mod child;
mod knock;
mod lines;
mod outcome;
mod program;
pub mod ssh;

pub use child::Running;
pub use knock::{Knock, knock};
pub use lines::{Line, Stream};
pub use outcome::{Exit, Output, RunError};
pub use program::{Program, StdioTo};
