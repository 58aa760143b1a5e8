//! `XCATBYPASS`: a command without the daemon. `xcatd bypass` opens the tables in a process of its own and answers on a
//! socket, as the daemon would; the tables are free again when this command ends.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::connection::Connection;

/// The program that has the tables and the commands.
const PROGRAM: &str = "xcatd";

/// Why there is nobody to ask, in a line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BypassError {
    /// Only root may open the tables.
    #[error("XCATBYPASS is for root only")]
    NotRoot,
    /// The program cannot be started.
    #[error("XCATBYPASS needs {}, which cannot be started", .0.display())]
    Start(PathBuf, #[source] io::Error),
}

/// The process that answers.
pub(crate) struct Bypass(Child);

impl Bypass {
    /// Starts the process and gives the stream to it.
    pub(crate) fn start() -> Result<(Self, Connection), BypassError> {
        if !nix::unistd::geteuid().is_root() {
            return Err(BypassError::NotRoot);
        }
        let program = candidates(PROGRAM)
            .into_iter()
            .find(|candidate| candidate.is_file())
            .unwrap_or_else(|| PathBuf::from(PROGRAM));
        let failed = |error| BypassError::Start(program.clone(), error);
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let child = command(&program, theirs.into()).spawn().map_err(failed)?;
        Ok((Self(child), Connection::Unix(ours)))
    }

    /// Waits until the tables are free again; whether the command succeeded was said on the stream.
    pub(crate) fn wait(mut self) -> io::Result<()> {
        self.0.wait().map(drop)
    }
}

/// In a group of its own: an interrupt from the terminal is for us, who then ask for the command's end.
#[expect(
    clippy::disallowed_methods,
    reason = "the client has no runtime, and waits for what it starts"
)]
fn command(program: &Path, stream: OwnedFd) -> Command {
    let mut command = Command::new(program);
    command.arg("bypass").stdin(stream).stdout(Stdio::null()).process_group(0);
    command
}

/// Where a program of ours may be: beside this one, in `sbin` beside its directory, on the path.
pub(crate) fn candidates(program: &str) -> Vec<PathBuf> {
    let own = std::env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(Path::to_path_buf);
    let sbin = beside.as_deref().and_then(Path::parent).map(|root| root.join("sbin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).filter(|directory| directory.is_absolute());
    beside.into_iter().chain(sbin).chain(on_path).map(|directory| directory.join(program)).collect()
}
