//! The lab's directory on the host: sockets, logs, the password of its service processors. For root only.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base::{ErrorKind, Failure, Secret};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::internal;
use super::qemu::Files;

/// How often a followed log is looked at.
const FOLLOW: Duration = Duration::from_millis(300);

/// The directory.
#[derive(Debug, Clone)]
pub(crate) struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// The directory at `root`, made if need be.
    pub(crate) fn open(root: &Path) -> Result<Self, Failure> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(root);
        made.map_err(|error| internal(root.display(), &error))?;
        Ok(Self { root: root.to_owned() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.root
    }

    /// Where `serve` listens for orders.
    pub(crate) fn control(&self) -> PathBuf {
        self.root.join("control.sock")
    }

    /// The process id of `serve`.
    pub(crate) fn pid(&self) -> PathBuf {
        self.root.join("serve.pid")
    }

    /// What `serve` has to say.
    pub(crate) fn log(&self) -> PathBuf {
        log_path(&self.root)
    }

    /// Which accelerator works, and in which life of the host that was found.
    pub(crate) fn accelerator(&self) -> PathBuf {
        self.root.join("accelerator")
    }

    /// The files of a machine.
    pub(crate) fn files(&self, node: &str) -> Files {
        Files::of(&self.root, node)
    }

    /// The password of all service processors of this lab, made at its first use.
    pub(crate) fn password(&self) -> Result<Secret<String>, Failure> {
        let path = self.root.join("bmc.password");
        let failed = |error: io::Error| internal(path.display(), &error);
        match fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => Ok(Secret::new(text.trim().to_owned())),
            Ok(_) => Self::new_password(&path).map_err(failed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Self::new_password(&path).map_err(failed)
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn new_password(path: &Path) -> io::Result<Secret<String>> {
        const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let letter = |byte: &u8| char::from(LETTERS[usize::from(byte & 31)]);
        let password: String = random.iter().map(letter).collect();
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        writeln!(file, "{password}")?;
        Ok(Secret::new(password))
    }

    /// Ends machines that an earlier, killed `serve` has left; gives back their names.
    pub(crate) fn end_orphans(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| end_orphan(&self.files(name))).collect()
    }
}

/// The log of the background process of the lab in this directory.
pub fn log_path(root: &Path) -> PathBuf {
    root.join("serve.log")
}

/// Ends the process in a machine's pid file, if it is that machine's.
fn end_orphan(files: &Files) -> bool {
    let Ok(text) = fs::read_to_string(files.pid()) else { return false };
    let Ok(pid) = text.trim().parse::<i32>() else { return false };
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let ours = String::from_utf8_lossy(&line).contains(&*files.qmp().to_string_lossy());
    ours && kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok()
}

/// The last lines of a file, without what would confuse a terminal.
pub(crate) fn tail(path: &Path, lines: usize) -> Vec<String> {
    tail_from(path, 0, lines)
}

/// The last lines of what was written to a file after its first `begin` bytes; of all if it has become shorter.
pub(crate) fn tail_from(path: &Path, begin: u64, lines: usize) -> Vec<String> {
    const READ: u64 = 64 << 10;
    let read = || -> io::Result<Vec<u8>> {
        let mut file = fs::File::open(path)?;
        let length = file.metadata()?.len();
        let begin = if begin > length { 0 } else { begin };
        file.seek(SeekFrom::Start(length.saturating_sub(READ).max(begin)))?;
        let mut bytes = Vec::new();
        file.take(READ).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let text = plain(&read().unwrap_or_default());
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    all[all.len().saturating_sub(lines)..].iter().map(|line| (*line).to_owned()).collect()
}

/// Text without escape sequences and control characters.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                // "ESC [ numbers letter", or one character after ESC
                if chars.next() == Some('[') {
                    chars.by_ref().find(|c| c.is_ascii_alphabetic() || *c == '@');
                }
            }
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Shows what a machine printed on its serial line; `follow` goes on until interrupted.
pub fn console(root: &Path, node: &str, follow: bool) -> Result<(), Failure> {
    let path = Files::of(root, node).serial();
    let mut file = fs::File::open(&path).map_err(|_| {
        let message = format!("there is no serial output of {node} in {}", root.display());
        Failure::new(ErrorKind::NotFound, message).hint("see 'xcat lab status'")
    })?;
    let mut stdout = io::stdout().lock();
    loop {
        let copied = io::copy(&mut file, &mut stdout).and_then(|_| stdout.flush());
        copied.map_err(|error| internal(path.display(), &error))?;
        if !follow {
            return Ok(());
        }
        std::thread::sleep(FOLLOW);
        let len = file.metadata().map_or(0, |meta| meta.len());
        let position = file.stream_position().unwrap_or(0);
        if len < position {
            file.rewind().map_err(|error| internal(path.display(), &error))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_has_no_escape_sequences() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("serial.log");
        fs::write(&path, b"one\r\n\x1b[2J\x1b[01;31mtwo\x1b[0m\r\n\r\nthree").unwrap();
        assert_eq!(tail(&path, 2), ["two", "three"]);
        assert!(tail(&dir.path().join("none"), 2).is_empty());
        let all = fs::metadata(&path).unwrap().len();
        assert_eq!(tail_from(&path, all - 5, 9), ["three"]);
        assert!(tail_from(&path, all, 9).is_empty());
        assert_eq!(tail_from(&path, all + 1, 1), ["three"]);
    }

    #[test]
    fn the_password_is_made_once_and_for_root_only() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(&dir.path().join("lab")).unwrap();
        let first = state.password().unwrap();
        assert_eq!(first.expose(), state.password().unwrap().expose());
        assert_eq!(first.expose().len(), 16);
        let mode = fs::metadata(state.path().join("bmc.password")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_foreign_process_in_a_stale_pid_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(dir.path()).unwrap();
        fs::create_dir(dir.path().join("vnode01")).unwrap();
        let own = std::process::id().to_string();
        fs::write(state.files("vnode01").pid(), own).unwrap();
        assert!(state.end_orphans().is_empty());
    }
}
