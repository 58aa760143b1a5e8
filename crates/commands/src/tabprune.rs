//! tabprune: removes old rows of the logs, or all rows of any table.
//!
//! With `-V` it prints what it removes. Rows that are logged meanwhile stay, because rows are named by
//! numbers that were read before.

use base::{ErrorKind, Failure, Timestamp};
use command::{Answer, Item};
use store::{LogCut, LogPage, Store};
use tables::{Patch, Row, Snapshot, TableId, csv};

use crate::call::Call;
use crate::future::BoxFuture;
use crate::run::commit;
use crate::services::Services;
use crate::shape::{Behaviour, Command};
use crate::sink::Sink;

pub(crate) static COMMAND: Command = Command::new("tabprune", Behaviour::Procedure(tabprune));

/// How many rows are read at a time.
const PAGE: u32 = 1_000;
const DAY_MILLIS: i64 = 86_400_000;

/// Which rows are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    All,
    Before(i64),
    Oldest(i64),
    Percent(i64),
    Days(i64),
}

/// What is asked for, or what is printed with exit code 1 instead.
enum Plan {
    Prune(TableId, Which),
    Refuse(Item),
}

fn tabprune(call: Call, services: Services, sink: Sink) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        let verbose = call.options.has("V");
        let (table, which) = match plan(&call)? {
            Plan::Prune(table, which) => (table, which),
            Plan::Refuse(item) => {
                sink.send_all([item, Item::Code(1)]).await;
                return Ok(());
            }
        };
        if table.def().is_log() {
            prune_log(table, which, &services.store, call.now, verbose.then_some(&sink)).await?;
            if !verbose {
                sink.send(done(table)).await;
            }
            return Ok(());
        }
        let decide = move |snapshot: &Snapshot| Ok(prune_table(snapshot, table, verbose));
        commit(&call, "tabprune", &services, &sink, decide).await;
        Ok(())
    })
}

fn done(table: TableId) -> Item {
    Item::data(format!("tabprune of {table} complete."))
}

fn plan(call: &Call) -> Result<Plan, Failure> {
    let refuse = |text: String| Ok(Plan::Refuse(Item::data(text)));
    let name = match call.options.operands() {
        [] => return refuse("Table name required.".to_owned()),
        [name] => name.trim(),
        _ => return Err(Failure::new(ErrorKind::Usage, "only one table can be pruned")),
    };
    let table = tables::table(name);
    let is_log = table.is_some_and(|table| table.def().is_log());
    let given = ["a", "i", "n", "p", "d"].map(|option| call.options.has(option));
    if !is_log && !given[0] {
        let text = format!("Table {name} not supported, see tabprune -h for supported tables.");
        return refuse(text);
    }
    match given.iter().filter(|given| **given).count() {
        0 => return refuse("One option -p or -i or -n or -a or -d must be supplied.".to_owned()),
        1 => {}
        _ => {
            return refuse("Only one option -p or -i or -n or -a maybe used at a time.".to_owned());
        }
    }
    let missing = || Failure::new(ErrorKind::NotFound, format!("Unable to open  {name}"));
    Ok(Plan::Prune(table.ok_or_else(missing)?, which(call)?))
}

fn which(call: &Call) -> Result<Which, Failure> {
    let number = |option: &str| -> Result<Option<i64>, Failure> {
        let Some(text) = call.options.value(option) else { return Ok(None) };
        let number = text.parse().ok().filter(|number: &i64| *number >= 0);
        let wrong = || Failure::new(ErrorKind::Usage, format!("-{option}: '{text}' is no number"));
        number.map(Some).ok_or_else(wrong)
    };
    if let Some(recid) = number("i")? {
        return Ok(Which::Before(recid));
    }
    if let Some(count) = number("n")? {
        return Ok(Which::Oldest(count));
    }
    if let Some(percent) = number("p")? {
        return Ok(Which::Percent(percent.min(100)));
    }
    Ok(number("d")?.map_or(Which::All, Which::Days))
}

fn prune_table(snapshot: &Snapshot, table: TableId, verbose: bool) -> (Patch, Answer) {
    let mut patch = Patch::new();
    patch.clear(table);
    if !verbose {
        return (patch, Answer(vec![done(table)]));
    }
    let lines = snapshot.rows(table).map(csv::line);
    let lines = std::iter::once(csv::header(table)).chain(lines);
    (patch, lines.map(Item::data).collect())
}

/// Removes rows of a log, and prints them before when there is a sink for them.
async fn prune_log(
    table: TableId,
    which: Which,
    store: &Store,
    now: Timestamp,
    print: Option<&Sink>,
) -> Result<(), Failure> {
    let oldest = number_of(&store.read_log(table, LogPage::After { recid: 0, limit: 1 }).await?);
    let newest = number_of(&store.read_log(table, LogPage::Newest { limit: 1 }).await?);
    let (Some(oldest), Some(newest)) = (oldest, newest) else {
        if let Some(sink) = print {
            sink.send(Item::data(csv::header(table))).await;
        }
        return Ok(());
    };
    let end = newest.saturating_add(1);
    let cut = match which {
        Which::All => LogCut::Before { recid: end },
        Which::Before(recid) => LogCut::Before { recid: recid.min(end) },
        Which::Oldest(count) => LogCut::Before { recid: oldest.saturating_add(count).min(end) },
        Which::Percent(percent) => {
            let part = i128::from(end - oldest) * i128::from(percent) / 100;
            LogCut::Before { recid: oldest + i64::try_from(part).unwrap_or(i64::MAX - oldest) }
        }
        Which::Days(days) => {
            let before = now.unix_millis().saturating_sub(days.saturating_mul(DAY_MILLIS));
            LogCut::Earlier { time: Timestamp::from_unix_millis(before).local() }
        }
    };
    if let Some(sink) = print {
        print_rows(table, &cut, store, sink).await?;
    }
    store.cut_log(table, cut).await?;
    Ok(())
}

fn number_of(rows: &[Row]) -> Option<i64> {
    rows.first()?.get("recid")?.parse().ok()
}

async fn print_rows(
    table: TableId,
    cut: &LogCut,
    store: &Store,
    sink: &Sink,
) -> Result<(), Failure> {
    sink.send(Item::data(csv::header(table))).await;
    let mut after = 0;
    loop {
        let page = LogPage::After { recid: after, limit: PAGE };
        let rows = store.read_log(table, page).await?;
        let removed = rows.iter().filter(|row| takes(cut, row));
        sink.send_all(removed.map(|row| Item::data(csv::line(row))).collect::<Vec<_>>()).await;
        let Some(last) = rows.last().and_then(|row| row.get("recid")?.parse().ok()) else {
            return Ok(());
        };
        after = last;
    }
}

/// Whether the row is removed.
fn takes(cut: &LogCut, row: &Row) -> bool {
    let recid = || row.get("recid").and_then(|text| text.parse::<i64>().ok());
    let time = row.get("audittime").or_else(|| row.get("eventtime"));
    match cut {
        LogCut::All => true,
        LogCut::Oldest { .. } => false,
        LogCut::Before { recid: end } => recid().is_some_and(|recid| recid < *end),
        LogCut::Earlier { time: end } => time.is_some_and(|time| time < end.as_str()),
    }
}
