//! The one writer: takes what waits, decides it in order, commits it as one transaction, publishes,
//! answers.
//!
//! Nothing is answered before it is durable, and nothing is published that is not. When the
//! transaction fails, everything that was decided in it fails, also a refusal that was based on a
//! change of the same transaction.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use base::{Clock, Timestamp};
use rusqlite::Connection;
use tables::{RowChange, Snapshot};
use tokio::sync::{mpsc, oneshot, watch};

use crate::boot::BootLog;
use crate::error::StoreError;
use crate::history;
use crate::log::{self, LogEdit};
use crate::origin::{Origin, Source};

/// How many requests share a transaction at most.
const GROUP: usize = 256;

/// What the readers see.
pub(crate) struct Published {
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) generation: watch::Sender<u64>,
    /// How many transactions were committed.
    pub(crate) commits: AtomicU64,
}

impl Published {
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        Self {
            generation: watch::Sender::new(snapshot.generation()),
            snapshot: ArcSwap::from_pointee(snapshot),
            commits: AtomicU64::new(0),
        }
    }
}

/// A request to the writer.
pub(crate) enum Job {
    /// A change of the tables.
    Update(Box<dyn Update>),
    /// Something that is written beside the tables.
    Record(Record),
}

/// A change of the tables that is still to be decided.
pub(crate) trait Update: Send {
    /// The next snapshot and what it changes; none when the change is refused.
    fn decide(&mut self, snapshot: &Snapshot) -> Option<(Snapshot, Vec<RowChange>)>;
    /// Who asks for it.
    fn origin(&self) -> &Origin;
    /// What is written to logs with it; nothing when the change is refused.
    fn logs(&self) -> &[LogEdit];
    /// Tells the outcome: the snapshot that has the change and all before it, or the refusal.
    fn answer(self: Box<Self>, outcome: Result<Snapshot, StoreError>);
}

/// Writes something and tells a number about it.
pub(crate) type Write = Box<dyn FnMut(&Connection, &mut BootLog) -> rusqlite::Result<u64> + Send>;

/// Writes beside the tables, and who waits for it.
pub(crate) struct Record {
    pub(crate) write: Write,
    pub(crate) answer: oneshot::Sender<Result<u64, StoreError>>,
}

/// The state of the writer's thread.
pub(crate) struct Writer {
    pub(crate) path: PathBuf,
    pub(crate) connection: Connection,
    pub(crate) published: Arc<Published>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) boot_log: BootLog,
    /// Keeps other processes out until the writer ends.
    pub(crate) lock: File,
}

/// An update that was decided, with the snapshot to answer with.
struct Decided {
    update: Box<dyn Update>,
    snapshot: Snapshot,
    changes: Vec<RowChange>,
}

impl Writer {
    /// Works until nobody can send any more.
    pub(crate) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(first) = jobs.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < GROUP {
                let Ok(next) = jobs.try_recv() else { break };
                batch.push(next);
            }
            self.perform(batch);
        }
        self.finish();
    }

    fn perform(&mut self, batch: Vec<Job>) {
        let (updates, mut records) = self.decide(batch);
        let written = self.commit(&updates, &mut records);
        if written.is_ok() {
            self.publish(updates.last().map(|last| last.snapshot.clone()));
        }
        for decided in updates {
            decided.update.answer(written.as_ref().map(|_| decided.snapshot).map_err(Clone::clone));
        }
        for (index, record) in records.into_iter().enumerate() {
            let count = |counts: &Vec<u64>| counts.get(index).copied().unwrap_or_default();
            let outcome = written.as_ref().map(count).map_err(Clone::clone);
            // Whoever asked may have gone; the record is written all the same.
            record.answer.send(outcome).ok();
        }
    }

    /// Decides the updates one after the other; answers those that are refused before anything
    /// changed.
    fn decide(&self, batch: Vec<Job>) -> (Vec<Decided>, Vec<Record>) {
        let mut snapshot = Snapshot::clone(&self.published.snapshot.load());
        let before = snapshot.generation();
        let (mut updates, mut records) = (Vec::new(), Vec::new());
        for job in batch {
            let mut update = match job {
                Job::Update(update) => update,
                Job::Record(record) => {
                    records.push(record);
                    continue;
                }
            };
            let changes = match update.decide(&snapshot) {
                Some((next, changes)) => {
                    snapshot = next;
                    changes
                }
                None => Vec::new(),
            };
            if snapshot.generation() == before && update.logs().is_empty() {
                update.answer(Ok(snapshot.clone()));
            } else {
                updates.push(Decided { update, snapshot: snapshot.clone(), changes });
            }
        }
        (updates, records)
    }

    /// Makes it durable; gives what each record says about itself.
    fn commit(
        &mut self,
        updates: &[Decided],
        records: &mut [Record],
    ) -> Result<Vec<u64>, StoreError> {
        if updates.is_empty() && records.is_empty() {
            return Ok(Vec::new());
        }
        let written = self.write(updates, records);
        if written.is_ok() {
            self.published.commits.fetch_add(1, Ordering::Relaxed);
        } else if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(error = %error, "cannot roll back");
        }
        written.map_err(|source| StoreError::from_sql(&self.path, source))
    }

    fn write(&mut self, updates: &[Decided], records: &mut [Record]) -> rusqlite::Result<Vec<u64>> {
        let connection = &self.connection;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let now = self.clock.now();
        for decided in updates {
            write_update(connection, decided, now)?;
        }
        if let Some(last) = updates.last() {
            connection
                .prepare_cached("UPDATE store_state SET generation = ?")?
                .execute([last.snapshot.generation().cast_signed()])?;
        }
        let mut counts = Vec::with_capacity(records.len());
        for record in records {
            counts.push((record.write)(connection, &mut self.boot_log)?);
        }
        connection.execute_batch("COMMIT")?;
        Ok(counts)
    }

    fn publish(&self, snapshot: Option<Snapshot>) {
        let Some(snapshot) = snapshot else { return };
        let generation = snapshot.generation();
        self.published.snapshot.store(Arc::new(snapshot));
        self.published.generation.send_replace(generation);
    }

    /// Folds the log of SQLite into the file, and lets the next process in.
    fn finish(self) {
        let folded = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = folded {
            tracing::warn!(error = %error, "cannot fold the write-ahead log into the file");
        }
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(error = %error, "cannot close the store");
        }
        drop(self.lock);
    }
}

fn write_update(
    connection: &Connection,
    decided: &Decided,
    now: Timestamp,
) -> rusqlite::Result<()> {
    for edit in decided.update.logs() {
        log::edit(connection, edit)?;
    }
    if decided.changes.is_empty() {
        return Ok(());
    }
    for change in &decided.changes {
        crate::rows::write(connection, change)?;
    }
    let (origin, generation) = (decided.update.origin(), decided.snapshot.generation());
    match origin.source {
        Source::Person => history::append(connection, origin, now, generation, &decided.changes),
        Source::Machine => Ok(()),
    }
}
