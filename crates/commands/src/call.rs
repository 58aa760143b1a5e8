//! From a request to the call of a command: options read, noderange expanded in one snapshot.

use std::path::{Path, PathBuf};

use base::{ErrorKind, Failure, NodeName, Timestamp};
use command::{Item, Meta, Options};
use model::universe::Nodes;
use noderange::{Expansion, Mode};
use tables::Snapshot;

use crate::files;
use crate::nodes::by_number;

/// The largest file of node names that is read.
const MAX_NODE_FILE: usize = 4 * 1024 * 1024;

/// Rows for a table as CSV.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upload {
    /// The table.
    pub table: String,
    /// The text of the file.
    pub text: String,
    /// Whether the rows are added to those that are there.
    pub add: bool,
}

/// What a client asks for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The command.
    pub command: String,
    /// The noderange as it was written.
    pub noderange: Option<String>,
    /// What the noderange was expanded to when the request was allowed; it is not expanded again.
    pub nodes: Option<Vec<String>>,
    /// The arguments.
    pub args: Vec<String>,
    /// The environment that xdsh sends, `NAME=value`.
    pub env: Vec<String>,
    /// The client's working directory.
    pub cwd: PathBuf,
    /// The client's standard input.
    pub stdin: Option<String>,
    /// A table that the client has sent along.
    pub upload: Option<Upload>,
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
    /// A table that the client has sent along.
    pub upload: Option<Upload>,
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
            let Some(text) = meta.option_error else {
                return usage_items(meta, Some(&error.to_string()));
            };
            let mut items = usage_items(meta, Some(text));
            items.insert(1, Item::data(error.to_string()));
            items
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
            upload: request.upload.clone(),
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
    let (nodes, missing) = match (&request.nodes, noderange) {
        (Some(names), _) => known(names, snapshot),
        (None, None) => return Ok(Vec::new()),
        (None, Some(noderange)) => {
            let mut expansion = expand_noderange(noderange, snapshot, &request.user)
                .map_err(|error| vec![refusal(base::chain(&error))])?;
            let missing = std::mem::take(&mut expansion.missing);
            (expansion.nodes(), missing)
        }
    };
    if missing.is_empty() {
        return Ok(nodes);
    }
    let missing = few(&missing);
    Err(vec![refusal(format!("Invalid nodes and/or groups in noderange: {missing}"))])
}

/// How many missing names are listed.
const LISTED: usize = 20;

/// The names, and how many more there are when they are many: a range that counts down over padded numbers
/// means all of that width.
fn few(names: &[String]) -> String {
    match names.get(LISTED..) {
        Some(rest) if !rest.is_empty() => {
            format!("{} and {} more", names[..LISTED].join(","), rest.len())
        }
        Some(_) | None => names.join(","),
    }
}

/// The nodes of these names, and the names that no node has.
fn known(names: &[String], snapshot: &Snapshot) -> (Vec<NodeName>, Vec<String>) {
    let (mut nodes, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        match snapshot.node(name) {
            Some(node) => nodes.push(node.clone()),
            None => missing.push(name.clone()),
        }
    }
    (nodes, missing)
}

/// Expands a noderange as `user` may: with the files of names that they may read.
pub fn expand_noderange(
    noderange: &str,
    snapshot: &Snapshot,
    user: &str,
) -> Result<Expansion, noderange::Error> {
    expand(noderange, snapshot, user, Mode::Verify)
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

/// Reads a file of node names.
fn read_node_file(path: &str, user: &str) -> Option<String> {
    files::read_as(Path::new(path), user, MAX_NODE_FILE).ok()
}
