//! Tasks that have a name, are watched while they run, and are joined at the end.
//!
//! Three kinds: *plain* (a session, a job: a panic is logged and is its own affair), *critical* (its end before the
//! shutdown ends everything), and *restarted* (a service: its failure is recorded and it is tried again with back-off).
//!
//! ```text
//! restarted:  Running --error or panic--> Waiting(reason) --back-off--> Running
//!                |  end without error or shutdown
//!                +--> Ended
//! ```

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::task::TaskTracker;

use crate::{Backoff, Shutdown};

/// How long a restarted task must have run for its back-off to begin again.
const STEADY: Duration = Duration::from_secs(30);

/// What a watched task is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// It runs.
    Running,
    /// It failed for this reason and will be tried again.
    Waiting(String),
    /// It ended, with the reason if that was a failure.
    Ended(Option<String>),
}

/// A watched task as [`Tasks::status`] reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskStatus {
    /// The name given at the start.
    pub name: String,
    /// What it is doing.
    pub state: TaskState,
    /// How often it was started again.
    pub restarts: u64,
}

/// A handle on all tasks; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    shutdown: Shutdown,
    tracker: TaskTracker,
    watched: Arc<Mutex<BTreeMap<String, (TaskState, u64)>>>,
}

impl Tasks {
    /// No tasks yet; all of them end when `shutdown` is cancelled.
    pub fn new(shutdown: Shutdown) -> Self {
        Self { shutdown, ..Self::default() }
    }

    /// The token that ends all tasks.
    pub const fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Starts a plain task.
    pub fn spawn(&self, name: &str, work: impl Future<Output = ()> + Send + 'static) {
        let name = name.to_owned();
        self.start(async move {
            if let Err(panic) = AssertUnwindSafe(work).catch_unwind().await {
                tracing::error!(
                    task = name,
                    error = panic_text(&*panic),
                    "a task ended by a defect"
                );
            }
        });
    }

    /// Starts a task without which nothing works: when it ends before the shutdown, the shutdown begins.
    pub fn critical<E: Display>(
        &self,
        name: &str,
        work: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let (tasks, name) = (self.clone(), name.to_owned());
        self.watch(&name, TaskState::Running);
        self.start(async move {
            let reason = outcome(work).await;
            if !tasks.shutdown.is_cancelled() {
                let error = reason.as_deref().unwrap_or("it ended by itself");
                tracing::error!(task = name, error, "a task that must run ended: shutting down");
                tasks.shutdown.cancel();
            }
            tasks.watch(&name, TaskState::Ended(reason));
        });
    }

    /// Starts a service: each failure is recorded, and `make` is called for another attempt after the back-off.
    pub fn restarted<E, F>(
        &self,
        name: &str,
        mut backoff: Backoff,
        mut make: impl FnMut() -> F + Send + 'static,
    ) where
        E: Display,
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        let (tasks, name) = (self.clone(), name.to_owned());
        self.watch(&name, TaskState::Running);
        self.start(async move {
            let mut last = None;
            loop {
                let started = tokio::time::Instant::now();
                let reason = outcome(make()).await;
                let Some(reason) = reason.filter(|_| !tasks.shutdown.is_cancelled()) else { break };
                if started.elapsed() >= STEADY {
                    backoff.reset();
                }
                if last.as_ref() != Some(&reason) {
                    tracing::error!(
                        task = name,
                        error = reason,
                        "the service failed and will be tried again"
                    );
                }
                last = Some(reason.clone());
                tasks.watch(&name, TaskState::Waiting(reason));
                tokio::select! {
                    () = tokio::time::sleep(backoff.delay()) => tasks.again(&name),
                    () = tasks.shutdown.cancelled() => break,
                }
            }
            tasks.watch(&name, TaskState::Ended(None));
        });
    }

    /// The critical and restarted tasks, by name.
    pub fn status(&self) -> Vec<TaskStatus> {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched
            .iter()
            .map(|(name, (state, restarts))| TaskStatus {
                name: name.clone(),
                state: state.clone(),
                restarts: *restarts,
            })
            .collect()
    }

    /// Cancels the token and waits until every task has ended; says whether they did within `limit`.
    pub async fn drain(&self, limit: Duration) -> bool {
        self.shutdown.cancel();
        self.tracker.close();
        tokio::time::timeout(limit, self.tracker.wait()).await.is_ok()
    }

    fn start(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.tracker.spawn(work));
    }

    fn watch(&self, name: &str, state: TaskState) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.entry(name.to_owned()).or_insert((TaskState::Running, 0)).0 = state;
    }

    /// Notes a new attempt.
    fn again(&self, name: &str) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((state, restarts)) = watched.get_mut(name) {
            *state = TaskState::Running;
            *restarts += 1;
        }
    }
}

/// The reason for which `work` failed, if it failed.
async fn outcome<E: Display>(work: impl Future<Output = Result<(), E>>) -> Option<String> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(panic) => Some(format!("it ended by a defect: {}", panic_text(&*panic))),
    }
}

pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn a_service_is_tried_again_until_it_works() {
        let tasks = Tasks::default();
        let attempts = Arc::new(AtomicU32::new(0));
        let (count, shutdown) = (attempts.clone(), tasks.shutdown().clone());
        tasks.restarted("tftp", Backoff::new(Duration::from_secs(1), SOON), move || {
            let (attempt, shutdown) = (count.fetch_add(1, Ordering::SeqCst), shutdown.clone());
            async move {
                match attempt {
                    0 => return Err("port 69 is taken"),
                    1 => panic!("oh"),
                    _ => shutdown.cancelled().await,
                }
                Ok(())
            }
        });
        tokio::time::sleep(Duration::from_millis(10)).await;
        let waiting = TaskState::Waiting("port 69 is taken".to_owned());
        assert_eq!(
            tasks.status(),
            [TaskStatus { name: "tftp".to_owned(), state: waiting, restarts: 0 }]
        );
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(tasks.status()[0].state, TaskState::Running);
        assert_eq!((tasks.status()[0].restarts, attempts.load(Ordering::SeqCst)), (2, 3));
        assert!(tasks.drain(SOON).await);
        assert_eq!(tasks.status()[0].state, TaskState::Ended(None));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_critical_task_begins_the_shutdown() {
        let tasks = Tasks::default();
        tasks.critical("store", async { Err::<(), _>("disk full") });
        tasks.shutdown().cancelled().await;
        assert!(tasks.drain(SOON).await);
        assert_eq!(tasks.status()[0].state, TaskState::Ended(Some("disk full".to_owned())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_plain_task_that_panics_harms_nobody_and_drain_reports_one_that_hangs() {
        let tasks = Tasks::default();
        tasks.spawn("session", async { panic!("oh") });
        tasks.spawn("hung", std::future::pending());
        assert!(!tasks.drain(SOON).await);
    }
}
