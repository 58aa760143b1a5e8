//! `xcat check`: what is wrong with the definitions, a line for each finding, and what to run.

use std::collections::BTreeMap;

use base::Failure;
use command::{Answer, Item};
use model::check::{Finding, Kind, Severity, check};
use tables::ids;

use crate::call::Call;
use crate::future::BoxFuture;
use crate::run::blocking;
use crate::services::Services;
use crate::shape::{Behaviour, Command};
use crate::sink::Sink;

pub(crate) static COMMAND: Command = Command::new("xcat-check", Behaviour::Procedure(answer));

/// How many lines of nodes with the same fault are shown; the rest is counted.
const ALIKE: usize = 10;

fn answer(call: Call, services: Services, sink: Sink) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        let host = services.host.clone();
        let answer = blocking(move || {
            let nodes = call.noderange.as_ref().map(|_| call.nodes.as_slice());
            lines(&call, &check(&call.snapshot, &host.machine(), nodes))
        });
        sink.send_all(answer.await?.0).await;
        Ok(())
    })
}

fn lines(call: &Call, findings: &[Finding]) -> Answer {
    let mut answer = Answer::new();
    let quiet = call.options.has("q");
    let shown = findings.iter().filter(|found| !quiet || found.severity == Severity::Error);
    let most = if call.options.has("V") { usize::MAX } else { ALIKE };
    let mut alike: BTreeMap<Alike<'_>, usize> = BTreeMap::new();
    for finding in shown {
        let count = alike.entry(alike_of(finding)).or_default();
        *count += 1;
        if *count <= most {
            answer.line(finding.to_string());
        }
    }
    for (Alike { attribute, fault, .. }, count) in alike.into_iter().filter(|(_, n)| *n > most) {
        let more = count - most;
        answer.line(format!("... and {more} more: {attribute} {fault}; show all with -V"));
    }
    answer.line(summary(call, findings));
    if findings.iter().any(|found| found.severity == Severity::Error) {
        answer.push(Item::Code(1));
    }
    answer
}

/// What findings of many nodes have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Alike<'a> {
    kind: Kind,
    attribute: &'static str,
    fault: &'static str,
    /// What keeps findings about anything but nodes apart.
    object: &'a str,
}

fn alike_of(finding: &Finding) -> Alike<'_> {
    let folds = matches!(finding.kind, Kind::Node | Kind::Row);
    Alike {
        kind: finding.kind,
        attribute: finding.attribute,
        fault: finding.fault,
        object: if folds { "" } else { &finding.object },
    }
}

fn summary(call: &Call, findings: &[Finding]) -> String {
    let of = |severity| findings.iter().filter(|found| found.severity == severity).count();
    let many = |count: usize, one: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{count} {one}s"),
    };
    let result = format!(
        "{}, {}",
        many(of(Severity::Error), "error"),
        many(of(Severity::Warning), "warning")
    );
    if call.noderange.is_some() {
        return format!("checked {}: {result}", many(call.nodes.len(), "node"));
    }
    let rows = |table| call.snapshot.row_count(table);
    format!(
        "checked {}, {}, {}: {result}",
        many(call.snapshot.node_count(), "node"),
        many(rows(ids::NETWORKS), "network"),
        many(rows(ids::OSIMAGE), "osimage"),
    )
}
