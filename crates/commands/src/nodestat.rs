//! nodestat: whether nodes answer, by the ports of their services; with `-p`, whether those that do not are switched on.

mod apps;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base::{ErrorKind, Failure, NodeName};
use command::{Answer, Item};
use model::names;
use remote::{Knock, knock};
use runtime::fan_out;
use store::Origin;
use tables::{Patch, Snapshot, ids};

use crate::call::Call;
use crate::power::{self, Patience};
use crate::services::Services;
use crate::shape::{Behaviour, Command, Job, Plan};
use crate::sink::Sink;
use apps::{App, Report};

pub(crate) static COMMAND: Command = Command::new("nodestat", Behaviour::Nodes(nodestat));

/// How long a service may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Nodes at a time; each takes a socket for every service that is looked at.
const NODES: usize = 128;

fn nodestat(call: &Call, services: &Services, sink: &Sink) -> Result<Plan, Failure> {
    if let Some(word) = call.options.operands().first() {
        let text = format!("'{word}' is not understood; nodes are named before the options");
        return Err(Failure::new(ErrorKind::Usage, text));
    }
    let apps = if call.options.has("m") { apps::set(&call.snapshot)? } else { apps::usual() };
    let nodes = match &call.noderange {
        Some(_) => call.nodes.clone(),
        None => call.snapshot.nodes().cloned().collect(),
    };
    let (update, services) = (call.options.has("u"), services.until(sink));
    let job = |node: &NodeName| {
        let look = Look::plan(call, node, &apps);
        let (services, node) = (services.clone(), node.clone());
        Job::new(node.clone(), async move { look.answer(&services, &node, update).await })
    };
    Ok(Plan {
        first: Answer::new(),
        jobs: nodes.iter().map(job).collect(),
        limit: NODES,
        deadline: Duration::from_mins(5),
    })
}

/// What is looked at of one node.
struct Look {
    address: Option<IpAddr>,
    apps: Vec<App>,
    /// What the node was last told to boot.
    state: Option<String>,
    /// Where its power state can be asked for, when that is wanted.
    power: Option<power::Wanted>,
}

impl Look {
    fn plan(call: &Call, node: &NodeName, apps: &[App]) -> Self {
        let snapshot = &call.snapshot;
        let state = snapshot.node_cell("chain", "currstate", node.as_str());
        let power = call.options.has("p");
        Self {
            address: names::address_of(snapshot, node.as_str()),
            apps: apps.iter().filter(|app| app.is_of(snapshot, node)).cloned().collect(),
            state: state.map(|cell| cell.text.to_string()),
            power: power.then(|| power::target(snapshot, node, Patience::default())),
        }
    }

    async fn answer(self, services: &Services, node: &NodeName, update: bool) -> Answer {
        let mut report = match self.address {
            Some(address) => Report::of(&knocks(address, self.apps).await, self.state.as_deref()),
            None => Report::nowhere(),
        };
        let mut answer = Answer::new();
        if let (true, Some(wanted)) = (report.is_silent(), self.power) {
            match power::state(services, wanted).await {
                Ok(state) => report.status = format!("noping({state})"),
                Err(text) => {
                    let text = format!("the power state is not known: {text}");
                    answer.push(Item::NodeWarning { name: node.to_string(), text });
                }
            }
        }
        answer.push(Item::node(node.as_str(), report.line()));
        if update {
            store(services, node, report).await;
        }
        answer
    }
}

/// How each service answers, by its name.
async fn knocks(address: IpAddr, apps: Vec<App>) -> Vec<(String, Knock)> {
    let mut knocking =
        fan_out(apps.len(), apps, move |app| knock(SocketAddr::new(address, app.port), PATIENCE));
    let mut knocks = Vec::new();
    while let Some((app, knock)) = knocking.next().await {
        knocks.push((app.name, knock.unwrap_or(Knock::Silent)));
    }
    knocks.sort_by(|(left, _), (right, _)| left.cmp(right));
    knocks
}

async fn store(services: &Services, node: &NodeName, report: Report) {
    let (name, now) = (node.clone(), services.clock.now().table_text());
    let decide = move |snapshot: &Snapshot| {
        Ok::<_, std::convert::Infallible>(noted(snapshot, name.as_str(), &report, &now))
    };
    if let Err(error) =
        services.store.update(Origin::report(node.as_str(), "nodestat -u"), decide).await
    {
        tracing::warn!(%node, error = base::chain(&error), "the status of a node is not stored");
    }
}

/// What `-u` writes; the time of a status is that of its last change.
fn noted(snapshot: &Snapshot, node: &str, report: &Report, now: &str) -> Patch {
    let mut patch = Patch::new();
    if !snapshot.has_node(node) {
        return patch;
    }
    let row = snapshot.row(ids::NODELIST, &[node]);
    let old = |column| row.and_then(|row| row.get(column)).unwrap_or_default();
    if old("status") != report.status {
        let cells = [("status", Some(&*report.status)), ("statustime", Some(now))];
        patch.set(ids::NODELIST, &[node], &cells);
    }
    let apps = report.merged(old("appstatus"));
    let cells = [("appstatus", Some(&*apps)), ("appstatustime", Some(now))];
    patch.set(ids::NODELIST, &[node], &cells);
    patch
}
