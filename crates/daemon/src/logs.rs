//! The daemon's own log: `xcatd.log`, bounded, a line for each event with its fields. Standard error gets the same lines,
//! unless it is that very file; the container's supervisor finds there what was said last.

use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use runtime::LogFile;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Config, LogFormat};

/// The name of the file in the directory of logs.
const NAME: &str = "xcatd.log";
/// How large it grows, and how many of that size are kept beside it.
const LARGEST: u64 = 16 * 1024 * 1024;
const OLDER: u32 = 4;
/// Says what is logged.
const FILTER: &str = "XCATD_LOG";
const USUAL: &str = "info";

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
    let wanted = std::env::var_os(FILTER).map(|value| value.to_string_lossy().into_owned());
    let (filter, wrong) = filter(wanted.as_deref());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines).with_ansi(false);
    // Somebody else's log stays, if this process has one already.
    match config.log_format {
        LogFormat::Text => log.try_init().ok(),
        LogFormat::Json => log.json().flatten_event(true).try_init().ok(),
    };
    if let Some(reason) = wrong {
        tracing::warn!(
            variable = FILTER,
            value = wanted,
            reason,
            "the log has what it has without the variable: info"
        );
    }
}

/// What is logged, and what is wrong with the value that says so.
fn filter(wanted: Option<&str>) -> (EnvFilter, Option<String>) {
    match wanted.filter(|text| !text.is_empty()).map(understood) {
        None => (EnvFilter::new(USUAL), None),
        Some(Ok(filter)) => (filter, None),
        Some(Err(reason)) => (EnvFilter::new(USUAL), Some(reason)),
    }
}

/// The filter of a text in which every word is a level or gives one to a target: a misspelt level alone would be the name of
/// a target, and silence all others.
fn understood(text: &str) -> Result<EnvFilter, String> {
    let is_spans = text.contains('[');
    let is_level = |word: &&str| word.contains('=') || word.parse::<LevelFilter>().is_ok();
    match text.split(',').map(str::trim).find(|word| !is_spans && !is_level(word)) {
        Some(word) => Err(format!("'{word}' is neither a level nor TARGET=LEVEL")),
        None => EnvFilter::try_new(text).map_err(|error| error.to_string()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_filter_is_the_usual_one_with_a_reason() {
        for (wanted, filters, names) in [
            (None, "info", None),
            (Some(""), "info", None),
            (Some("debug"), "debug", None),
            (Some("off"), "off", None),
            (Some("info,netboot=debug"), "netboot=debug,info", None),
            (Some("warn,daemon::session=trace"), "daemon::session=trace,warn", None),
            (Some("inof"), "info", Some("'inof'")),
            (Some("info,netboot"), "info", Some("'netboot'")),
            (Some("netboot=debgu"), "info", Some("expected one of")),
        ] {
            let (filter, wrong) = filter(wanted);
            assert_eq!(filter.to_string(), filters, "{wanted:?}");
            let is_named = names.map_or(wrong.is_none(), |names| {
                wrong.as_ref().is_some_and(|reason| reason.contains(names))
            });
            assert!(is_named, "{wanted:?}: {wrong:?}");
        }
    }
}
