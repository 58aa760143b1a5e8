//! A change to the tables as data: the edits that are asked for, and the rows that they changed.

use std::fmt;

use crate::row::{Row, Text};
use crate::schema::TableId;

/// Edits in the order in which they take effect; applying them is all or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    edits: Vec<Edit>,
}

/// One edit of a [`Patch`]. What prints it shows columns and not their texts, which may be secrets.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Edit {
    Set { table: TableId, key: Vec<String>, cells: Vec<(String, Option<String>)> },
    Replace(Row),
    Delete { table: TableId, key: Vec<String> },
    Clear(TableId),
}

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set { table, key, cells } => {
                let columns: Vec<_> = cells.iter().map(|(column, _)| column).collect();
                write!(f, "set {table} {key:?} {columns:?}")
            }
            Self::Replace(row) => write!(f, "replace {row:?}"),
            Self::Delete { table, key } => write!(f, "delete {table} {key:?}"),
            Self::Clear(table) => write!(f, "clear {table}"),
        }
    }
}

impl Patch {
    /// A patch that changes nothing.
    pub const fn new() -> Self {
        Self { edits: Vec::new() }
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Sets and unsets cells of the row with this key, and adds the row when there is none.
    pub fn set(
        &mut self,
        table: TableId,
        key: &[&str],
        cells: &[(&str, Option<&str>)],
    ) -> &mut Self {
        let cells = cells.iter().map(|(name, text)| ((*name).to_owned(), text.map(Into::into)));
        self.push(Edit::Set { table, key: owned(key), cells: cells.collect() })
    }

    /// Puts `row` in the place of the row with its key, or adds it.
    pub fn replace(&mut self, row: Row) -> &mut Self {
        self.push(Edit::Replace(row))
    }

    /// Removes the row with this key, if there is one.
    pub fn delete(&mut self, table: TableId, key: &[&str]) -> &mut Self {
        self.push(Edit::Delete { table, key: owned(key) })
    }

    /// Removes every row.
    pub fn clear(&mut self, table: TableId) -> &mut Self {
        self.push(Edit::Clear(table))
    }

    /// Appends the edits of `other`.
    pub fn extend(&mut self, other: Self) -> &mut Self {
        self.edits.extend(other.edits);
        self
    }

    pub(crate) fn edits(&self) -> &[Edit] {
        &self.edits
    }

    fn push(&mut self, edit: Edit) -> &mut Self {
        self.edits.push(edit);
        self
    }
}

fn owned(key: &[&str]) -> Vec<String> {
    key.iter().map(|text| (*text).to_owned()).collect()
}

/// A row before and after a patch; one of the two is there, and they differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    /// The table of the row.
    pub table: TableId,
    /// The texts of the key columns.
    pub key: Vec<Text>,
    /// The row before.
    pub old: Option<Row>,
    /// The row after.
    pub new: Option<Row>,
}

/// Why a patch cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The table has no such column.
    #[error("table '{table}' has no column '{column}'")]
    NoColumn {
        /// The table.
        table: TableId,
        /// The name that is not a column.
        column: String,
    },
    /// The number of key texts is not that of the key columns.
    #[error("a key of table '{table}' has {expected} columns, not {found}")]
    KeyLength {
        /// The table.
        table: TableId,
        /// How many key columns there are.
        expected: usize,
        /// How many texts were given.
        found: usize,
    },
    /// A merge would give the row another key.
    #[error("column '{column}' of table '{table}' is part of the key of the row")]
    KeyChange {
        /// The table.
        table: TableId,
        /// The key column.
        column: String,
    },
    /// A text that cannot be stored.
    #[error("the text for column '{column}' of table '{table}' cannot be stored: {reason}")]
    InvalidCell {
        /// The table.
        table: TableId,
        /// The column.
        column: &'static str,
        /// What is wrong with the text.
        reason: &'static str,
    },
    /// A row lacks a cell that it must have.
    #[error("row '{key}' of table '{table}' needs a value in column '{column}'")]
    Required {
        /// The table.
        table: TableId,
        /// The key of the row, joined with commas.
        key: String,
        /// The column.
        column: &'static str,
    },
    /// Rows of logs are numbered by the store and are no part of a snapshot.
    #[error("table '{0}' is a log: rows are appended to it, not patched")]
    Log(TableId),
}
