//! What happened while nodes booted: plain records, the newest of each node.

use std::collections::HashMap;

use base::Timestamp;
use rusqlite::{Connection, params};

/// How many records of one node, or of one MAC address that is no node's, are kept.
const KEPT: u32 = 2_000;

/// How many records of addresses that are no node's are kept in all.
const KEPT_STRANGERS: u32 = 20_000;

/// After how many new records of one kind the old ones are looked at again.
const ROUND: u32 = 200;

/// For how many nodes the new records are counted before the counts start again.
const MOST_COUNTS: usize = 200_000;

/// The most records that a query gives.
const MOST: u32 = 10_000;

pub(crate) const TABLES: &str = "
CREATE TABLE IF NOT EXISTS store_boot (
    id INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL, time_ms INTEGER NOT NULL,
    node TEXT, mac TEXT, attempt INTEGER NOT NULL, step TEXT NOT NULL, text TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS store_boot_subject ON store_boot (subject, id);
CREATE INDEX IF NOT EXISTS store_boot_stranger ON store_boot (id) WHERE node IS NULL;
";

/// One thing that happened to a node that boots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootRecord {
    /// When.
    pub time: Timestamp,
    /// The node, when it is known.
    pub node: Option<String>,
    /// The address that the packet came from, when there was one.
    pub mac: Option<String>,
    /// Which attempt to boot it belongs to.
    pub attempt: u32,
    /// The kind of step.
    pub step: String,
    /// What happened, in words.
    pub text: String,
}

/// Whose records are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BootSubject {
    /// Those of the node of this name, or of the machine with this MAC address that is no node.
    Named(String),
    /// Those of all machines that are no nodes.
    Strangers,
}

/// Appends records and keeps each node's within the bound.
#[derive(Default)]
pub(crate) struct BootLog {
    /// How many records of a subject were appended since the old ones were removed.
    appended: HashMap<String, u32>,
    strangers: u32,
}

impl BootLog {
    pub(crate) fn append(
        &mut self,
        connection: &Connection,
        records: &[BootRecord],
    ) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(
            "INSERT INTO store_boot (subject, time_ms, node, mac, attempt, step, text)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?;
        for record in records {
            let BootRecord { time, node, mac, attempt, step, text } = record;
            let subject = node.as_deref().or(mac.as_deref()).unwrap_or_default();
            statement.execute(params![
                subject,
                time.unix_millis(),
                node,
                mac,
                attempt,
                step,
                text
            ])?;
            self.forget(connection, subject)?;
            if node.is_none() {
                self.forget_strangers(connection)?;
            }
        }
        Ok(())
    }

    fn forget(&mut self, connection: &Connection, subject: &str) -> rusqlite::Result<()> {
        if self.appended.len() >= MOST_COUNTS {
            self.appended.clear();
        }
        // The first record after a start looks too: the count of the last run is gone.
        let appended = self.appended.entry(subject.to_owned()).or_insert(ROUND);
        if *appended < ROUND {
            *appended += 1;
            return Ok(());
        }
        *appended = 0;
        let mut statement = connection.prepare_cached(
            "DELETE FROM store_boot WHERE subject = ?1 AND id <= (
                 SELECT id FROM store_boot WHERE subject = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        )?;
        statement.execute(params![subject, KEPT])?;
        Ok(())
    }

    fn forget_strangers(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.strangers += 1;
        if self.strangers < ROUND {
            return Ok(());
        }
        self.strangers = 0;
        let mut statement = connection.prepare_cached(
            "DELETE FROM store_boot WHERE node IS NULL AND id <= (
                 SELECT id FROM store_boot WHERE node IS NULL ORDER BY id DESC LIMIT 1 OFFSET ?)",
        )?;
        statement.execute([KEPT_STRANGERS])?;
        Ok(())
    }
}

/// The newest records, oldest first.
pub(crate) fn read(
    connection: &Connection,
    subject: &BootSubject,
    limit: u32,
) -> rusqlite::Result<Vec<BootRecord>> {
    let (test, subject) = match subject {
        BootSubject::Named(name) => ("subject = ?1", Some(name)),
        BootSubject::Strangers => ("node IS NULL AND ?1 IS NULL", None),
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT time_ms, node, mac, attempt, step, text FROM store_boot
         WHERE {test} ORDER BY id DESC LIMIT ?2"
    ))?;
    let records = statement.query_map(params![subject, limit.min(MOST)], |row| {
        Ok(BootRecord {
            time: Timestamp::from_unix_millis(row.get(0)?),
            node: row.get(1)?,
            mac: row.get(2)?,
            attempt: row.get(3)?,
            step: row.get(4)?,
            text: row.get(5)?,
        })
    })?;
    let mut records = records.collect::<rusqlite::Result<Vec<_>>>()?;
    records.reverse();
    Ok(records)
}
