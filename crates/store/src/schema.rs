//! Which tables and columns a file has, and whether this release knows all of them. A row is replaced as a whole, so a
//! column that is not known here would be emptied by the next change of its row: such a file is refused (ADR 0100).
//!
//! What is known is read from an empty database that is prepared as every other one: there is no second list.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rusqlite::Connection;
use tables::TableId;

use crate::{boot, history, rows};

/// The version of all tables and columns; a test has the fingerprint of each. What is missing is added to a file of an
/// earlier version.
pub(crate) const VERSION: i64 = 1;

/// The columns of each table by their names.
type Schema = BTreeMap<String, BTreeSet<String>>;

/// What a file has that this release does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// A version.
    Version {
        /// The version of the file.
        found: i64,
        /// The newest version that we know.
        known: i64,
    },
    /// A table.
    Table(String),
    /// A column.
    Column {
        /// The table that it is in.
        table: String,
        /// Its name.
        column: String,
    },
}

impl fmt::Display for Unknown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { found, known } => {
                write!(out, "schema version {found}, this release knows versions up to {known}")
            }
            Self::Table(table) => write!(out, "a table '{table}', which this release has not"),
            Self::Column { table, column } => {
                write!(
                    out,
                    "a column '{column}' in the table '{table}', which this release has not"
                )
            }
        }
    }
}

/// Makes the tables and columns that are missing.
pub(crate) fn complete(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS store_state (
             one INTEGER PRIMARY KEY CHECK (one = 1), generation INTEGER NOT NULL) STRICT;
         INSERT OR IGNORE INTO store_state VALUES (1, 0);",
    )?;
    connection.execute_batch(history::TABLES)?;
    connection.execute_batch(boot::TABLES)?;
    TableId::all().try_for_each(|table| rows::prepare(connection, table))
}

/// What the file has that is not known here.
pub(crate) fn unknown(connection: &Connection) -> rusqlite::Result<Option<Unknown>> {
    let empty = Connection::open_in_memory()?;
    complete(&empty)?;
    Ok(beyond(&read(connection)?, &read(&empty)?))
}

fn read(connection: &Connection) -> rusqlite::Result<Schema> {
    let mut statement = connection.prepare(
        "SELECT held.name, info.name FROM sqlite_schema AS held, pragma_table_info(held.name) AS info
         WHERE held.type = 'table' AND held.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )?;
    let mut found = statement.query([])?;
    let mut schema = Schema::new();
    while let Some(row) = found.next()? {
        schema.entry(row.get(0)?).or_default().insert(row.get(1)?);
    }
    Ok(schema)
}

/// The first of `found` that `known` has not.
fn beyond(found: &Schema, known: &Schema) -> Option<Unknown> {
    found.iter().find_map(|(table, columns)| match known.get(table) {
        None => Some(Unknown::Table(table.clone())),
        Some(own) => columns
            .difference(own)
            .next()
            .map(|column| Unknown::Column { table: table.clone(), column: column.clone() }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each version with the fingerprint of its tables and columns. When one of these changes, an older release would empty
    /// what it does not know: raise [`VERSION`] and add a line; a line that was released never changes.
    const FINGERPRINTS: &[(i64, u64)] = &[(1, 0xe4ec_c627_d3a0_fc21)];

    /// FNV-1a over the names, types and keys of all columns in their order.
    fn fingerprint() -> u64 {
        let empty = Connection::open_in_memory().unwrap();
        complete(&empty).unwrap();
        let mut statement = empty
            .prepare(
                "SELECT held.name || ' ' || info.name || ' ' || info.type || ' ' || info.pk || char(10)
                 FROM sqlite_schema AS held, pragma_table_info(held.name) AS info
                 WHERE held.type = 'table' AND held.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
                 ORDER BY held.name, info.cid",
            )
            .unwrap();
        let lines = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let text: String = lines.map(Result::unwrap).collect();
        let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
    }

    #[test]
    fn another_schema_is_another_version() {
        let versions: Vec<i64> = FINGERPRINTS.iter().map(|(version, _)| *version).collect();
        assert!(versions.is_sorted_by(|earlier, later| earlier < later), "{versions:?}");
        assert_eq!(
            FINGERPRINTS.last(),
            Some(&(VERSION, fingerprint())),
            "the tables or columns have changed: raise VERSION and add its fingerprint, {:#018x}",
            fingerprint()
        );
    }

    #[test]
    fn what_is_beyond_the_known_is_named_and_what_is_missing_is_not() {
        let schema = |tables: &[(&str, &[&str])]| -> Schema {
            let columns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            tables.iter().map(|(table, names)| ((*table).to_owned(), columns(names))).collect()
        };
        let known = schema(&[("mac", &["node", "mac"]), ("site", &["key", "value"])]);
        let column =
            |table: &str| Unknown::Column { table: table.to_owned(), column: "flux".to_owned() };
        for (found, expected) in [
            (schema(&[]), None),
            (known.clone(), None),
            (schema(&[("site", &["key"])]), None),
            (schema(&[("flux", &["key"])]), Some(Unknown::Table("flux".to_owned()))),
            (schema(&[("mac", &["node", "flux"])]), Some(column("mac"))),
            (schema(&[("mac", &["node"]), ("site", &["flux", "key"])]), Some(column("site"))),
        ] {
            assert_eq!(beyond(&found, &known), expected, "{found:?}");
        }
    }

    #[test]
    fn a_file_that_was_completed_has_nothing_unknown() {
        let connection = Connection::open_in_memory().unwrap();
        assert_eq!(unknown(&connection).unwrap(), None);
        complete(&connection).unwrap();
        assert_eq!(unknown(&connection).unwrap(), None);
    }
}
