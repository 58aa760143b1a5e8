//! `xcat history`: who changed what, when and with which command.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;

use base::{ErrorKind, Failure};
use command::Item;
use noderange::Mode;
use store::{ChangedRow, HistoryEntry, HistoryQuery, Store};

use crate::call::Call;
use crate::future::BoxFuture;
use crate::services::Services;
use crate::shape::{Behaviour, Command};
use crate::sink::Sink;

pub(crate) static COMMAND: Command = Command::new("xcat-history", Behaviour::Procedure(history));

/// How many changes are shown when nobody says how many.
const SHOWN: u32 = 20;
/// How many rows of a change are shown.
const ROWS: usize = 5;
/// How many names are looked up at most.
const NAMES: usize = 2_000;

fn history(call: Call, services: Services, sink: Sink) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        let count = count(&call)?;
        let long = call.options.has("l");
        let about = about(&call)?;
        let entries = entries(&services.store, &about, count, long).await?;
        if entries.is_empty() {
            sink.send(Item::Info("There is no change to show.".to_owned())).await;
        }
        for entry in &entries {
            sink.send_all(lines(entry, long).into_iter().map(Item::data)).await;
        }
        Ok(())
    })
}

fn count(call: &Call) -> Result<u32, Failure> {
    let Some(text) = call.options.value("n") else { return Ok(SHOWN) };
    let wrong = |_| Failure::new(ErrorKind::Usage, format!("-n: '{text}' is no number"));
    text.parse().map_err(wrong)
}

/// What the changes are about.
enum About {
    Everything,
    Table(String),
    Names(Vec<String>),
}

/// What the operand means. Nodes that are gone have a history too, so names need not be known.
fn about(call: &Call) -> Result<About, Failure> {
    let operand = match call.options.operands() {
        [] => return Ok(About::Everything),
        [operand] => operand,
        _ => return Err(Failure::new(ErrorKind::Usage, "one noderange or table is enough")),
    };
    if tables::table(operand).is_some() {
        return Ok(About::Table(operand.clone()));
    }
    let expansion = call.expand(operand, Mode::NoVerify)?;
    let names: Vec<String> = expansion.names.iter().map(ToString::to_string).collect();
    if names.len() > NAMES {
        let text = format!("'{operand}' has {} names, more than {NAMES}", names.len());
        return Err(Failure::new(ErrorKind::Usage, text));
    }
    Ok(About::Names(names))
}

/// The newest changes, each with all its rows that are asked for.
async fn entries(
    store: &Store,
    about: &About,
    count: u32,
    long: bool,
) -> Result<Vec<HistoryEntry>, Failure> {
    let rows = if long { None } else { u32::try_from(ROWS).ok() };
    let query = HistoryQuery { limit: Some(count), rows, ..HistoryQuery::default() };
    let names = match about {
        About::Everything => return Ok(store.history(query).await?),
        About::Table(table) => {
            return Ok(store.history(HistoryQuery { table: Some(table.clone()), ..query }).await?);
        }
        About::Names(names) => names,
    };
    let mut found: BTreeMap<Reverse<i64>, HistoryEntry> = BTreeMap::new();
    for name in names {
        let query = HistoryQuery { name: Some(name.clone()), ..query.clone() };
        for mut entry in store.history(query).await? {
            match found.get_mut(&Reverse(entry.id)) {
                Some(known) => known.rows.append(&mut entry.rows),
                None => {
                    found.insert(Reverse(entry.id), entry);
                }
            }
        }
    }
    Ok(found.into_values().take(usize::try_from(count).unwrap_or(usize::MAX)).collect())
}

fn lines(entry: &HistoryEntry, long: bool) -> Vec<String> {
    let HistoryEntry { id, time, user, command, .. } = entry;
    let mut lines = vec![format!("{id}  {time}  {user}  {command}")];
    let shown = if long { entry.rows.len() } else { entry.rows.len().min(ROWS) };
    lines.extend(entry.rows[..shown].iter().map(row_line));
    let hidden = entry.row_count.saturating_sub(shown as u64);
    if hidden > 0 {
        let more = if long { "" } else { "; -l shows more" };
        lines.push(format!("    {hidden} other rows{more}"));
    }
    lines
}

fn row_line(row: &ChangedRow) -> String {
    let row = row.masked();
    let verb = match (row.existed, row.exists) {
        (false, _) => "added",
        (true, true) => "changed",
        (true, false) => "removed",
    };
    let mut line = format!("    {} {} {verb}", row.table, row.key.join(","));
    let is_key = |column: &str| {
        let column = tables::table(&row.table).and_then(|table| {
            let index = table.def().column(column)?;
            Some(table.def().columns[index].key)
        });
        column.unwrap_or_default()
    };
    let cells = row.cells.iter().filter(|(column, _)| !is_key(column));
    for (index, (column, (old, new))) in cells.enumerate() {
        let lead = if index == 0 { ": " } else { ", " };
        let (old, new) = (shown(old.as_deref()), shown(new.as_deref()));
        let cell = match (row.existed, row.exists) {
            (true, true) => format!("{column} {old} -> {new}"),
            (false, _) => format!("{column} {new}"),
            (true, false) => format!("{column} {old}"),
        };
        write!(line, "{lead}{cell}").expect("writing to a String does not fail");
    }
    line
}

/// A cell on one line.
fn shown(text: Option<&str>) -> String {
    text.map_or_else(|| "nothing".to_owned(), |text| format!("'{}'", text.replace('\n', "\\n")))
}
