//! How a program ended and what it left behind, or why it did not run to its end.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use base::ErrorKind;

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It returned this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl Exit {
    /// The code a shell would show: signals are 128 and more.
    pub const fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        status.code().map_or_else(|| Self::Signal(status.signal().unwrap_or(0)), Self::Code)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// What a program left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub exit: Exit,
    /// The end of what it printed.
    pub stdout: String,
    /// The end of what it complained.
    pub stderr: String,
}

impl Output {
    /// Whether it returned 0.
    pub fn success(&self) -> bool {
        self.exit == Exit::Code(0)
    }

    /// The last line that is not blank of its complaints, else of its output.
    pub fn last_line(&self) -> &str {
        let mut lines = self.stdout.lines().chain(self.stderr.lines()).map(str::trim).rev();
        lines.find(|line| !line.is_empty()).unwrap_or("")
    }
}

/// Why a program did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It could not be started.
    #[error("cannot start {program}")]
    Start {
        /// The program.
        program: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Its end could not be awaited.
    #[error("lost sight of {program}")]
    Lost {
        /// The program.
        program: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It ran past its deadline and was ended.
    #[error("{program} did not end within {} s", after.as_secs_f32())]
    TimedOut {
        /// The program.
        program: String,
        /// The deadline.
        after: Duration,
    },
    /// The run was cancelled and the program ended.
    #[error("{program} was cancelled")]
    Cancelled {
        /// The program.
        program: String,
    },
}

impl RunError {
    /// What the reader can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::TimedOut { .. } => ErrorKind::Timeout,
            Self::Start { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                ErrorKind::NotFound
            }
            Self::Start { .. } | Self::Lost { .. } | Self::Cancelled { .. } => ErrorKind::Internal,
        }
    }
}
