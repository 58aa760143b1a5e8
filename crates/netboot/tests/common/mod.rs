//! A small cluster in memory, and servers that answer from it.

#![allow(dead_code, reason = "each test file uses its part of it")]
#![allow(unreachable_pub, reason = "shared between test files")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::{Mac, SystemClock};
use model::flight::{BootEvent, Step};
use model::{BootView, ServerFacts};
use netboot::{Context, Recorder};
use runtime::{Shutdown, Tasks, View};
use tables::{Patch, Snapshot};
use tokio::sync::mpsc;

/// How long a test waits for what must come.
pub const SOON: Duration = Duration::from_secs(20);

/// A row's cell: table, key, column, text. A key of two columns has a comma.
pub type Cell<'a> = (&'a str, &'a str, &'a str, &'a str);

/// The servers' context, and what they record.
pub struct Cluster {
    pub context: Context,
    pub events: mpsc::Receiver<BootEvent>,
    pub shutdown: Shutdown,
}

/// The tables with these cells.
pub fn snapshot(cells: &[Cell<'_>]) -> Snapshot {
    let mut patch = Patch::new();
    for (table, key, column, text) in cells {
        let key: Vec<&str> = key.split(',').collect();
        patch.set(tables::table(table).unwrap(), &key, &[(column, Some(text))]);
    }
    Snapshot::empty().apply(&patch).unwrap().0
}

/// A cluster with these cells on a machine with these interfaces.
pub fn cluster(cells: &[Cell<'_>], facts: &ServerFacts) -> Cluster {
    let (view, _) = BootView::build(&snapshot(cells), facts);
    let (sender, events) = mpsc::channel(4096);
    let shutdown = Shutdown::new();
    let context = Context {
        view: Arc::new(View::new(1, view)),
        clock: Arc::new(SystemClock),
        tasks: Tasks::new(shutdown.clone()),
        recorder: Recorder::new(sender),
    };
    Cluster { context, events, shutdown }
}

/// One interface with one address, boot loaders in `dir`.
pub fn facts(interface: &str, mac: Mac, address: &str, dir: &Path) -> ServerFacts {
    ServerFacts {
        host_name: "xcatmn".to_owned(),
        interfaces: vec![model::Interface {
            name: interface.to_owned(),
            mac: Some(mac),
            addresses: vec![address.parse().unwrap()],
        }],
        boot_dir: dir.to_owned(),
        resolvers: Vec::new(),
    }
}

impl Cluster {
    /// Waits for an event of this kind.
    pub async fn event(&mut self, step: Step) -> BootEvent {
        let wanted = async {
            loop {
                let event = self.events.recv().await.expect("the servers run");
                if event.step == step {
                    return event;
                }
            }
        };
        tokio::time::timeout(SOON, wanted).await.expect("the event is recorded in time")
    }

    /// Ends the servers and checks that all their tasks end.
    pub async fn finish(self) {
        assert!(self.context.tasks.drain(SOON).await, "all tasks end");
    }
}
