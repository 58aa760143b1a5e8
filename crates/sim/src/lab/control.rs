//! Orders to the background process: one JSON line there, one back, over a Unix socket for root only.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use base::{ErrorKind, Failure};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::internal;
use super::plan::{FirmwareKind, NodePlan};
use super::state::{StateDir, tail};

/// Longest line in either direction.
pub(crate) const LINE_MAX: u64 = 256 << 10;
/// Probing an accelerator and ending all machines take some seconds.
const LIMIT: Duration = Duration::from_mins(1);

/// An order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// What is there?
    Status,
    /// Have these machines, keeping the ones that are there.
    Have(Vec<NodePlan>),
    /// End all machines, remove everything, and end.
    Down,
}

/// What is there.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Why the order was not followed.
    pub(crate) error: Option<String>,
    /// The accelerator.
    pub(crate) accelerator: String,
    /// Memory of each machine, in MiB.
    pub(crate) memory: u32,
    /// The machines.
    pub(crate) nodes: Vec<NodeReport>,
}

/// A machine and its state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NodeReport {
    pub(crate) node: NodePlan,
    pub(crate) on: bool,
    pub(crate) problem: Option<String>,
}

/// Sends an order; nothing if no background process listens.
pub(crate) async fn ask(state: &StateDir, ask: &Ask) -> Result<Option<Report>, Failure> {
    let stream = match UnixStream::connect(state.control()).await {
        Ok(stream) => stream,
        Err(error) if is_nobody(&error) => return Ok(None),
        Err(error) => return Err(internal(state.control().display(), &error)),
    };
    let talked = tokio::time::timeout(LIMIT, talk(stream, ask)).await;
    let report = talked
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|error| internal("the lab's background process does not answer", &error))?;
    match report.error {
        Some(error) => Err(Failure::new(ErrorKind::Internal, error)),
        None => Ok(Some(report)),
    }
}

fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

async fn talk(stream: UnixStream, ask: &Ask) -> io::Result<Report> {
    let (read, mut write) = stream.into_split();
    write.write_all(format!("{}\n", serde_json::to_string(ask)?).as_bytes()).await?;
    let mut line = String::new();
    BufReader::new(read.take(LINE_MAX)).read_line(&mut line).await?;
    Ok(serde_json::from_str(&line)?)
}

/// Shows the lab's machines.
pub async fn status(root: &Path) -> Result<(), Failure> {
    let state = StateDir::open(root)?;
    let text = match ask(&state, &Ask::Status).await? {
        Some(report) => table(&state, &report),
        None => "the lab is down\n".to_owned(),
    };
    io::stdout().write_all(text.as_bytes()).map_err(|error| internal("standard output", &error))
}

fn table(state: &StateDir, report: &Report) -> String {
    let head = format!(
        "{} machines, {} MiB each, accelerator {}\n{:<10} {:<5} {:<5} {:<16} {:<18} {:<16} last on its serial line\n",
        report.nodes.len(),
        report.memory,
        report.accelerator,
        "node",
        "power",
        "boot",
        "address",
        "mac",
        "bmc"
    );
    let line = |entry: &NodeReport| {
        let NodePlan { name, ip, mac, bmc, firmware, .. } = &entry.node;
        let last = tail(&state.files(name).serial(), 1).pop().unwrap_or_default();
        let last = entry.problem.clone().unwrap_or(last);
        format!(
            "{name:<10} {:<5} {:<5} {:<16} {mac:<18} {:<16} {last}\n",
            if entry.on { "on" } else { "off" },
            firmware_name(*firmware),
            ip.to_string(),
            bmc.to_string(),
        )
    };
    report.nodes.iter().map(line).fold(head, |text, line| text + &line)
}

const fn firmware_name(firmware: FirmwareKind) -> &'static str {
    firmware.as_str()
}
