//! What commands that do more than read the tables work with.
//!
//! A plain struct: whoever adds a command that needs another service adds a field. Cloning is
//! cheap, every field is shared.

use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use store::Store;

use crate::shape::BoxFuture;

/// The services of the daemon.
#[derive(Clone)]
pub struct Services {
    /// The tables and their one writer.
    pub store: Store,
    /// What an edit waits for until it is visible everywhere.
    pub followers: Arc<[Arc<dyn Follower>]>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Something that is rebuilt from the tables, such as the answers of DHCP.
pub trait Follower: Send + Sync {
    /// What it is, in a word.
    fn name(&self) -> &str;

    /// Waits until it shows `generation`; false when it does not in time.
    fn wait_for(&self, generation: u64, limit: Duration) -> BoxFuture<'_, bool>;
}
