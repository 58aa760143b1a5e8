//! One transfer: options, then windows of blocks, each repeated until it is acknowledged.
//!
//! ```text
//! Offer (options) --ack 0--> Window(n) --ack within--> Window(n+1) ... --last ack--> Sent
//!        |                     | silence, up to TRIES times: again
//!        +--error--> Declined  +--error, or silence--> Lost
//! ```
//! Block numbers are 64 bits here and wrap to 16 on the wire.

use std::io::{self, SeekFrom};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};
use wire::tftp::{ErrorCode, Packet, Request, Terms, write_data};

use crate::content::Content;

/// How often a window is sent before the client is given up.
const TRIES: u32 = 6;

/// The longest a transfer may take: firmware that needs longer has forgotten it.
const LIMIT: Duration = Duration::from_mins(30);

/// How a transfer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The client has the file.
    Sent,
    /// The client did not want it before any data was sent.
    Declined(String),
    /// The client went away.
    Lost(String),
}

/// A transfer that has not begun.
pub(super) struct Transfer<'a> {
    socket: &'a UdpSocket,
    content: Content,
    size: u64,
    terms: Terms,
}

impl<'a> Transfer<'a> {
    /// A transfer of `content` as `request` wants it.
    pub(super) fn new(socket: &'a UdpSocket, content: Content, request: &Request) -> Self {
        let size = match &content {
            Content::File { size, .. } => *size,
            Content::Text(text) => text.len() as u64,
            Content::Directory(_) => 0,
        };
        Self { socket, content, size, terms: request.terms(size) }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Sends the file.
    pub(super) async fn run(mut self) -> Outcome {
        let end = Instant::now() + LIMIT;
        match self.transfer(end).await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Lost(error.to_string()),
        }
    }

    async fn transfer(&mut self, end: Instant) -> io::Result<Outcome> {
        if !self.terms.agreed.is_empty() {
            let packet = Packet::OptionAck(self.terms.agreed.clone()).to_bytes();
            match self.until_acknowledged(&[packet], 0, end).await? {
                Answer::Ack(_) => {}
                Answer::Error(text) => return Ok(Outcome::Declined(text)),
                Answer::Silence => {
                    return Ok(Outcome::Lost("the client did not confirm the options".to_owned()));
                }
            }
        }
        let block_size = u64::from(self.terms.block_size);
        // A file that fills its last block is ended by an empty one.
        let last = self.size / block_size + 1;
        let mut done = 0;
        while done < last {
            let window = u64::from(self.terms.window).min(last - done);
            let packets = self.packets(done + 1, window).await?;
            match self.until_acknowledged(&packets, done, end).await? {
                Answer::Ack(block) => done = block,
                Answer::Error(text) if done == 0 => return Ok(Outcome::Declined(text)),
                Answer::Error(text) => {
                    return Ok(Outcome::Lost(format!("the client stopped: {text}")));
                }
                Answer::Silence => {
                    let sent = (done * block_size).min(self.size);
                    return Ok(Outcome::Lost(format!(
                        "no answer after {sent} of {} bytes",
                        self.size
                    )));
                }
            }
        }
        Ok(Outcome::Sent)
    }

    /// The data packets of `count` blocks from `first` on.
    async fn packets(&mut self, first: u64, count: u64) -> io::Result<Vec<Vec<u8>>> {
        let block_size = u64::from(self.terms.block_size);
        let start = (first - 1) * block_size;
        let bytes =
            self.read(start, (count * block_size).min(self.size - start.min(self.size))).await?;
        let mut packets = Vec::new();
        let mut rest = bytes.as_slice();
        for block in first..first + count {
            let (part, after) = rest.split_at(rest.len().min(usize::from(self.terms.block_size)));
            let mut packet = Vec::with_capacity(4 + part.len());
            write_data(&mut packet, wrapped(block), part);
            packets.push(packet);
            rest = after;
        }
        Ok(packets)
    }

    async fn read(&mut self, start: u64, length: u64) -> io::Result<Vec<u8>> {
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        match &mut self.content {
            Content::File { file, .. } => {
                file.seek(SeekFrom::Start(start)).await?;
                file.read_exact(&mut bytes).await?;
            }
            Content::Text(text) => {
                let start = usize::try_from(start).map_err(io::Error::other)?;
                bytes.copy_from_slice(&text[start..start + length]);
            }
            Content::Directory(_) => {}
        }
        Ok(bytes)
    }

    /// Sends `packets`, again and again, until a block after `done` is acknowledged; for the options,
    /// which are no block, until block 0 is.
    async fn until_acknowledged(
        &self,
        packets: &[Vec<u8>],
        done: u64,
        end: Instant,
    ) -> io::Result<Answer> {
        let options = packets.len() == 1 && packets[0].starts_with(&[0, 6]);
        for _ in 0..TRIES {
            for packet in packets {
                self.socket.send(packet).await?;
            }
            let silence = (Instant::now() + self.terms.timeout).min(end);
            while let Some(packet) = self.receive(silence).await? {
                match packet {
                    Packet::Ack { block: 0 } if options => return Ok(Answer::Ack(0)),
                    Packet::Ack { block } if !options => {
                        if let Some(block) = acknowledged(block, done, packets.len()) {
                            return Ok(Answer::Ack(block));
                        }
                    }
                    Packet::Error { message, .. } => return Ok(Answer::Error(message)),
                    Packet::Ack { .. }
                    | Packet::Read(_)
                    | Packet::Write(_)
                    | Packet::Data { .. }
                    | Packet::OptionAck(_) => {}
                }
            }
            if Instant::now() >= end {
                break;
            }
        }
        Ok(Answer::Silence)
    }

    /// The next packet of the client, if one comes before `until`.
    async fn receive(&self, until: Instant) -> io::Result<Option<Packet>> {
        let mut buffer = [0; 576];
        loop {
            let Ok(length) = timeout_at(until, self.socket.recv(&mut buffer)).await else {
                return Ok(None);
            };
            if let Ok(packet) = Packet::parse(&buffer[..length?]) {
                return Ok(Some(packet));
            }
        }
    }
}

enum Answer {
    Ack(u64),
    Error(String),
    Silence,
}

fn wrapped(block: u64) -> u16 {
    (block & 0xffff) as u16
}

/// The block that an acknowledgement means, if it is one of the `count` blocks after `done`.
fn acknowledged(block: u16, done: u64, count: usize) -> Option<u64> {
    (done + 1..=done + count as u64).find(|candidate| wrapped(*candidate) == block)
}

/// Tells the client why there is no file.
pub(super) async fn refuse(socket: &UdpSocket, code: ErrorCode, text: &str) {
    let packet = Packet::Error { code, message: text.to_owned() };
    if let Err(error) = socket.send(&packet.to_bytes()).await {
        tracing::debug!(%error, "a TFTP refusal could not be sent");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_are_understood_across_the_wrap() {
        assert_eq!(acknowledged(1, 0, 4), Some(1));
        assert_eq!(acknowledged(4, 0, 4), Some(4));
        assert_eq!(acknowledged(0, 0, 4), None);
        assert_eq!(acknowledged(5, 0, 4), None);
        assert_eq!(acknowledged(1, 65_534, 4), Some(65_537));
        assert_eq!(acknowledged(65_535, 65_534, 4), Some(65_535));
    }
}
