//! Wall-clock time as a value, so that decisions never ask for it themselves.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// A point in time: milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time `millis` milliseconds after the Unix epoch.
    pub const fn from_unix_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch.
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This time in the machine's time zone as `YYYY-MM-DD HH:MM:SS`.
    pub fn local(self) -> String {
        self.strftime("%Y-%m-%d %H:%M:%S")
    }

    /// This time in the machine's time zone as xCAT writes it into tables: `MM-DD-YYYY HH:MM:SS`
    /// (spec/provision.md section 8).
    pub fn table_text(self) -> String {
        self.strftime("%m-%d-%Y %H:%M:%S")
    }

    /// The time of day in the machine's time zone as `HH:MM:SS.mmm`.
    pub fn time_of_day(self) -> String {
        self.strftime("%H:%M:%S%.3f")
    }

    fn strftime(self, format: &str) -> String {
        let Ok(time) = jiff::Timestamp::from_millisecond(self.0) else {
            return format!("@{}", self.0);
        };
        time.to_zoned(jiff::tz::TimeZone::system()).strftime(format).to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.local())
    }
}

/// Where the time comes from; tests substitute a [`ManualClock`].
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The system's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let millis = since_epoch.map_or(0, |elapsed| elapsed.as_millis());
        Timestamp(i64::try_from(millis).unwrap_or(i64::MAX))
    }
}

/// A clock that stands still until it is told to advance.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `start`.
    pub const fn starting_at(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.0))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manual_clock_advances_and_durations_never_go_negative() {
        let clock = ManualClock::starting_at(Timestamp::from_unix_millis(1_000));
        let before = clock.now();
        clock.advance(Duration::from_millis(1_500));
        assert_eq!(clock.now().since(before), Duration::from_millis(1_500));
        assert_eq!(before.since(clock.now()), Duration::ZERO);
        assert_eq!(clock.now().unix_seconds(), 2);
    }
}
