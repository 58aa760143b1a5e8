//! What a column says about a node: its own row first, then its groups in their order.
//!
//! A row that is disabled and a cell that is empty say nothing. `nodelist` never inherits. A text
//! that ends in `+=NEXTRECORD` is continued by the next group that has one, and so is every text of
//! a column that `site.hierarchicalattrs` names, with a delimiter and without repetitions.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::cells;
use crate::row::{Row, Text};
use crate::schema::{TableId, ids};
use crate::snapshot::Snapshot;

const CONTINUE: &str = "+=NEXTRECORD";

/// What a column says about a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The value.
    pub text: Text,
    /// The group that it comes from, or `node,group,...` when several rows were joined; none when
    /// it is the node's own.
    pub from: Option<Text>,
}

/// An enabled row that speaks about a node.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// The group that it is the row of; none when it is the node's own.
    group: Option<&'a str>,
    row: &'a Row,
}

impl Source<'_> {
    /// The filled cell at `index`, when the row is not one of a group.
    pub(crate) fn own_text(&self, index: usize) -> Option<&Text> {
        let own = self.group.is_none();
        self.row.cell(index).filter(|text| own && !text.is_empty())
    }
}

impl Snapshot {
    /// What `column` of `table` says about `node`, with inheritance and expressions evaluated.
    pub fn node_cell(&self, table: &str, column: &str, node: &str) -> Option<Cell> {
        self.node_value(crate::schema::table(table)?, column, node)
    }

    /// As [`node_cell`](Self::node_cell), for a table that is known.
    pub fn node_value(&self, table: TableId, column: &str, node: &str) -> Option<Cell> {
        evaluated(self.raw_node_value(table, column, node)?, node)
    }

    /// What `column` of `table` says about `node`, before expressions are evaluated.
    pub fn raw_node_value(&self, table: TableId, column: &str, node: &str) -> Option<Cell> {
        if self.row_count(table) == 0 {
            return None;
        }
        let index = table.def().column(column)?;
        joined(self.sources(table, node), index, node, self.delimiter(column))
    }

    /// The enabled rows of `table` for `node`: its own, or else those of its first group that has
    /// any.
    pub fn node_rows(&self, table: TableId, node: &str) -> Vec<&Row> {
        let mut sources = self.sources(table, node).peekable();
        let first = sources.peek().and_then(|source| source.group);
        sources.take_while(|source| source.group == first).map(|source| source.row).collect()
    }

    /// The enabled rows that speak about `node`, in the order in which they count. Its groups are
    /// not looked up before they are needed.
    pub(crate) fn sources<'a, 'n>(
        &'a self,
        table: TableId,
        node: &'n str,
    ) -> impl Iterator<Item = Source<'a>> + use<'a, 'n> {
        let own = table.def().node_column.map(|_| self.rows_of(table, node));
        let own = own.into_iter().flatten().map(|row| Source { group: None, row });
        let inherits = table.def().node_column.is_some() && table != ids::NODELIST;
        let groups = inherits.then_some(node).into_iter();
        let groups = groups.flat_map(|node| self.group_names(node));
        let inherited = groups.flat_map(move |group| {
            self.rows_of(table, group).map(move |row| Source { group: Some(group), row })
        });
        own.chain(inherited).filter(|source| source.row.enabled())
    }

    /// The delimiter with which the texts of `column` are joined along the groups.
    pub(crate) fn delimiter(&self, column: &str) -> Option<&str> {
        let mut entries = self.site("hierarchicalattrs")?.rsplit(',').map(|entry| {
            let (name, delimiter) = entry.split_once(':').unwrap_or((entry, ","));
            (name.trim(), delimiter.trim())
        });
        let (_, delimiter) = entries.find(|(name, _)| *name == column)?;
        Some(if delimiter.is_empty() { "," } else { delimiter })
    }
}

/// The cell with its expression evaluated for `node`; none when nothing is left.
pub(crate) fn evaluated(cell: Cell, node: &str) -> Option<Cell> {
    let text = match cells::evaluate(&cell.text, node)? {
        Cow::Borrowed(_) => cell.text,
        Cow::Owned(text) => text.into(),
    };
    Some(Cell { text, from: cell.from })
}

/// What the column at `index` says in the first row that fills it, and in those that continue it.
pub(crate) fn joined<'a>(
    sources: impl IntoIterator<Item = Source<'a>>,
    index: usize,
    node: &str,
    delimiter: Option<&str>,
) -> Option<Cell> {
    let mut found: Option<Found> = None;
    let mut last = None;
    for Source { group, row } in sources {
        let Some(text) = row.cell(index).filter(|text| !text.is_empty()) else { continue };
        match &mut found {
            None => found = Some(Found { text: text.clone(), from: group.map(Into::into) }),
            // One of several rows of the same name speaks for all.
            Some(_) if last == Some(group) => continue,
            Some(found) => found.append(text, node, group.unwrap_or(node), delimiter),
        }
        last = Some(group);
        if delimiter.is_none() && !text.ends_with(CONTINUE) {
            break;
        }
    }
    found.map(|found| found.finish(delimiter))
}

/// A value while the groups are looked through.
struct Found {
    text: Text,
    from: Option<String>,
}

impl Found {
    fn append(&mut self, text: &str, node: &str, group: &str, delimiter: Option<&str>) {
        let joint = delimiter.unwrap_or_default();
        let before = self.text.strip_suffix(CONTINUE).unwrap_or(&self.text);
        self.text = format!("{before}{joint}{text}").into();
        let from = self.from.take().unwrap_or_else(|| node.to_owned());
        self.from = Some(format!("{from},{group}"));
    }

    fn finish(self, delimiter: Option<&str>) -> Cell {
        let from = self.from.map(Into::into);
        let text = match delimiter {
            None if !self.text.contains(CONTINUE) => self.text,
            None => self.text.replace(CONTINUE, "").into(),
            Some(delimiter) => {
                let mut seen = HashSet::new();
                let text = self.text.replace(CONTINUE, "");
                let parts = text.split(delimiter).filter(|part| seen.insert(*part));
                parts.collect::<Vec<_>>().join(delimiter).into()
            }
        };
        Cell { text, from }
    }
}
