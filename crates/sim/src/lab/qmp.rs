//! QEMU's control protocol: one command per connection, JSON lines over a Unix socket.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

const LIMIT: Duration = Duration::from_secs(5);
/// Longest answer that is read: events and returns are short.
const ANSWER_MAX: u64 = 64 << 10;

/// Executes one command without arguments.
pub(crate) async fn execute(socket: &Path, command: &str) -> io::Result<()> {
    let work = async {
        let stream = UnixStream::connect(socket).await?;
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read.take(ANSWER_MAX)).lines();
        let greeting = lines.next_line().await?.unwrap_or_default();
        if !greeting.contains("\"QMP\"") {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no QMP greeting"));
        }
        for command in ["qmp_capabilities", command] {
            write.write_all(format!("{}\n", json!({ "execute": command })).as_bytes()).await?;
            loop {
                let line = lines.next_line().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
                if answers(&line)? {
                    break;
                }
            }
        }
        Ok(())
    };
    tokio::time::timeout(LIMIT, work).await?
}

/// Whether a line answers a command; events do not.
fn answers(line: &str) -> io::Result<bool> {
    let value: Value = serde_json::from_str(line)?;
    if let Some(error) = value.get("error") {
        let text = error.get("desc").and_then(Value::as_str).unwrap_or("unknown error");
        return Err(io::Error::other(text.to_owned()));
    }
    Ok(value.get("return").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_passed_over_and_errors_have_their_words() {
        assert!(answers(r#"{"return": {}}"#).unwrap());
        assert!(!answers(r#"{"event": "RESET", "data": {}}"#).unwrap());
        let error = answers(r#"{"error": {"class": "GenericError", "desc": "no"}}"#).unwrap_err();
        assert_eq!(error.to_string(), "no");
    }
}
