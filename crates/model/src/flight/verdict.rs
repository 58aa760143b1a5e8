//! The one sentence at the end: where the boot stands, and what to do.

use std::time::Duration;

use base::{NodeName, Timestamp};

use super::{BootEvent, Step, Timeline};
use crate::view::{BootView, NicAddress};

/// How long a step may last before it is called stuck.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the tables say about a node that is to boot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// Its name.
    pub node: String,
    /// Its hardware addresses, as text.
    pub macs: Vec<String>,
    /// Whether it has an address to be given.
    pub has_address: bool,
    /// `chain.currstate`.
    pub state: Option<String>,
    /// `nodelist.status`.
    pub status: Option<String>,
    /// Hardware addresses that asked meanwhile and that no node has.
    pub strangers: Vec<String>,
}

impl Expectation {
    /// Reads the tables.
    pub fn read(view: &BootView, node: &NodeName) -> Self {
        let cell =
            |table, column| view.cell(table, column, node.as_str()).map(|text| text.to_string());
        let macs =
            cell("mac", "mac").map(|text| crate::node::parse_macs(&text).0).unwrap_or_default();
        let reserved = |nic: &crate::node::Nic| {
            let known = view.nic(nic.mac);
            known.is_some_and(|nic| matches!(nic.address, NicAddress::Reserved(_)))
        };
        Self {
            node: node.to_string(),
            has_address: macs.iter().any(reserved),
            macs: macs.iter().map(|nic| nic.mac.to_string()).collect(),
            state: cell("chain", "currstate"),
            status: cell("nodelist", "status"),
            strangers: Vec::new(),
        }
    }
}

/// Says where the latest attempt stands.
pub fn verdict(timeline: &Timeline, expected: &Expectation, now: Timestamp) -> String {
    let node = &expected.node;
    if let Some(text) = ended(timeline, expected) {
        return text;
    }
    let Some(last) = last_telling(timeline) else { return never_asked(timeline, expected, now) };
    let waited = now.since(last.time);
    let stuck = waited >= PATIENCE;
    let ago = ago(waited);
    let text = &last.text;
    match last.step {
        Step::DhcpSilent => {
            format!("{node} asked for an address {ago} and was not answered: {text}.")
        }
        Step::DhcpNak => format!(
            "{node} asked for another address than its own {ago}: {text}; it should ask again at once."
        ),
        Step::DhcpOffer => format!(
            "{node} was offered its address {ago} and has not accepted it; look for another DHCP server on its network."
        ),
        Step::DhcpAck => format!(
            "{node} got its address {ago} and has fetched nothing since; {}",
            look(stuck, "check that it can reach this server over TFTP and HTTP")
        ),
        Step::Tftp => format!(
            "{node} fetched its boot loader {ago}; {}",
            look(stuck, "the loader did not start: check the firmware type and Secure Boot")
        ),
        Step::Script => format!(
            "{node} fetched its boot script {ago} ({}); {}",
            state(expected),
            look(stuck, "it did not fetch a kernel: its console shows why")
        ),
        Step::Kernel | Step::Initrd => format!(
            "{node} fetched its {} {ago} and has not reported from it; {}",
            last.step,
            look(
                stuck,
                "the kernel did not find its way: its console shows why, often a missing network driver in the initramfs"
            )
        ),
        Step::Address => format!(
            "{node} runs an operating system that got its address {ago}; {}",
            look(stuck, "it has not reported its status: see /var/log/xcat/xcat.log on the node")
        ),
        Step::Image => format!(
            "{node} fetched its root image {ago}; {}",
            look(stuck, "it has not reported from it: its console shows why")
        ),
        Step::Agent | Step::Http | Step::Status => format!(
            "{node} reported {ago}: {text}; {}",
            look(stuck, "nothing came since: look at its console")
        ),
        Step::AgentFailed => format!("{node} failed {ago}: {text}."),
        Step::Postscript => format!(
            "{node} is running its postscripts: {text}, {ago}; {}",
            look(stuck, "if they take too long, see the log of the node in /var/log/xcat")
        ),
        Step::PostscriptFailed => format!(
            "{node} runs, and a postscript failed {ago}: {text}; correct the script and run updatenode {node}."
        ),
        Step::Absent => {
            format!("{node} asked {ago} for something that does not exist: {text}{}.", remedy(text))
        }
        Step::Broken => format!(
            "a transfer to {node} was broken off {ago}: {text}; check its link, or whether it was switched off."
        ),
        Step::PowerFailed => format!("power could not be switched {ago}: {text}."),
        Step::Power | Step::Ssh => never_asked(timeline, expected, now),
    }
}

/// The end of a boot: the node reported that it is done or has failed, or it answered over ssh.
fn ended(timeline: &Timeline, expected: &Expectation) -> Option<String> {
    let (node, last) = (&expected.node, timeline.events.last()?);
    let is_end = |event: &&BootEvent| event.step == Step::Ssh || final_status(event);
    let end = timeline.events.iter().rev().find(is_end)?;
    let again = last.step.is_firmware() && last.time > end.time;
    if again {
        return None;
    }
    let scripts: Vec<&str> = failures(timeline);
    let log = format!("its log is /var/log/xcat/nodes/{node}.log");
    if !scripts.is_empty() {
        return Some(format!(
            "{node} is up, but postscripts failed: {}; {log}.",
            scripts.join(", ")
        ));
    }
    if let Some(failure) = timeline.last(Step::AgentFailed) {
        return Some(format!("{node} failed in its initramfs: {}.", failure.text));
    }
    if end.step == Step::Status && end.text.contains("failed") {
        return Some(format!("{node} reported that its postscripts failed; {log}."));
    }
    // it answers over ssh again and again: the first sign counts
    let ready = timeline.events.iter().find(is_end)?;
    let took = ready.time.since(timeline.events.first()?.time).as_secs();
    Some(format!("{node} is booted; it took {took} s from its first sign of life."))
}

fn final_status(event: &BootEvent) -> bool {
    let mut words = event.text.split_whitespace();
    event.step == Step::Status && words.any(|word| matches!(word, "booted" | "failed"))
}

/// The postscripts that failed, each once.
fn failures(timeline: &Timeline) -> Vec<&str> {
    let failed = timeline.events.iter().filter(|event| event.step == Step::PostscriptFailed);
    let mut texts: Vec<&str> = failed.map(|event| event.text.as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// The last event that tells where the boot stands. A failure outweighs what follows from it.
fn last_telling(timeline: &Timeline) -> Option<&BootEvent> {
    let last = timeline
        .events
        .iter()
        .rev()
        .find(|event| !matches!(event.step, Step::Power | Step::Ssh))?;
    let failure = [Step::AgentFailed, Step::PostscriptFailed]
        .into_iter()
        .find_map(|step| timeline.last(step));
    Some(
        failure
            .filter(|failure| failure.time >= last.time || last.step == Step::Address)
            .unwrap_or(last),
    )
}

fn never_asked(timeline: &Timeline, expected: &Expectation, now: Timestamp) -> String {
    let node = &expected.node;
    if expected.macs.is_empty() {
        return format!(
            "{node} has no MAC address, so it cannot be recognised; set it with chdef {node} mac=MAC."
        );
    }
    if !expected.has_address {
        return format!(
            "{node} has no IP address in a defined network; set it with chdef {node} ip=ADDRESS."
        );
    }
    let macs = expected.macs.join(", ");
    if let [first, ..] = expected.strangers.as_slice()
        && timeline.has(Step::Power)
    {
        return format!(
            "{node} was powered and has not asked DHCP from {macs}, but {} did, which no node has: if that is {node}, correct it with chdef {node} mac={first}.",
            expected.strangers.join(", ")
        );
    }
    if let Some(event) = timeline.last(Step::Power) {
        let ago = ago(now.since(event.time));
        return format!(
            "{node} was powered ({}) {ago} and has not asked DHCP from {macs}; check the MAC address, the boot order and the cable.",
            event.text
        );
    }
    if expected.state.is_none() {
        return format!(
            "nothing was seen of {node}; say what it is to boot with nodeset {node} osimage=IMAGE, then rpower {node} on."
        );
    }
    format!("nothing was seen of {node} from {macs}; switch it on with rpower {node} on.")
}

fn state(expected: &Expectation) -> &str {
    expected.state.as_deref().unwrap_or("no boot state")
}

fn look(stuck: bool, what: &str) -> String {
    if stuck { format!("{what}.") } else { "it is under way.".to_owned() }
}

/// What helps when a file is missing, by what is missing.
fn remedy(text: &str) -> &'static str {
    if text.contains("nodeset") {
        ""
    } else if text.contains("published") || text.contains("rootimg") || text.contains("osimage") {
        "; build the image with genimage and packimage and run nodeset again"
    } else {
        ""
    }
}

fn ago(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..=1 => "just now".to_owned(),
        2..=119 => format!("{seconds} s ago"),
        120..=7199 => format!("{} min ago", seconds / 60),
        _ => format!("{} h ago", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{tests::events, timeline};
    use super::*;

    type Steps<'a> = &'a [(i64, Step, &'a str)];

    fn said(steps: Steps<'_>, now: i64) -> String {
        let expected = Expectation {
            node: "n1".to_owned(),
            macs: vec!["02:00:00:00:00:01".to_owned()],
            has_address: true,
            state: Some("netboot x".to_owned()),
            ..Expectation::default()
        };
        verdict(&timeline(&events(steps)), &expected, Timestamp::from_unix_millis(now * 1000))
    }

    #[test]
    fn every_stage_has_its_sentence() {
        let power = (0, Step::Power, "on");
        let cases: &[(Steps<'_>, i64, &str)] = &[
            (
                &[],
                0,
                "nothing was seen of n1 from 02:00:00:00:00:01; switch it on with rpower n1 on.",
            ),
            (
                &[power],
                90,
                "n1 was powered (on) 90 s ago and has not asked DHCP from 02:00:00:00:00:01; check the MAC address, the boot order and the cable.",
            ),
            (
                &[power, (5, Step::DhcpSilent, "x has no IP address")],
                7,
                "n1 asked for an address 2 s ago and was not answered: x has no IP address.",
            ),
            (
                &[power, (5, Step::Absent, "n1 has no boot state; run nodeset n1 osimage=IMAGE")],
                5,
                "n1 asked just now for something that does not exist: n1 has no boot state; run nodeset n1 osimage=IMAGE.",
            ),
            (
                &[power, (5, Step::Kernel, "k")],
                7,
                "n1 fetched its kernel 2 s ago and has not reported from it; it is under way.",
            ),
            (
                &[power, (9, Step::AgentFailed, "checksum of rootimg.sfs differs")],
                9,
                "n1 failed just now: checksum of rootimg.sfs differs.",
            ),
            (
                &[power, (9, Step::Absent, "there is no /install/published/ab/rootimg.sfs")],
                9,
                "n1 asked just now for something that does not exist: there is no /install/published/ab/rootimg.sfs; build the image with genimage and packimage and run nodeset again.",
            ),
            (
                &[power, (9, Step::Agent, "netbooting")],
                10,
                "n1 reported just now: netbooting; it is under way.",
            ),
            (
                &[power, (30, Step::Status, "installstatus booted")],
                300,
                "n1 is booted; it took 30 s from its first sign of life.",
            ),
            (
                &[
                    power,
                    (20, Step::PostscriptFailed, "mark exited with code 3"),
                    (30, Step::Status, "booted"),
                ],
                31,
                "n1 is up, but postscripts failed: mark exited with code 3; its log is /var/log/xcat/nodes/n1.log.",
            ),
        ];
        for (steps, now, sentence) in cases {
            assert_eq!(said(steps, *now), *sentence);
        }
    }

    #[test]
    fn a_stuck_step_says_where_to_look() {
        let text = said(&[(0, Step::Power, "on"), (5, Step::Kernel, "k")], 125);
        assert!(text.ends_with("often a missing network driver in the initramfs."), "{text}");
    }

    #[test]
    fn a_stranger_in_place_of_the_node_is_named() {
        let expected = Expectation {
            node: "n1".to_owned(),
            macs: vec!["02:00:00:00:00:01".to_owned()],
            has_address: true,
            strangers: vec!["02:00:00:00:00:99".to_owned()],
            ..Expectation::default()
        };
        let powered = timeline(&events(&[(0, Step::Power, "on")]));
        let text = verdict(&powered, &expected, Timestamp::default());
        assert!(text.ends_with("correct it with chdef n1 mac=02:00:00:00:00:99."), "{text}");
    }

    #[test]
    fn missing_definitions_come_first() {
        let expected = Expectation { node: "n1".to_owned(), ..Expectation::default() };
        let text = verdict(&Timeline::default(), &expected, Timestamp::default());
        assert!(text.starts_with("n1 has no MAC address"));
    }
}
