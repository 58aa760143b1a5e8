//! The same work for many items, a bounded number at a time, results in the order in which they are finished.
//!
//! Dropping a [`FanOut`] aborts what is still running at its next wait; work that must not be cut short is told to
//! stop through its own token and drained.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;

use tokio::task::{Id, JoinError, JoinSet};

/// The work for one item panicked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the work ended by a defect: {0}")]
pub struct Panicked(String);

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A running fan-out over items `I` with results `T`.
pub struct FanOut<I, T> {
    limit: usize,
    waiting: Box<dyn Iterator<Item = (I, Work<T>)> + Send>,
    running: JoinSet<T>,
    items: HashMap<Id, I>,
}

/// Runs `work` for each of `items`, at most `limit` at a time; nothing runs before the first [`FanOut::next`].
pub fn fan_out<I, T, F, W>(
    limit: usize,
    items: impl IntoIterator<Item = I, IntoIter: Send + 'static>,
    mut work: W,
) -> FanOut<I, T>
where
    I: Clone + Send + 'static,
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
    W: FnMut(I) -> F + Send + 'static,
{
    let waiting = items.into_iter().map(move |item| {
        let future: Work<T> = Box::pin(work(item.clone()));
        (item, future)
    });
    FanOut {
        limit: limit.max(1),
        waiting: Box::new(waiting),
        running: JoinSet::new(),
        items: HashMap::new(),
    }
}

impl<I, T: Send + 'static> FanOut<I, T> {
    /// The next finished item and its result; `None` when all are finished.
    pub async fn next(&mut self) -> Option<(I, Result<T, Panicked>)> {
        self.fill();
        loop {
            let finished = self.running.join_next_with_id().await?;
            let (id, result) = match finished {
                Ok((id, value)) => (id, Ok(value)),
                Err(error) => (error.id(), Err(panicked(error))),
            };
            if let Some(item) = self.items.remove(&id) {
                return Some((item, result));
            }
        }
    }

    fn fill(&mut self) {
        while self.running.len() < self.limit
            && let Some((item, work)) = self.waiting.next()
        {
            self.items.insert(self.running.spawn(work).id(), item);
        }
    }
}

fn panicked(error: JoinError) -> Panicked {
    let Ok(payload) = error.try_into_panic() else {
        return Panicked("it was cancelled".to_owned());
    };
    Panicked(crate::tasks::panic_text(&*payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(start_paused = true)]
    async fn results_come_in_the_order_of_completion_and_a_panic_is_one_items_error() {
        let mut run = fan_out(8, [30u64, 10, 0, 20], |millis| async move {
            assert!(millis > 0, "no time at all");
            tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
            millis + 1
        });
        let mut finished = Vec::new();
        while let Some((item, result)) = run.next().await {
            finished.push((item, result.ok()));
        }
        assert_eq!(finished, [(0, None), (10, Some(11)), (20, Some(21)), (30, Some(31))]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_the_limit_runs_at_once() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counters = (now.clone(), most.clone());
        let mut run = fan_out(3, 0..20, move |_| {
            let (now, most) = counters.clone();
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                now.fetch_sub(1, Ordering::SeqCst);
            }
        });
        let mut count = 0;
        while run.next().await.is_some() {
            count += 1;
        }
        assert_eq!((count, most.load(Ordering::SeqCst)), (20, 3));
    }
}
