//! makehosts, makedns and makedhcp. DNS and DHCP answer from the tables, so two of them have nothing
//! to make: they wait until what is served shows the tables, and say what in the tables cannot be
//! served. makehosts edits the hosts file of the management node, as the original does.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::{ErrorKind, Failure, NodeName};
use command::Item;
use model::hosts::{self, HostsFile, LineStyle};
use model::{BootView, Node, Problem};

use crate::call::Call;
use crate::future::BoxFuture;
use crate::run::blocking;
use crate::services::Services;
use crate::shape::{Behaviour, Command};
use crate::sink::Sink;

pub(crate) static MAKEHOSTS: Command = Command::new("makehosts", Behaviour::Procedure(makehosts));
pub(crate) static MAKEDNS: Command = Command::new("makedns", Behaviour::Procedure(makedns));
pub(crate) static MAKEDHCP: Command = Command::new("makedhcp", Behaviour::Procedure(makedhcp));

/// How long to wait until the boot services show the tables.
const VIEW_DEADLINE: Duration = Duration::from_secs(5);

/// What becomes of the lines of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Put,
    Remove,
}

fn makehosts(
    call: Call,
    services: Services,
    sink: Sink,
) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        if call.options.has("m") {
            let text = "link-local addresses are not available yet";
            return Err(Failure::new(ErrorKind::NotFound, text));
        }
        let task = if call.options.has("d") { Task::Remove } else { Task::Put };
        let nodes = match (&call.noderange, task) {
            (Some(_), _) => call.nodes.clone(),
            (None, Task::Put) => call.snapshot.nodes().cloned().collect(),
            (None, Task::Remove) => return Ok(()),
        };
        let path = services.hosts_file.clone().lock_owned().await;
        let problems = blocking(move || make(&call, &nodes, task, &path)).await??;
        sink.send_all(problems.into_iter().map(Item::Warning)).await;
        Ok(())
    })
}

/// Removes nodes from the hosts file at `path`, as long as the tables know them.
pub(crate) fn remove(call: &Call, nodes: &[NodeName], path: &Path) -> Result<(), Failure> {
    make(call, nodes, Task::Remove, path).map(drop)
}

/// Brings the hosts file at `path` up to date and says what could not be used.
fn make(call: &Call, nodes: &[NodeName], task: Task, path: &Path) -> Result<Vec<String>, Failure> {
    let shown = path.display().to_string();
    let old = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.map_err(|error| broken("read", &shown, &error))?,
    };
    let mut file =
        if call.options.has("n") { HostsFile::localhost() } else { HostsFile::parse(&old) };
    let problems = edit(call, nodes, task, &mut file);
    replace(path, &old, &file.text()).map_err(|error| broken("write", &shown, &error))?;
    Ok(problems)
}

fn broken(what: &str, path: &str, error: &io::Error) -> Failure {
    Failure::new(ErrorKind::Internal, format!("cannot {what} {path}: {error}"))
}

fn edit(call: &Call, nodes: &[NodeName], task: Task, file: &mut HostsFile) -> Vec<String> {
    let first = call.snapshot.site("FQDNfirst").unwrap_or_default().to_ascii_lowercase();
    let style = LineStyle {
        long_first: call.options.has("l") || matches!(&*first, "1" | "yes" | "enable"),
        others_first: call.options.has("o"),
        domain_to_others: call.options.has("a"),
    };
    let mut problems = Vec::new();
    for node in nodes {
        let (lines, bad) = hosts::lines(&call.snapshot, node);
        match task {
            Task::Remove => {
                for line in &lines {
                    file.remove(line);
                }
            }
            Task::Put => {
                for line in &lines {
                    file.put(line, style);
                }
                problems.extend(bad);
            }
        }
    }
    problems
}

/// Writes in place, because a container's hosts file is a mount that cannot be renamed over; what
/// was there is kept beside it.
fn replace(path: &Path, old: &str, new: &str) -> io::Result<()> {
    if old == new {
        return Ok(());
    }
    let mut backup = path.as_os_str().to_owned();
    backup.push(".xcatbak");
    std::fs::write(backup, old)?;
    std::fs::write(path, new)
}

/// The boot services' view of the tables that the call sees, or of later ones.
async fn current(call: &Call, services: &Services) -> Result<Arc<BootView>, Failure> {
    let generation = call.snapshot.generation();
    services.boot.wait_for(generation, VIEW_DEADLINE).await.map_err(|stale| {
        Failure::from_error(ErrorKind::Timeout, &stale).hint("look at lsxcatd -a and try again")
    })?;
    Ok(services.boot.load())
}

/// What is wrong with rows of `tables` that concern the call's nodes, or any when it names none.
async fn problems(
    view: Arc<BootView>,
    call: &Call,
    tables: &'static [&'static str],
) -> Result<Vec<Item>, Failure> {
    let nodes: Option<BTreeSet<String>> =
        call.noderange.as_ref().map(|_| call.nodes.iter().map(ToString::to_string).collect());
    blocking(move || {
        let (_, problems) = BootView::build(view.snapshot(), view.facts());
        let concerns = |problem: &&Problem| {
            let named = nodes.as_ref().is_none_or(|nodes| nodes.contains(&*problem.key));
            tables.contains(&problem.table) && named
        };
        problems.iter().filter(concerns).map(|problem| Item::Warning(problem.to_string())).collect()
    })
    .await
}

fn makedns(call: Call, services: Services, sink: Sink) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        refuse_removal(&call, "DNS")?;
        let view = current(&call, &services).await?;
        sink.send_all(problems(view, &call, &["hosts", "nics", "networks"]).await?).await;
        sink.send(Item::data("DNS setup is completed")).await;
        Ok(())
    })
}

fn makedhcp(call: Call, services: Services, sink: Sink) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        let shows = call.options.has("q");
        if call.noderange.is_none() && !call.options.has("n") && !call.options.has("a") {
            return Err(Failure::new(ErrorKind::Usage, "say -n, -a or a noderange"));
        }
        refuse_removal(&call, "DHCP")?;
        let view = current(&call, &services).await?;
        if shows {
            let items: Vec<Item> =
                call.nodes.iter().filter_map(|node| reservation(&view, node)).collect();
            sink.send_all(items).await;
            return Ok(());
        }
        sink.send_all(problems(view, &call, &["mac", "hosts", "networks"]).await?).await;
        Ok(())
    })
}

/// A node is served as long as it is defined; removing only the answer would not last.
fn refuse_removal(call: &Call, service: &str) -> Result<(), Failure> {
    if !call.options.has("d") {
        return Ok(());
    }
    let text = format!("{service} answers from the tables, there is nothing to remove");
    Err(Failure::new(ErrorKind::Conflict, text)
        .hint("use nodeset NODERANGE offline, or remove the definition with rmdef"))
}

fn reservation(view: &BootView, name: &NodeName) -> Option<Item> {
    let node = Node::read(view.snapshot(), name.as_str())?;
    let (ip, nic) = (node.ip?, node.nics.first()?);
    let text = format!("ip-address = {ip}, hardware-address = {}", nic.mac);
    Some(Item::node(name.as_str(), text))
}
