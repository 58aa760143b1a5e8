//! tabdump: a table as CSV, the names of the tables, or what the columns mean.
//!
//! Logs are not in the snapshot; they are read from the store, page by page.

use base::{ErrorKind, Failure};
use command::{Answer, Item, Options};
use store::LogPage;
use tables::{Row, TableId, csv};

use crate::call::Call;
use crate::future::BoxFuture;
use crate::run::blocking;
use crate::services::Services;
use crate::shape::{Behaviour, Command};
use crate::sink::Sink;
use crate::sql_test::SqlTest;
use crate::table_file;

pub(crate) static COMMAND: Command = Command::new("tabdump", Behaviour::Procedure(tabdump));

/// How many rows of a log are read at a time.
const PAGE: u32 = 1000;

fn tabdump(call: Call, services: Services, sink: Sink) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        match plan(&call.options)? {
            Plan::Say(answer) => sink.send_all(answer.0).await,
            Plan::Rows { table, tests } if call.options.has("f") => {
                let path = table_file::target(&call, call.options.value("f").unwrap_or_default())?;
                let keep = move |row: &Row| holds(&tests, row);
                let content = (&call.snapshot, &services);
                let written = table_file::write(table, path, keep, content).await?;
                blocking(move || table_file::appear(&[written])).await??;
            }
            Plan::Rows { table, tests } if table.def().is_log() => {
                let last = last_rows(&call.options)?;
                dump_log(&services, table, &tests, last, &sink).await?;
            }
            Plan::Rows { table, tests } => {
                sink.send(Item::data(csv::header(table))).await;
                let rows = call.snapshot.rows(table).filter(|row| holds(&tests, row));
                let lines: Vec<Item> = rows.map(|row| Item::data(csv::line(row))).collect();
                sink.send_all(lines).await;
            }
        }
        Ok(())
    })
}

/// What to do.
enum Plan {
    Say(Answer),
    Rows { table: TableId, tests: Vec<SqlTest> },
}

fn plan(options: &Options) -> Result<Plan, Failure> {
    let usage = |text: &str| Failure::new(ErrorKind::Usage, text);
    for flag in ["d", "w", "f"] {
        if options.has("n") && options.has(flag) {
            let text = format!("You  cannot use the -n and -{flag} flag together. ");
            return Err(usage(&text));
        }
    }
    let name = match options.operands() {
        [] if options.has("f") => {
            let text = "table name missing from the command input. ";
            return Err(Failure::new(ErrorKind::NotFound, text));
        }
        [] if options.has("d") => return Ok(Plan::Say(described(table_meanings()))),
        [] => return Ok(Plan::Say(TableId::all().map(|table| Item::data(table.name())).collect())),
        [name] => name,
        _ => return Err(usage("only one table can be dumped")),
    };
    let missing = |text: String| Failure::new(ErrorKind::NotFound, text);
    let table = tables::table(name);
    if options.has("d") {
        let table = table.ok_or_else(|| missing(format!("table {name} does not exist.")))?;
        return Ok(Plan::Say(described(column_meanings(table))));
    }
    let table = table.ok_or_else(|| missing(format!("No such table: {name}")))?;
    if options.has("n") && !table.def().is_log() {
        return Err(missing(format!(
            "{name} table is not supported in tabdump -n. You may only use this option on the \
             auditlog or the eventlog."
        )));
    }
    let tests = options.values("w").into_iter().map(|test| SqlTest::parse(table, test));
    Ok(Plan::Rows { table, tests: tests.collect::<Result<_, _>>()? })
}

/// What the tables are for.
fn table_meanings() -> Vec<(&'static str, &'static str)> {
    TableId::all().map(|table| (table.name(), table.def().help)).collect()
}

/// What the columns of a table mean.
fn column_meanings(table: TableId) -> Vec<(&'static str, &'static str)> {
    table.def().columns.iter().map(|column| (column.name, column.help)).collect()
}

/// Names and their meanings, with an empty line after each but the last.
fn described(meanings: Vec<(&str, &str)>) -> Answer {
    let last = meanings.len().saturating_sub(1);
    let line = |(index, (name, meaning)): (usize, (&str, &str))| {
        let tabs = if name.len() < 7 { "\t\t" } else { "\t" };
        let end = if index < last { "\n" } else { "" };
        Item::data(format!("{name}:{tabs}{meaning}{end}"))
    };
    meanings.into_iter().enumerate().map(line).collect()
}

fn last_rows(options: &Options) -> Result<Option<u32>, Failure> {
    let Some(count) = options.value("n") else { return Ok(None) };
    let invalid = |_| Failure::new(ErrorKind::Usage, format!("'{count}' is not a number of rows"));
    count.parse().map(Some).map_err(invalid)
}

fn holds(tests: &[SqlTest], row: &Row) -> bool {
    tests.iter().all(|test| test.holds(row))
}

async fn dump_log(
    services: &Services,
    table: TableId,
    tests: &[SqlTest],
    last: Option<u32>,
    sink: &Sink,
) -> Result<(), Failure> {
    sink.send(Item::data(csv::header(table))).await;
    if let Some(limit) = last {
        let rows = services.store.read_log(table, LogPage::Newest { limit }).await?;
        for row in &rows {
            sink.send(Item::data(csv::line(row))).await;
        }
        return Ok(());
    }
    let mut after = 0;
    while !sink.cancelled().is_cancelled() {
        let page = LogPage::After { recid: after, limit: PAGE };
        let rows = services.store.read_log(table, page).await?;
        for row in rows.iter().filter(|row| holds(tests, row)) {
            sink.send(Item::data(csv::line(row))).await;
        }
        let Some(recid) = rows.last().and_then(|row| row.get("recid")?.parse().ok()) else { break };
        after = recid;
    }
    Ok(())
}
