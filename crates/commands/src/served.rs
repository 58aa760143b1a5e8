//! What makedns and makedhcp have in common. Name service and DHCP answer from the tables as they are, so there is
//! nothing to make: the commands wait until what is served shows the tables, and tell what in them cannot be served.

use std::sync::Arc;
use std::time::Duration;

use base::{ErrorKind, Failure, NodeName};
use command::Item;
use model::BootView;
use model::check::{Finding, Severity, check};

use crate::call::Call;
use crate::run::blocking;
use crate::services::Services;

/// How long to wait until the boot services show the tables.
const VIEW_DEADLINE: Duration = Duration::from_secs(5);

/// The boot services' view of the tables that the call sees, or of later ones.
pub(crate) async fn view(call: &Call, services: &Services) -> Result<Arc<BootView>, Failure> {
    let generation = call.snapshot.generation();
    services.boot.wait_for(generation, VIEW_DEADLINE).await.map_err(|stale| {
        Failure::from_error(ErrorKind::Timeout, &stale).hint("look at lsxcatd -a and try again")
    })?;
    Ok(services.boot.load())
}

/// What is wrong with some attributes of `nodes`, or of everything.
pub(crate) async fn faults(
    call: &Call,
    services: &Services,
    nodes: Option<Vec<NodeName>>,
    concerns: fn(&Finding) -> bool,
) -> Result<Vec<Item>, Failure> {
    let (snapshot, host) = (call.snapshot.clone(), services.host.clone());
    blocking(move || {
        let findings = check(&snapshot, &host.machine(), nodes.as_deref());
        findings.iter().filter(|found| concerns(found)).map(item).collect()
    })
    .await
}

fn item(finding: &Finding) -> Item {
    match finding.severity {
        Severity::Error => Item::error(finding.said()),
        Severity::Warning => Item::Warning(finding.said()),
    }
}

/// What is said instead of a removal: a node is served as long as its definition says so.
pub(crate) fn not_removed(call: &Call, service: &str, run: &str) -> Item {
    let nodes = call.noderange.as_deref().unwrap_or("all");
    let run = run.replace("NODES", nodes);
    Item::Warning(format!(
        "{service} answers from the tables and nothing was removed; to end it run: {run}"
    ))
}
