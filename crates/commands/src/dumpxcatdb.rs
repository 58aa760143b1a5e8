//! dumpxCATdb: every table of one snapshot into a CSV file of its own, on the management node.
//!
//! The daemon writes, as root, so only root may ask for it. Files appear under their names when all of
//! them are complete and on the disk; they hold passwords, and only their owner can read them.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base::{ErrorKind, Failure};
use command::Item;
use store::LogPage;
use tables::{Snapshot, TableId, csv};

use crate::call::Call;
use crate::restorexcatdb::no_binary;
use crate::run::blocking;
use crate::services::Services;
use crate::shape::{Behaviour, BoxFuture, Command};
use crate::sink::Sink;
use crate::skipped::Skipped;

pub(crate) static COMMAND: Command = Command::new("dumpxCATdb", Behaviour::Procedure(dumpxcatdb));

/// How many rows of a log are read at a time.
const PAGE: u32 = 5_000;

fn dumpxcatdb(
    call: Call,
    services: Services,
    sink: Sink,
) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        let directory = directory(&call)?;
        let verbose = call.options.has("V");
        let variable = call.env.iter().find_map(|pair| pair.strip_prefix("XCAT_SKIPTABLES="));
        let skipped = Skipped::new(&call.snapshot, variable, call.options.has("a"));
        let (skips, tables): (Vec<_>, Vec<_>) =
            TableId::all().partition(|table| skipped.has(table.name()));
        if !directory.exists() {
            let text = format!(" Creating {} for database dump", directory.display());
            sink.send(Item::Info(text)).await;
        }
        let dump = Dump { directory, tables }.write(&call.snapshot, &services).await?;
        if verbose {
            sink.send_all(named("Skipping", &skips)).await;
            sink.send_all(named("Dumping", &dump.tables)).await;
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
    if call.user != "root" {
        let text = "only root may have files written on the management node";
        return Err(Failure::new(ErrorKind::Denied, text).hint("tabdump prints a table"));
    }
    Ok(call.cwd.join(path))
}

struct Dump {
    directory: PathBuf,
    tables: Vec<TableId>,
}

impl Dump {
    /// Writes all files, or leaves those that were there as they were. The disk is waited for on
    /// threads that answer nobody.
    async fn write(self, snapshot: &Snapshot, services: &Services) -> Result<Self, Failure> {
        let snapshot = snapshot.clone();
        let (dump, mut written) = blocking(move || {
            let written = self.write_tables(&snapshot);
            (self, written)
        })
        .await?;
        for table in dump.tables.iter().filter(|table| table.def().is_log()) {
            if written.is_ok() {
                written = write_log(*table, dump.unfinished(*table), services).await;
            }
        }
        blocking(move || match written.and_then(|()| dump.finish()) {
            Ok(()) => Ok(dump),
            Err(failure) => {
                dump.discard();
                Err(failure)
            }
        })
        .await?
    }

    fn write_tables(&self, snapshot: &Snapshot) -> Result<(), Failure> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.directory);
        made.map_err(|error| failed(&self.directory, &error))?;
        for table in self.tables.iter().filter(|table| !table.def().is_log()) {
            let path = self.unfinished(*table);
            write_table(snapshot, *table, &path).map_err(|error| failed(&path, &error))?;
        }
        Ok(())
    }

    /// Gives the files their names.
    fn finish(&self) -> Result<(), Failure> {
        for table in &self.tables {
            let to = self.directory.join(format!("{table}.csv"));
            std::fs::rename(self.unfinished(*table), &to).map_err(|error| failed(&to, &error))?;
        }
        let synced = File::open(&self.directory).and_then(|opened| opened.sync_all());
        synced.map_err(|error| failed(&self.directory, &error))
    }

    fn discard(&self) {
        for table in &self.tables {
            // What could not be made need not be removed.
            std::fs::remove_file(self.unfinished(*table)).ok();
        }
    }

    fn unfinished(&self, table: TableId) -> PathBuf {
        self.directory.join(format!(".{table}.csv.unfinished"))
    }
}

/// Writes a log page by page.
async fn write_log(table: TableId, path: PathBuf, services: &Services) -> Result<(), Failure> {
    let to = path.clone();
    let failed = |error: std::io::Error| failed(&path, &error);
    let begun = blocking(move || {
        let mut file = create(&to)?;
        writeln!(file, "{}", csv::header(table)).map(|()| file)
    });
    let mut file = begun.await?.map_err(failed)?;
    let mut after = 0;
    loop {
        let page = LogPage::After { recid: after, limit: PAGE };
        let rows = services.store.read_log(table, page).await?;
        let Some(last) = rows.last().and_then(|row| row.get("recid")?.parse().ok()) else {
            return blocking(move || finish(file)).await?.map_err(failed);
        };
        let written = blocking(move || {
            rows.iter().try_for_each(|row| writeln!(file, "{}", csv::line(row))).map(|()| file)
        });
        file = written.await?.map_err(failed)?;
        after = last;
    }
}

fn write_table(snapshot: &Snapshot, table: TableId, path: &Path) -> std::io::Result<()> {
    let mut file = create(path)?;
    writeln!(file, "{}", csv::header(table))?;
    for row in snapshot.rows(table) {
        writeln!(file, "{}", csv::line(row))?;
    }
    finish(file)
}

/// A new file: what is in the way is removed and never written into, it may be somebody's link.
fn create(path: &Path) -> std::io::Result<BufWriter<File>> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(BufWriter::new)
}

fn finish(file: BufWriter<File>) -> std::io::Result<()> {
    file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_data()
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    let text = format!("cannot write {}: {error}", path.display());
    Failure::new(ErrorKind::Internal, text).hint("nothing was dumped")
}
