//! The share of events that one machine may cause, so that a machine in a boot loop or a hostile one
//! cannot fill the flight recorder.

use std::collections::HashMap;

use base::{Mac, NodeName, Timestamp};
use model::flight::BootEvent;

/// The events of one machine in one [`WINDOW_MS`].
const SHARE: u32 = 60;
const WINDOW_MS: i64 = 10_000;
/// The machines that are told apart; more than these in one window are not recorded.
const MACHINES: usize = 8192;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Machine {
    Mac(Mac),
    Node(NodeName),
    Unknown,
}

/// Counts events by machine and window.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    window: i64,
    counts: HashMap<Machine, u32>,
}

impl Limiter {
    /// Whether `event` is within its machine's share.
    pub(crate) fn allow(&mut self, event: &BootEvent) -> bool {
        self.turn(event.time);
        let machine = match (event.mac, &event.node) {
            (Some(mac), _) => Machine::Mac(mac),
            (None, Some(node)) => Machine::Node(node.clone()),
            (None, None) => Machine::Unknown,
        };
        if self.counts.len() >= MACHINES && !self.counts.contains_key(&machine) {
            return false;
        }
        let count = self.counts.entry(machine).or_default();
        *count = count.saturating_add(1);
        *count <= SHARE
    }

    fn turn(&mut self, now: Timestamp) {
        let window = now.unix_millis().div_euclid(WINDOW_MS);
        if window != self.window {
            self.window = window;
            self.counts.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::flight::Step;

    #[test]
    fn each_machine_has_its_share_in_each_window() {
        let event = |mac: u16, time| BootEvent {
            time: Timestamp::from_unix_millis(time),
            node: None,
            mac: Some(Mac::new([2, 0, 0, 0, mac.to_be_bytes()[0], mac.to_be_bytes()[1]])),
            step: Step::DhcpSilent,
            text: String::new(),
        };
        let mut limiter = Limiter::default();
        let allowed = (0..100).filter(|_| limiter.allow(&event(1, 5))).count();
        assert_eq!(allowed, 60);
        assert!(limiter.allow(&event(2, 5)) && limiter.allow(&event(1, 10_001)));
        let machines = (0..10_000).filter(|mac| limiter.allow(&event(*mac, 20_000))).count();
        assert_eq!(machines, MACHINES);
    }
}
