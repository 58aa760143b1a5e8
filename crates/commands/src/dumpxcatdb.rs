//! dumpxCATdb: every table of one snapshot into a CSV file of its own, on the management node.
//!
//! The files appear under their names when all of them are complete and on the disk.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use base::{ErrorKind, Failure};
use command::Item;
use tables::TableId;

use crate::call::Call;
use crate::future::BoxFuture;
use crate::restorexcatdb::no_binary;
use crate::run::blocking;
use crate::services::Services;
use crate::shape::{Behaviour, Command};
use crate::sink::Sink;
use crate::skipped::Skipped;
use crate::table_file;

pub(crate) static COMMAND: Command = Command::new("dumpxCATdb", Behaviour::Procedure(dumpxcatdb));

fn dumpxcatdb(
    call: Call,
    services: Services,
    sink: Sink,
) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        let directory = directory(&call)?;
        let variable = call.env.iter().find_map(|pair| pair.strip_prefix("XCAT_SKIPTABLES="));
        let skipped = Skipped::new(&call.snapshot, variable, call.options.has("a"));
        let (skips, tables): (Vec<_>, Vec<_>) =
            TableId::all().partition(|table| skipped.has(table.name()));
        if !directory.exists() {
            let text = format!(" Creating {} for database dump", directory.display());
            sink.send(Item::Info(text)).await;
        }
        dump(&call, &services, directory, &tables).await?;
        if call.options.has("V") {
            sink.send_all(named("Skipping", &skips)).await;
            sink.send_all(named("Dumping", &tables)).await;
        }
        sink.send(Item::Info("Backup Complete.".to_owned())).await;
        Ok(())
    })
}

fn named(what: &str, tables: &[TableId]) -> Vec<Item> {
    tables.iter().map(|table| Item::Info(format!("{what} {table}"))).collect()
}

fn directory(call: &Call) -> Result<PathBuf, Failure> {
    if call.options.has("b") {
        return Err(no_binary());
    }
    let Some(path) = call.options.value("p").filter(|path| !path.is_empty()) else {
        let text = "Requires -p with path to directory to hold db files.";
        return Err(Failure::new(ErrorKind::Usage, text));
    };
    table_file::target(call, path)
}

/// Writes all files, or leaves those that were there as they were.
async fn dump(
    call: &Call,
    services: &Services,
    directory: PathBuf,
    tables: &[TableId],
) -> Result<(), Failure> {
    let made = directory.clone();
    blocking(move || make(&made)).await??;
    let mut files = Vec::with_capacity(tables.len());
    for table in tables {
        let path = directory.join(format!("{table}.csv"));
        let content = (&call.snapshot, services);
        files.push(table_file::write(*table, path, |_| true, content).await?);
    }
    blocking(move || table_file::appear(&files)).await?
}

fn make(directory: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|error| table_file::failed(directory, &error))
}
