//! From a request to the call of a command: options read, noderange expanded in one snapshot.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use base::{ErrorKind, Failure, NodeName, Timestamp};
use command::{Item, Meta, Options};
use model::universe::Nodes;
use noderange::{Expansion, Mode};
use tables::Snapshot;

use crate::nodes::by_number;

/// The largest file of node names that is read.
const MAX_NODE_FILE: u64 = 4 * 1024 * 1024;

/// What a client asks for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The command.
    pub command: String,
    /// The noderange as it was written.
    pub noderange: Option<String>,
    /// Nodes that are already expanded; they replace the noderange.
    pub nodes: Vec<String>,
    /// The arguments.
    pub args: Vec<String>,
    /// The environment that xdsh sends, `NAME=value`.
    pub env: Vec<String>,
    /// The client's working directory.
    pub cwd: PathBuf,
    /// The client's standard input.
    pub stdin: Option<String>,
    /// Who asks; empty when nobody is known.
    pub user: String,
    /// When.
    pub now: Timestamp,
}

/// What a command works on.
#[derive(Clone, Debug)]
pub struct Call {
    /// The tables.
    pub snapshot: Snapshot,
    /// The nodes of the noderange, in the order of [`by_number`].
    pub nodes: Vec<NodeName>,
    /// The noderange as it was written; none when it is empty, as clients send it when there is none.
    pub noderange: Option<String>,
    /// The options and operands.
    pub options: Options,
    /// The arguments as they were written.
    pub args: Vec<String>,
    /// The environment that xdsh sends, `NAME=value`.
    pub env: Vec<String>,
    /// The client's working directory.
    pub cwd: PathBuf,
    /// The client's standard input.
    pub stdin: Option<String>,
    /// Who asks.
    pub user: String,
    /// When.
    pub now: Timestamp,
}

impl Call {
    /// Reads the request of a command against `snapshot`; the items say why it cannot be done.
    pub(crate) fn prepare(
        meta: &Meta,
        request: &Request,
        snapshot: &Snapshot,
    ) -> Result<Self, Vec<Item>> {
        let options = Options::parse(meta, &request.args).map_err(|error| {
            let text = meta.option_error.map_or_else(|| error.to_string(), str::to_owned);
            usage_items(meta, Some(&text))
        })?;
        let noderange = request.noderange.clone().filter(|text| !text.is_empty());
        let mut nodes = if options.help() {
            Vec::new()
        } else {
            nodes_of(request, noderange.as_deref(), snapshot)?
        };
        by_number(&mut nodes);
        Ok(Self {
            snapshot: snapshot.clone(),
            nodes,
            noderange,
            options,
            args: request.args.clone(),
            env: request.env.clone(),
            cwd: request.cwd.clone(),
            stdin: request.stdin.clone(),
            user: request.user.clone(),
            now: request.now,
        })
    }

    /// The nodes, for a command that makes no sense without a noderange.
    pub fn required_nodes(&self) -> Result<&[NodeName], Failure> {
        if self.noderange.is_none() && self.nodes.is_empty() {
            return Err(Failure::new(ErrorKind::Usage, "a noderange is required"));
        }
        Ok(&self.nodes)
    }

    /// Expands another noderange in the same snapshot.
    pub fn expand(&self, noderange: &str, mode: Mode) -> Result<Expansion, Failure> {
        expand(noderange, &self.snapshot, &self.user, mode)
            .map_err(|error| Failure::from_error(ErrorKind::Usage, &error))
    }
}

/// Usage, after what is wrong.
pub(crate) fn usage_items(meta: &Meta, error: Option<&str>) -> Vec<Item> {
    let mut items: Vec<Item> = error.map(Item::error).into_iter().collect();
    items.extend(meta.help().lines().map(Item::data));
    items
}

fn nodes_of(
    request: &Request,
    noderange: Option<&str>,
    snapshot: &Snapshot,
) -> Result<Vec<NodeName>, Vec<Item>> {
    let noderange = match (noderange, request.nodes.as_slice()) {
        (None, []) => return Ok(Vec::new()),
        (Some(noderange), []) => noderange,
        (_, nodes) => {
            return Ok(nodes.iter().filter_map(|name| snapshot.node(name)).cloned().collect());
        }
    };
    let expansion = expand(noderange, snapshot, &request.user, Mode::Verify)
        .map_err(|error| vec![refusal(base::chain(&error))])?;
    if expansion.missing.is_empty() {
        return Ok(expansion.nodes());
    }
    let missing = expansion.missing.join(",");
    Err(vec![refusal(format!("Invalid nodes and/or groups in noderange: {missing}"))])
}

fn refusal(text: String) -> Item {
    Item::Refusal { text, code: 1 }
}

fn expand(
    noderange: &str,
    snapshot: &Snapshot,
    user: &str,
    mode: Mode,
) -> Result<Expansion, noderange::Error> {
    let read_file = |path: &str| read_node_file(path, user);
    noderange::expand(noderange, &Nodes::of(snapshot).with_files(&read_file), mode)
}

/// Reads a file of node names. The daemon may read more than its users: for anybody but root the
/// file must be readable by everybody, because unknown names are printed.
fn read_node_file(path: &str, user: &str) -> Option<String> {
    let file = File::open(path).ok()?;
    let facts = file.metadata().ok()?;
    let readable = user == "root" || facts.mode() & 0o004 != 0;
    if !facts.is_file() || !readable {
        return None;
    }
    let mut text = String::new();
    file.take(MAX_NODE_FILE).read_to_string(&mut text).ok()?;
    Some(text)
}
