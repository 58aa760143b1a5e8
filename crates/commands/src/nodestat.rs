//! nodestat: whether nodes answer, by their ssh port.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base::{ErrorKind, Failure, NodeName};
use command::{Answer, Item};
use model::names;
use store::Origin;
use tables::{Patch, Snapshot};
use tokio::net::TcpStream;

use crate::call::Call;
use crate::power;
use crate::services::Services;
use crate::shape::{Behaviour, Command, Job, Plan};
use crate::sink::Sink;

pub(crate) static COMMAND: Command = Command::new("nodestat", Behaviour::Nodes(nodestat));

const SSH_PORT: u16 = 22;

/// How long a node may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// How a node answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    /// Its ssh port is open.
    Sshd,
    /// It answers, but not on its ssh port.
    Ping,
    /// It does not answer.
    NoPing,
    /// Its address is not known.
    NoSuchHost,
}

fn nodestat(call: &Call, services: &Services, _sink: &Sink) -> Result<Plan, Failure> {
    if call.options.has("m") {
        let text = "the settings of table monsetting are not available yet";
        return Err(Failure::new(ErrorKind::NotFound, text));
    }
    let nodes = match &call.noderange {
        Some(_) => call.nodes.clone(),
        None => call.snapshot.nodes().cloned().collect(),
    };
    let (update, powerstat) = (call.options.has("u"), call.options.has("p"));
    let job = |node: &NodeName| {
        let address = names::address_of(&call.snapshot, node.as_str());
        let state = call.snapshot.node_cell("chain", "currstate", node.as_str());
        let state = state.map(|cell| cell.text.to_string());
        let power = powerstat.then(|| power::target(&call.snapshot, node, &call.options));
        let (services, node) = (services.clone(), node.clone());
        Job::new(node.clone(), async move {
            let presence = presence(address).await;
            if update {
                store(&services, &node, presence).await;
            }
            let mut said = said(presence, state.as_deref());
            if let (Presence::NoPing, Some(wanted)) = (presence, power)
                && let Ok(state) = power::state(&services, wanted).await
            {
                said = format!("{said}({state})");
            }
            Answer(vec![Item::node(node.as_str(), said)])
        })
    };
    Ok(Plan {
        first: Answer::new(),
        jobs: nodes.iter().map(job).collect(),
        limit: 1024,
        deadline: Duration::from_mins(5),
    })
}

async fn presence(address: Option<IpAddr>) -> Presence {
    let Some(address) = address else { return Presence::NoSuchHost };
    let connect = TcpStream::connect(SocketAddr::new(address, SSH_PORT));
    match tokio::time::timeout(PATIENCE, connect).await {
        Ok(Ok(_)) => Presence::Sshd,
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Presence::Ping,
        Ok(Err(_)) | Err(_) => Presence::NoPing,
    }
}

fn said(presence: Presence, state: Option<&str>) -> String {
    match (presence, state) {
        (Presence::Sshd, _) => "sshd".to_owned(),
        (Presence::Ping, Some(state)) => format!("ping {state}"),
        (Presence::Ping, None) => "ping".to_owned(),
        (Presence::NoPing, _) => "noping".to_owned(),
        (Presence::NoSuchHost, _) => "nosuchhost".to_owned(),
    }
}

async fn store(services: &Services, node: &NodeName, presence: Presence) {
    let (status, application) = match presence {
        Presence::Sshd => ("ping", Some("sshd")),
        Presence::Ping => ("ping", None),
        Presence::NoPing | Presence::NoSuchHost => ("noping", None),
    };
    let (name, now) = (node.clone(), services.clock.now().table_text());
    let decide = move |snapshot: &Snapshot| {
        let mut patch = Patch::new();
        let known = snapshot.has_node(name.as_str());
        if let Some(nodelist) = tables::table("nodelist").filter(|_| known) {
            let cells = [
                ("status", Some(status)),
                ("statustime", Some(now.as_str())),
                ("appstatus", application),
            ];
            patch.set(nodelist, &[name.as_str()], &cells);
        }
        Ok::<_, std::convert::Infallible>(patch)
    };
    if let Err(error) =
        services.store.update(Origin::report(node.as_str(), "nodestat -u"), decide).await
    {
        tracing::warn!(%node, error = base::chain(&error), "the status of a node is not stored");
    }
}
