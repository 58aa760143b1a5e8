//! A bounded number of seats for connections. When all are taken, whoever has been idle longest gives theirs up to a
//! newcomer, so that connections which do nothing cannot keep others out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Shutdown;

/// The seats; clones share them.
#[derive(Clone, Debug)]
pub struct Seats {
    free: Arc<Semaphore>,
    idle: Arc<Mutex<Idle>>,
}

/// The tokens of those who are idle, in the order in which they became so.
#[derive(Debug, Default)]
struct Idle {
    next: u64,
    waiting: BTreeMap<u64, Shutdown>,
}

/// A seat, given back when it is dropped; idle at first.
#[derive(Debug)]
pub struct Seat {
    seats: Seats,
    place: Option<u64>,
    evicted: Shutdown,
    _permit: OwnedSemaphorePermit,
}

impl Seats {
    /// `count` seats.
    pub fn new(count: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(count)), idle: Arc::default() }
    }

    /// A seat: a free one, else that of whoever has been idle longest, else the next that is given back.
    pub async fn take(&self) -> Seat {
        let permit = if let Ok(permit) = self.free.clone().try_acquire_owned() {
            permit
        } else {
            self.evict();
            let permit = self.free.clone().acquire_owned().await;
            permit.expect("the semaphore is never closed")
        };
        let mut seat =
            Seat { seats: self.clone(), place: None, evicted: Shutdown::new(), _permit: permit };
        seat.idle();
        seat
    }

    fn evict(&self) {
        if let Some((_, oldest)) = self.lock().waiting.pop_first() {
            oldest.cancel();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// From now on the seat can be taken away.
    pub fn idle(&mut self) {
        if self.place.is_none() {
            let mut idle = self.seats.lock();
            let place = idle.next;
            idle.next += 1;
            idle.waiting.insert(place, self.evicted.clone());
            drop(idle);
            self.place = Some(place);
        }
    }

    /// From now on the seat cannot be taken away; false when that has happened already.
    pub fn busy(&mut self) -> bool {
        if let Some(place) = self.place.take() {
            self.seats.lock().waiting.remove(&place);
        }
        !self.evicted.is_cancelled()
    }

    /// The token that is cancelled when the seat is taken away.
    pub const fn evicted(&self) -> &Shutdown {
        &self.evicted
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.busy();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_gives_way_and_the_busy_do_not() {
        let seats = Seats::new(3);
        let (mut first, second) = (seats.take().await, seats.take().await);
        let mut third = seats.take().await;
        assert!(third.busy());
        assert!(first.busy());
        first.idle();
        let gives_way = async {
            second.evicted().cancelled().await;
            drop(second);
        };
        let (mut fourth, ()) = tokio::join!(seats.take(), gives_way);
        assert!(!first.evicted().is_cancelled() && !third.evicted().is_cancelled());
        assert!(fourth.busy() && first.busy());
        let fifth = tokio::time::timeout(Duration::from_secs(1), seats.take()).await;
        assert!(fifth.is_err(), "all are busy");
        drop(fourth);
        let mut fifth = seats.take().await;
        assert!(fifth.busy());
        drop((first, third, fifth));
        assert!(seats.lock().waiting.is_empty());
    }
}
