//! Files that a request names and the daemon reads. The daemon may read more than those who ask, so
//! for anybody but root a file must be readable by everybody, with every directory on the way to it.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

/// The permission of everybody to read.
const READ: u32 = 0o004;
/// The permission of everybody to pass through a directory.
const PASS: u32 = 0o001;

/// Reads a text file of at most `limit` bytes in the name of `user`. Pipes and devices are refused:
/// reading them might never end.
pub(crate) fn read_as(path: &Path, user: &str, limit: usize) -> io::Result<String> {
    // Opening a pipe would wait for its writer.
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    let facts = file.metadata()?;
    if !facts.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    if user != "root" && !is_public(&file, &facts)? {
        return Err(ErrorKind::PermissionDenied.into());
    }
    read_bounded(file, limit)
}

fn is_public(file: &File, facts: &Metadata) -> io::Result<bool> {
    // Where the open file lies; the path by which it was opened may mean another one by now.
    let path = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let passes = |dir: &Path| dir.metadata().is_ok_and(|facts| facts.mode() & PASS != 0);
    Ok(facts.mode() & READ != 0 && path.ancestors().skip(1).all(passes))
}

fn read_bounded(file: File, limit: usize) -> io::Result<String> {
    let mut text = String::new();
    file.take(u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1))
        .read_to_string(&mut text)?;
    if text.len() > limit {
        let text = format!("it is larger than {limit} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, text));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn allow(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn others_read_only_what_everybody_can_reach() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, link) = (dir.path().join("f"), dir.path().join("link"));
        fs::write(&inside, "n1\n").unwrap();
        std::os::unix::fs::symlink(&inside, &link).unwrap();
        let read = |path: &Path, user| read_as(path, user, 100).map_err(|error| error.kind());
        allow(&inside, 0o644);
        allow(dir.path(), 0o700);
        assert_eq!(read(&inside, "root").as_deref(), Ok("n1\n"));
        assert_eq!(read(&inside, "bob"), Err(ErrorKind::PermissionDenied));
        allow(dir.path(), 0o755);
        assert_eq!(read(&link, "bob").as_deref(), Ok("n1\n"));
        allow(&inside, 0o600);
        assert_eq!(read(&link, "bob"), Err(ErrorKind::PermissionDenied));
    }

    #[test]
    fn what_does_not_end_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let (pipe, large) = (dir.path().join("pipe"), dir.path().join("large"));
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        fs::write(&large, "x".repeat(101)).unwrap();
        let refused = |path: &Path| read_as(path, "root", 100).unwrap_err().kind();
        assert_eq!(refused(&pipe), ErrorKind::InvalidInput);
        assert_eq!(refused(Path::new("/dev/zero")), ErrorKind::InvalidInput);
        assert_eq!(refused(&large), ErrorKind::FileTooLarge);
        assert_eq!(refused(dir.path()), ErrorKind::InvalidInput);
    }
}
