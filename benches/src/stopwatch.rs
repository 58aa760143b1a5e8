//! Repeats something until it is known well enough, and says how long it takes.

use std::fmt;
use std::time::{Duration, Instant};

/// How long something took, several times.
#[derive(Clone, Debug)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Times that were taken; at least one.
    pub fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// The one in the middle.
    pub fn median(&self) -> Duration {
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(self.median()))
    }
}

/// A time with two or three digits that count.
pub fn shown(time: Duration) -> String {
    let nanos = time.as_secs_f64() * 1e9;
    let (value, unit) = match nanos {
        ..1e3 => (nanos, "ns"),
        ..1e6 => (nanos / 1e3, "µs"),
        ..1e9 => (nanos / 1e6, "ms"),
        _ => (nanos / 1e9, "s"),
    };
    if value < 10.0 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// Takes the time of `step` up to `runs` times, but stops early, after three, when `patience` has passed.
pub fn repeat<E>(
    runs: usize,
    patience: Duration,
    mut step: impl FnMut() -> Result<Duration, E>,
) -> Result<Times, E> {
    let begun = Instant::now();
    let mut times = Vec::new();
    while times.is_empty() || times.len() < runs && (times.len() < 3 || begun.elapsed() < patience)
    {
        times.push(step()?);
    }
    Ok(Times::new(times))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_one_counts_and_is_shown_with_two_digits() {
        let times = Times::new([9, 1, 3].map(Duration::from_millis).to_vec());
        assert_eq!(times.to_string(), "3.0 ms");
        assert_eq!(shown(Duration::from_nanos(1_234_567_890)), "1.2 s");
        assert_eq!(shown(Duration::from_micros(640)), "640 µs");
    }

    #[test]
    fn a_slow_step_is_taken_three_times() {
        let mut count = 0;
        let step = || {
            count += 1;
            Ok::<_, ()>(Duration::from_secs(1))
        };
        repeat(100, Duration::ZERO, step).unwrap();
        assert_eq!(count, 3);
    }
}
