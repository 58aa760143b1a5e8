//! Rows from CSV files into tables and logs: what tabrestore and restorexCATdb share.
//!
//! Everything that is restored by one command is one change: a row that does not fit refuses all.

use std::collections::HashMap;

use base::{ErrorKind, Failure};
use command::Answer;
use store::{LogEdit, Origin, UpdateError};
use tables::{Patch, Row, Snapshot, TableId};

use crate::call::Call;
use crate::run::await_followers;
use crate::services::Services;
use crate::sink::Sink;

/// What becomes of the rows that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// They go away.
    Replaced,
    /// They stay.
    Kept,
}

/// The rows for one table.
pub(crate) struct Content {
    pub(crate) table: TableId,
    pub(crate) rows: Vec<Row>,
}

/// Puts the rows into their tables in the name of the call, says `answer` when they are there, and
/// waits until every follower shows them.
pub(crate) async fn restore(
    call: &Call,
    name: &str,
    (services, sink): (&Services, &Sink),
    (contents, existing): (Vec<Content>, Existing),
    answer: Answer,
) -> Result<(), Failure> {
    let words = std::iter::once(name).chain(call.args.iter().map(String::as_str));
    let origin = Origin::new(call.user.clone(), command::masked(words));
    let decide = move |snapshot: &Snapshot| {
        let (mut patch, mut logs) = (Patch::new(), Vec::new());
        for content in contents {
            add(content, existing, snapshot, (&mut patch, &mut logs))?;
        }
        Ok::<_, Failure>((patch, logs, ()))
    };
    let before = services.store.snapshot().generation();
    let (snapshot, ()) = match services.store.update_with_logs(origin, decide).await {
        Err(UpdateError::Apply(error)) => {
            return Err(Failure::from_error(ErrorKind::Conflict, &error));
        }
        other => other?,
    };
    sink.send_all(answer.0).await;
    if snapshot.generation() > before {
        await_followers(services, snapshot.generation(), sink).await;
    }
    Ok(())
}

pub(crate) fn add(
    content: Content,
    existing: Existing,
    snapshot: &Snapshot,
    (patch, logs): (&mut Patch, &mut Vec<LogEdit>),
) -> Result<(), Failure> {
    let Content { table, rows } = content;
    let clear = existing == Existing::Replaced;
    if table.def().is_log() {
        logs.push(LogEdit { table, clear, rows });
        return Ok(());
    }
    check_keys(table, &rows, existing, snapshot)?;
    if clear {
        patch.clear(table);
    }
    for row in rows {
        patch.replace(row);
    }
    Ok(())
}

/// Refuses rows of one key that differ: one of them would be lost without a word.
fn check_keys(
    table: TableId,
    rows: &[Row],
    existing: Existing,
    snapshot: &Snapshot,
) -> Result<(), Failure> {
    let mut seen: HashMap<Vec<&str>, &Row> = HashMap::with_capacity(rows.len());
    for row in rows {
        let key: Vec<&str> = row.key().collect();
        let name = key.join(",");
        let conflict = |text: String| Failure::new(ErrorKind::Conflict, text);
        let present = snapshot.row(table, &key).filter(|_| existing == Existing::Kept);
        if present.is_some_and(|present| present != row) {
            let text = format!("row '{name}' of table '{table}' exists already");
            return Err(conflict(text).hint("without -a the file replaces the table"));
        }
        if seen.insert(key, row).is_some_and(|other| other != row) {
            return Err(conflict(format!("row '{name}' of table '{table}' comes twice")));
        }
    }
    Ok(())
}
