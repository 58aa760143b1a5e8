//! Waiting times that double up to a bound.

use std::time::Duration;

/// The delays between attempts: `first`, then twice as long each time, never more than `longest`.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Delays from `first` to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// How long to wait before the next attempt.
    pub fn delay(&mut self) -> Duration {
        let delay = self.next;
        self.next = (delay * 2).min(self.longest);
        delay
    }

    /// Begins again with the first delay, after a success.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_bound_and_begin_again() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(3));
        let seconds: Vec<u64> = (0..4).map(|_| backoff.delay().as_secs()).collect();
        assert_eq!(seconds, [1, 2, 3, 3]);
        backoff.reset();
        assert_eq!(backoff.delay().as_secs(), 1);
    }
}
