//! What every server is given: the view it answers from, the clock, its tasks, and the recorder.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base::{Clock, Timestamp};
use model::BootView;
use model::flight::BootEvent;
use runtime::{Tasks, View};
use tokio::sync::mpsc;

use crate::counts::{Counts, Ending};
use crate::limit::Limiter;

/// What every server is given.
#[derive(Clone)]
pub struct Context {
    /// What to answer from.
    pub view: Arc<View<BootView>>,
    /// The time of records.
    pub clock: Arc<dyn Clock>,
    /// Where sessions run.
    pub tasks: Tasks,
    /// Where events go.
    pub recorder: Recorder,
}

impl Context {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn record(&self, event: BootEvent) {
        self.recorder.record(event);
    }

    pub(crate) fn count(&self, ending: Ending) {
        self.recorder.counts.add(ending);
    }
}

/// Takes events without ever waiting: what exceeds a machine's share, or finds the channel full, is
/// counted and dropped.
#[derive(Clone, Debug)]
pub struct Recorder {
    sender: mpsc::Sender<BootEvent>,
    limiter: Arc<Mutex<Limiter>>,
    dropped: Arc<AtomicU64>,
    counts: Arc<Counts>,
}

impl Recorder {
    /// A recorder into a bounded channel.
    pub fn new(sender: mpsc::Sender<BootEvent>) -> Self {
        Self { sender, limiter: Arc::default(), dropped: Arc::default(), counts: Arc::default() }
    }

    /// Records `event`.
    pub fn record(&self, event: BootEvent) {
        tracing::debug!(
            node = event.node.as_ref().map(tracing::field::display),
            mac = event.mac.as_ref().map(tracing::field::display),
            step = event.step.name(),
            "{}",
            event.text
        );
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        let allowed = limiter.allow(&event);
        drop(limiter);
        if !allowed || self.sender.try_send(event).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How requests ended so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// How many events were dropped so far.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
