//! The power actions, and which of them have nothing to do.

use wire::ipmi::Control;

/// What is wanted of a machine's power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PowerAction {
    /// Only say whether it is on.
    Status,
    /// Switch on.
    On,
    /// Switch off at once.
    Off,
    /// Ask the operating system to shut down.
    SoftOff,
    /// Reset a machine that is on.
    Reset,
    /// Switch off and on again.
    Cycle,
    /// Reset if on, else switch on.
    Boot,
    /// Send a diagnostic interrupt.
    Diagnostic,
}

/// Whether a machine is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PowerState {
    /// On.
    On,
    /// Off.
    Off,
}

/// What a power action found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PowerReport {
    /// How it was before.
    pub was: PowerState,
    /// What the service processor was told; `None` if there was nothing to do.
    pub sent: Option<PowerAction>,
}

impl PowerState {
    /// `on` or `off`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

impl std::fmt::Display for PowerState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PowerReport {
    /// The state that the machine is in, or is on its way to.
    pub const fn state(&self) -> PowerState {
        match self.sent {
            Some(PowerAction::Off) => PowerState::Off,
            Some(PowerAction::On | PowerAction::Cycle | PowerAction::Reset) => PowerState::On,
            _ => self.was,
        }
    }
}

impl PowerAction {
    /// What to tell the service processor of a machine in this state: an action and its code, or nothing.
    ///
    /// Switching on what is on, and off or resetting what is off, is not sent: controllers answer that with errors.
    pub(crate) const fn plan(self, was: PowerState) -> Option<(Self, Control)> {
        match (self, was) {
            (Self::Status, _)
            | (Self::On, PowerState::On)
            | (Self::Off | Self::SoftOff | Self::Reset, PowerState::Off) => None,
            (Self::On | Self::Boot, PowerState::Off) => Some((Self::On, Control::On)),
            (Self::Off, PowerState::On) => Some((Self::Off, Control::Off)),
            (Self::SoftOff, PowerState::On) => Some((Self::SoftOff, Control::Soft)),
            (Self::Reset | Self::Boot, PowerState::On) => Some((Self::Reset, Control::Reset)),
            (Self::Cycle, _) => Some((Self::Cycle, Control::Cycle)),
            (Self::Diagnostic, _) => Some((Self::Diagnostic, Control::Diagnostic)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_is_reset_or_on_and_reset_leaves_an_off_machine_off() {
        use PowerAction::{Boot, On, Reset};
        assert_eq!(Boot.plan(PowerState::On), Some((Reset, Control::Reset)));
        assert_eq!(Boot.plan(PowerState::Off), Some((On, Control::On)));
        assert_eq!(Reset.plan(PowerState::Off), None);
        let report = PowerReport { was: PowerState::Off, sent: Some(On) };
        assert_eq!(report.state().as_str(), "on");
    }
}
