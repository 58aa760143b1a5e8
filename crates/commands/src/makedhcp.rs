//! makedhcp: waits until DHCP shows the tables, tells which nodes it cannot serve, and what it answers.

use base::{ErrorKind, Failure, NodeName};
use command::Item;
use model::check::{Finding, Kind};
use model::view::NicAddress;
use model::{BootView, Node};

use crate::call::Call;
use crate::future::BoxFuture;
use crate::served;
use crate::services::Services;
use crate::shape::{Behaviour, Command};
use crate::sink::Sink;

pub(crate) static COMMAND: Command = Command::new("makedhcp", Behaviour::Procedure(makedhcp));

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    /// Say what is answered to nodes.
    Query,
    /// Serve the networks.
    Networks,
    /// Serve these nodes.
    Nodes,
    /// Serve all nodes that can boot.
    AllNodes,
    /// Serve nodes no more.
    Remove,
}

fn makedhcp(call: Call, services: Services, sink: Sink) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        let task = task(&call)?;
        if task == Task::Remove {
            let run = "chdef NODES mac=, or nodeset NODES offline";
            sink.send(served::not_removed(&call, "DHCP", run)).await;
            return Ok(());
        }
        let view = served::view(&call, &services).await?;
        let nodes = match task {
            Task::Query => {
                let known = call.nodes.iter().filter_map(|node| reservation(&view, node));
                sink.send_all(known.collect::<Vec<_>>()).await;
                return Ok(());
            }
            Task::Networks | Task::Remove => None,
            Task::Nodes => {
                let (known, unknown): (Vec<_>, Vec<_>) =
                    call.nodes.iter().cloned().partition(|node| has_mac(&call, node));
                let text = |node| format!("Unable to find mac address for {node}");
                let told: Vec<Item> =
                    unknown.iter().map(|node| Item::Warning(text(node))).collect();
                sink.send_all(told).await;
                Some(known)
            }
            Task::AllNodes => {
                let nodes = call.snapshot.nodes().filter(|node| has_mac(&call, node));
                Some(nodes.cloned().collect())
            }
        };
        sink.send_all(served::faults(&call, &services, nodes, concerns_dhcp).await?).await;
        Ok(())
    })
}

fn task(call: &Call) -> Result<Task, Failure> {
    let has = |name| call.options.has(name);
    let alone = |name: &'static str| {
        let others = ["q", "n", "a", "d", "r", "s"].into_iter().filter(|other| *other != name);
        if has(name) && others.into_iter().any(has) {
            let text = format!("The -{name} option cannot be used with other options.");
            return Err(Failure::new(ErrorKind::Conflict, text));
        }
        Ok(has(name))
    };
    if alone("q")? {
        call.required_nodes()?;
        return Ok(Task::Query);
    }
    if alone("n")? {
        return Ok(Task::Networks);
    }
    if has("s") {
        let text = "statements of ISC DHCP say nothing to the DHCP service here";
        let hint = "answers come from the attributes of nodes and networks; a boot script of your \
                    own is served from /tftpboot/xcat/xnba/nodes/NODE";
        return Err(Failure::new(ErrorKind::Conflict, text).hint(hint));
    }
    match (call.noderange.is_some(), has("a"), has("d")) {
        (false, false, _) => Err(Failure::new(ErrorKind::Usage, "say -n, -a or a noderange")),
        (_, _, true) => Ok(Task::Remove),
        (true, ..) => Ok(Task::Nodes),
        (false, true, false) => Ok(Task::AllNodes),
    }
}

fn has_mac(call: &Call, node: &NodeName) -> bool {
    call.snapshot.node_cell("mac", "mac", node.as_str()).is_some()
}

fn concerns_dhcp(finding: &Finding) -> bool {
    match finding.kind {
        Kind::Site => matches!(finding.attribute, "dhcpinterfaces" | "dhcplease"),
        Kind::Network => !matches!(finding.attribute, "netname" | "mgtifname"),
        Kind::Node | Kind::Group => {
            matches!(finding.attribute, "ip" | "mac" | "otherinterfaces" | "nicips")
        }
        Kind::OsImage | Kind::Policy | Kind::Row => false,
    }
}

/// What the interface that has the node's own name is answered.
fn reservation(view: &BootView, name: &NodeName) -> Option<Item> {
    let node = Node::read(view.snapshot(), name.as_str())?;
    let known = |mac| view.nic(mac).filter(|known| known.host == name.as_str());
    let (mac, known) = node.nics.iter().find_map(|nic| Some((nic.mac, known(nic.mac)?)))?;
    let NicAddress::Reserved(ip) = known.address else { return None };
    let text = format!("ip-address = {ip}, hardware-address = {mac}");
    Some(Item::node(name.as_str(), text))
}
