//! Reading single cells: inheritance applied, empty cells as absent.

use std::sync::Arc;

use tables::{Row, Snapshot};

/// A node's value in `table.column`; empty counts as absent.
pub(crate) fn cell(snapshot: &Snapshot, table: &str, column: &str, node: &str) -> Option<Arc<str>> {
    let cell = snapshot.node_cell(table, column, node)?;
    Some(cell.text).filter(|text| !text.trim().is_empty())
}

/// The enabled rows of `table`.
pub(crate) fn rows<'a>(snapshot: &'a Snapshot, table: &str) -> impl Iterator<Item = &'a Row> {
    tables::table(table)
        .into_iter()
        .flat_map(|table| snapshot.rows(table))
        .filter(|row| row.enabled())
}

/// The enabled row of `table` with this key.
pub(crate) fn row<'a>(snapshot: &'a Snapshot, table: &str, key: &str) -> Option<&'a Row> {
    snapshot.row(tables::table(table)?, &[key]).filter(|row| row.enabled())
}

/// A cell of a row; empty counts as absent.
pub(crate) fn field<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
    row.get(column).map(str::trim).filter(|text| !text.is_empty())
}

/// The parts of a list separated by commas or blanks.
pub(crate) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ', '\t']).filter(|part| !part.is_empty())
}
