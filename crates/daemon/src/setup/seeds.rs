//! Which tables have had their first rows. A table gets them once: one that an administrator empties stays empty (ADR 0101).
//!
//! The mark is a file in the state directory, a name a line. What it says is durable before it is written:
//!
//! ```text
//! nothing changed yet --begin--> nothing marked --the tables are completed--> the tables that have rows
//! changed, and no mark: a release that kept none --------------------------> all of them
//! ```
//!
//! Killed between, a first start goes on where it was: what is not marked is completed while it is empty, also of a dump
//! that was restored.

use std::collections::BTreeSet;
use std::path::Path;

use tables::{Snapshot, TableId, ids};

use crate::setup::files::{self, FileError};

/// The name of the file, below the state directory.
const MARK: &str = "seeded";
/// The tables with first rows.
const SEEDED: [TableId; 6] =
    [ids::SITE, ids::NETWORKS, ids::PASSWD, ids::POLICY, ids::POSTSCRIPTS, ids::OSIMAGE];

/// The tables that have had them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seeds(BTreeSet<TableId>);

impl Seeds {
    /// What is so at a start, by the tables and the mark. Tables that were never changed have nothing, whatever a mark says
    /// that an earlier database has left.
    fn of(generation: u64, mark: Option<&str>) -> Self {
        match (generation, mark) {
            (0, _) => Self::default(),
            (_, None) => Self::all(),
            (_, Some(text)) => Self(text.lines().filter_map(tables::table).collect()),
        }
    }

    /// All tables that ever get any.
    pub(crate) fn all() -> Self {
        Self(SEEDED.into())
    }

    /// Whether `table` is to get its first rows.
    pub(crate) fn lack(&self, table: TableId, snapshot: &Snapshot) -> bool {
        snapshot.row_count(table) == 0 && !self.0.contains(&table)
    }

    /// With the tables that have rows now.
    fn with(&self, snapshot: &Snapshot) -> Self {
        let full = SEEDED.into_iter().filter(|table| snapshot.row_count(*table) != 0);
        Self(self.0.iter().copied().chain(full).collect())
    }

    fn text(&self) -> String {
        self.0.iter().flat_map(|table| [table.name(), "\n"]).collect()
    }
}

/// Reads the mark, and makes it before the first change of the tables.
pub(crate) fn begin(state: &Path, snapshot: &Snapshot) -> Result<Seeds, FileError> {
    let path = state.join(MARK);
    let seeds = Seeds::of(snapshot.generation(), files::read(&path)?.as_deref());
    if snapshot.generation() == 0 {
        files::ensure(&path, seeds.text().as_bytes(), 0o600)?;
    }
    Ok(seeds)
}

/// Marks the tables that have rows in `snapshot`, which is durable.
pub(crate) fn keep(state: &Path, seeds: &Seeds, snapshot: &Snapshot) -> Result<(), FileError> {
    files::ensure(&state.join(MARK), seeds.with(snapshot).text().as_bytes(), 0o600)
}

#[cfg(test)]
mod tests {
    use tables::Patch;

    use super::*;

    #[test]
    fn the_mark_says_which_tables_have_had_their_rows() {
        let marked = |tables: &[TableId]| Seeds(tables.iter().copied().collect());
        for (generation, mark, seeds) in [
            (0, None, marked(&[])),
            (0, Some("passwd\nsite\n"), marked(&[])),
            (1, None, marked(&SEEDED)),
            (1, Some(""), marked(&[])),
            (7, Some("passwd\nof a later release\nsite\n"), marked(&[ids::PASSWD, ids::SITE])),
        ] {
            assert_eq!(Seeds::of(generation, mark), seeds, "{generation} {mark:?}");
        }
    }

    #[test]
    fn a_table_that_never_had_rows_is_not_marked_and_one_that_was_emptied_stays_so() {
        let dir = tempfile::tempdir().unwrap();
        let mut patch = Patch::new();
        patch.set(ids::PASSWD, &["system", "root"], &[("password", Some("x"))]);
        let (empty, full) = (Snapshot::empty(), Snapshot::empty().apply(&patch).unwrap().0);
        let mut patch = Patch::new();
        patch.delete(ids::PASSWD, &["system", "root"]);
        let emptied = full.apply(&patch).unwrap().0;
        let seeds = begin(dir.path(), &empty).unwrap();
        assert!(seeds.lack(ids::PASSWD, &empty) && !seeds.lack(ids::PASSWD, &full));
        let killed = begin(dir.path(), &emptied).unwrap();
        assert!(killed.lack(ids::PASSWD, &emptied), "the first start was cut short");
        keep(dir.path(), &seeds, &full).unwrap();
        for _ in 0..2 {
            let later = begin(dir.path(), &emptied).unwrap();
            assert!(!later.lack(ids::PASSWD, &emptied) && later.lack(ids::NETWORKS, &emptied));
            keep(dir.path(), &later, &emptied).unwrap();
        }
        std::fs::remove_file(dir.path().join(MARK)).unwrap();
        assert!(!begin(dir.path(), &emptied).unwrap().lack(ids::NETWORKS, &emptied));
        let anew = begin(dir.path(), &empty).unwrap();
        assert!(anew.lack(ids::PASSWD, &empty), "the database was moved away");
    }
}
