//! A value derived from something that has generations: read without locks, swapped as a whole, and waited for.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::Shutdown;

/// The view did not reach the wanted generation in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the view shows generation {shown}, not yet {wanted}")]
pub struct Stale {
    /// The generation that was waited for.
    pub wanted: u64,
    /// The generation that the view shows.
    pub shown: u64,
}

/// The latest value and its generation.
#[derive(Debug)]
pub struct View<V> {
    value: ArcSwap<V>,
    generation: watch::Sender<u64>,
}

impl<V> View<V> {
    /// A view that shows `value` of `generation`.
    pub fn new(generation: u64, value: V) -> Self {
        Self { value: ArcSwap::from_pointee(value), generation: watch::Sender::new(generation) }
    }

    /// The value now.
    pub fn load(&self) -> Arc<V> {
        self.value.load_full()
    }

    /// The generation of the value.
    pub fn generation(&self) -> u64 {
        *self.generation.borrow()
    }

    /// Shows another value, and then its generation.
    pub fn publish(&self, generation: u64, value: V) {
        self.value.store(Arc::new(value));
        self.generation.send_replace(generation);
    }

    /// Waits until the view shows `generation` or a later one.
    pub async fn wait_for(&self, generation: u64, limit: Duration) -> Result<(), Stale> {
        let mut shown = self.generation.subscribe();
        let reached = shown.wait_for(|shown| *shown >= generation);
        match tokio::time::timeout(limit, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Stale { wanted: generation, shown: self.generation() }),
        }
    }

    /// Rebuilds the view each time `generations` announces another one, until `shutdown` or until nothing can be
    /// announced any more; announcements that arrive during a build are answered by one further build. Builds run on a
    /// blocking thread; one that panics leaves the view as it is until the next announcement.
    pub async fn follow(
        &self,
        mut generations: watch::Receiver<u64>,
        build: impl Fn() -> (u64, V) + Clone + Send + 'static,
        shutdown: Shutdown,
    ) where
        V: Send + 'static,
    {
        loop {
            if *generations.borrow_and_update() > self.generation() {
                match tokio::task::spawn_blocking(build.clone()).await {
                    Ok((generation, value)) => self.publish(generation, value),
                    Err(error) => {
                        tracing::error!(%error, "a view cannot be built and stays as it is");
                    }
                }
            }
            tokio::select! {
                changed = generations.changed() => if changed.is_err() { return },
                () = shutdown.cancelled() => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_view_follows_and_can_be_waited_for() {
        let (announce, generations) = watch::channel(1u64);
        let (view, shutdown) = (Arc::new(View::new(1, "one".to_owned())), Shutdown::new());
        let tasks = crate::Tasks::new(shutdown.clone());
        let source = announce.clone();
        let follower = view.clone();
        tasks.spawn("view", async move {
            let build = move || (*source.borrow(), format!("generation {}", *source.borrow()));
            follower.follow(generations, build, shutdown).await;
        });
        let late = view.wait_for(2, Duration::from_secs(1)).await;
        assert_eq!(late, Err(Stale { wanted: 2, shown: 1 }));
        announce.send_replace(2);
        announce.send_replace(3);
        view.wait_for(3, Duration::from_secs(1)).await.unwrap();
        assert_eq!(*view.load(), "generation 3");
        assert!(tasks.drain(Duration::from_secs(1)).await);
    }
}
