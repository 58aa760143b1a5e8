//! Files that appear whole or not at all, and links that respect what an administrator put in their place.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A step of the set-up that the file system refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}")]
pub(crate) struct FileError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError { action, path, source }
}

/// Makes a directory and those above it; the last one gets `mode`.
pub(crate) fn directory(path: &Path, mode: u32) -> Result<(), FileError> {
    fs::create_dir_all(path).map_err(failed("make the directory", path))?;
    set_mode(path, mode)
}

/// Writes a file durably beside its place and moves it there, durably too.
pub(crate) fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(mode);
    let store = || {
        let mut file = options.open(&beside)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        sync_directory_of(path)
    };
    store().map_err(failed("write", path))
}

/// Makes the names in the directory of `path` durable.
fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    fs::File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

/// Makes the content of a file, or the names in a directory, durable.
pub(crate) fn sync(path: &Path) -> Result<(), FileError> {
    fs::File::open(path).and_then(|file| file.sync_all()).map_err(failed("flush", path))
}

/// Writes the file unless it holds exactly that already.
pub(crate) fn ensure(path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    match fs::read(path) {
        Ok(found) if found == content => Ok(()),
        _ => write(path, content, mode),
    }
}

/// Reads a text file with something in it; `None` when there is none, or nothing in it: what a loss of power may leave of a
/// file that was not flushed.
pub(crate) fn read_filled(path: &Path) -> Result<Option<String>, FileError> {
    Ok(read(path)?.filter(|text| !text.trim().is_empty()))
}

/// Reads a text file, whatever is in it; `None` when there is none.
pub(crate) fn read(path: &Path) -> Result<Option<String>, FileError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

/// Moves a file durably.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    fs::rename(from, to).and_then(|()| sync_directory_of(to)).map_err(failed("write", to))
}

/// Gives a file its mode.
pub(crate) fn set_mode(path: &Path, mode: u32) -> Result<(), FileError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(failed("set the mode of", path))
}

/// Removes a file; one that is not there is removed already.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Removes a directory that is empty.
pub(crate) fn remove_directory(path: &Path) -> Result<(), FileError> {
    fs::remove_dir(path).map_err(failed("remove", path))
}

/// Makes `place` a link to `target`, unless something that is no link is there.
pub(crate) fn link(target: &Path, place: &Path) -> Result<(), FileError> {
    match fs::symlink_metadata(place) {
        Ok(metadata) if !metadata.is_symlink() => return Ok(()),
        Ok(_) if fs::read_link(place).is_ok_and(|found| found == target) => return Ok(()),
        Ok(_) => fs::remove_file(place).map_err(failed("replace", place))?,
        Err(_) => {}
    }
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent).map_err(failed("make the directory", parent))?;
    }
    std::os::unix::fs::symlink(target, place).map_err(failed("make the link", place))
}
