//! Who or what a change of the tables comes from.

/// Who asks for a change, for the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The name of the user.
    pub user: String,
    /// The command with its arguments, without secrets.
    pub command: String,
    /// What the history makes of it.
    pub source: Source,
}

/// Where a change comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Somebody asked for it: the history keeps it.
    Person,
    /// A machine reported its state, as every node does several times at each boot. That is as durable
    /// as any change, but in the history it would soon have pushed out what people did.
    Machine,
}

impl Origin {
    /// The origin of a change that `user` asks for with `command`.
    pub fn new(user: impl Into<String>, command: impl Into<String>) -> Self {
        Self { user: user.into(), command: command.into(), source: Source::Person }
    }

    /// The origin of a change that notes what `machine` reported.
    pub fn report(machine: impl Into<String>, what: impl Into<String>) -> Self {
        Self { source: Source::Machine, ..Self::new(machine, what) }
    }
}
