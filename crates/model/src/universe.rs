//! The tables as a universe of noderanges: nodes, static and dynamic groups, cells.
//!
//! No I/O: whoever expands a noderange says how a file of names is read.

use std::borrow::Cow;

use base::NodeName;
use noderange::{Expansion, Mode, Universe};
use tables::{ObjectType, Snapshot, ids};

use crate::selection::Selection;

/// Reads a file of names; `None` when it cannot be read.
pub type ReadFile<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The nodes of a snapshot.
pub struct Nodes<'a> {
    snapshot: &'a Snapshot,
    read_file: ReadFile<'a>,
}

impl<'a> Nodes<'a> {
    /// The nodes of `snapshot`; no file can be read.
    pub fn of(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, read_file: &|_| None }
    }

    /// The same, with files.
    #[must_use]
    pub fn with_files(self, read_file: ReadFile<'a>) -> Self {
        Self { read_file, ..self }
    }

    /// The members of a group that `nodegroup` defines as dynamic. Tests that cannot be read select
    /// nothing.
    fn dynamic_members(&self, wherevals: &str) -> Vec<NodeName> {
        let Ok(selection) = Selection::of_group(wherevals) else { return Vec::new() };
        let matches =
            |node: &&NodeName| selection.holds_for(self.snapshot, ObjectType::Node, node.as_str());
        self.snapshot.nodes().filter(matches).cloned().collect()
    }
}

/// Expands a noderange among the nodes of `snapshot`; unknown names are in the outcome.
pub fn expand(text: &str, snapshot: &Snapshot) -> Result<Expansion, noderange::Error> {
    noderange::expand(text, &Nodes::of(snapshot), Mode::Verify)
}

/// The members of a group, static or dynamic; `None` when it is neither defined nor used.
pub fn group_members(snapshot: &Snapshot, group: &str) -> Option<Vec<NodeName>> {
    Nodes::of(snapshot).group(group)
}

impl Universe for Nodes<'_> {
    fn node(&self, name: &str) -> Option<NodeName> {
        self.snapshot.node(name).cloned()
    }

    fn nodes(&self) -> Vec<NodeName> {
        self.snapshot.nodes().cloned().collect()
    }

    fn group(&self, name: &str) -> Option<Vec<NodeName>> {
        let row = self.snapshot.row(ids::NODEGROUP, &[name]).filter(|row| row.enabled());
        if let Some(row) = row
            && row.get("grouptype") == Some("dynamic")
        {
            return Some(self.dynamic_members(row.get("wherevals").unwrap_or_default()));
        }
        match self.snapshot.group_members(name) {
            Some(members) => Some(members.iter().cloned().collect()),
            None => row.map(|_| Vec::new()),
        }
    }

    fn has_column(&self, table: &str, column: &str) -> bool {
        tables::table(table).is_some_and(|table| table.def().column(column).is_some())
    }

    fn cell(&self, table: &str, column: &str, node: &NodeName) -> Cow<'_, str> {
        let Some(table) = tables::table(table) else { return Cow::Borrowed("") };
        if table.def().node_column == Some(column) {
            let known = !self.snapshot.node_rows(table, node.as_str()).is_empty();
            return Cow::Owned(if known { node.to_string() } else { String::new() });
        }
        let cell = self.snapshot.node_value(table, column, node.as_str());
        cell.map_or(Cow::Borrowed(""), |cell| Cow::Owned(cell.text.to_string()))
    }

    fn read_file(&self, path: &str) -> Option<String> {
        (self.read_file)(path)
    }

    fn excluded(&self) -> Option<Cow<'_, str>> {
        self.snapshot.site("excludenodes").map(Cow::Borrowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tables::Patch;

    fn cluster() -> Snapshot {
        let mut patch = Patch::new();
        for (node, groups) in [("n1", "rack1,all"), ("n2", "rack1,all"), ("n3", "rack2,all")] {
            patch.set(ids::NODELIST, &[node], &[("groups", Some(groups))]);
        }
        patch.set(ids::NODEHM, &["rack1"], &[("mgt", Some("ipmi"))]);
        let dynamic =
            [("grouptype", Some("dynamic")), ("wherevals", Some("mgt==ipmi::groups=~all"))];
        patch.set(ids::NODEGROUP, &["byipmi"], &dynamic);
        patch.set(ids::NODEGROUP, &["empty"], &[("grouptype", Some("static"))]);
        patch.set(ids::SITE, &["excludenodes"], &[("value", Some("n2"))]);
        Snapshot::empty().apply(&patch).unwrap().0
    }

    #[test]
    fn groups_cells_and_exclusions_come_from_the_tables() {
        let snapshot = cluster();
        let names = |text: &str| {
            let nodes = expand(text, &snapshot).unwrap().nodes();
            nodes.iter().map(NodeName::as_str).collect::<Vec<_>>().join(",")
        };
        assert_eq!(names("all"), "n1,n3");
        assert_eq!(names("byipmi"), "n1");
        assert_eq!(names("empty"), "");
        assert_eq!(names("nodehm.mgt!=ipmi"), "n3");
        assert_eq!(names("nodelist.node=~n"), "n1,n3");
        assert_eq!(expand("nosuch,^f", &snapshot).unwrap().missing, ["nosuch"]);
        let read = |path: &str| (path == "f").then(|| "n3\n".to_owned());
        let nodes = Nodes::of(&snapshot).with_files(&read);
        let expansion = noderange::expand("^f", &nodes, Mode::Verify).unwrap();
        assert_eq!(expansion.nodes(), [NodeName::parse("n3").unwrap()]);
    }
}
