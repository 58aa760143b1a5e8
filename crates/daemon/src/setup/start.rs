//! What a start makes of the past: a dump that lies where the state is to be, and the addresses that the machine had.

use std::path::{Path, PathBuf};

use base::{ErrorKind, Failure, chain};
use commands::{Restored, restore_first};
use model::Machine;
use store::{Journal, Origin, Store, passing_file_system};
use tables::Snapshot;

use crate::config::Config;
use crate::setup::advice::{Start, advice};
use crate::setup::files::FileError;
use crate::setup::machine::Texts;
use crate::setup::moves::{self, Move};
use crate::setup::notices::Notices;

/// Where the addresses of the last start are kept, below the state directory.
const ADDRESSES: &str = "addresses";

/// Whether there may be nodes and clients that know this management node from before: its tables have been filled, or come
/// from a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Past {
    New,
    Known,
}

impl Past {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        if snapshot.generation() == 0 { Self::New } else { Self::Known }
    }
}

/// Restores the dump that lies beside the state directory, when the tables have never been filled.
pub(crate) async fn restore(
    config: &Config,
    store: &Store,
    notices: &mut Notices,
) -> Result<(), Failure> {
    if store.snapshot().generation() != 0 {
        return Ok(());
    }
    let Some(dump) = dump_beside(&config.state)? else { return Ok(()) };
    let Restored { tables, rows, left_out } = restore_first(store, &dump).await?;
    let dump = dump.display();
    notices.tell(format!("restored the dump in {dump}: {rows} rows in {tables} tables"));
    if !left_out.is_empty() {
        let names = left_out.join(", ");
        notices.warn(format!("left out of the dump, for want of such a table: {names}"));
    }
    Ok(())
}

/// The directory with CSV files: the one that the state directory is in, or the only one beside it.
fn dump_beside(state: &Path) -> Result<Option<PathBuf>, Failure> {
    let Some(place) = state.parent().filter(|_| state.ends_with("state")) else { return Ok(None) };
    if has_tables(place)? {
        return Ok(Some(place.to_owned()));
    }
    let mut found = Vec::new();
    for path in entries(place)?.into_iter().filter(|path| path.is_dir() && path != state) {
        if has_tables(&path)? {
            found.push(path);
        }
    }
    if found.len() > 1 {
        let names: Vec<String> = found.iter().map(|path| path.display().to_string()).collect();
        let text = format!("there are several dumps to restore: {}", names.join(", "));
        let hint = "leave the one that is wanted in /.dbbackup and move the others away";
        return Err(Failure::new(ErrorKind::Conflict, text).hint(hint));
    }
    Ok(found.pop())
}

fn has_tables(directory: &Path) -> Result<bool, Failure> {
    let is_table = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "csv");
    Ok(entries(directory)?.iter().any(is_table))
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: std::io::Error| {
        let text = format!("cannot read {}: {error}", directory.display());
        Failure::new(ErrorKind::Internal, text)
    };
    let paths = std::fs::read_dir(directory).map_err(failed)?;
    let mut paths = paths
        .map(|entry| entry.map(|it| it.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    paths.sort();
    Ok(paths)
}

/// Lets what names an old address of this machine name the new one.
pub(crate) async fn follow(
    config: &Config,
    store: &Store,
    now: &Machine,
    notices: &mut Notices,
) -> Result<(), Failure> {
    let kept = config.state.join(ADDRESSES);
    let before = moves::read(&kept).map_err(|error| internal(&error))?;
    if let Some(before) = &before {
        let Move { patch, told } = moves::follow(before, now, &store.snapshot());
        if !patch.is_empty() {
            let (before, now) = (before.clone(), now.clone());
            let decide = move |snapshot: &Snapshot| {
                Ok::<_, Failure>(moves::follow(&before, &now, snapshot).patch)
            };
            store.update(Origin::new("xcatd", "xcatd (another address)"), decide).await?;
        }
        for line in told {
            notices.tell(line);
        }
    }
    moves::keep(&kept, before.as_ref(), now).map_err(|error| internal(&error))
}

/// Says what is amiss.
pub(crate) fn advise(
    config: &Config,
    texts: &Texts,
    machine: &Machine,
    store: &Store,
    notices: &mut Notices,
) {
    let remote = match store.journal() {
        Journal::Rollback(system) => Some(system),
        Journal::WriteAhead => None,
    };
    let start = Start {
        host: texts.short_name(),
        named: texts.own_address(),
        machine: machine.clone(),
        remote,
        passing: passing_file_system(&config.state),
    };
    for line in advice(&start, &store.snapshot()) {
        notices.warn(line);
    }
    if let Err(error) = notices.publish(&config.socket) {
        tracing::warn!(error = %chain(&error), "the supervisor cannot be told what is above");
    }
}

fn internal(error: &FileError) -> Failure {
    Failure::new(ErrorKind::Internal, chain(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_is_found_beside_the_state_or_in_the_only_directory_there() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let make = |path: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "#key\n").unwrap();
        };
        let found = || dump_beside(&state);
        make("state/site.csv");
        make("notes/readme");
        assert_eq!(found().unwrap(), None);
        make("monday/site.csv");
        assert_eq!(found().unwrap(), Some(dir.path().join("monday")));
        make("tuesday/site.csv");
        let refused = found().unwrap_err();
        assert!(refused.message.contains("monday") && refused.message.contains("tuesday"));
        make("site.csv");
        assert_eq!(found().unwrap().as_deref(), Some(dir.path()));
        assert_eq!(dump_beside(&dir.path().join("other")).unwrap(), None);
    }
}
