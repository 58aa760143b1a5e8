//! Files that cannot be used are refused with a reason and left as they are.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::{ErrorKind, Failure, SystemClock};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use store::{Journal, Origin, Store, StoreError};
use tables::{Patch, ids};

fn open(dir: &Path) -> Result<Store, StoreError> {
    Store::open(dir, Arc::new(SystemClock))
}

fn refusal(dir: &Path) -> Failure {
    open(dir).map(|_| ()).unwrap_err().into()
}

/// A closed store with enough rows to have many pages.
async fn filled(dir: &Path) -> PathBuf {
    let store = open(dir).unwrap();
    let fill = |_: &tables::Snapshot| {
        let mut patch = Patch::new();
        for index in 0..2_000 {
            let name = format!("node{index:04}");
            patch.set(
                ids::NODELIST,
                &[&name],
                &[("groups", Some("all")), ("comments", Some(&name))],
            );
        }
        Ok::<_, Failure>(patch)
    };
    store.update(Origin::new("root", "fill"), fill).await.unwrap();
    store.close().await;
    dir.join("tables.sqlite")
}

#[tokio::test]
async fn a_second_process_is_kept_out() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let refused = refusal(dir.path());
    assert!(refused.message.ends_with("/lock is in use by another process"), "{refused}");
    store.close().await;
    open(dir.path()).unwrap();
}

#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let file = filled(&state).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&state), mode(&file)), (0o700, 0o600));
}

#[tokio::test]
async fn a_later_schema_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = filled(dir.path()).await;
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refused = refusal(dir.path());
    assert!(refused.message.contains("schema version 99, this release knows versions up to 1"));
    assert_eq!(refused.hint.as_deref(), Some("start the release that wrote it, or a later one"));
}

#[tokio::test]
async fn the_file_of_a_later_release_is_left_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let file = filled(dir.path()).await;
    let connection = Connection::open(&file).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    connection.pragma_update(None, "journal_mode", "DELETE").unwrap();
    drop(connection);
    let before = fs::read(&file).unwrap();
    assert!(refusal(dir.path()).message.contains("schema version 99"));
    assert_eq!(fs::read(&file).unwrap(), before);
    assert!(!dir.path().join("tables.sqlite-wal").exists());
}

#[tokio::test]
async fn what_a_later_release_added_is_refused_and_left_byte_for_byte() {
    for (change, words) in [
        ("ALTER TABLE nodelist ADD COLUMN flux TEXT", "a column 'flux' in the table 'nodelist'"),
        ("CREATE TABLE fluxes (node TEXT)", "a table 'fluxes'"),
        (
            "ALTER TABLE store_boot ADD COLUMN flux TEXT",
            "a column 'flux' in the table 'store_boot'",
        ),
    ] {
        for journal in ["DELETE", "WAL"] {
            let dir = tempfile::tempdir().unwrap();
            let file = filled(dir.path()).await;
            let connection = Connection::open(&file).unwrap();
            connection.pragma_update(None, "journal_mode", journal).unwrap();
            // As after a kill: the change is in the log only.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
            connection.execute_batch(change).unwrap();
            drop(connection);
            let bytes = || {
                let log = fs::read(dir.path().join("tables.sqlite-wal")).unwrap_or_default();
                (fs::read(&file).unwrap(), log)
            };
            let before = bytes();
            let refused = refusal(dir.path());
            assert!(refused.message.contains("later release: it has"), "{refused}");
            assert!(refused.message.contains(words), "{refused}");
            assert_eq!(refused.kind, ErrorKind::Conflict);
            assert!(bytes() == before, "{change} in {journal}: the file was touched");
        }
    }
}

#[tokio::test]
async fn a_log_without_its_file_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let file = filled(dir.path()).await;
    let connection = Connection::open(&file).unwrap();
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    connection.execute_batch("DELETE FROM nodelist").unwrap();
    drop(connection);
    let log = dir.path().join("tables.sqlite-wal");
    let before = fs::read(&log).unwrap();
    let away = dir.path().join("away");
    fs::rename(&file, &away).unwrap();
    for _ in 0..2 {
        let refused = refusal(dir.path());
        assert!(refused.message.contains("tables.sqlite-wal holds changes"), "{refused}");
        assert_eq!(refused.kind, ErrorKind::Conflict);
        assert!(fs::read(&log).unwrap() == before);
    }
    fs::rename(&away, &file).unwrap();
    assert_eq!(open(dir.path()).unwrap().snapshot().row_count(ids::NODELIST), 0);
}

#[tokio::test]
async fn either_journal_opens_what_the_other_has_written() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    let journals = [Journal::Rollback("NFS"), Journal::Rollback("NFS"), Journal::WriteAhead];
    for (index, journal) in journals.into_iter().enumerate() {
        let store = Store::open_with(dir.path(), Arc::new(SystemClock), journal).unwrap();
        let key = format!("key{index}");
        let set = move |_: &tables::Snapshot| {
            let mut patch = Patch::new();
            patch.set(ids::SITE, &[&key], &[("value", Some("v"))]);
            Ok::<_, Failure>(patch)
        };
        store.update(Origin::new("root", "set"), set).await.unwrap();
        assert_eq!(store.snapshot().row_count(ids::SITE), index + 1);
        assert_eq!(store.history(store::HistoryQuery::default()).await.unwrap().len(), index + 2);
        store.close().await;
        assert!(!dir.path().join("tables.sqlite-wal").exists());
    }
    assert_eq!(open(dir.path()).unwrap().snapshot().row_count(ids::NODELIST), 2_000);
}

#[tokio::test]
async fn a_file_of_something_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tables.sqlite");
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    assert!(refusal(dir.path()).message.ends_with("is not a store of tables"));
    fs::write(
        &file,
        "this is no database at all, but it is long enough to be read as one".repeat(99),
    )
    .unwrap();
    assert!(refusal(dir.path()).message.contains("is damaged"));
}

#[tokio::test]
async fn damage_is_found_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let file = filled(dir.path()).await;
    let mut bytes = fs::read(&file).unwrap();
    let place = bytes.windows(8).position(|window| window == b"node1000").unwrap();
    let page = place / 4096 * 4096;
    bytes[page..page + 4096].fill(0xa5);
    fs::write(&file, bytes).unwrap();
    let refused = refusal(dir.path());
    assert!(refused.message.contains("is damaged"), "{refused}");
    let hint = refused.hint.unwrap();
    for name in ["tables.sqlite ", "tables.sqlite-wal", "tables.sqlite-shm"] {
        assert!(hint.contains(name), "{hint}");
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = refusal(&file.join("state"));
    assert!(refused.message.starts_with("cannot open"), "{refused}");
}

#[tokio::test]
async fn columns_that_a_release_adds_are_added_to_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = filled(dir.path()).await;
    let connection = Connection::open(&file).unwrap();
    connection.execute_batch("ALTER TABLE nodelist DROP COLUMN zonename; DROP TABLE zone").unwrap();
    drop(connection);
    let store = open(dir.path()).unwrap();
    let set = |_: &tables::Snapshot| {
        let mut patch = Patch::new();
        patch.set(ids::NODELIST, &["node0007"], &[("zonename", Some("z"))]);
        patch.set(ids::ZONE, &["z"], &[("comments", Some("c"))]);
        Ok::<_, Failure>(patch)
    };
    store.update(Origin::new("root", "chdef"), set).await.unwrap();
    store.close().await;
    let snapshot = open(dir.path()).unwrap().snapshot();
    let row = snapshot.row(ids::NODELIST, &["node0007"]).unwrap();
    assert_eq!((row.get("zonename"), row.get("comments")), (Some("z"), Some("node0007")));
    assert_eq!(snapshot.row_count(ids::ZONE), 1);
}
