//! Our postscripts where nodes fetch them. A newer version replaces what an older one installed; a script that the
//! administrator has changed, or put there first, is left alone and named.
//!
//! What was installed is kept as a copy in the state directory: only by that can a change of the administrator be told
//! from a script of an older version.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::files::{self, FileError};

/// The directories that take part.
#[derive(Debug)]
pub(super) struct Postscripts {
    /// What this version brings.
    pub(super) shipped: PathBuf,
    /// Where nodes fetch them.
    pub(super) place: PathBuf,
    /// Copies of what was installed there.
    pub(super) installed: PathBuf,
}

/// What to do with one script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Put ours in place.
    Install,
    /// It is in place.
    Nothing,
    /// It belongs to the administrator.
    Leave,
}

fn decide(shipped: &[u8], here: Option<&[u8]>, installed: Option<&[u8]>) -> Step {
    match here {
        None => Step::Install,
        Some(here) if here == shipped => Step::Nothing,
        Some(here) if Some(here) == installed => Step::Install,
        Some(_) => Step::Leave,
    }
}

impl Postscripts {
    /// Installs what is missing or older; the names are those of the scripts that were left alone.
    pub(super) fn install(&self) -> Result<Vec<String>, FileError> {
        let mut left = Vec::new();
        for name in names_in(&self.shipped) {
            let (place, copy) = (self.place.join(&name), self.installed.join(&name));
            let Some(shipped) = content(&self.shipped.join(&name))? else { continue };
            let (here, installed) = (content(&place)?, content(&copy)?);
            match decide(&shipped, here.as_deref(), installed.as_deref()) {
                Step::Install => files::write(&place, &shipped, 0o755)?,
                Step::Nothing => {}
                Step::Leave => {
                    left.push(name);
                    continue;
                }
            }
            files::directory(&self.installed, 0o700)?;
            files::ensure(&copy, &shipped, 0o600)?;
        }
        Ok(left)
    }
}

/// The content of a file; none when there is none.
fn content(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(files::failed("read", path)(error)),
    }
}

/// The names of the files in a directory, sorted; a directory that is not there has none.
pub(super) fn names_in(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let files = entries.flatten().filter(|entry| entry.path().is_file());
    let mut names: Vec<String> =
        files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_scripts_replace_older_ones_but_not_the_administrators() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let scripts =
            Postscripts { shipped: at("share"), place: at("install"), installed: at("copies") };
        for directory in ["share", "install"] {
            fs::create_dir(at(directory)).unwrap();
        }
        let ship = |text: &str| {
            for name in ["syslog", "changed", "own"] {
                fs::write(at("share").join(name), text).unwrap();
            }
            scripts.install().unwrap()
        };
        let here = |name: &str| fs::read_to_string(at("install").join(name)).unwrap();
        fs::write(at("install/own"), "site").unwrap();
        assert_eq!(ship("1"), ["own"]);
        assert_eq!((here("syslog"), here("own")), ("1".to_owned(), "site".to_owned()));
        fs::write(at("install/changed"), "edited").unwrap();
        assert_eq!(ship("2"), ["changed", "own"]);
        assert_eq!((here("syslog"), here("changed")), ("2".to_owned(), "edited".to_owned()));
        fs::write(at("install/changed"), "1").unwrap();
        assert_eq!(ship("3"), ["own"]);
        assert_eq!((here("changed"), here("own")), ("3".to_owned(), "site".to_owned()));
    }

    #[test]
    fn a_script_of_a_version_that_kept_no_copies_is_left() {
        assert_eq!(decide(b"2", Some(b"1"), None), Step::Leave);
        assert_eq!(decide(b"2", Some(b"2"), None), Step::Nothing);
        assert_eq!(decide(b"2", None, Some(b"1")), Step::Install);
    }
}
