//! What is wrong with the definitions: whatever the tables take and no service can use, as one finding for each object
//! and attribute, with the command that mends it.
//!
//! The tables take any text, because expressions and names of other sites' tools are legal in them; so nothing is refused
//! when it is written, and everything is judged here. No I/O: names are looked up in the tables, not in the system.

mod address;
mod group;
mod hardware;
mod image;
mod known;
mod network;
mod row;
mod site;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base::NodeName;
use tables::{Cell, Snapshot};

use crate::machine::Machine;
use known::Known;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something will not work.
    Error,
    /// Something may not be meant.
    Warning,
}

/// What a finding is about, in the order in which findings are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A setting of the site.
    Site,
    /// A network.
    Network,
    /// An image.
    OsImage,
    /// A rule of the policy.
    Policy,
    /// A group of nodes.
    Group,
    /// A node.
    Node,
    /// A row that belongs to nothing.
    Row,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What kind of object it is about.
    pub kind: Kind,
    /// The name of the object.
    pub object: String,
    /// The attribute.
    pub attribute: &'static str,
    /// What is wrong with it, without its nouns: the same for all findings of this kind.
    pub fault: &'static str,
    /// What is wrong with it.
    pub text: String,
    /// What to run.
    pub run: String,
    /// How many nodes have it, when it is written for a group.
    pub nodes: usize,
}

impl Finding {
    /// The object, what is wrong with it, and what to run.
    pub fn said(&self) -> String {
        let Self { kind, object, attribute, text, run, nodes, .. } = self;
        let many = if *kind == Kind::Group && *nodes > 1 {
            format!(" ({nodes} nodes)")
        } else {
            String::new()
        };
        format!("{} {object}: {attribute} {text}{many}; run: {run}", kind.word())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}", self.said())
    }
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Network => "network",
            Self::OsImage => "osimage",
            Self::Policy => "policy",
            Self::Group => "group",
            Self::Node => "node",
            Self::Row => "row",
        }
    }

    /// The option of the object commands that names the kind.
    const fn option(self) -> &'static str {
        match self {
            Self::Site => "-t site ",
            Self::Network => "-t network ",
            Self::OsImage => "-t osimage ",
            Self::Policy => "-t policy ",
            Self::Group => "-t group ",
            Self::Node | Self::Row => "",
        }
    }
}

/// Looks at everything, or at what concerns `nodes`. The findings are sorted by kind, object and attribute.
pub fn check(snapshot: &Snapshot, machine: &Machine, nodes: Option<&[NodeName]>) -> Vec<Finding> {
    let known = Known::read(snapshot, machine);
    let mut found = Findings::default();
    let chosen: Vec<&NodeName> = match nodes {
        Some(nodes) => nodes.iter().collect(),
        None => snapshot.nodes().collect(),
    };
    if nodes.is_none() {
        site::check(&known, &mut found);
        network::check(&known, &mut found);
        image::check(&known, &mut found);
        site::policy(&known, &mut found);
        group::check(&known, &mut found);
        row::check(&known, &mut found);
    }
    hardware::check(&known, &chosen, &mut found);
    let wanted = nodes.map(|nodes| nodes.iter().map(NodeName::as_str).collect());
    address::check(&known, wanted.as_ref(), &mut found);
    found.sorted()
}

/// The names that findings are wanted of; all when there is none.
type Wanted<'a> = Option<&'a BTreeSet<&'a str>>;

/// An attribute of a node, and where it is written.
#[derive(Clone, Copy)]
struct Written<'a> {
    node: &'a str,
    attribute: &'static str,
    cell: Option<&'a Cell>,
}

/// What is wrong with an attribute.
#[derive(Clone, Copy)]
struct Fault<'a> {
    severity: Severity,
    /// The value; empty when there is none.
    value: &'a str,
    what: &'static str,
    /// What follows, with the nouns.
    detail: &'a str,
    /// What follows the object in the command that mends it, or a whole command after `!`.
    run: &'a str,
}

impl<'a> Fault<'a> {
    const fn error(value: &'a str, what: &'static str, run: &'a str) -> Self {
        Self { severity: Severity::Error, value, what, detail: "", run }
    }

    const fn warning(value: &'a str, what: &'static str, run: &'a str) -> Self {
        Self { severity: Severity::Warning, value, what, detail: "", run }
    }

    const fn detail(self, detail: &'a str) -> Self {
        Self { detail, ..self }
    }

    fn text(&self) -> String {
        let Self { value, what, detail, .. } = self;
        if value.is_empty() {
            format!("{what}{detail}")
        } else {
            format!("'{value}' {what}{detail}")
        }
    }

    fn command(&self, kind: Kind, object: &str) -> String {
        match self.run.strip_prefix('!') {
            Some(command) => command.to_owned(),
            None => format!("chdef {}{object} {}", kind.option(), self.run),
        }
    }
}

/// The findings so far. What a group says is found once, however many nodes inherit it.
#[derive(Default)]
struct Findings(BTreeMap<Place, Finding>);

/// Kind, object, attribute, and what is wrong.
type Place = (Kind, String, &'static str, &'static str);

impl Findings {
    /// Something about an object that is no node.
    fn object(&mut self, kind: Kind, object: &str, attribute: &'static str, fault: &Fault<'_>) {
        let place = (kind, object.to_owned(), attribute, fault.what);
        let finding = self.0.entry(place).or_insert_with(|| Finding {
            severity: fault.severity,
            kind,
            object: object.to_owned(),
            attribute,
            fault: fault.what,
            text: fault.text(),
            run: fault.command(kind, object),
            nodes: 0,
        });
        finding.nodes += 1;
    }

    /// Something about an attribute of a node, or of the group that it inherits it from.
    fn node(&mut self, written: Written<'_>, fault: &Fault<'_>) {
        let group = written.cell.and_then(|cell| cell.from.as_deref());
        match group.filter(|group| !group.contains(',')) {
            Some(group) => self.object(Kind::Group, group, written.attribute, fault),
            None => self.object(Kind::Node, written.node, written.attribute, fault),
        }
    }

    fn sorted(self) -> Vec<Finding> {
        self.0.into_values().collect()
    }
}

#[cfg(test)]
mod tests;
