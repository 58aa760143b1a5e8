//! How a simulated service processor misbehaves, as data.

use std::time::Duration;

/// What goes wrong with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not answered.
    Drop,
    /// It is answered later.
    Delay(Duration),
    /// The answer is damaged.
    Garble,
    /// A command in it is answered with "busy".
    Busy,
}

/// Which packets a rule is for, counted from 0 since the rules were set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// All.
    Always,
    /// The first so many.
    First(u64),
    /// All but the first so many.
    After(u64),
    /// One in so many, beginning with the first.
    Every(u64),
}

/// A fault and when it strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Which packets.
    pub when: When,
    /// What goes wrong.
    pub fault: Fault,
}

impl Rule {
    /// A rule.
    pub const fn new(when: When, fault: Fault) -> Self {
        Self { when, fault }
    }

    /// Whether the rule is for this packet.
    pub(crate) const fn strikes(&self, packet: u64) -> bool {
        match self.when {
            When::Always => true,
            When::First(count) => packet < count,
            When::After(count) => packet >= count,
            When::Every(count) => count != 0 && packet.is_multiple_of(count),
        }
    }
}
