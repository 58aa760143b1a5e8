//! Tables into files on the management node: what tabdump -f and dumpxCATdb share.
//!
//! A file appears under its name when it is whole and on the disk, or not at all. The daemon writes as
//! root, so only root may ask for it, and into directories that may be somebody else's: what is in the
//! way of the unfinished file is removed and never written into, it may be a link. Only the owner can
//! read the files, they hold passwords.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base::{ErrorKind, Failure};
use store::LogPage;
use tables::{Row, Snapshot, TableId, csv};

use crate::call::Call;
use crate::run::blocking;
use crate::services::Services;

/// How many rows of a log are read at a time.
const PAGE: u32 = 5_000;

/// The path that a client asks for, when it may.
pub(crate) fn target(call: &Call, path: &str) -> Result<PathBuf, Failure> {
    if call.user != "root" {
        let text = "only root may have files written on the management node";
        return Err(Failure::new(ErrorKind::Denied, text).hint("tabdump prints a table"));
    }
    Ok(call.cwd.join(path))
}

/// A file that is complete and on the disk, but has not its name yet; it goes away when nobody gives it
/// that.
#[derive(Debug)]
pub(crate) struct Complete {
    unfinished: Unfinished,
    path: PathBuf,
}

/// Gives the files, which are in one directory, their names.
pub(crate) fn appear(files: &[Complete]) -> Result<(), Failure> {
    let Some(last) = files.last() else { return Ok(()) };
    for Complete { unfinished, path } in files {
        std::fs::rename(&unfinished.0, path).map_err(|error| failed(path, &error))?;
    }
    let directory = last.path.parent().unwrap_or(Path::new("/"));
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|error| failed(directory, &error))
}

/// Writes the rows that `keep` accepts. The disk is waited for on threads that answer nobody.
pub(crate) async fn write(
    table: TableId,
    path: PathBuf,
    keep: impl Fn(&Row) -> bool + Clone + Send + 'static,
    (snapshot, services): (&Snapshot, &Services),
) -> Result<Complete, Failure> {
    let begun = {
        let path = path.clone();
        blocking(move || Output::create(path, table)).await?
    };
    let failed = |error| failed(&path, &error);
    let output = begun.map_err(failed)?;
    let output = if table.def().is_log() {
        write_log(table, output, keep, services).await?
    } else {
        let snapshot = snapshot.clone();
        blocking(move || output.rows(snapshot.rows(table), keep)).await?
    };
    let finished = match output {
        Ok(output) => blocking(move || output.finish()).await?,
        Err(error) => Err(error),
    };
    finished.map_err(failed)
}

async fn write_log(
    table: TableId,
    mut output: Output,
    keep: impl Fn(&Row) -> bool + Clone + Send + 'static,
    services: &Services,
) -> Result<io::Result<Output>, Failure> {
    let mut after = 0;
    loop {
        let page = LogPage::After { recid: after, limit: PAGE };
        let rows = services.store.read_log(table, page).await?;
        let Some(last) = rows.last().and_then(|row| row.get("recid")?.parse().ok()) else {
            return Ok(Ok(output));
        };
        let keep = keep.clone();
        output = match blocking(move || output.rows(&rows, keep)).await? {
            Ok(output) => output,
            Err(error) => return Ok(Err(error)),
        };
        after = last;
    }
}

struct Output {
    file: BufWriter<File>,
    unfinished: Unfinished,
    path: PathBuf,
}

impl Output {
    fn create(path: PathBuf, table: TableId) -> io::Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let unfinished = path.with_file_name(format!(".{name}.unfinished"));
        match std::fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        let unfinished = Unfinished(unfinished);
        let mut file = BufWriter::new(file);
        writeln!(file, "{}", csv::header(table))?;
        Ok(Self { file, unfinished, path })
    }

    fn rows<'a>(
        mut self,
        rows: impl IntoIterator<Item = &'a Row>,
        keep: impl Fn(&Row) -> bool,
    ) -> io::Result<Self> {
        for row in rows.into_iter().filter(|row| keep(row)) {
            writeln!(self.file, "{}", csv::line(row))?;
        }
        Ok(self)
    }

    fn finish(self) -> io::Result<Complete> {
        let Self { file, unfinished, path } = self;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()?;
        if std::fs::metadata(&path).is_ok_and(|facts| !facts.is_file()) {
            return Err(io::Error::other("it is no file"));
        }
        Ok(Complete { unfinished, path })
    }
}

/// The path of a file that is removed when it is not needed any more, unless it was renamed.
#[derive(Debug)]
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It has its name by now, or whoever reads the directory sees what is left.
        std::fs::remove_file(&self.0).ok();
    }
}

pub(crate) fn failed(path: &Path, error: &io::Error) -> Failure {
    let text = format!("cannot write {}: {error}", path.display());
    Failure::new(ErrorKind::Internal, text).hint("nothing was dumped")
}
