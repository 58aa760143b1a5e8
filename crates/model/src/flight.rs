//! The flight recorder: the steps of a boot as events, the latest attempt as a timeline, and the one
//! sentence that says where it stands and what to do.

mod report;
mod verdict;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base::{Mac, NodeName, Timestamp};

pub use report::{agent_report, failed_postscripts};
pub use verdict::{Expectation, verdict};

/// One thing that happened in a boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootEvent {
    /// When.
    pub time: Timestamp,
    /// To which node, when that is known.
    pub node: Option<NodeName>,
    /// To which hardware address, when that is known.
    pub mac: Option<Mac>,
    /// What it is.
    pub step: Step,
    /// The same in words, with the nouns.
    pub text: String,
}

macro_rules! steps {
    ($($(#[$doc:meta])* $step:ident = $name:literal,)*) => {
        /// The kinds of events, in the order of a boot.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Step { $($(#[$doc])* $step,)* }

        impl Step {
            /// All steps.
            pub const ALL: &'static [Self] = &[$(Self::$step,)*];

            /// The name under which the step is stored.
            pub fn name(self) -> &'static str {
                match self { $(Self::$step => $name,)* }
            }
        }
    };
}

steps! {
    /// Power was switched.
    Power = "power",
    /// Switching power failed.
    PowerFailed = "power-failed",
    /// DHCP offered an address to firmware.
    DhcpOffer = "dhcp-offer",
    /// DHCP granted an address to firmware.
    DhcpAck = "dhcp-ack",
    /// DHCP refused an address.
    DhcpNak = "dhcp-nak",
    /// DHCP did not answer.
    DhcpSilent = "dhcp-silent",
    /// A boot loader was fetched.
    Tftp = "tftp",
    /// The boot script was fetched.
    Script = "script",
    /// The kernel was fetched.
    Kernel = "kernel",
    /// The initramfs was fetched.
    Initrd = "initrd",
    /// An operating system got its address.
    Address = "address",
    /// The root image was fetched.
    Image = "image",
    /// The agent on the node reported progress.
    Agent = "agent",
    /// The agent on the node reported a failure.
    AgentFailed = "agent-failed",
    /// The node's script was fetched or reported.
    Postscript = "postscript",
    /// A postscript failed.
    PostscriptFailed = "postscript-failed",
    /// The node reported a status.
    Status = "status",
    /// Another file was fetched.
    Http = "http",
    /// Something was asked for that does not exist.
    Absent = "absent",
    /// A transfer was broken off.
    Broken = "broken",
    /// The node answered over ssh.
    Ssh = "ssh",
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text is not the name of a step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a step of a boot")]
pub struct UnknownStep(String);

impl FromStr for Step {
    type Err = UnknownStep;

    fn from_str(text: &str) -> Result<Self, UnknownStep> {
        let step = Self::ALL.iter().find(|step| step.name() == text);
        step.copied().ok_or_else(|| UnknownStep(text.to_owned()))
    }
}

impl Step {
    /// Whether the step belongs to firmware: it comes before a kernel runs.
    fn is_firmware(self) -> bool {
        matches!(self, Self::DhcpOffer | Self::DhcpAck | Self::DhcpNak | Self::Script)
    }

    /// Whether the step shows that a kernel was loaded or runs.
    fn is_past_firmware(self) -> bool {
        matches!(
            self,
            Self::Kernel
                | Self::Initrd
                | Self::Image
                | Self::Agent
                | Self::Postscript
                | Self::Status
        )
    }
}

/// The events of the latest attempt to boot, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// The number of attempts among the events that were given.
    pub attempts: usize,
    /// The events of the latest.
    pub events: Vec<BootEvent>,
}

/// Finds the latest attempt in events that are sorted by time. An attempt begins when power is
/// switched, or when firmware asks again after a kernel was loaded.
pub fn timeline(events: &[BootEvent]) -> Timeline {
    let (mut start, mut attempts, mut loaded) = (0, usize::from(!events.is_empty()), false);
    for (index, event) in events.iter().enumerate() {
        let begins = event.step == Step::Power || (loaded && event.step.is_firmware());
        let continues =
            index > start && events[start..index].iter().all(|event| event.step == Step::Power);
        if begins && index > start && !continues {
            (start, attempts) = (index, attempts + 1);
        }
        loaded = (loaded && !begins) || event.step.is_past_firmware();
    }
    Timeline { attempts, events: events[start..].to_vec() }
}

impl Timeline {
    /// The last event of this kind.
    pub fn last(&self, step: Step) -> Option<&BootEvent> {
        self.events.iter().rev().find(|event| event.step == step)
    }

    /// Whether an event of this kind happened.
    pub fn has(&self, step: Step) -> bool {
        self.last(step).is_some()
    }

    /// The lines for a reader: time of day, seconds since the first event, step, text. Equal lines that
    /// follow each other are counted.
    pub fn lines(&self) -> Vec<String> {
        let Some(first) = self.events.first() else { return Vec::new() };
        let mut lines: Vec<(String, &BootEvent, usize)> = Vec::new();
        for event in &self.events {
            if let Some((_, last, count)) = lines.last_mut()
                && (last.step, &last.text) == (event.step, &event.text)
            {
                *count += 1;
                continue;
            }
            let since = seconds(event.time.since(first.time));
            let line = format!(
                "{}  {since:>8}  {:<17} {}",
                event.time.time_of_day(),
                event.step,
                event.text
            );
            lines.push((line, event, 1));
        }
        let counted =
            |(line, _, count)| if count == 1 { line } else { format!("{line} ({count} times)") };
        lines.into_iter().map(counted).collect()
    }
}

fn seconds(time: Duration) -> String {
    format!("+{}.{}s", time.as_secs(), time.subsec_millis() / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn events(steps: &[(i64, Step, &str)]) -> Vec<BootEvent> {
        let event = |(second, step, text): &(i64, Step, &str)| BootEvent {
            time: Timestamp::from_unix_millis(second * 1000),
            node: Some(NodeName::parse("n1").unwrap()),
            mac: None,
            step: *step,
            text: (*text).to_owned(),
        };
        steps.iter().map(event).collect()
    }

    #[test]
    fn the_names_of_steps_read_back() {
        for step in Step::ALL {
            assert_eq!(step.name().parse::<Step>().unwrap(), *step);
        }
        assert!("x".parse::<Step>().is_err());
    }

    #[test]
    fn the_latest_attempt_begins_with_power_or_with_firmware_after_a_kernel() {
        let all = events(&[
            (0, Step::Power, "on"),
            (2, Step::DhcpOffer, ""),
            (3, Step::Script, ""),
            (4, Step::Kernel, ""),
            (9, Step::Address, ""),
            (60, Step::DhcpOffer, "again"),
            (61, Step::Kernel, ""),
            (90, Step::Power, "off"),
            (91, Step::Power, "on"),
            (92, Step::DhcpOffer, "third"),
        ]);
        let second = timeline(&all[..7]);
        assert_eq!((second.attempts, second.events[0].text.as_str()), (2, "again"));
        let third = timeline(&all);
        assert_eq!((third.attempts, third.events.len()), (3, 3));
        assert_eq!(timeline(&[]), Timeline::default());
    }

    #[test]
    fn repeated_lines_are_counted() {
        let all = events(&[
            (0, Step::DhcpSilent, "why"),
            (1, Step::DhcpSilent, "why"),
            (2, Step::Script, "x"),
        ]);
        let lines = timeline(&all).lines();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with("  +0.0s  dhcp-silent       why (2 times)"), "{}", lines[0]);
    }
}
