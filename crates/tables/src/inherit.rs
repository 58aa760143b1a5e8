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

impl Snapshot {
    /// What `column` of `table` says about `node`, with inheritance and expressions evaluated.
    pub fn node_cell(&self, table: &str, column: &str, node: &str) -> Option<Cell> {
        self.node_value(crate::schema::table(table)?, column, node)
    }

    /// As [`node_cell`](Self::node_cell), for a table that is known.
    pub fn node_value(&self, table: TableId, column: &str, node: &str) -> Option<Cell> {
        let cell = self.raw_node_value(table, column, node)?;
        let text = match cells::evaluate(&cell.text, node)? {
            Cow::Borrowed(text) if *text == *cell.text => cell.text.clone(),
            text => text.into(),
        };
        Some(Cell { text, from: cell.from })
    }

    /// What `column` of `table` says about `node`, before expressions are evaluated.
    pub fn raw_node_value(&self, table: TableId, column: &str, node: &str) -> Option<Cell> {
        let index = table.def().column(column)?;
        table.def().node_column?;
        let own = self.own_cell(table, index, node);
        if table == ids::NODELIST {
            return own.map(|text| Cell { text: text.clone(), from: None });
        }
        let delimiter = self.delimiter(column);
        if let Some(text) = own.filter(|text| delimiter.is_none() && !text.ends_with(CONTINUE)) {
            return Some(Cell { text: text.clone(), from: None });
        }
        let mut found = own.map(|text| Found::new(text, None));
        for group in self.group_names(node) {
            let Some(text) = self.own_cell(table, index, group) else { continue };
            match &mut found {
                None => found = Some(Found::new(text, Some(group))),
                Some(found) => found.append(text, node, group, delimiter.as_deref()),
            }
            if delimiter.is_none() && !text.ends_with(CONTINUE) {
                break;
            }
        }
        found.map(|found| found.finish(delimiter.as_deref()))
    }

    /// The enabled rows of `table` for `node`: its own, or else those of its first group that has
    /// any.
    pub fn node_rows(&self, table: TableId, node: &str) -> Vec<&Row> {
        let own = self.own_rows(table, node);
        if !own.is_empty() || table == ids::NODELIST || table.def().node_column.is_none() {
            return own;
        }
        let inherited = self.group_names(node).map(|group| self.own_rows(table, group));
        inherited.into_iter().find(|rows| !rows.is_empty()).unwrap_or_default()
    }

    fn own_rows(&self, table: TableId, name: &str) -> Vec<&Row> {
        self.rows_of(table, name).filter(|row| row.enabled()).collect()
    }

    fn own_cell(&self, table: TableId, column: usize, name: &str) -> Option<&Text> {
        let filled = |row: &&Row| row.cell(column).is_some_and(|text| !text.is_empty());
        let mut rows = self.rows_of(table, name);
        rows.find(|row| filled(row) && row.enabled())?.cell(column)
    }

    /// The delimiter with which the texts of `column` are joined along the groups.
    fn delimiter(&self, column: &str) -> Option<String> {
        let entries = self.site("hierarchicalattrs")?.split(',');
        let mut named = entries.filter_map(|entry| {
            let (name, delimiter) = entry.split_once(':').unwrap_or((entry, ","));
            (name.trim() == column).then_some(delimiter.trim())
        });
        named
            .next_back()
            .map(|delimiter| if delimiter.is_empty() { "," } else { delimiter }.to_owned())
    }
}

/// A value while the groups are looked through.
struct Found {
    text: Text,
    from: Option<String>,
}

impl Found {
    fn new(text: &Text, from: Option<&str>) -> Self {
        Self { text: text.clone(), from: from.map(Into::into) }
    }

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
