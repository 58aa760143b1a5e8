//! The file that `tabrestore` sends: read here, with the rights of the caller and on the caller's host.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use command::{Meta, Options};

use crate::output::Output;
use crate::render::Stream;

/// The largest file that is sent. Quotes grow on the way, so less may be too much already.
const MAX_FILE: u64 = 15 * 1024 * 1024;
/// The exit status of the original when the file cannot be read.
const UNREADABLE: u8 = 3;

/// Rows for a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The table.
    pub table: String,
    /// The file's text.
    pub text: String,
    /// Whether the rows are added to those that are there.
    pub add: bool,
}

/// A file that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unusable {
    pub(crate) text: String,
    pub(crate) status: u8,
}

impl Unusable {
    /// Says it where the original does, and gives the exit status.
    pub(crate) fn report(&self, output: &Output) -> u8 {
        if output.write(Stream::Out, self.text.as_bytes()).is_ok() { self.status } else { 255 }
    }
}

/// Reads the file that the arguments name; nothing when they make no sense, which the daemon explains.
pub(crate) fn read(meta: &Meta, arguments: &[String]) -> Result<Option<Upload>, Unusable> {
    let Ok(options) = Options::parse(meta, arguments) else { return Ok(None) };
    let [path] = options.operands() else { return Ok(None) };
    if options.help() || options.version() {
        return Ok(None);
    }
    let text = text_of(Path::new(path)).map_err(|reason| Unusable {
        text: format!("Error: Unable to open {path} for reading: {reason}.\n"),
        status: UNREADABLE,
    })?;
    Ok(Some(Upload { table: table_of(path), text, add: options.has("addrows") }))
}

/// What a request that is too large is answered with.
pub(crate) fn too_large() -> Unusable {
    let text = "Error: the file is too large to be sent; restorexCATdb -p DIRECTORY reads it where the daemon runs\n";
    Unusable { text: text.to_owned(), status: UNREADABLE }
}

fn text_of(path: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| error.to_string();
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("it is larger than {} MiB", MAX_FILE >> 20));
    }
    String::from_utf8(bytes)
        .map_err(|error| format!("byte {} is not UTF-8", error.utf8_error().valid_up_to() + 1))
}

/// The table that a file is for: its name up to the first dot.
fn table_of(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split('.').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_words(words: &[&str]) -> Result<Option<Upload>, Unusable> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        read(command::find("tabrestore").unwrap(), &words)
    }

    #[test]
    fn the_table_is_named_by_the_file() {
        for (path, table) in [("site.csv", "site"), ("/tmp/a.b/mac.csv.old", "mac"), ("x", "x")] {
            assert_eq!(table_of(path), table);
        }
    }

    #[test]
    fn only_a_command_line_with_one_file_is_answered_here() {
        assert_eq!(read_words(&[]), Ok(None));
        assert_eq!(read_words(&["-h", "x.csv"]), Ok(None));
        assert_eq!(read_words(&["--nosuch", "x.csv"]), Ok(None));
        let missing = read_words(&["-a", "/nonexistent/site.csv"]).unwrap_err();
        assert_eq!(missing.status, 3);
        assert!(
            missing.text.starts_with("Error: Unable to open /nonexistent/site.csv for reading")
        );
    }
}
