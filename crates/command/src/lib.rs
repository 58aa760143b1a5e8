//! The commands as declarations: names, options, usage, how the client sends them, what an answer
//! is made of, and which exit code a failure has.
//!
//! Both ends read this: the client to know what to send and where a command is installed, the
//! daemon to parse options, to print usage and to shape answers. No behaviour here, no I/O.
//! To add a command, add its [`Meta`] to a file under `list/` and name it in [`ALL`]; its behaviour
//! goes into the crate `commands`.

mod absent;
mod answer;
pub mod completion;
pub mod environment;
mod exit;
mod front;
mod getopt;
mod list;
pub mod manual;
mod meta;
mod nearest;
mod secret;
mod text;

pub use absent::{Absent, Reason, absent, absents};
pub use answer::{Answer, DOCUMENT_ITEMS, Item};
pub use exit::exit_code;
pub use front::{FrontEnd, Sent};
pub use getopt::{OptionError, Options};
pub use list::{ALL, find, resolve};
pub use meta::{Dir, Getopt, Meta, OptionDef, Takes, Topic};
pub use nearest::{did_you_mean, nearest};
pub use secret::{masked, masked_of};

/// The version that commands report.
pub const VERSION: &str = concat!("Version 2.19.0 (xcat-rs ", env!("CARGO_PKG_VERSION"), ")");
