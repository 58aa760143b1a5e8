//! QEMU's control protocol: JSON lines over Unix sockets. Commands have a connection each; events come over one that
//! lasts as long as the process.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, sleep, timeout};

const LIMIT: Duration = Duration::from_secs(5);
/// How long a new process may take to open its sockets on a busy host.
const OPENING: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(50);
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

/// What a process has to tell until its end.
#[derive(Debug)]
pub(crate) struct Events {
    lines: Lines<BufReader<OwnedReadHalf>>,
    /// QEMU takes a closed half for the end of the connection.
    _write: OwnedWriteHalf,
    reset: bool,
}

impl Events {
    /// Connects as soon as the new process listens.
    pub(crate) async fn open(socket: &Path) -> io::Result<Self> {
        let until = Instant::now() + OPENING;
        let stream = loop {
            match UnixStream::connect(socket).await {
                Ok(stream) => break stream,
                Err(error) if Instant::now() >= until => return Err(error),
                Err(_) => sleep(LOOK).await,
            }
        };
        let (read, mut write) = stream.into_split();
        let ask = format!("{}\n", json!({ "execute": "qmp_capabilities" }));
        timeout(LIMIT, write.write_all(ask.as_bytes())).await??;
        Ok(Self { lines: BufReader::new(read).lines(), _write: write, reset: false })
    }

    /// Reads events to their end. Nothing is lost when this is dropped and called again.
    pub(crate) async fn follow(&mut self) {
        while let Ok(Some(line)) = self.lines.next_line().await {
            self.reset |= asks_for_reset(&line);
        }
    }

    /// Whether the process ended because the machine was to be reset.
    pub(crate) async fn end_in_reset(mut self) -> bool {
        // the process is gone: what it wrote is here, and then the end
        drop(timeout(LIMIT, self.follow()).await);
        self.reset
    }
}

/// Whether a line is the event of a machine that is to be reset, by its guest or over this protocol.
fn asks_for_reset(line: &str) -> bool {
    let Ok(value) = serde_json::from_str::<Value>(line) else { return false };
    let reason = value["data"]["reason"].as_str().unwrap_or_default();
    value["event"] == "SHUTDOWN" && reason.ends_with("-reset")
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

    #[tokio::test]
    async fn a_guest_that_resets_itself_is_told_from_one_that_switches_itself_off() {
        let dir = tempfile::tempdir().unwrap();
        for (reason, reset) in
            [("guest-reset", true), ("guest-shutdown", false), ("host-qmp-quit", false)]
        {
            let path = dir.path().join(reason);
            let listener = tokio::net::UnixListener::bind(&path).unwrap();
            let qemu = async {
                let (stream, _) = listener.accept().await.unwrap();
                let (read, mut write) = stream.into_split();
                let asked = BufReader::new(read).lines().next_line().await.unwrap().unwrap();
                assert!(asked.contains("qmp_capabilities"));
                let event = json!({ "event": "SHUTDOWN", "data": { "reason": reason } });
                let text = format!("{{\"QMP\": {{}}}}\n{{\"return\": {{}}}}\n{event}\n");
                write.write_all(text.as_bytes()).await.unwrap();
            };
            let (events, ()) = tokio::join!(Events::open(&path), qemu);
            assert_eq!(events.unwrap().end_in_reset().await, reset, "{reason}");
        }
    }

    #[test]
    fn events_are_passed_over_and_errors_have_their_words() {
        assert!(answers(r#"{"return": {}}"#).unwrap());
        assert!(!answers(r#"{"event": "RESET", "data": {}}"#).unwrap());
        let error = answers(r#"{"error": {"class": "GenericError", "desc": "no"}}"#).unwrap_err();
        assert_eq!(error.to_string(), "no");
    }
}
