//! The daemon's own log: `xcatd.log`, bounded, a line for each event with its fields. Standard error gets the same lines,
//! unless it is that very file, as it is below the container's supervisor.

use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use runtime::LogFile;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Config, LogFormat};

/// The name of the file in the directory of logs.
const NAME: &str = "xcatd.log";
/// How large it grows, and how many of that size are kept beside it.
const LARGEST: u64 = 16 * 1024 * 1024;
const OLDER: u32 = 4;
/// Says what is logged.
const FILTER: &str = "XCATD_LOG";

/// Where lines of the log go.
#[derive(Clone)]
struct Lines(Arc<Mutex<Places>>);

struct Places {
    file: LogFile,
    /// Whether the file could not be written to, which is said once.
    failed: bool,
    to_stderr: bool,
}

/// Sends everything that is logged from now on to the places that `config` names; a process that serves a client only
/// leaves standard error alone.
pub fn start(config: &Config, quiet: bool) {
    let path = config.log.join(NAME);
    // Without the directory there is no file, and the lines go to standard error.
    std::fs::create_dir_all(&config.log).ok();
    let to_stderr = !quiet && !stderr_is(&path);
    let file = LogFile::new(path, 0o640, LARGEST, OLDER);
    let lines = Lines(Arc::new(Mutex::new(Places { file, failed: false, to_stderr })));
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines).with_ansi(false);
    // Somebody else's log stays, if this process has one already.
    match config.log_format {
        LogFormat::Text => log.try_init().ok(),
        LogFormat::Json => log.json().flatten_event(true).try_init().ok(),
    };
}

fn stderr_is(path: &Path) -> bool {
    let stderr = std::fs::metadata("/dev/stderr");
    let file = std::fs::metadata(path);
    matches!((stderr, file), (Ok(stderr), Ok(file)) if (stderr.dev(), stderr.ino()) == (file.dev(), file.ino()))
}

impl Places {
    fn write(&mut self, line: &[u8]) {
        match self.file.append(line) {
            Ok(()) => self.failed = false,
            Err(error) if !self.failed => {
                self.failed = true;
                let path = self.file.path().display();
                // Standard error is the last resort.
                writeln!(io::stderr(), "xcatd: cannot write {path}: {error}").ok();
            }
            Err(_) => {}
        }
        if self.to_stderr {
            io::stderr().write_all(line).ok();
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self::Writer {
        self.clone()
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
