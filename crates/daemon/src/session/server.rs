//! What all connections share.

use std::net::IpAddr;
use std::sync::Arc;

use base::Clock;
use commands::Services;
use model::BootView;
use runtime::{Tasks, View};
use tokio::sync::{Semaphore, mpsc};

use crate::commands_log::Block;
use crate::metrics::CommandCounts;
use crate::session::places::Places;

/// What all connections share.
pub(crate) struct Server {
    /// What commands work with.
    pub(crate) services: Services,
    /// The nodes by address.
    pub(crate) view: Arc<View<BootView>>,
    /// This server's short name, which answers carry.
    pub(crate) source: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tasks: Tasks,
    /// The connections. Their token means: no more requests; what runs goes on until that of `tasks`.
    pub(crate) sessions: Tasks,
    /// How many large requests are in memory at a time.
    pub(crate) large: Arc<Semaphore>,
    /// Where finished requests are noted.
    pub(crate) log: mpsc::Sender<Block>,
    /// Where the secrets are that nodes may ask for.
    pub(crate) places: Places,
    /// How requests ended.
    pub(crate) counts: Arc<CommandCounts>,
}

impl Server {
    /// The short host name that stands for `address` in policies and logs: a node's name, our own, or the address.
    pub(crate) fn host_of(&self, address: IpAddr) -> String {
        let address = address.to_canonical();
        if address.is_loopback() {
            return self.source.clone();
        }
        let node = self.view.load().node_at(address).map(|node| node.as_str().to_owned());
        let name = node.unwrap_or_else(|| address.to_string());
        if name.parse::<IpAddr>().is_ok() {
            return name;
        }
        name.split('.').next().unwrap_or_default().to_owned()
    }
}
