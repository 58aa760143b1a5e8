//! Columns of tables by the names that nodels and nodech take.

use tables::{Cell, Snapshot, TableId};

/// Short names of columns.
const SHORT_NAMES: &[(&str, &str)] =
    &[("groups", "nodelist.groups"), ("tags", "nodelist.groups"), ("mgt", "nodehm.mgt")];

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Column {
    pub(crate) table: TableId,
    pub(crate) name: &'static str,
}

impl Column {
    /// The column called `table.column`, or by a short name; otherwise the name that is none.
    pub(crate) fn named(name: &str) -> Result<Self, &str> {
        let short = SHORT_NAMES.iter().find(|(short, _)| *short == name);
        let long = short.map_or(name, |(_, long)| *long);
        let found = || {
            let (table, column) = long.split_once('.')?;
            let table = tables::table(table)?;
            let index = table.def().column(column)?;
            Some(Self { table, name: table.def().columns[index].name })
        };
        found().ok_or(name)
    }

    /// All columns of a table.
    pub(crate) fn all(table: TableId) -> impl Iterator<Item = Self> {
        table.def().columns.iter().map(move |column| Self { table, name: column.name })
    }

    /// What the column says about a node; the node's name where it names the node.
    pub(crate) fn value(self, snapshot: &Snapshot, node: &str) -> Option<Cell> {
        if self.table.def().node_column == Some(self.name) {
            let known = !snapshot.node_rows(self.table, node).is_empty();
            return known.then(|| Cell { text: node.into(), from: None });
        }
        snapshot.node_value(self.table, self.name, node)
    }
}
