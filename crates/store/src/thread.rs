//! A thread that works through a bounded channel and is joined when it is closed.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use crate::error::StoreError;

/// How many requests wait at most before the next one has to wait for its turn to wait.
const QUEUE: usize = 1024;

/// The sending side and the handle of a thread.
pub(crate) struct Worker<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    sender: Option<mpsc::Sender<T>>,
    handle: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Worker<T> {
    /// Starts the thread; `work` ends when its receiver does.
    pub(crate) fn start(
        name: &str,
        work: impl FnOnce(mpsc::Receiver<T>) + Send + 'static,
    ) -> Result<Self, StoreError> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let builder = std::thread::Builder::new().name(name.to_owned());
        let started: io::Result<_> = builder.spawn(move || work(receiver));
        let handle = started.map_err(|source| StoreError::Thread(Arc::new(source)))?;
        Ok(Self { state: Mutex::new(State { sender: Some(sender), handle: Some(handle) }) })
    }

    /// Hands over a request, waiting for room.
    pub(crate) async fn send(&self, request: T) -> Result<(), StoreError> {
        let sender = self.state().sender.clone().ok_or(StoreError::Closed)?;
        sender.send(request).await.map_err(|_| StoreError::Closed)
    }

    /// Takes no more requests, works through those that wait, and joins the thread.
    pub(crate) async fn close(&self) {
        let handle = {
            let mut state = self.state();
            state.sender = None;
            state.handle.take()
        };
        let Some(handle) = handle else { return };
        let joined = tokio::task::spawn_blocking(move || handle.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("a thread of the store panicked");
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
