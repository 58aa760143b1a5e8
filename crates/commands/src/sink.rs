//! Where the items of an answer go while a command runs, and how it learns that nobody listens.

use command::Item;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How many items wait for a slow client before the command waits too.
const CAPACITY: usize = 1024;

/// The way to the client.
#[derive(Clone, Debug)]
pub struct Sink {
    items: mpsc::Sender<Item>,
    cancel: CancellationToken,
}

impl Sink {
    /// A sink and the end that the daemon reads. `cancel` stops the command at its next safe point.
    pub fn new(cancel: CancellationToken) -> (Self, mpsc::Receiver<Item>) {
        let (items, receiver) = mpsc::channel(CAPACITY);
        (Self { items, cancel }, receiver)
    }

    /// Sends one item; when nobody reads any more, the command is cancelled.
    pub async fn send(&self, item: Item) {
        if self.items.send(item).await.is_err() {
            self.cancel.cancel();
        }
    }

    /// Sends all items.
    pub async fn send_all(&self, items: impl IntoIterator<Item = Item>) {
        for item in items {
            self.send(item).await;
        }
    }

    /// The token that is cancelled when the client is gone or has asked to stop.
    pub fn cancelled(&self) -> &CancellationToken {
        &self.cancel
    }
}
