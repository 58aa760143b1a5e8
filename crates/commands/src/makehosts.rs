//! makehosts: brings the hosts file of the management node up to date, as the original does.

use std::io;
use std::path::Path;

use base::{ErrorKind, Failure, NodeName};
use command::Item;
use model::hosts::{Chosen, Complaint, HostsFile, LineStyle, Lines, Written};

use crate::call::Call;
use crate::future::BoxFuture;
use crate::run::blocking;
use crate::services::Services;
use crate::shape::{Behaviour, Command};
use crate::sink::Sink;

pub(crate) static COMMAND: Command = Command::new("makehosts", Behaviour::Procedure(makehosts));

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
        let task = if call.options.has("d") { Task::Remove } else { Task::Put };
        let nodes = match (&call.noderange, task) {
            (Some(_), _) => call.nodes.clone(),
            (None, Task::Put) => call.snapshot.nodes().cloned().collect(),
            (None, Task::Remove) => return Ok(()),
        };
        let path = services.hosts_file.clone().lock_owned().await;
        let complaints = blocking(move || make(&call, &nodes, task, &path)).await??;
        sink.send_all(complaints.into_iter().map(told)).await;
        Ok(())
    })
}

/// Removes nodes from the hosts file at `path`, as long as the tables know them.
pub(crate) fn remove(call: &Call, nodes: &[NodeName], path: &Path) -> Result<(), Failure> {
    make(call, nodes, Task::Remove, path).map(drop)
}

fn told(complaint: Complaint) -> Item {
    match complaint {
        Complaint::Warning(text) => Item::Warning(text),
        Complaint::Error(text) => Item::error(text),
    }
}

/// Brings the hosts file at `path` up to date and says what could not be used.
fn make(
    call: &Call,
    nodes: &[NodeName],
    task: Task,
    path: &Path,
) -> Result<Vec<Complaint>, Failure> {
    let shown = path.display().to_string();
    let old = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.map_err(|error| broken("read", &shown, &error))?,
    };
    let mut file =
        if call.options.has("n") { HostsFile::localhost() } else { HostsFile::parse(&old) };
    let complaints = edit(call, nodes, task, &mut file);
    replace(path, &old, &file.text()).map_err(|error| broken("write", &shown, &error))?;
    Ok(complaints)
}

fn broken(what: &str, path: &str, error: &io::Error) -> Failure {
    Failure::new(ErrorKind::Internal, format!("cannot {what} {path}: {error}"))
}

/// The nodes themselves come first, then the further interfaces of all of them.
fn edit(call: &Call, nodes: &[NodeName], task: Task, file: &mut HostsFile) -> Vec<Complaint> {
    let chosen = if call.noderange.is_some() { Chosen::Named } else { Chosen::All };
    let lines = Lines::of(&call.snapshot, chosen);
    let by_mac = call.options.has("m") && chosen == Chosen::Named;
    let own = |node: &NodeName, file: &HostsFile| {
        if by_mac { lines.link_local(node) } else { lines.of_node(node, file) }
    };
    let style = style(call);
    let mut complaints = Vec::new();
    let mut apply = |file: &mut HostsFile, (entries, bad): Written| match task {
        Task::Remove => {
            for entry in &entries {
                file.remove(entry);
            }
        }
        Task::Put => {
            for entry in &entries {
                file.put(entry, style);
            }
            complaints.extend(bad);
        }
    };
    for node in nodes {
        let written = own(node, file);
        apply(file, written);
    }
    for node in nodes {
        apply(file, lines.of_nics(node));
    }
    complaints
}

fn style(call: &Call) -> LineStyle {
    let first = call.snapshot.site("FQDNfirst").unwrap_or_default().to_ascii_lowercase();
    LineStyle {
        long_first: call.options.has("l") || matches!(&*first, "1" | "yes" | "enable"),
        others_first: call.options.has("o"),
        domain_to_others: call.options.has("a"),
    }
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
