//! Trying again, a bounded number of times, with growing pauses.

use std::time::Duration;

/// How often and how fast to try.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// How many times in all.
    pub(crate) attempts: u32,
    /// The pause after the first failure; it doubles after each further one.
    pub(crate) first: Duration,
    /// The longest pause.
    pub(crate) longest: Duration,
}

impl Patience {
    /// Tries once a second at first, up to `attempts` times, with pauses up to 15 s.
    pub(crate) const fn with_attempts(attempts: u32) -> Self {
        Self { attempts, first: Duration::from_secs(1), longest: Duration::from_secs(15) }
    }

    /// The pause after the failure number `failures` (from 1); `None` when it was the last.
    pub(crate) fn pause(&self, failures: u32) -> Option<Duration> {
        let doublings = failures.saturating_sub(1).min(16);
        let pause = self.first.saturating_mul(1 << doublings).min(self.longest);
        (failures < self.attempts).then_some(pause)
    }

    /// Runs `attempt` until it succeeds or the attempts are used up; `failed` hears each failure
    /// that is followed by another attempt.
    pub(crate) fn run<T, E>(
        &self,
        mut attempt: impl FnMut() -> Result<T, E>,
        mut failed: impl FnMut(&E),
    ) -> Result<T, E> {
        let mut failures = 0;
        loop {
            let error = match attempt() {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            failures += 1;
            let Some(pause) = self.pause(failures) else { return Err(error) };
            failed(&error);
            std::thread::sleep(pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_end() {
        let patience = Patience::with_attempts(7);
        let pauses: Vec<_> = (1..=7).map(|n| patience.pause(n).map(|p| p.as_secs())).collect();
        assert_eq!(pauses, [Some(1), Some(2), Some(4), Some(8), Some(15), Some(15), None]);
    }

    #[test]
    fn the_last_error_is_returned_after_all_attempts() {
        let patience = Patience { attempts: 3, first: Duration::ZERO, longest: Duration::ZERO };
        let (mut tried, mut heard) = (0, 0);
        let result: Result<(), u32> = patience.run(
            || {
                tried += 1;
                Err(tried)
            },
            |_| heard += 1,
        );
        assert_eq!((result, heard), (Err(3), 2));
    }
}
