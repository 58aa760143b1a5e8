//! Opening the file: the lock that keeps a second process out, the settings that make a commit
//! durable, the version of the schema, and all rows as a snapshot.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tables::{Row, Snapshot, TableId};

use crate::error::StoreError;
use crate::file_system::Journal;
use crate::rows;
use crate::schema::{self, Unknown, VERSION};

/// Marks the file as ours: "xCrs".
const APPLICATION: i64 = 0x7843_7273;

/// The connections to the file, and the lock on it for as long as they live.
pub(crate) struct Database {
    pub(crate) path: PathBuf,
    pub(crate) writer: Connection,
    pub(crate) reader: Connection,
    pub(crate) snapshot: Snapshot,
    pub(crate) journal: Journal,
    pub(crate) lock: File,
}

/// Where a SQLite file says which version of the schema its application gave it: four bytes, most significant first.
const USER_VERSION_AT: u64 = 60;

/// Opens the store in `dir`, and makes it when there is none. A file that is not for us is left as it is.
pub(crate) fn open(dir: &Path, journal: Journal) -> Result<Database, StoreError> {
    let lock = lock(dir)?;
    let path = dir.join("tables.sqlite");
    refuse_lone_log(&path)?;
    create_private(&path)?;
    check_header(&path)?;
    let failed = |source| StoreError::from_sql(&path, source);
    let mut writer = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
    check(&writer, &path)?;
    let journal = set_journal(&writer, journal, &path)?;
    prepare(&mut writer).map_err(failed)?;
    let snapshot = load(&writer, &path)?;
    let reader = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    Ok(Database { path, writer, reader, snapshot, journal, lock })
}

fn lock(dir: &Path) -> Result<File, StoreError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::Open { path, source: Arc::new(source) }
    };
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed(dir))?;
    let path = dir.join("lock");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(&path).map_err(failed(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path }),
        Err(TryLockError::Error(source)) => Err(failed(&path)(source)),
    }
}

/// Makes the file, when there is none, so that only its owner can read it.
fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(source) => Err(StoreError::Open { path: path.to_owned(), source: Arc::new(source) }),
    }
}

/// Refuses a write-ahead log whose file is gone: SQLite deletes one that lies beside a new file, and with it every change
/// that only the log has.
fn refuse_lone_log(path: &Path) -> Result<(), StoreError> {
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log = PathBuf::from(log);
    if size(path) == 0 && size(&log) > 0 { Err(StoreError::LoneLog { path: log }) } else { Ok(()) }
}

fn connect(path: &Path, mode: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(512);
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    if mode.contains(OpenFlags::SQLITE_OPEN_READ_WRITE) {
        connection.pragma_update(None, "synchronous", "FULL")?;
    }
    Ok(connection)
}

/// Refuses the file of a later release before SQLite opens it, which alone may change it. What is not yet checkpointed is
/// seen by [`check_version`].
fn check_header(path: &Path) -> Result<(), StoreError> {
    let mut version = [0; 4];
    let read = File::open(path).and_then(|file| file.read_exact_at(&mut version, USER_VERSION_AT));
    let found = i64::from(u32::from_be_bytes(version));
    match read {
        Ok(()) if found > VERSION && begins_as_sqlite(path) => {
            Err(newer(path, Unknown::Version { found, known: VERSION }))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn begins_as_sqlite(path: &Path) -> bool {
    let mut head = [0; 16];
    let read = File::open(path).and_then(|file| file.read_exact_at(&mut head, 0));
    read.is_ok() && head == *b"SQLite format 3\0"
}

/// Refuses what is not for us. A file that is refused is left as it is: its write-ahead log is not folded into it.
fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let leave_log = |leave| {
        let set = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, leave);
        set.map_err(|source| StoreError::from_sql(path, source))
    };
    leave_log(true)?;
    check_version(connection, path)?;
    check_schema(connection, path)?;
    check_pages(connection, path)?;
    leave_log(false).map(drop)
}

fn check_version(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let number = |name| {
        let value = connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        value.map_err(|source| StoreError::from_sql(path, source))
    };
    let is_new = number("schema_version")? == 0;
    if !is_new && number("application_id")? != APPLICATION {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    let found = number("user_version")?;
    if found > VERSION {
        return Err(newer(path, Unknown::Version { found, known: VERSION }));
    }
    Ok(())
}

fn check_schema(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let unknown = schema::unknown(connection);
    match unknown.map_err(|source| StoreError::from_sql(path, source))? {
        Some(unknown) => Err(newer(path, unknown)),
        None => Ok(()),
    }
}

fn newer(path: &Path, unknown: Unknown) -> StoreError {
    StoreError::Newer { path: path.to_owned(), unknown }
}

/// Reads the whole file for damage; a few hundred milliseconds for 100,000 nodes.
fn check_pages(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let verdict = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
        .map_err(|source| StoreError::from_sql(path, source))?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(StoreError::Damaged { path: path.to_owned(), problem: verdict.replace('\n', " ") })
}

/// Gives the file its journal, and tells which one it has: SQLite takes no write-ahead log where it has no shared memory,
/// and says so in its answer only.
fn set_journal(
    connection: &Connection,
    wanted: Journal,
    path: &Path,
) -> Result<Journal, StoreError> {
    let mut kept = String::new();
    for journal in [wanted, Journal::Rollback("a file system without shared memory")] {
        kept = connection
            .pragma_update_and_check(None, "journal_mode", journal.mode(), |row| row.get(0))
            .map_err(|source| StoreError::from_sql(path, source))?;
        if kept.eq_ignore_ascii_case(journal.mode()) {
            return Ok(journal);
        }
    }
    Err(StoreError::Journal { path: path.to_owned(), kept })
}

/// Adds what the file lacks, all or nothing.
fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    schema::complete(&transaction)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

fn load(connection: &Connection, path: &Path) -> Result<Snapshot, StoreError> {
    let failed = |source| StoreError::from_sql(path, source);
    let generation = connection
        .query_row("SELECT generation FROM store_state", [], |row| row.get::<_, i64>(0))
        .map_err(failed)?
        .cast_unsigned();
    let mut all: Vec<Row> = Vec::new();
    for table in TableId::all().filter(|table| !table.def().is_log()) {
        rows::load(connection, table, &mut all).map_err(failed)?;
    }
    Snapshot::load(generation, all)
        .map_err(|error| StoreError::Damaged { path: path.to_owned(), problem: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_is_the_one_that_sqlite_took() {
        let dir = tempfile::tempdir().unwrap();
        let rollback = Journal::Rollback("NFS");
        let without_memory = Journal::Rollback("a file system without shared memory");
        for (vfs, wanted, taken) in [
            ("unix", Journal::WriteAhead, Journal::WriteAhead),
            ("unix", rollback, rollback),
            ("unix-dotfile", Journal::WriteAhead, without_memory),
            ("unix-dotfile", rollback, rollback),
        ] {
            let path = dir.path().join(vfs);
            let connection =
                Connection::open_with_flags_and_vfs(&path, OpenFlags::default(), vfs).unwrap();
            assert_eq!(set_journal(&connection, wanted, &path).unwrap(), taken, "{vfs}");
        }
    }

    #[test]
    fn a_journal_that_does_not_outlive_the_process_is_an_error() {
        let connection = Connection::open_in_memory().unwrap();
        for wanted in [Journal::WriteAhead, Journal::Rollback("NFS")] {
            let error = set_journal(&connection, wanted, Path::new("/t")).unwrap_err();
            assert!(
                matches!(&error, StoreError::Journal { kept, .. } if kept == "memory"),
                "{error}"
            );
        }
    }
}
