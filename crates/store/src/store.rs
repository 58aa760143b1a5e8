//! The handle that everybody shares.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use base::Clock;
use rusqlite::Connection;
use tables::{ApplyError, Patch, Row, RowChange, Snapshot, TableId};
use tokio::sync::{mpsc, oneshot, watch};

use crate::boot::{self, BootLog, BootRecord, BootSubject};
use crate::error::{StoreError, UpdateError};
use crate::file_system::Journal;
use crate::history::{self, HistoryEntry, HistoryQuery};
use crate::log::{self, LogCut, LogEdit, LogPage};
use crate::origin::Origin;
use crate::thread::Worker;
use crate::writer::{Job, Published, Record, Update, Writer};
use crate::{database, database::Database};

type Query = Box<dyn FnOnce(&Connection) + Send>;

/// The tables of one directory. Clones are handles to the same store.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

struct Shared {
    path: std::path::PathBuf,
    journal: Journal,
    published: Arc<Published>,
    writer: Worker<Job>,
    reader: Worker<Query>,
}

impl Store {
    /// Opens the store in `dir`, and makes it when there is none. Blocks while the rows are loaded.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        Self::open_with(dir, clock, Journal::for_directory(dir))
    }

    /// As [`open`](Self::open), with a journal that the caller chooses.
    pub fn open_with(
        dir: &Path,
        clock: Arc<dyn Clock>,
        journal: Journal,
    ) -> Result<Self, StoreError> {
        let opened = database::open(dir, journal)?;
        let Database { path, writer, reader, snapshot, journal, lock } = opened;
        let published = Arc::new(Published::new(snapshot));
        let writer = Writer {
            path: path.clone(),
            connection: writer,
            published: published.clone(),
            clock,
            boot_log: BootLog::default(),
            lock,
        };
        let writer = Worker::start("store-writer", move |jobs| writer.run(jobs))?;
        let reader = Worker::start("store-reader", move |queries| answer(&reader, queries))?;
        Ok(Self(Arc::new(Shared { path, journal, published, writer, reader })))
    }

    /// How a commit is made durable here.
    pub fn journal(&self) -> Journal {
        self.0.journal
    }

    /// The newest tables.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::clone(&self.0.published.snapshot.load())
    }

    /// Announces each new generation after it can be seen in [`snapshot`](Self::snapshot).
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.published.generation.subscribe()
    }

    /// How many transactions were committed since the store was opened.
    pub fn commits(&self) -> u64 {
        self.0.published.commits.load(Ordering::Relaxed)
    }

    /// Changes the tables by the patch that `decide` makes of the newest snapshot. The answer is a
    /// snapshot that has the change, which is durable by then. The change happens even when the
    /// answer is not waited for.
    pub async fn update<E: Send + 'static>(
        &self,
        origin: Origin,
        decide: impl FnOnce(&Snapshot) -> Result<Patch, E> + Send + 'static,
    ) -> Result<Snapshot, UpdateError<E>> {
        let decide = |snapshot: &Snapshot| decide(snapshot).map(|patch| (patch, ()));
        self.update_with(origin, decide).await.map(|(snapshot, ())| snapshot)
    }

    /// As [`update`](Self::update), with something to say about it beside the patch.
    pub async fn update_with<T: Send + 'static, E: Send + 'static>(
        &self,
        origin: Origin,
        decide: impl FnOnce(&Snapshot) -> Result<(Patch, T), E> + Send + 'static,
    ) -> Result<(Snapshot, T), UpdateError<E>> {
        let decide =
            |snapshot: &Snapshot| decide(snapshot).map(|(patch, more)| (patch, vec![], more));
        self.update_with_logs(origin, decide).await
    }

    /// As [`update_with`](Self::update_with), with rows for logs that are written in the same
    /// transaction.
    pub async fn update_with_logs<T: Send + 'static, E: Send + 'static>(
        &self,
        origin: Origin,
        decide: impl FnOnce(&Snapshot) -> Result<(Patch, Vec<LogEdit>, T), E> + Send + 'static,
    ) -> Result<(Snapshot, T), UpdateError<E>> {
        let (answer, outcome) = oneshot::channel();
        let edit = Edit { origin, decide: Some(decide), verdict: None, logs: vec![], answer };
        let closed = |_| UpdateError::Store(StoreError::Closed);
        self.0.writer.send(Job::Update(Box::new(edit))).await.map_err(UpdateError::Store)?;
        outcome.await.map_err(closed)?
    }

    /// Appends rows to the logs that they are rows of, `auditlog` or `eventlog`; the store numbers
    /// them.
    pub async fn append_log(&self, rows: Vec<Row>) -> Result<(), StoreError> {
        let is_log = |row: &Row| row.table().def().is_log();
        debug_assert!(rows.iter().all(is_log), "only logs are appended to");
        let rows: Vec<Row> = rows.into_iter().filter(is_log).collect();
        self.record(move |connection, _| log::append(connection, &rows).map(|()| 0))
            .await
            .map(|_| ())
    }

    /// A page of a log, sorted by number.
    pub async fn read_log(&self, table: TableId, page: LogPage) -> Result<Vec<Row>, StoreError> {
        if !table.def().is_log() {
            return Ok(Vec::new());
        }
        self.query(move |connection| log::read(connection, table, page)).await
    }

    /// Removes rows of a log, and tells how many.
    pub async fn cut_log(&self, table: TableId, cut: LogCut) -> Result<u64, StoreError> {
        if !table.def().is_log() {
            return Ok(0);
        }
        self.record(move |connection, _| log::cut(connection, table, &cut)).await
    }

    /// The changes that match, newest first.
    pub async fn history(&self, query: HistoryQuery) -> Result<Vec<HistoryEntry>, StoreError> {
        self.query(move |connection| history::read(connection, &query)).await
    }

    /// The change with this number and all the rows that it changed.
    pub async fn change(&self, id: i64) -> Result<Option<HistoryEntry>, StoreError> {
        self.query(move |connection| history::read_one(connection, id)).await
    }

    /// Appends what happened while nodes booted.
    pub async fn record_boot(&self, records: Vec<BootRecord>) -> Result<(), StoreError> {
        let write = move |connection: &Connection, boot_log: &mut BootLog| {
            boot_log.append(connection, &records).map(|()| 0)
        };
        self.record(write).await.map(|_| ())
    }

    /// The newest records of what a node or a machine did, oldest first.
    pub async fn boot_records(
        &self,
        subject: BootSubject,
        limit: u32,
    ) -> Result<Vec<BootRecord>, StoreError> {
        self.query(move |connection| boot::read(connection, &subject, limit)).await
    }

    /// Finishes what was asked for and closes the file; later requests fail.
    pub async fn close(&self) {
        self.0.reader.close().await;
        self.0.writer.close().await;
    }

    async fn record(
        &self,
        write: impl FnMut(&Connection, &mut BootLog) -> rusqlite::Result<u64> + Send + 'static,
    ) -> Result<u64, StoreError> {
        let (answer, outcome) = oneshot::channel();
        let record = Record { write: Box::new(write), answer };
        self.0.writer.send(Job::Record(record)).await?;
        outcome.await.map_err(|_| StoreError::Closed)?
    }

    async fn query<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, outcome) = oneshot::channel();
        let query = move |connection: &Connection| {
            // Whoever asked may have gone.
            answer.send(read(connection)).ok();
        };
        self.0.reader.send(Box::new(query)).await?;
        let found = outcome.await.map_err(|_| StoreError::Closed)?;
        found.map_err(|source| StoreError::from_sql(&self.0.path, source))
    }
}

fn answer(connection: &Connection, mut queries: mpsc::Receiver<Query>) {
    while let Some(query) = queries.blocking_recv() {
        query(connection);
    }
}

/// An update with the types of its closure.
struct Edit<F, T, E> {
    origin: Origin,
    decide: Option<F>,
    verdict: Option<Result<T, UpdateError<E>>>,
    logs: Vec<LogEdit>,
    answer: oneshot::Sender<Result<(Snapshot, T), UpdateError<E>>>,
}

impl<F, T, E> Update for Edit<F, T, E>
where
    F: FnOnce(&Snapshot) -> Result<(Patch, Vec<LogEdit>, T), E> + Send,
    T: Send,
    E: Send,
{
    fn decide(&mut self, snapshot: &Snapshot) -> Option<(Snapshot, Vec<RowChange>)> {
        let decide = self.decide.take()?;
        match outcome_of(decide, snapshot) {
            Ok(Outcome { next, changes, logs, more }) => {
                self.logs = logs;
                self.verdict = Some(Ok(more));
                Some((next, changes))
            }
            Err(error) => {
                self.verdict = Some(Err(error));
                None
            }
        }
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }

    fn logs(&self) -> &[LogEdit] {
        &self.logs
    }

    fn answer(self: Box<Self>, outcome: Result<Snapshot, StoreError>) {
        let verdict = self.verdict.unwrap_or(Err(UpdateError::Store(StoreError::Closed)));
        let answer = match outcome {
            Ok(snapshot) => verdict.map(|more| (snapshot, more)),
            Err(error) => Err(UpdateError::Store(error)),
        };
        // Whoever asked may have gone; the change is made all the same.
        self.answer.send(answer).ok();
    }
}

/// What an update comes to.
struct Outcome<T> {
    next: Snapshot,
    changes: Vec<RowChange>,
    logs: Vec<LogEdit>,
    more: T,
}

/// What a closure makes of a snapshot; a panic in it is its own failure and not the writer's.
fn outcome_of<F, T, E>(decide: F, snapshot: &Snapshot) -> Result<Outcome<T>, UpdateError<E>>
where
    F: FnOnce(&Snapshot) -> Result<(Patch, Vec<LogEdit>, T), E>,
{
    let decided = catch_unwind(AssertUnwindSafe(|| decide(snapshot)));
    let (patch, logs, more) =
        decided.map_err(|payload| panicked(&*payload))?.map_err(UpdateError::Rejected)?;
    let applied: Result<_, ApplyError> = snapshot.apply(&patch);
    let (next, changes) = applied.map_err(UpdateError::Apply)?;
    Ok(Outcome { next, changes, logs, more })
}

fn panicked<E>(payload: &(dyn Any + Send)) -> UpdateError<E> {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    UpdateError::Store(StoreError::Panicked(text.unwrap_or_else(|| "unknown panic".to_owned())))
}

#[cfg(test)]
mod tests {
    use base::{Failure, SystemClock};
    use tables::ids;

    use super::*;

    #[tokio::test]
    async fn a_full_disk_fails_the_update_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Arc::new(SystemClock)).unwrap();
        let fill = |size: usize| {
            let decide = move |_: &Snapshot| {
                let mut patch = Patch::new();
                patch.set(ids::SITE, &["small"], &[("value", Some("v"))]);
                patch.set(ids::SITE, &["big"], &[("value", Some(&"x".repeat(size)))]);
                Ok::<_, Failure>(patch)
            };
            store.update(Origin::new("root", "fill"), decide)
        };
        let limit = |more: i64| {
            store.record(move |connection, _| {
                let pages = connection
                    .pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0))?;
                connection.pragma_update(None, "max_page_count", pages + more)?;
                Ok(0)
            })
        };
        limit(4).await.unwrap();
        let error = fill(200_000).await.unwrap_err();
        assert!(matches!(error, UpdateError::Store(StoreError::Full { .. })), "{error:?}");
        assert_eq!(store.snapshot().generation(), 0);
        assert_eq!(store.snapshot().row_count(ids::SITE), 0);
        fill(10).await.unwrap();
        limit(1_000).await.unwrap();
        fill(200_000).await.unwrap();
        store.close().await;
        let store = Store::open(dir.path(), Arc::new(SystemClock)).unwrap();
        assert_eq!(store.snapshot().generation(), 2);
        assert_eq!(store.history(HistoryQuery::default()).await.unwrap().len(), 2);
    }
}
