//! restorexCATdb: replaces tables by the CSV files of a directory on the management node, all or none.
//!
//! The daemon reads the files. It may read more than its users, so for anybody but root the directory
//! and the files must be readable by everybody: what is wrong with a file is printed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use base::{ErrorKind, Failure};
use command::{Answer, Item};
use tables::csv::{self, CsvError};
use tables::{Row, ids};

use crate::call::Call;
use crate::files::read_as;
use crate::future::BoxFuture;
use crate::restore::{Content, Existing, restore};
use crate::run::blocking;
use crate::services::Services;
use crate::shape::{Behaviour, Command};
use crate::sink::Sink;
use crate::skipped::Skipped;

pub(crate) static COMMAND: Command =
    Command::new("restorexCATdb", Behaviour::Procedure(restorexcatdb));

/// The largest file that is read.
const MAX_FILE: usize = 1 << 30;
/// Tables that the dumps of all releases have: without the file of one the dump was not finished.
pub(crate) const IN_EVERY_DUMP: &[&str] = &[
    "chain",
    "hosts",
    "mac",
    "networks",
    "nodegroup",
    "nodehm",
    "nodelist",
    "noderes",
    "nodetype",
    "passwd",
    "policy",
    "postscripts",
    "site",
];

fn restorexcatdb(
    call: Call,
    services: Services,
    sink: Sink,
) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        if call.options.has("b") {
            return Err(no_binary());
        }
        let reader = call.clone();
        let Found { contents, said, errors } = blocking(move || read(&reader)).await??;
        sink.send_all(said).await;
        if !errors.is_empty() {
            let text = "nothing is restored: each file must be right";
            sink.send_all(errors.into_iter().chain([Item::error(text)])).await;
            return Ok(());
        }
        let done = Answer(vec![Item::Info("Restore of Database Complete.".to_owned())]);
        let contents = (contents, Existing::Replaced);
        restore(&call, "restorexCATdb", (&services, &sink), contents, done).await
    })
}

pub(crate) fn no_binary() -> Failure {
    Failure::new(ErrorKind::NotFound, "Binary dump (-b) is not supported for SQLite")
}

/// What the files hold.
#[derive(Default)]
struct Found {
    contents: Vec<Content>,
    said: Vec<Item>,
    errors: Vec<Item>,
}

fn read(call: &Call) -> Result<Found, Failure> {
    let Some(path) = call.options.value("p") else {
        return Err(Failure::new(ErrorKind::Usage, "-p with path to database files is required"));
    };
    let directory = call.cwd.join(path);
    let names = names_in(&directory, &call.user)?;
    let skipped = Skipped::new(&call.snapshot, None, call.options.has("a"));
    let verbose = call.options.has("V");
    let mut found = Found::default();
    for file in &names {
        let name = file.strip_suffix(".csv").unwrap_or(file);
        if skipped.has(name) {
            found.said.extend(verbose.then(|| Item::Info(format!("Skipping {file}"))));
            continue;
        }
        match content(&directory.join(file), name, &call.user) {
            Ok(Some(content)) => {
                found.said.extend(verbose.then(|| Item::Info(format!("Restoring {file}."))));
                found.contents.push(content);
            }
            Ok(None) => {
                let text =
                    format!("{file} is left out: there is no such table, and it has no rows");
                found.said.push(Item::Warning(text));
            }
            Err(reason) => found.errors.push(Item::error(format!("{file}: {reason}"))),
        }
    }
    if found.contents.is_empty() && found.errors.is_empty() {
        let text = format!("{} has no file TABLE.csv to restore", directory.display());
        return Err(Failure::new(ErrorKind::NotFound, text));
    }
    if found.errors.is_empty() {
        check_whole(&directory, &names, &skipped)
            .map_err(|failure| failure.hint("tabrestore restores single tables"))?;
    }
    found.said.extend(old_states(&found.contents));
    Ok(found)
}

/// Refuses a directory that lacks files that every dump has.
pub(crate) fn check_whole(
    directory: &Path,
    names: &[String],
    skipped: &Skipped,
) -> Result<(), Failure> {
    let there = |table: &str| names.iter().any(|name| name.strip_suffix(".csv") == Some(table));
    let missing: Vec<String> = IN_EVERY_DUMP
        .iter()
        .filter(|table| !skipped.has(table) && !there(table))
        .map(|table| format!("{table}.csv"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let text =
        format!("{} is not a whole dump, it lacks {}", directory.display(), missing.join(", "));
    Err(Failure::new(ErrorKind::Conflict, text))
}

/// What is said about states of nodes: they come back as they were when the dump was made.
fn old_states(contents: &[Content]) -> Option<Item> {
    let nodes = contents.iter().find(|content| content.table == ids::NODELIST)?;
    let has_state = |row: &&Row| row.get("status").is_some_and(|status| !status.is_empty());
    let count = nodes.rows.iter().filter(has_state).count();
    let text = format!(
        "The status of {count} nodes is the one that the dump has; nodestat tells what is."
    );
    (count > 0).then_some(Item::Info(text))
}

/// The CSV files of the directory, sorted.
pub(crate) fn names_in(directory: &Path, user: &str) -> Result<Vec<String>, Failure> {
    let failed = |reason: String| {
        let text = format!("cannot read directory {}: {reason}", directory.display());
        Failure::new(ErrorKind::NotFound, text)
    };
    let facts = fs::metadata(directory).map_err(|error| failed(error.to_string()))?;
    if user != "root" && facts.mode() & 0o004 == 0 {
        return Err(failed("not everybody may read it, and you are not root".to_owned()));
    }
    let entries = fs::read_dir(directory).map_err(|error| failed(error.to_string()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| failed(error.to_string()))?.path();
        let is_csv = path.extension().is_some_and(|extension| extension == "csv");
        names.extend(path.file_name().filter(|_| is_csv).map(|name| name.to_string_lossy().into()));
    }
    names.sort_unstable();
    Ok(names)
}

/// Why a file cannot be restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileProblem {
    /// It does not fit its table; what is said may repeat a line of it.
    #[error("{}", base::chain(.0))]
    Csv(CsvError),
    /// It cannot be read, or has no table.
    #[error("{0}")]
    Other(String),
}

/// The rows in a file; none for a table that we do not know when nothing is lost by that.
pub(crate) fn content(path: &Path, name: &str, user: &str) -> Result<Option<Content>, FileProblem> {
    let text = read_as(path, user, MAX_FILE);
    let text = text.map_err(|error| FileProblem::Other(error.to_string()))?;
    let Some(table) = tables::table(name) else {
        let rows = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        return match rows.count() {
            0 => Ok(None),
            count => Err(FileProblem::Other(format!(
                "there is no table '{name}' for its {count} rows; hint: move the file away, or \
                 name the table in site.skiptables"
            ))),
        };
    };
    let rows = csv::parse(table, &text).map_err(FileProblem::Csv)?;
    if !text.ends_with('\n') {
        let text = "its last line does not end: the file is cut off".to_owned();
        return Err(FileProblem::Other(text));
    }
    Ok(Some(Content { table, rows }))
}
