//! Operating system images for nodes without disks: `genimage` builds a tree, a kernel and our
//! initramfs; `packimage` makes a squashfs of the tree and publishes all three by content hash.
//!
//! Both are a plan (a value made from the specification, testable without running anything) and a
//! run of its steps. Needs no mount and no privilege beyond what a root without capabilities for
//! mounting has. Knows no tables: callers fill in an [`OsImageSpec`].

mod bootstrap;
mod cpio;
mod error;
mod exclude;
mod genimage;
mod initramfs;
mod kernel;
mod modules;
mod packages;
mod packimage;
mod publish;
mod spec;
mod work;

pub use error::ImageError;
pub use genimage::genimage;
pub use packimage::packimage;
pub use publish::{Current, MANIFEST, Publication, Published, Rebuilt, publication};
pub use spec::{OsImageSpec, Sink, Tools};
