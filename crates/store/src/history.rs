//! Who changed what, when, with which command: one entry for each update, with the cells of every
//! changed row before and after. The newest entries are kept, a bounded number.

use std::collections::BTreeMap;
use std::fmt;

use base::Timestamp;
use rusqlite::{Connection, named_params, params};
use serde_json::Value;
use tables::{ApplyError, Patch, Row, RowChange, table};

use crate::origin::Origin;

/// How many entries are kept.
const KEPT: i64 = 200_000;

/// The most entries, and the most rows of one entry, that a query gives.
const MOST: u32 = 10_000;

/// What is shown for a secret.
const MASK: &str = "***";

pub(crate) const TABLES: &str = "
CREATE TABLE IF NOT EXISTS store_change (
    id INTEGER PRIMARY KEY AUTOINCREMENT, generation INTEGER NOT NULL, time_ms INTEGER NOT NULL,
    user TEXT NOT NULL, command TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS store_change_row (
    change INTEGER NOT NULL, tbl TEXT NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL,
    old TEXT, new TEXT, PRIMARY KEY (change, tbl, key)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS store_change_row_name ON store_change_row (name, change);
";

/// Which entries of the history are wanted, newest first.
#[derive(Clone, Debug, Default)]
pub struct HistoryQuery {
    /// Only entries that changed a row of this table.
    pub table: Option<String>,
    /// Only entries that changed a row whose first key cell is this, such as the name of a node.
    pub name: Option<String>,
    /// Only entries before the one with this number.
    pub before: Option<i64>,
    /// How many entries at most; none is the bound of the store.
    pub limit: Option<u32>,
    /// How many rows of each entry at most; none is the bound of the store.
    pub rows: Option<u32>,
}

/// One update that changed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The number of the entry.
    pub id: i64,
    /// The generation that the update made.
    pub generation: u64,
    /// When it was committed.
    pub time: Timestamp,
    /// Who asked for it.
    pub user: String,
    /// With which command.
    pub command: String,
    /// The rows that match the query, up to its bound.
    pub rows: Vec<ChangedRow>,
    /// How many rows the update changed in all.
    pub row_count: u64,
}

/// The cells of a row that an update changed. Secrets are in it, for undoing; what prints it masks
/// them.
#[derive(Clone, PartialEq, Eq)]
pub struct ChangedRow {
    /// The table.
    pub table: String,
    /// The texts of the key columns.
    pub key: Vec<String>,
    /// Whether there was such a row before.
    pub existed: bool,
    /// Whether there is such a row after.
    pub exists: bool,
    /// The columns that differ, with the texts before and after.
    pub cells: BTreeMap<String, (Option<String>, Option<String>)>,
}

impl HistoryEntry {
    /// The change that puts the rows of this entry back to what they were.
    pub fn undo(&self) -> Result<Patch, ApplyError> {
        let mut patch = Patch::new();
        for row in &self.rows {
            let Some(table) = table(&row.table) else { continue };
            let key: Vec<_> = row.key.iter().map(String::as_str).collect();
            if !row.existed {
                patch.delete(table, &key);
                continue;
            }
            let keys: Vec<_> = table.def().key_columns().collect();
            let is_key =
                |column: &str| table.def().column(column).is_some_and(|at| keys.contains(&at));
            let cells = row.cells.iter().filter(|(column, _)| !is_key(column));
            let cells: Vec<_> =
                cells.map(|(column, (old, _))| (column.as_str(), old.as_deref())).collect();
            patch.set(table, &key, &cells);
        }
        Ok(patch)
    }
}

impl ChangedRow {
    /// The same with `***` in the place of secrets, for printing.
    pub fn masked(&self) -> Self {
        let mut masked = self.clone();
        let Some(table) = table(&self.table) else { return masked };
        let columns = table.def().columns;
        let keys = columns.iter().filter(|column| column.key);
        for (text, _) in masked.key.iter_mut().zip(keys).filter(|(_, column)| column.secret) {
            MASK.clone_into(text);
        }
        for column in columns.iter().filter(|column| column.secret) {
            let Some((old, new)) = masked.cells.get_mut(column.name) else { continue };
            for text in [old, new].into_iter().flatten() {
                MASK.clone_into(text);
            }
        }
        masked
    }
}

impl fmt::Debug for ChangedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, key, cells, .. } = self.masked();
        write!(f, "{table} {key:?} {cells:?}")
    }
}

/// Notes an update and the rows that it changed.
pub(crate) fn append(
    connection: &Connection,
    origin: &Origin,
    time: Timestamp,
    generation: u64,
    changes: &[RowChange],
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO store_change (generation, time_ms, user, command) VALUES (?, ?, ?, ?)",
        )?
        .execute(params![
            generation.cast_signed(),
            time.unix_millis(),
            origin.user,
            origin.command
        ])?;
    let id = connection.last_insert_rowid();
    let mut statement =
        connection.prepare_cached("INSERT INTO store_change_row VALUES (?, ?, ?, ?, ?, ?)")?;
    for change in changes {
        let key = Value::from(change.key.iter().map(ToString::to_string).collect::<Vec<_>>());
        let name = change.key.first().map_or("", |text| &**text);
        let old = cells_that_differ(change.old.as_ref(), change.new.as_ref());
        let new = cells_that_differ(change.new.as_ref(), change.old.as_ref());
        statement.execute(params![id, change.table.name(), key.to_string(), name, old, new])?;
    }
    forget(connection, id - KEPT)
}

/// Removes the entries up to the one with the number `last`.
fn forget(connection: &Connection, last: i64) -> rusqlite::Result<()> {
    if last <= 0 {
        return Ok(());
    }
    connection.prepare_cached("DELETE FROM store_change_row WHERE change <= ?")?.execute([last])?;
    connection.prepare_cached("DELETE FROM store_change WHERE id <= ?")?.execute([last])?;
    Ok(())
}

/// The cells of `row` that `other` does not have, as a JSON object; none when there is no row.
fn cells_that_differ(row: Option<&Row>, other: Option<&Row>) -> Option<String> {
    let cells = row?.cells().filter(|(name, text)| {
        other.and_then(|other| other.text(name)).is_none_or(|known| known != *text)
    });
    let object = cells.map(|(name, text)| (name.to_owned(), Value::from(&**text)));
    Some(Value::Object(object.collect()).to_string())
}

/// The entries that match, newest first.
pub(crate) fn read(
    connection: &Connection,
    query: &HistoryQuery,
) -> rusqlite::Result<Vec<HistoryEntry>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, generation, time_ms, user, command,
                (SELECT count(*) FROM store_change_row WHERE change = id)
         FROM store_change
         WHERE (:before IS NULL OR id < :before)
           AND ((:name IS NULL AND :tbl IS NULL) OR id IN (
               SELECT change FROM store_change_row
               WHERE (:name IS NULL OR name = :name) AND (:tbl IS NULL OR tbl = :tbl)))
         ORDER BY id DESC LIMIT :limit",
    )?;
    let parameters = named_params! {
        ":before": query.before, ":name": query.name, ":tbl": query.table,
        ":limit": query.limit.unwrap_or(MOST).min(MOST),
    };
    let entries = statement.query_map(parameters, |row| {
        Ok(HistoryEntry {
            id: row.get(0)?,
            generation: row.get::<_, i64>(1)?.cast_unsigned(),
            time: Timestamp::from_unix_millis(row.get(2)?),
            user: row.get(3)?,
            command: row.get(4)?,
            row_count: row.get::<_, i64>(5)?.cast_unsigned(),
            rows: Vec::new(),
        })
    })?;
    let mut entries = entries.collect::<rusqlite::Result<Vec<_>>>()?;
    for entry in &mut entries {
        entry.rows = read_rows(connection, entry.id, query)?;
    }
    Ok(entries)
}

/// One entry with all its rows.
pub(crate) fn read_one(connection: &Connection, id: i64) -> rusqlite::Result<Option<HistoryEntry>> {
    let before = id.saturating_add(1);
    let query = HistoryQuery {
        before: Some(before),
        limit: Some(1),
        rows: Some(0),
        ..HistoryQuery::default()
    };
    let newest = read(connection, &query)?.pop().filter(|entry| entry.id == id);
    let Some(mut entry) = newest else { return Ok(None) };
    entry.rows = rows_of(connection, id, &query, i64::MAX)?;
    Ok(Some(entry))
}

fn read_rows(
    connection: &Connection,
    id: i64,
    query: &HistoryQuery,
) -> rusqlite::Result<Vec<ChangedRow>> {
    rows_of(connection, id, query, i64::from(query.rows.unwrap_or(MOST).min(MOST)))
}

fn rows_of(
    connection: &Connection,
    id: i64,
    query: &HistoryQuery,
    limit: i64,
) -> rusqlite::Result<Vec<ChangedRow>> {
    let mut statement = connection.prepare_cached(
        "SELECT tbl, key, old, new FROM store_change_row
         WHERE change = :change AND (:name IS NULL OR name = :name) AND (:tbl IS NULL OR tbl = :tbl)
         ORDER BY tbl, key LIMIT :limit",
    )?;
    let parameters = named_params! {
        ":change": id, ":name": query.name, ":tbl": query.table, ":limit": limit,
    };
    let rows = statement.query_map(parameters, |row| {
        let (old, new): (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
        Ok(ChangedRow {
            table: row.get(0)?,
            key: texts(&row.get::<_, String>(1)?),
            existed: old.is_some(),
            exists: new.is_some(),
            cells: joined(old.as_deref(), new.as_deref()),
        })
    })?;
    rows.collect()
}

fn texts(array: &str) -> Vec<String> {
    serde_json::from_str(array).unwrap_or_default()
}

fn joined(
    old: Option<&str>,
    new: Option<&str>,
) -> BTreeMap<String, (Option<String>, Option<String>)> {
    let object = |text: Option<&str>| -> BTreeMap<String, String> {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    };
    let mut cells: BTreeMap<String, (Option<String>, Option<String>)> = BTreeMap::new();
    for (column, text) in object(old) {
        cells.entry(column).or_default().0 = Some(text);
    }
    for (column, text) in object(new) {
        cells.entry(column).or_default().1 = Some(text);
    }
    cells
}
