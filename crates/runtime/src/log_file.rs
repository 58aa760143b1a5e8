//! A log on disk that cannot fill it: when the file has reached its size it becomes `.1`, `.1` becomes `.2`, and the oldest
//! goes. A file that somebody has moved or removed is made anew.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A bounded file that lines are appended to.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    mode: u32,
    largest: u64,
    older: u32,
    file: Option<File>,
}

impl LogFile {
    /// The log at `path`, which is made with `mode` when it is first written to; it grows to `largest` bytes, and `older`
    /// files of that size are kept beside it.
    pub fn new(path: PathBuf, mode: u32, largest: u64, older: u32) -> Self {
        Self { path, mode, largest, older, file: None }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends `lines`, all at once.
    pub fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let (file, size) = self.current()?;
        let mut file = if size > 0 && size.saturating_add(lines.len() as u64) > self.largest {
            drop(file);
            self.rotate()?;
            self.open()?
        } else {
            file
        };
        let written = file.write_all(lines);
        self.file = Some(file);
        written
    }

    /// The file and its size, if it is still the one at the path.
    fn current(&mut self) -> io::Result<(File, u64)> {
        if let Some(file) = self.file.take() {
            let (ours, there) = (file.metadata()?, std::fs::metadata(&self.path));
            if there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
                return Ok((file, ours.len()));
            }
        }
        let file = self.open()?;
        let size = file.metadata()?.len();
        Ok((file, size))
    }

    fn open(&self) -> io::Result<File> {
        OpenOptions::new().create(true).append(true).mode(self.mode).open(&self.path)
    }

    fn rotate(&self) -> io::Result<()> {
        for number in (1..self.older).rev() {
            match std::fs::rename(self.numbered(number), self.numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        std::fs::rename(&self.path, self.numbered(1))
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(format!(".{number}"));
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_keeps_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        let mut log = LogFile::new(path.clone(), 0o600, 10, 2);
        for number in 0..12 {
            log.append(format!("{number:04}\n").as_bytes()).unwrap();
        }
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(read("x.log"), "0010\n0011\n");
        assert_eq!(read("x.log.1"), "0008\n0009\n");
        assert_eq!(read("x.log.2"), "0006\n0007\n");
        assert!(!dir.path().join("x.log.3").exists());
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        log.append(&[b'x'; 99]).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 99, "a long line stays whole");
    }

    #[test]
    fn a_file_that_was_moved_away_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        let mut log = LogFile::new(path.clone(), 0o644, 100, 1);
        log.append(b"a\n").unwrap();
        std::fs::rename(&path, dir.path().join("moved")).unwrap();
        log.append(b"b\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"b\n");
        std::fs::remove_dir_all(dir.path()).unwrap();
        assert!(log.append(b"c\n").is_err());
    }
}
