//! The dump of an older management node, restored before the first start: completely or not at all.
//!
//! Not a command: nobody is there to ask. What is wrong with a file is told without its text, which may be a secret and
//! would go to a log.

use std::path::Path;

use base::{ErrorKind, Failure};
use store::{Origin, Store};
use tables::csv::CsvError;
use tables::{Patch, Snapshot, ids};

use crate::restore::{Content, Existing, add};
use crate::restorexcatdb::{FileProblem, check_whole, content, names_in};
use crate::run::blocking;
use crate::skipped::Skipped;

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// How many tables.
    pub tables: usize,
    /// How many rows in all of them.
    pub rows: usize,
    /// Files of tables that we do not have, which were empty, and of other products.
    pub left_out: Vec<String>,
}

/// Fills the store, which has to be empty, from the CSV files of `directory`.
pub async fn restore_first(store: &Store, directory: &Path) -> Result<Restored, Failure> {
    let place = directory.to_owned();
    let (contents, left_out) = blocking(move || read(&place)).await??;
    let tables = contents.len();
    let rows = contents.iter().map(|content| content.rows.len()).sum();
    let origin = Origin::new("xcatd", format!("xcatd (restore of {})", directory.display()));
    let decide = move |snapshot: &Snapshot| {
        if snapshot.generation() != 0 {
            let text = "the tables are not empty: the dump is not restored over them";
            return Err(Failure::new(ErrorKind::Conflict, text));
        }
        let (mut patch, mut logs) = (Patch::new(), Vec::new());
        for content in contents {
            add(content, Existing::Replaced, snapshot, (&mut patch, &mut logs))?;
        }
        Ok((patch, logs, ()))
    };
    store.update_with_logs(origin, decide).await.map_err(Failure::from).map_err(conflict)?;
    Ok(Restored { tables, rows, left_out })
}

/// Trying again changes nothing about a dump that does not fit.
fn conflict(failure: Failure) -> Failure {
    match failure.kind {
        ErrorKind::Usage => Failure { kind: ErrorKind::Conflict, ..failure },
        _ => failure,
    }
}

fn read(directory: &Path) -> Result<(Vec<Content>, Vec<String>), Failure> {
    let skipped = Skipped::new(&Snapshot::empty(), None, true);
    let (mut contents, mut left_out, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    let names = names_in(directory, "root")?;
    for file in &names {
        let name = file.strip_suffix(".csv").unwrap_or(file);
        if skipped.has(name) {
            left_out.push(file.clone());
            continue;
        }
        match content(&directory.join(file), name, "root") {
            Ok(Some(content)) => contents.push(content),
            Ok(None) => left_out.push(file.clone()),
            Err(problem) => problems.push(format!("{file}: {}", without_text(&problem))),
        }
    }
    if problems.is_empty() {
        let left_away = Skipped::new(&Snapshot::empty(), skiptables(&contents), true);
        match check_whole(directory, &names, &left_away) {
            Ok(()) => return Ok((contents, left_out)),
            Err(failure) => problems.push(failure.message),
        }
    }
    let text = format!(
        "nothing of the dump in {} is restored: {}",
        directory.display(),
        problems.join("; ")
    );
    Err(Failure::new(ErrorKind::Conflict, text)
        .hint("correct or complete the files, or move the dump away to begin with empty tables"))
}

/// What the dumped cluster left out of its dumps.
fn skiptables(contents: &[Content]) -> Option<&str> {
    let site = contents.iter().find(|content| content.table == ids::SITE)?;
    let row = site.rows.iter().find(|row| row.get("key") == Some("skiptables"))?;
    row.get("value")
}

fn without_text(problem: &FileProblem) -> String {
    match problem {
        FileProblem::Csv(CsvError::Line { problem, line, character, .. }) => {
            format!("{problem} on line {line}, character {character}")
        }
        FileProblem::Csv(CsvError::NoColumn { column, table }) => {
            format!(
                "it has a column '{column}', which table '{table}' does not have here: a later release wrote it"
            )
        }
        FileProblem::Csv(CsvError::Row { line, .. }) => {
            format!("the row on line {line} does not fit the table")
        }
        FileProblem::Csv(CsvError::NoHeader) => {
            "it has no first line with the names of the columns".to_owned()
        }
        FileProblem::Other(text) => text.split("; hint:").next().unwrap_or(text).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::restorexcatdb::IN_EVERY_DUMP;
    use base::SystemClock;

    struct Place(tempfile::TempDir);

    impl Place {
        /// A whole dump with these files among its own.
        fn with(files: &[(&str, &str)]) -> Self {
            let place = Self::with_only(&[]);
            for table in IN_EVERY_DUMP {
                let key = tables::table(table).unwrap().def().columns[0].name;
                place.write(&format!("{table}.csv"), &format!("#{key}\n"));
            }
            for (name, text) in files {
                place.write(name, text);
            }
            place
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.0.path().join("dump").join(name), text).unwrap();
        }

        fn with_only(files: &[(&str, &str)]) -> Self {
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir(dir.path().join("dump")).unwrap();
            for (name, text) in files {
                std::fs::write(dir.path().join("dump").join(name), text).unwrap();
            }
            Self(dir)
        }

        fn store(&self) -> Store {
            Store::open(&self.0.path().join("state"), Arc::new(SystemClock)).unwrap()
        }

        async fn restore(&self, store: &Store) -> Result<Restored, Failure> {
            restore_first(store, &self.0.path().join("dump")).await
        }
    }

    const SITE: (&str, &str) =
        ("site.csv", "#key,value,comments,disable\n\"domain\",\"old.org\",,\n");

    #[tokio::test]
    async fn a_dump_fills_empty_tables_with_its_logs() {
        let log = "#recid,eventtime,eventtype,monitor,monnode,node,application,component,id,severity,message,rawdata,comments,disable\n\"1\",\"now\",,,,,,,,,,,,\n";
        let place = Place::with(&[
            SITE,
            (
                "nodelist.csv",
                "#node,groups,status,statustime,appstatus,appstatustime,primarysn,hidden,updatestatus,updatestatustime,zonename,comments,disable\n\"n1\",\"all\",,,,,,,,,,,\n",
            ),
            ("eventlog.csv", log),
            ("isnm_perf.csv", "#x\n\"1\"\n"),
            ("retired.csv", "#x\n"),
        ]);
        let store = place.store();
        let restored = place.restore(&store).await.unwrap();
        assert_eq!((restored.tables, restored.rows), (IN_EVERY_DUMP.len() + 1, 3));
        assert_eq!(restored.left_out, ["isnm_perf.csv", "retired.csv"]);
        let snapshot = store.snapshot();
        assert_eq!((snapshot.site("domain"), snapshot.has_node("n1")), (Some("old.org"), true));
        let refused = place.restore(&store).await.unwrap_err();
        assert!(refused.message.contains("not empty"), "{refused}");
    }

    #[tokio::test]
    async fn a_dump_that_does_not_fit_changes_nothing_and_tells_no_secret() {
        for (file, text, word) in [
            ("passwd.csv", "#key,username,password\n\"system\",\"root\",\"s3cret\n", "line 2"),
            (
                "passwd.csv",
                "#key,username,password,newcolumn\n\"system\",\"root\",\"s3cret\",\"1\"\n",
                "newcolumn",
            ),
            ("newtable.csv", "#a,b\n\"s3cret\",\"2\"\n", "no table 'newtable'"),
            ("passwd.csv", "system,root,s3cret\n", "names of the columns"),
            (
                "passwd.csv",
                "#key,username,password\n\"system\",\"root\",\"s3cret\"\n\"system\",\"root\",\"other\"\n",
                "comes twice",
            ),
        ] {
            let place = Place::with(&[SITE, (file, text)]);
            let store = place.store();
            let refused = place.restore(&store).await.unwrap_err();
            let said = refused.to_string();
            assert!(said.contains(word) && !said.contains("s3cret"), "{said}");
            assert_eq!(refused.kind, ErrorKind::Conflict, "{said}");
            assert_eq!(
                (store.snapshot().generation(), store.snapshot().row_count(ids::SITE)),
                (0, 0)
            );
        }
    }

    #[tokio::test]
    async fn half_of_a_dump_is_refused_unless_the_cluster_left_the_rest_away() {
        let place = Place::with_only(&[SITE]);
        let refused = place.restore(&place.store()).await.unwrap_err().to_string();
        assert!(refused.contains("it lacks chain.csv, hosts.csv"), "{refused}");
        let place = Place::with(&[("site.csv", "#key,value\n\"skiptables\",\"chain, mac\"\n")]);
        for name in ["chain.csv", "mac.csv"] {
            std::fs::remove_file(place.0.path().join("dump").join(name)).unwrap();
        }
        assert_eq!(place.restore(&place.store()).await.unwrap().rows, 1);
    }
}
