//! The lab: virtual machines that boot from the management network, each with a simulated service processor.
//!
//! Runs on the container's host as root (docs/adr/0005, 0020). One background process, `xcat-lab serve`, holds the
//! machines and the service processors; `up`, `down`, `status` and `console` talk to it over a socket that only root can
//! open. The management node knows nothing of all this: it sees MAC addresses and service processors.
//!
//! ```text
//!  up --docker inspect--> networks --plan--> nodes --control socket--> serve --tap--> QEMU
//!   |                                                                    `--alias address--> BMC :623
//!   `--docker exec--> mkdef, genimage, packimage, nodeset, rsetboot, rpower, xdsh
//! ```

mod accelerator;
mod arguments;
mod container;
mod control;
mod down;
mod links;
mod machine;
mod plan;
mod qemu;
mod qmp;
mod serve;
mod state;
mod up;

pub use arguments::{Arguments, Order, USAGE};
pub use control::status;
pub use down::down;
pub use plan::FirmwareKind;
pub use serve::{Serve, listen};
pub use state::{console, log_path};
pub use up::up;

use base::{ErrorKind, Failure};

/// A failure of the lab's own, with its cause.
fn internal(what: impl std::fmt::Display, error: &dyn std::error::Error) -> Failure {
    Failure::new(ErrorKind::Internal, format!("{what}: {}", base::chain(error)))
}
