//! A row that could not be used: recorded beside the view, so that one bad row never takes a service
//! down.

use std::fmt;
use std::sync::Arc;

/// What is wrong with one row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The table.
    pub table: &'static str,
    /// The node or row key.
    pub key: Arc<str>,
    /// What is wrong, and what was done about it.
    pub text: String,
}

impl Problem {
    pub(crate) fn new(table: &'static str, key: &str, text: impl Into<String>) -> Self {
        Self { table, key: key.into(), text: text.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (table {})", self.key, self.text, self.table)
    }
}
