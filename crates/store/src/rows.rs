//! One SQL table for each table of the schema, with the same columns; a cell that is not set is NULL.
//!
//! Statements name tables and columns of the schema only, never text from outside.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use tables::{ColumnDef, Row, RowChange, TableId};

/// Makes the SQL table, or adds the columns that it lacks.
pub(crate) fn prepare(connection: &Connection, table: TableId) -> rusqlite::Result<()> {
    let def = table.def();
    let existing = columns_in_file(connection, table)?;
    if existing.is_empty() {
        return connection.execute_batch(&definition(table));
    }
    for column in def.columns.iter().filter(|column| !existing.iter().any(|at| at == column.name)) {
        let statement = format!("ALTER TABLE \"{table}\" ADD COLUMN \"{}\" TEXT", column.name);
        connection.execute_batch(&statement)?;
    }
    Ok(())
}

/// Appends the rows of `table`.
pub(crate) fn load(
    connection: &Connection,
    table: TableId,
    all: &mut Vec<Row>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("SELECT {} FROM \"{table}\"", names(table)))?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        all.push(read(row, table)?);
    }
    Ok(())
}

/// The row of `table` in a result that has all its columns in order.
pub(crate) fn read(row: &rusqlite::Row<'_>, table: TableId) -> rusqlite::Result<Row> {
    let columns = table.def().columns;
    let mut number = None;
    if let Some(at) = columns.iter().position(|column| column.auto) {
        number = Some(row.get::<_, i64>(at)?.to_string());
    }
    let mut cells = Vec::with_capacity(columns.len());
    for (index, column) in columns.iter().enumerate() {
        cells.push(if column.auto {
            number.as_deref()
        } else {
            row.get_ref(index)?.as_str_or_null()?
        });
    }
    Row::from_cells(table, cells)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, error.into()))
}

/// Performs a change of one row.
pub(crate) fn write(connection: &Connection, change: &RowChange) -> rusqlite::Result<()> {
    match &change.new {
        Some(row) => put(connection, row),
        None => remove(connection, change),
    }
}

fn put(connection: &Connection, row: &Row) -> rusqlite::Result<()> {
    let table = row.table();
    let statement =
        format!("INSERT OR REPLACE INTO \"{table}\" ({}) VALUES ({})", names(table), marks(table));
    connection.prepare_cached(&statement)?.execute(params_from_iter(cells(row)))?;
    Ok(())
}

fn remove(connection: &Connection, change: &RowChange) -> rusqlite::Result<()> {
    let table = change.table;
    let tests = keys(table).map(|column| format!("\"{}\" = ?", column.name));
    let tests = tests.collect::<Vec<_>>().join(" AND ");
    let statement = format!("DELETE FROM \"{table}\" WHERE {tests}");
    let key = change.key.iter().map(|text| &**text);
    connection.prepare_cached(&statement)?.execute(params_from_iter(key))?;
    Ok(())
}

/// Appends a row to a log; its number is the next one.
pub(crate) fn append(connection: &Connection, row: &Row) -> rusqlite::Result<()> {
    let table = row.table();
    let columns = table.def().columns.iter().map(|column| column.auto);
    let texts = cells(row).zip(columns).map(|(text, auto)| text.filter(|_| !auto));
    let statement = format!("INSERT INTO \"{table}\" ({}) VALUES ({})", names(table), marks(table));
    connection.prepare_cached(&statement)?.execute(params_from_iter(texts))?;
    Ok(())
}

/// The names of all columns for a SELECT.
pub(crate) fn names(table: TableId) -> String {
    let names = table.def().columns.iter().map(|column| format!("\"{}\"", column.name));
    names.collect::<Vec<_>>().join(", ")
}

fn definition(table: TableId) -> String {
    let keys_of_table: Vec<_> = keys(table).map(|column| format!("\"{}\"", column.name)).collect();
    let columns = table.def().columns.iter().map(|column| match (column.auto, column.key) {
        (true, _) => format!("\"{}\" INTEGER PRIMARY KEY AUTOINCREMENT", column.name),
        (false, true) => format!("\"{}\" TEXT NOT NULL", column.name),
        (false, false) => format!("\"{}\" TEXT", column.name),
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    if table.def().is_log() {
        return format!("CREATE TABLE \"{table}\" ({columns})");
    }
    let key = keys_of_table.join(", ");
    format!("CREATE TABLE \"{table}\" ({columns}, PRIMARY KEY ({key})) WITHOUT ROWID")
}

fn columns_in_file(connection: &Connection, table: TableId) -> rusqlite::Result<Vec<String>> {
    let known = connection
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?",
            [table.name()],
            |_| Ok(()),
        )
        .optional()?;
    if known.is_none() {
        return Ok(Vec::new());
    }
    let statement = connection.prepare(&format!("SELECT * FROM \"{table}\" LIMIT 0"))?;
    Ok(statement.column_names().map(str::to_owned).collect())
}

fn keys(table: TableId) -> impl Iterator<Item = &'static ColumnDef> {
    table.def().columns.iter().filter(|column| column.key)
}

fn cells(row: &Row) -> impl Iterator<Item = Option<&str>> {
    (0..row.table().def().columns.len()).map(|index| row.cell(index).map(|text| &**text))
}

fn marks(table: TableId) -> String {
    vec!["?"; table.def().columns.len()].join(", ")
}
