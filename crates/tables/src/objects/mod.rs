//! Objects: what the tables together say about one node, group, image, network, ...
//!
//! ```
//! use tables::{ObjectType, Snapshot, objects};
//!
//! let empty = Snapshot::empty();
//! let attributes = [("groups", "all"), ("mgt", "ipmi"), ("bmc", "10.2.0.1")];
//! let change = objects::set(&empty, ObjectType::Node, "n1", &attributes).unwrap();
//! let (snapshot, _) = empty.apply(&change.patch).unwrap();
//! let bmc = objects::read(&snapshot, ObjectType::Node, "n1").into_iter().find(|a| &*a.name == "bmc");
//! assert_eq!(&*bmc.unwrap().value, "10.2.0.1");
//! ```
//!
//! Nodes inherit from their groups and computed cells are evaluated for them; a group shows its own
//! rows as they are written. Objects of the logs (`auditlog`, `eventlog`) are not in a snapshot.

mod def;
pub mod nics;
mod node;
mod others;
mod read;
mod write;

pub use def::{AttributeDef, Condition, Is, ObjectType};
pub use read::{Attribute, exists, names, read, value};
pub use write::{Change, SetError, remove, set};
