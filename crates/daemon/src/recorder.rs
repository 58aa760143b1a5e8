//! The flight recorder's pen: boot events go from a bounded channel into the store, many at a time. An event that cannot
//! be stored is counted and lost; booting goes on.

use model::flight::BootEvent;
use store::{BootRecord, Store};
use tokio::sync::mpsc;

/// How many events wait for the store.
pub(crate) const WAITING: usize = 8192;
/// How many are stored at once.
const BATCH: usize = 1024;

/// Stores events until there are no more senders.
pub(crate) async fn write(store: Store, mut events: mpsc::Receiver<BootEvent>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut lost = 0usize;
    while events.recv_many(&mut batch, BATCH).await > 0 {
        let count = batch.len();
        let records = batch.drain(..).map(record).collect();
        if let Err(error) = store.record_boot(records).await {
            if lost == 0 {
                tracing::error!(
                    error = base::chain(&error),
                    "the flight recorder cannot be written"
                );
            }
            lost += count;
        } else if lost > 0 {
            tracing::warn!(lost, "the flight recorder is written again");
            lost = 0;
        }
    }
}

fn record(event: BootEvent) -> BootRecord {
    BootRecord {
        time: event.time,
        node: event.node.map(|node| node.to_string()),
        mac: event.mac.map(|mac| mac.to_string()),
        attempt: 0,
        step: event.step.name().to_owned(),
        text: event.text,
    }
}
