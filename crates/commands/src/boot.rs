//! `xcat boot`: how the last boot of a node went, step by step, and where it stands.

use std::time::Duration;

use base::{Failure, Mac, NodeName, Timestamp};
use command::{Answer, Item};
use model::flight::{BootEvent, Expectation, Step, Timeline, timeline, verdict};
use store::{BootRecord, BootSubject};

use crate::call::Call;
use crate::services::Services;
use crate::shape::{Behaviour, Command, Job, Plan};
use crate::sink::Sink;

pub(crate) static COMMAND: Command = Command::new("xcat-boot", Behaviour::Nodes(boot));

/// How many records of a node are read: more than a boot makes.
const RECORDS: u32 = 2000;

fn boot(call: &Call, services: &Services, _sink: &Sink) -> Result<Plan, Failure> {
    let nodes = call.required_nodes()?;
    let job = |node: &NodeName| {
        let (services, node) = (services.clone(), node.clone());
        Job::new(node.clone(), async move { tell(&services, &node).await })
    };
    Ok(Plan {
        first: Answer::new(),
        jobs: nodes.iter().map(job).collect(),
        limit: 1,
        deadline: Duration::from_secs(30),
    })
}

async fn tell(services: &Services, node: &NodeName) -> Answer {
    let records =
        match services.store.boot_records(BootSubject::Named(node.to_string()), RECORDS).await {
            Ok(records) => records,
            Err(error) => return Answer(vec![Failure::from(error).into()]),
        };
    let events: Vec<BootEvent> = records.into_iter().filter_map(event).collect();
    let mut expected = Expectation::read(&services.boot.load(), node);
    expected.strangers = strangers(services, &timeline(&events)).await;
    lines(node, &events, &expected, services.clock.now())
}

/// The hardware addresses that no node has and that asked DHCP since the node's attempt began.
async fn strangers(services: &Services, attempt: &Timeline) -> Vec<String> {
    let Some(first) = attempt.events.first() else { return Vec::new() };
    let records =
        services.store.boot_records(BootSubject::Strangers, RECORDS).await.unwrap_or_else(
            |error| {
                tracing::warn!(%error, "the records of unknown machines cannot be read");
                Vec::new()
            },
        );
    let asked = records
        .into_iter()
        .filter(|record| record.time >= first.time && record.step == Step::DhcpSilent.name());
    let mut macs: Vec<String> = asked.filter_map(|record| record.mac).collect();
    macs.sort_unstable();
    macs.dedup();
    macs
}

fn lines(node: &NodeName, events: &[BootEvent], expected: &Expectation, now: Timestamp) -> Answer {
    let timeline = timeline(events);
    let mut answer = Answer::new();
    if let Some(first) = timeline.events.first() {
        answer.line(format!("{node}: boot attempt {} of {}", timeline.attempts, first.time));
    }
    answer.0.extend(timeline.lines().into_iter().map(Item::data));
    answer.line(verdict(&timeline, expected, now));
    answer
}

/// A stored record as an event; steps of a later version are left out.
fn event(record: BootRecord) -> Option<BootEvent> {
    Some(BootEvent {
        time: record.time,
        node: record.node.and_then(|name| NodeName::parse(&name).ok()),
        mac: record.mac.and_then(|mac| Mac::parse(&mac).ok()),
        step: record.step.parse::<Step>().ok()?,
        text: record.text,
    })
}
