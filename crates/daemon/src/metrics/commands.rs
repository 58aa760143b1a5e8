//! How requests for commands ended and how long they took, by command. The commands are those that there are: what clients
//! make up is counted as `other`.

use std::collections::BTreeMap;
use std::time::Duration;

use runtime::metrics::{Counter, Durations};

const OTHER: &str = "other";

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Everything was done.
    Done,
    /// The answer has an error.
    Failed,
    /// The policy table does not allow it.
    Denied,
    /// The client left before the end.
    Abandoned,
}

impl Ended {
    pub(super) const ALL: [Self; 4] = [Self::Done, Self::Failed, Self::Denied, Self::Abandoned];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Denied => "denied",
            Self::Abandoned => "abandoned",
        }
    }
}

/// The numbers of one command.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    endings: [Counter; Ended::ALL.len()],
    /// How long the requests took that were not denied.
    pub(super) durations: Durations,
}

impl Numbers {
    pub(super) fn of(&self, ended: Ended) -> u64 {
        self.endings[ended as usize].get()
    }
}

/// The numbers of all commands.
#[derive(Debug)]
pub(crate) struct CommandCounts(BTreeMap<&'static str, Numbers>);

impl Default for CommandCounts {
    fn default() -> Self {
        let names = ::commands::COMMANDS.iter().map(|command| command.name).chain([OTHER]);
        Self(names.map(|name| (name, Numbers::default())).collect())
    }
}

impl CommandCounts {
    /// Counts a request that was denied.
    pub(crate) fn deny(&self, command: &str) {
        if let Some(numbers) = self.numbers(command) {
            numbers.endings[Ended::Denied as usize].inc();
        }
    }

    /// Counts a request that was carried out, well or not.
    pub(crate) fn add(&self, command: &str, ended: Ended, took: Duration) {
        if let Some(numbers) = self.numbers(command) {
            numbers.endings[ended as usize].inc();
            numbers.durations.observe(took);
        }
    }

    /// The commands that were asked for, by name.
    pub(super) fn asked(&self) -> impl Iterator<Item = (&'static str, &Numbers)> + Clone {
        let asked = |numbers: &Numbers| Ended::ALL.iter().any(|ended| numbers.of(*ended) > 0);
        self.0
            .iter()
            .filter(move |(_, numbers)| asked(numbers))
            .map(|(name, numbers)| (*name, numbers))
    }

    fn numbers(&self, command: &str) -> Option<&Numbers> {
        self.0.get(command).or_else(|| self.0.get(OTHER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_do_not_exist_are_counted_together() {
        let counts = CommandCounts::default();
        counts.add("lsdef", Ended::Done, Duration::from_millis(2));
        counts.deny("rm -rf /");
        counts.deny("\n");
        let asked: Vec<_> = counts.asked().map(|(name, it)| (name, it.of(Ended::Denied))).collect();
        assert_eq!(asked, [("lsdef", 0), ("other", 2)]);
    }
}
