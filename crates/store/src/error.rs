//! What can go wrong with the store, and what to do about each.

use std::path::PathBuf;
use std::sync::Arc;

use base::{ErrorKind, Failure, chain};
use rusqlite::ErrorCode;
use tables::ApplyError;

use crate::schema::Unknown;

/// The store cannot do what was asked. Cheap to clone: one failed transaction fails many updates.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory or the file cannot be used.
    #[error("cannot open {path}")]
    Open {
        /// The directory or file.
        path: PathBuf,
        /// What the system says.
        source: Arc<std::io::Error>,
    },
    /// Another process has it open.
    #[error("{path} is in use by another process")]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// The file was written by a later release.
    #[error("{path} was written by a later release: it has {unknown}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// What shows that.
        unknown: Unknown,
    },
    /// A write-ahead log lies there without its file.
    #[error("{path} holds changes, and the file that they belong to is missing or empty")]
    LoneLog {
        /// The log.
        path: PathBuf,
    },
    /// SQLite keeps a journal that does not make changes durable.
    #[error("{path} cannot be given a durable journal: SQLite keeps '{kept}'")]
    Journal {
        /// The file.
        path: PathBuf,
        /// The name of that journal.
        kept: String,
    },
    /// The file is not one of ours.
    #[error("{path} is not a store of tables")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("{path} is damaged: {problem}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// There is no room for the change.
    #[error("no space left for {path}")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// SQLite failed otherwise.
    #[error("cannot use {path}")]
    Sql {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: Arc<rusqlite::Error>,
    },
    /// The thread that does the work could not be started.
    #[error("cannot start a thread of the store")]
    Thread(#[source] Arc<std::io::Error>),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The closure of an update panicked; nothing was changed.
    #[error("the change could not be decided: {0}")]
    Panicked(String),
}

impl StoreError {
    /// What `source` means for the file at `path`.
    pub(crate) fn from_sql(path: &std::path::Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { path, problem: source.to_string() }
            }
            _ => Self::Sql { path, source: Arc::new(source) },
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let kind = match error {
            StoreError::InUse { .. } => ErrorKind::Timeout,
            // Starting again changes nothing about these.
            StoreError::Newer { .. }
            | StoreError::LoneLog { .. }
            | StoreError::Foreign { .. }
            | StoreError::Damaged { .. } => ErrorKind::Conflict,
            _ => ErrorKind::Internal,
        };
        let hint = match error {
            StoreError::InUse { .. } => Some("stop the other daemon first"),
            StoreError::Newer { .. } => Some("start the release that wrote it, or a later one"),
            StoreError::Foreign { .. } => Some("move the file away, or choose another directory"),
            StoreError::LoneLog { .. } => Some(
                "put tables.sqlite back beside it, or move it away together with tables.sqlite-shm",
            ),
            StoreError::Damaged { .. } => Some(
                "move tables.sqlite away together with tables.sqlite-wal and tables.sqlite-shm, which belong to it; a dump (*.csv) is restored at the next start where one lies in /.dbbackup, else by restorexCATdb",
            ),
            StoreError::Full { .. } => Some("make room and repeat the command"),
            _ => None,
        };
        let failure = Self::new(kind, chain(&error));
        hint.into_iter().fold(failure, Failure::hint)
    }
}

/// Why an update changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpdateError<E> {
    /// The closure of the update said no.
    #[error("{0}")]
    Rejected(E),
    /// The patch does not fit the tables.
    #[error("the change does not fit the tables")]
    Apply(#[source] ApplyError),
    /// The store failed.
    #[error("the change could not be stored")]
    Store(#[source] StoreError),
}

impl PartialEq for StoreError {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for StoreError {}

impl From<UpdateError<Failure>> for Failure {
    fn from(error: UpdateError<Failure>) -> Self {
        match error {
            UpdateError::Rejected(failure) => failure,
            UpdateError::Apply(error) => Self::new(ErrorKind::Usage, error.to_string()),
            UpdateError::Store(error) => error.into(),
        }
    }
}
