//! What lies beside the tables: the templates of objects that come with the product, the lists that images are
//! made from, the site's own and ours, and the logs.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::{ErrorKind, Failure};
use store::LogPage;
use tables::{ObjectType, Row, TableId, ids};

use super::stanza::{self, Stanza};
use crate::services::Services;

/// How many entries of a log are read as objects; tabdump shows all.
pub(super) const MAX_ENTRIES: u32 = 100_000;

/// Where the files are, and the logs that were asked for.
pub(super) struct Beside {
    share: Arc<Path>,
    logs: BTreeMap<ObjectType, BTreeMap<String, Row>>,
}

/// A definition that others begin with. A value that begins with one of [`MANDATORY`] and
/// [`OPTIONAL`] is none: it says what to give.
pub(super) struct Template {
    pub(super) kind: ObjectType,
    pub(super) stanza: Stanza,
}

/// What the value of an attribute begins with that must be given.
pub(super) const MANDATORY: &str = "MANDATORY:";
/// What the value of an attribute begins with that can be given.
pub(super) const OPTIONAL: &str = "OPTIONAL:";

/// The log whose entries are objects of the type.
pub(super) fn log_of(kind: ObjectType) -> Option<TableId> {
    match kind {
        ObjectType::AuditLog => Some(ids::AUDITLOG),
        ObjectType::EventLog => Some(ids::EVENTLOG),
        _ => None,
    }
}

impl Beside {
    pub(super) fn of(services: &Services) -> Self {
        Self { share: services.share.clone(), logs: BTreeMap::new() }
    }

    /// Reads the logs that are types of objects in this list.
    pub(super) async fn with_logs(
        mut self,
        types: &str,
        services: &Services,
    ) -> Result<Self, Failure> {
        for kind in types.split(',').filter_map(ObjectType::named) {
            let Some(table) = log_of(kind) else { continue };
            let page = LogPage::Newest { limit: MAX_ENTRIES };
            let rows = services.store.read_log(table, page).await?;
            let named =
                rows.into_iter().filter_map(|row| Some((row.get("recid")?.to_owned(), row)));
            self.logs.insert(kind, named.collect());
        }
        Ok(self)
    }

    /// The entries of a log, by their numbers.
    pub(super) fn log(&self, kind: ObjectType) -> Option<&BTreeMap<String, Row>> {
        self.logs.get(&kind)
    }

    /// The templates of these types, sorted by name within each type.
    pub(super) fn templates(&self, kinds: &[ObjectType]) -> Result<Vec<Template>, Failure> {
        let mut all = Vec::new();
        for kind in kinds {
            let directory = self.share.join("templates/objects").join(kind.name());
            let mut found = Vec::new();
            for path in files_in(&directory)? {
                let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
                found.extend(stanza::parse(&text).map_err(|error| unreadable(&path, &error))?);
            }
            found.sort_by(|a, b| a.name.cmp(&b.name));
            all.extend(found.into_iter().map(|stanza| Template { kind: *kind, stanza }));
        }
        Ok(all)
    }

    /// The directories that lists for images of `platform` are in: the site's and ours. `method` is
    /// `install` or `netboot`.
    pub(super) fn lists(&self, install: &Path, method: &str, platform: &str) -> [PathBuf; 2] {
        let custom = install.join("custom").join(method).join(platform);
        [custom, self.platforms(method).join(platform)]
    }

    /// The directory that has one directory of lists for each platform.
    pub(super) fn platforms(&self, method: &str) -> PathBuf {
        self.share.join(method)
    }
}

fn files_in(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(directory, &error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(directory, &error))?.path();
        if path.extension().is_some_and(|extension| extension == "stanza") {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

fn unreadable(path: &Path, error: &(dyn std::error::Error + 'static)) -> Failure {
    let text = format!("cannot read {}: {}", path.display(), base::chain(error));
    Failure::new(ErrorKind::Internal, text)
}

/// The first of the names that a directory has as a file, in the order of the directories; a program
/// must also be executable.
pub(super) fn first(
    directories: &[PathBuf],
    names: &[String],
    is_program: bool,
) -> Option<PathBuf> {
    let mut paths = directories.iter().flat_map(|dir| names.iter().map(move |name| dir.join(name)));
    paths.find(|path| {
        let runs = |facts: &fs::Metadata| facts.permissions().mode() & 0o111 != 0;
        fs::metadata(path).is_ok_and(|facts| facts.is_file() && (!is_program || runs(&facts)))
    })
}
