//! What an administrator should know about a start, a line each: what is amiss and how to mend it. It goes to the log, and
//! to a file beside the socket, from which the supervisor of the container says it where `docker logs` shows it.

use std::path::Path;

use crate::setup::files::{self, FileError};

/// The lines of one start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notices(Vec<String>);

impl Notices {
    /// Something that works, but not as it should.
    pub(crate) fn warn(&mut self, line: impl Into<String>) {
        let line = line.into();
        tracing::warn!("{line}");
        self.0.push(format!("warning: {line}"));
    }

    /// Something that was done and is worth knowing.
    pub(crate) fn tell(&mut self, line: impl Into<String>) {
        let line = line.into();
        tracing::info!("{line}");
        self.0.push(line);
    }

    /// The lines, for whoever asked for what they are about.
    pub(crate) fn into_lines(self) -> Vec<String> {
        self.0
    }

    /// Writes them beside the socket.
    pub(crate) fn publish(&self, socket: &Path) -> Result<(), FileError> {
        let Some(directory) = socket.parent().filter(|directory| directory.is_dir()) else {
            return Ok(());
        };
        let lines = self.0.iter().map(|line| format!("{}\n", line.replace('\n', " ")));
        files::write(&directory.join("notices"), lines.collect::<String>().as_bytes(), 0o644)
    }
}
