//! The schema as data: which tables there are, their columns and keys, and what each column means.
//!
//! The tables are those of xCAT, so that a dump of either restores in the other.

mod a_to_h;
mod i_to_m;
pub mod ids;
mod n_to_o;
mod p_to_z;

use std::fmt;

/// What a table looks like.
#[derive(Debug)]
pub struct TableDef {
    /// The name of the table.
    pub name: &'static str,
    /// What the table is for, in one line.
    pub help: &'static str,
    /// The column that is matched against names of nodes and groups, when the table has one.
    pub node_column: Option<&'static str>,
    /// The columns in the order of the dump.
    pub columns: &'static [ColumnDef],
}

/// What a column looks like.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are facts that do not depend on each other"
)]
pub struct ColumnDef {
    /// The name of the column.
    pub name: &'static str,
    /// Whether the column is part of the key of its table.
    pub key: bool,
    /// Whether a row must have a value here.
    pub required: bool,
    /// Whether the store numbers this column by itself.
    pub auto: bool,
    /// Whether the texts are secrets, which are shown as `***` where nobody asked for them.
    pub secret: bool,
    /// What the column means, in one line.
    pub help: &'static str,
}

impl TableDef {
    /// The position of the column `name`.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The positions of the key columns.
    pub fn key_columns(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().enumerate().filter(|(_, column)| column.key).map(|(index, _)| index)
    }

    /// Whether the table is a log that the store numbers and keeps out of the snapshots.
    pub fn is_log(&self) -> bool {
        self.columns.iter().any(|column| column.auto)
    }
}

/// A table of the schema.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(u8);

impl TableId {
    /// How many tables there are.
    pub const COUNT: usize = 73;

    /// Every table, sorted by name.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).filter_map(|index| u8::try_from(index).ok()).map(Self)
    }

    /// What the table looks like.
    pub fn def(self) -> &'static TableDef {
        TABLES[self.index()]
    }

    /// The name of the table.
    pub fn name(self) -> &'static str {
        self.def().name
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Debug for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The table called `name`.
pub fn table(name: &str) -> Option<TableId> {
    let index = TABLES.binary_search_by(|def| def.name.cmp(name)).ok()?;
    u8::try_from(index).ok().map(TableId)
}

static TABLES: [&TableDef; TableId::COUNT] = gather();

const fn gather() -> [&'static TableDef; TableId::COUNT] {
    let parts = [a_to_h::TABLES, i_to_m::TABLES, n_to_o::TABLES, p_to_z::TABLES];
    let mut tables = [&a_to_h::TABLES[0]; TableId::COUNT];
    let (mut next, mut part) = (0, 0);
    while part < parts.len() {
        let mut index = 0;
        while index < parts[part].len() {
            tables[next] = &parts[part][index];
            next += 1;
            index += 1;
        }
        part += 1;
    }
    assert!(next == TableId::COUNT);
    tables
}

impl ColumnDef {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    const fn auto(mut self) -> Self {
        self.auto = true;
        self
    }
}

const fn column(name: &'static str, help: &'static str) -> ColumnDef {
    ColumnDef { name, key: false, required: false, auto: false, secret: false, help }
}

const fn key(name: &'static str, help: &'static str) -> ColumnDef {
    ColumnDef { name, key: true, required: false, auto: false, secret: false, help }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_complete() {
        assert!(TABLES.is_sorted_by(|a, b| a.name < b.name));
        assert_eq!(TABLES.iter().map(|def| def.columns.len()).sum::<usize>(), 707);
        assert_eq!(TABLES.iter().map(|def| def.key_columns().count()).sum::<usize>(), 85);
        for id in TableId::all() {
            assert_eq!(table(id.name()), Some(id));
        }
        assert_eq!(table("nosuch"), None);
        assert_eq!(table("ZVM"), None);
    }

    #[test]
    fn constants_name_their_tables() {
        assert_eq!(ids::AUDITLOG.name(), "auditlog");
        assert_eq!(ids::NODELIST.name(), "nodelist");
        assert_eq!(ids::SITE.name(), "site");
        assert_eq!(ids::ZVMIVP.name(), "zvmivp");
    }

    #[test]
    fn every_table_has_unique_columns_keys_and_a_valid_node_column() {
        for def in TABLES {
            assert!(def.key_columns().count() > 0, "{}", def.name);
            assert!(!def.help.is_empty() && !def.help.ends_with('.'), "{}", def.name);
            for (index, column) in def.columns.iter().enumerate() {
                assert_eq!(def.column(column.name), Some(index), "{}", def.name);
            }
            if let Some(column) = def.node_column {
                assert_eq!(def.key_columns().next(), def.column(column), "{}", def.name);
            }
        }
        let logs: Vec<_> = TableId::all().filter(|id| id.def().is_log()).collect();
        assert_eq!(logs, [ids::AUDITLOG, ids::EVENTLOG]);
    }

    #[test]
    fn columns_that_are_called_passwords_are_secret() {
        for def in TABLES {
            for column in def.columns.iter().filter(|column| column.name.contains("passw")) {
                assert!(column.secret, "{}.{}", def.name, column.name);
            }
        }
    }

    #[test]
    fn agrees_with_the_written_specification() {
        let Ok(text) = std::fs::read_to_string("../../../shared/spec/tables.tsv") else { return };
        let mut seen = 0;
        for line in text.lines().skip(1) {
            let fields: Vec<_> = line.split('\t').collect();
            let def = table(fields[0]).expect(fields[0]).def();
            let column = &def.columns[def.column(fields[1]).expect(fields[1])];
            assert_eq!(column.key, fields[2] == "key", "{line}");
            assert_eq!(column.required, fields[3] == "required", "{line}");
            assert_eq!(column.auto, fields[4].contains("AUTO_INCREMENT"), "{line}");
            assert_eq!(def.node_column.unwrap_or_default(), fields[5], "{line}");
            // What the help leaves out is for readers of the specification, which has files of its own.
            let help = fields[6].split(", see site.tsv").next();
            assert_eq!(Some(column.help), help, "{line}");
            seen += 1;
        }
        assert_eq!(seen, 707);
    }
}
