//! What a resolution leads to on this machine: an open file, a directory, or rendered text.
//!
//! Invariant: only what everybody on this machine may read leaves it. This program runs as root, and below `/install`
//! lie the trees of images with their password files and keys.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use model::boot::{Otherwise, Resolution};
use tokio::fs::{self, File};

/// The mode bit that lets everybody read.
const ALL_READ: u32 = 0o004;

/// Something to send.
#[derive(Debug)]
pub(crate) enum Content {
    /// A file with its size and a tag that changes with its content.
    File { file: File, size: u64, tag: String },
    /// A directory.
    Directory(PathBuf),
    /// Rendered text.
    Text(Bytes),
}

/// Opens the first file that exists, else takes the text; the error says why there is nothing.
pub(crate) async fn open(found: Resolution) -> Result<Content, String> {
    for path in &found.files {
        match open_path(path).await {
            Ok(Some(content)) => return Ok(content),
            Ok(None) => {}
            Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
        }
    }
    match found.otherwise {
        Otherwise::Rendered(text) => Ok(Content::Text(text.into())),
        Otherwise::Absent(reason) => Err(reason),
    }
}

/// Opens a path; none when there is nothing to serve at it.
async fn open_path(path: &Path) -> io::Result<Option<Content>> {
    let metadata = match fs::metadata(path).await {
        Ok(metadata) => metadata,
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    if metadata.mode() & ALL_READ == 0 {
        let reason = "not everybody may read it (chmod o+r permits it)";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    }
    if metadata.is_dir() {
        return Ok(Some(Content::Directory(path.to_owned())));
    }
    // Opening a pipe or a device could wait for ever.
    if !metadata.is_file() {
        return Ok(None);
    }
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let tag = format!("\"{:x}-{:x}\"", modified.unwrap_or_default().as_nanos(), metadata.len());
    let file = File::open(path).await?;
    Ok(Some(Content::File { file, size: metadata.len(), tag }))
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
