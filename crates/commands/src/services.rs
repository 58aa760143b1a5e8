//! What commands that do more than read the tables work with.
//!
//! A plain struct: whoever adds a command that needs another service adds a field. Cloning is
//! cheap, every field is shared.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Failure};
use model::flight::BootEvent;
use model::{BootView, Machine};
use remote::ssh::SshOptions;
use runtime::View;
use store::{Origin, Store};
use tokio::sync::{Mutex, mpsc};

use crate::future::BoxFuture;
use crate::sink::Sink;

/// The services of the daemon.
#[derive(Clone)]
pub struct Services {
    /// The tables and their one writer.
    pub store: Store,
    /// What an edit waits for until it is visible everywhere.
    pub followers: Arc<[Arc<dyn Follower>]>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What the boot services answer from.
    pub boot: Arc<View<BootView>>,
    /// Where steps of boots are recorded.
    pub events: mpsc::Sender<BootEvent>,
    /// The client for service processors.
    pub bmc: bmc::Client,
    /// The port of the service processors: 623, but for simulated ones.
    pub ipmi_port: u16,
    /// How nodes are reached over ssh.
    pub ssh: Arc<SshOptions>,
    /// The tools that images are made with.
    pub tools: Arc<image::Tools>,
    /// The hosts file that makehosts writes; whoever writes it holds the lock.
    pub hosts_file: Arc<Mutex<PathBuf>>,
    /// This machine.
    pub host: Arc<dyn Host>,
    /// The files that come with the product, `/opt/xcat/share/xcat`.
    pub share: Arc<Path>,
    /// Where the database is, for those who ask.
    pub database: Arc<str>,
    /// What the daemon says of its services, a line each.
    pub status: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
}

/// The machine that the management node is on.
pub trait Host: Send + Sync {
    /// What it is called and connected to now.
    fn machine(&self) -> Machine;

    /// Does a part of the first start again; a line for each thing that was changed.
    fn set_up(&self, part: Part, origin: Origin) -> BoxFuture<'_, Result<Vec<String>, Failure>>;
}

/// A part of the first start that can be done again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Directories, certificates, keys, postscripts and tables, as far as they are missing.
    Missing,
    /// A new pair of ssh keys for root.
    SshKeys,
    /// New certificates of the server and of root, by the same authority.
    Credentials,
    /// The rows of `site`, `policy` and `postscripts` that a first start writes.
    Defaults(Overwrite),
}

/// What becomes of values that differ from the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// They stay.
    Never,
    /// They are replaced.
    Always,
}

impl Services {
    /// The same services for a command whose client may leave: nothing more is begun with service processors then.
    pub(crate) fn until(&self, sink: &Sink) -> Self {
        Self { bmc: self.bmc.until(sink.cancelled()), ..self.clone() }
    }
}

/// Something that is rebuilt from the tables, such as the answers of DHCP.
pub trait Follower: Send + Sync {
    /// What it is, in a word.
    fn name(&self) -> &str;

    /// Waits until it shows `generation`; false when it does not in time.
    fn wait_for(&self, generation: u64, limit: Duration) -> BoxFuture<'_, bool>;
}
