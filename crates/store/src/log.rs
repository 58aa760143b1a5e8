//! The logs of xCAT, `auditlog` and `eventlog`: appended, paged and cut, never in a snapshot.

use rusqlite::types::Value;
use rusqlite::{Connection, params};
use tables::{Row, TableId};

use crate::rows;

/// How many rows of a log are kept.
const KEPT: i64 = 1_000_000;

/// The most rows of a page.
const MOST: u32 = 10_000;

/// Which rows of a log are wanted, sorted by their number.
#[derive(Clone, Copy, Debug)]
pub enum LogPage {
    /// The first rows after the one with this number; 0 is before all.
    After {
        /// The number.
        recid: i64,
        /// How many rows at most.
        limit: u32,
    },
    /// The newest rows.
    Newest {
        /// How many rows at most.
        limit: u32,
    },
}

/// Which rows of a log go away.
#[derive(Clone, Debug)]
pub enum LogCut {
    /// Every row.
    All,
    /// The oldest rows.
    Oldest {
        /// How many.
        count: u32,
    },
    /// The rows before the one with this number.
    Before {
        /// The number.
        recid: i64,
    },
    /// The rows whose time is before this one.
    Earlier {
        /// The time as the log has it; its texts sort as the times do.
        time: String,
    },
}

/// Rows that come to a log together with a change of the tables; the store numbers them.
#[derive(Clone, Debug)]
pub struct LogEdit {
    /// The log.
    pub table: TableId,
    /// Whether the rows that are there go away.
    pub clear: bool,
    /// The new rows.
    pub rows: Vec<Row>,
}

/// Performs what comes with a change of the tables.
pub(crate) fn edit(connection: &Connection, edit: &LogEdit) -> rusqlite::Result<()> {
    if !edit.table.def().is_log() {
        return Ok(());
    }
    if edit.clear {
        cut(connection, edit.table, &LogCut::All)?;
    }
    append(connection, &edit.rows)
}

/// Appends rows, and removes the oldest ones past the bound.
pub(crate) fn append(connection: &Connection, new: &[Row]) -> rusqlite::Result<()> {
    for row in new {
        rows::append(connection, row)?;
        let last = connection.last_insert_rowid() - KEPT;
        if last > 0 {
            let statement = format!("DELETE FROM \"{}\" WHERE recid <= ?", row.table());
            connection.prepare_cached(&statement)?.execute([last])?;
        }
    }
    Ok(())
}

/// A page of a log.
pub(crate) fn read(
    connection: &Connection,
    table: TableId,
    page: LogPage,
) -> rusqlite::Result<Vec<Row>> {
    let (after, order, limit) = match page {
        LogPage::After { recid, limit } => (recid, "ASC", limit),
        LogPage::Newest { limit } => (i64::MIN, "DESC", limit),
    };
    let statement = format!(
        "SELECT {} FROM \"{table}\" WHERE recid > ? ORDER BY recid {order} LIMIT ?",
        rows::names(table)
    );
    let mut statement = connection.prepare_cached(&statement)?;
    let found =
        statement.query_map(params![after, limit.min(MOST)], |row| rows::read(row, table))?;
    let mut found = found.collect::<rusqlite::Result<Vec<_>>>()?;
    if matches!(page, LogPage::Newest { .. }) {
        found.reverse();
    }
    Ok(found)
}

/// Removes rows, and tells how many.
pub(crate) fn cut(connection: &Connection, table: TableId, cut: &LogCut) -> rusqlite::Result<u64> {
    let (test, bound) = match cut {
        LogCut::All => ("recid <= ?".to_owned(), Value::from(i64::MAX)),
        LogCut::Before { recid } => ("recid < ?".to_owned(), Value::from(*recid)),
        LogCut::Oldest { count } => {
            let test = format!("recid IN (SELECT recid FROM \"{table}\" ORDER BY recid LIMIT ?)");
            (test, Value::from(*count))
        }
        LogCut::Earlier { time } => {
            let Some(column) = time_column(table) else { return Ok(0) };
            (format!("\"{column}\" < ?"), Value::from(time.clone()))
        }
    };
    let statement = format!("DELETE FROM \"{table}\" WHERE {test}");
    let removed = connection.prepare_cached(&statement)?.execute([bound])?;
    Ok(u64::try_from(removed).unwrap_or(u64::MAX))
}

/// The column that says when a row was logged.
fn time_column(table: TableId) -> Option<&'static str> {
    ["audittime", "eventtime"].into_iter().find(|name| table.def().column(name).is_some())
}
