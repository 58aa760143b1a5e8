//! Reading what a program prints: bounded, and line by line for those who watch.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;

/// The longest line handed over; longer ones arrive in pieces.
const LONGEST_LINE: usize = 16 << 10;

/// Which of its two voices a program used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line a program printed, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it was printed.
    pub stream: Stream,
    /// Its text; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// The last bytes of a stream, up to a limit.
#[derive(Debug)]
pub(crate) struct Capture {
    bytes: VecDeque<u8>,
    limit: usize,
}

impl Capture {
    pub(crate) fn new(limit: usize) -> Self {
        Self { bytes: VecDeque::new(), limit }
    }

    fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend(chunk);
        let excess = self.bytes.len().saturating_sub(self.limit);
        self.bytes.drain(..excess);
    }

    pub(crate) fn into_text(self) -> String {
        String::from_utf8_lossy(&Vec::from(self.bytes)).into_owned()
    }
}

/// Reads `pipe` to its end, keeps its tail and hands over its lines.
pub(crate) async fn pump(
    pipe: Option<impl AsyncRead + Unpin>,
    stream: Stream,
    capture: &mut Capture,
    lines: Option<mpsc::Sender<Line>>,
) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = vec![0; 8 << 10];
    let mut partial = Vec::new();
    // a read error on a pipe means as much as its end
    while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
        let chunk = &chunk[..length];
        capture.push(chunk);
        if let Some(lines) = &lines {
            split(chunk, &mut partial, |text| Line { stream, text }, lines).await;
        }
    }
    if let (Some(lines), false) = (&lines, partial.is_empty()) {
        drop(lines.send(Line { stream, text: text_of(&partial) }).await);
    }
}

async fn split(
    chunk: &[u8],
    partial: &mut Vec<u8>,
    line: impl Fn(String) -> Line,
    lines: &mpsc::Sender<Line>,
) {
    for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
        partial.extend_from_slice(piece);
        if partial.ends_with(b"\n") || partial.len() >= LONGEST_LINE {
            drop(lines.send(line(text_of(partial))).await);
            partial.clear();
        }
    }
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches(['\n', '\r']).to_owned()
}
