//! `xcat undo`: takes one change back, unless what it changed is not as it left it.
//!
//! Cells that later changes touched beside it do not stand in the way, unless they are in a row that
//! the change had added: taking that away would lose them. The decision is made inside the writer.

use base::{ErrorKind, Failure};
use command::{Answer, Item};
use store::{ChangedRow, HistoryEntry, HistoryQuery, Store};
use tables::Snapshot;

use crate::call::Call;
use crate::future::BoxFuture;
use crate::run::commit;
use crate::services::Services;
use crate::shape::{Behaviour, Command};
use crate::sink::Sink;

pub(crate) static COMMAND: Command = Command::new("xcat-undo", Behaviour::Procedure(undo));

/// How many later changes of a row are looked at.
const LATER: u32 = 1_000;

/// Cells that nodes set by themselves: nobody misses them with the row of a node.
const REPORTED: &[(&str, &str)] = &[
    ("nodelist", "status"),
    ("nodelist", "statustime"),
    ("nodelist", "appstatus"),
    ("nodelist", "appstatustime"),
    ("nodelist", "updatestatus"),
    ("nodelist", "updatestatustime"),
];

fn undo(call: Call, services: Services, sink: Sink) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        let id = number(&call)?;
        let entry = services.store.change(id).await?.ok_or_else(|| {
            let failure = Failure::new(ErrorKind::NotFound, format!("there is no change {id}"));
            failure.hint("xcat history lists them")
        })?;
        if let Some(conflict) = conflict(&entry, &services.store.snapshot()) {
            return Err(refusal(&entry, &conflict, &services.store).await?);
        }
        let decide = move |snapshot: &Snapshot| {
            let refuse = |failure: Failure| Answer(vec![failure.into()]);
            if let Some(conflict) = self::conflict(&entry, snapshot) {
                return Err(refuse(failure(&entry, &conflict.said())));
            }
            let patch = entry
                .undo()
                .map_err(|error| refuse(Failure::from_error(ErrorKind::Conflict, &error)))?;
            let rows = entry.rows.len();
            let text = format!("change {id} is undone: {rows} rows are as they were before");
            Ok((patch, Answer(vec![Item::data(text)])))
        };
        commit(&call, "xcat undo", &services, &sink, decide).await;
        Ok(())
    })
}

fn number(call: &Call) -> Result<i64, Failure> {
    let [text] = call.options.operands() else {
        return Err(Failure::new(ErrorKind::Usage, "the number of one change is required"));
    };
    let wrong =
        |_| Failure::new(ErrorKind::Usage, format!("'{text}' is not the number of a change"));
    text.parse().map_err(wrong)
}

/// Where the tables are not as a change left them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Conflict {
    table: String,
    key: Vec<String>,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Removed,
    MadeAgain,
    Changed(String),
}

impl Conflict {
    fn said(&self) -> String {
        let row = format!("row '{}' of table '{}'", self.key.join(","), self.table);
        match &self.what {
            What::Removed => format!("{row} was removed since"),
            What::MadeAgain => format!("{row} was made again since"),
            What::Changed(column) => format!("column '{column}' in {row} was changed since"),
        }
    }

    /// Whether a later change of the same row is the one that stands in the way.
    fn comes_from(&self, row: &ChangedRow) -> bool {
        row.table == self.table
            && row.key == self.key
            && match &self.what {
                What::Removed => !row.exists,
                What::MadeAgain => !row.existed,
                What::Changed(column) => row.cells.contains_key(column),
            }
    }
}

/// The first place where the tables are not as `entry` left them.
fn conflict(entry: &HistoryEntry, snapshot: &Snapshot) -> Option<Conflict> {
    entry.rows.iter().find_map(|row| {
        let what = difference(row, snapshot)?;
        Some(Conflict { table: row.table.clone(), key: row.key.clone(), what })
    })
}

fn difference(row: &ChangedRow, snapshot: &Snapshot) -> Option<What> {
    let table = tables::table(&row.table)?;
    let key: Vec<&str> = row.key.iter().map(String::as_str).collect();
    let present = match (row.exists, snapshot.row(table, &key)) {
        (true, Some(present)) => present,
        (true, None) => return Some(What::Removed),
        (false, Some(_)) => return Some(What::MadeAgain),
        (false, None) => return None,
    };
    let differs = |column: &str, left: Option<&str>| present.get(column) != left;
    let changed = row.cells.iter().find(|(column, (_, new))| differs(column, new.as_deref()));
    if let Some((column, _)) = changed {
        return Some(What::Changed(column.clone()));
    }
    if row.existed {
        return None;
    }
    let reported = |column: &str| REPORTED.contains(&(table.name(), column));
    let added =
        present.cells().find(|(column, _)| !row.cells.contains_key(*column) && !reported(column));
    added.map(|(column, _)| What::Changed(column.to_owned()))
}

fn failure(entry: &HistoryEntry, reason: &str) -> Failure {
    let text = format!("change {} cannot be undone: {reason}", entry.id);
    Failure::new(ErrorKind::Conflict, text)
}

/// The refusal, with the later change that stands in the way.
async fn refusal(
    entry: &HistoryEntry,
    conflict: &Conflict,
    store: &Store,
) -> Result<Failure, Failure> {
    let query = HistoryQuery {
        table: Some(conflict.table.clone()),
        name: conflict.key.first().cloned(),
        limit: Some(LATER),
        ..HistoryQuery::default()
    };
    let later =
        store.history(query).await?.into_iter().find(|later| {
            later.id > entry.id && later.rows.iter().any(|row| conflict.comes_from(row))
        });
    let reason = conflict.said();
    let Some(HistoryEntry { id, user, command, .. }) = later else {
        return Ok(failure(entry, &reason));
    };
    let reason = format!("{reason}, by change {id} ({user}: {command})");
    Ok(failure(entry, &reason).hint(format!("undo change {id} first")))
}
