//! One connection: requests one after the other, each answered before the next is begun.
//!
//! ```text
//! Reading --document--> Deciding --denied--> Reading
//!    |                     +--allowed--> Running --done--> Reading
//!    |                                      +--client gone, abortcommand, shutdown--> the command is cancelled and
//!    |                                          awaited; what it still says is discarded
//!    +--silence, end, bytes that are no request--> closed
//! ```

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use base::{ErrorKind, Failure};
use command::Item;
use commands::Sink;
use futures_util::FutureExt;
use runtime::{Seat, Shutdown};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use wire::xml::{Element, Encoding, FrameError, FrameReader};

use crate::metrics::Ended;
use crate::session::answer::{self, done, refusal};
use crate::session::gate::{Admitted, Run};
use crate::session::identity::Recognized;
use crate::session::peer::Peer;
use crate::session::request::Request;
use crate::session::server::Server;

/// How long a client may be silent between requests, or within one.
const SILENCE: Duration = Duration::from_secs(15);
/// How long one request may take to arrive.
const ARRIVAL: Duration = Duration::from_mins(1);
/// How long the orderly end of a stream may take.
const CLOSING: Duration = Duration::from_secs(5);
const CHUNK: usize = 16 * 1024;
/// The longest request of a peer that has not proven who it is, since what nodes ask is short; and of anybody without
/// one of the places for large requests, of which there are [`LARGE`].
const SMALL: usize = 64 * 1024;
/// How many large requests are in memory at a time.
pub(crate) const LARGE: usize = 8;

/// What a connection may have.
pub(crate) struct Guest {
    /// Its place among the connections.
    pub(crate) seat: Seat,
    /// How many requests are answered at a time.
    pub(crate) work: Arc<Semaphore>,
}

/// A connected client.
pub(crate) struct Connection<S> {
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    frames: FrameReader,
    chunk: Vec<u8>,
    peer: Peer,
    server: Arc<Server>,
    guest: Guest,
    /// The right to send a large request.
    large: Option<OwnedSemaphorePermit>,
}

impl<S: AsyncRead + AsyncWrite + Send + 'static> Connection<S> {
    pub(crate) fn new(stream: S, peer: Peer, server: Arc<Server>, guest: Guest) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let frames = match &peer.identity {
            Some(_) => FrameReader::requests(),
            None => FrameReader::requests().at_most(SMALL),
        };
        let chunk = vec![0; CHUNK];
        Self { reader, writer, frames, chunk, peer, server, guest, large: None }
    }

    /// Answers requests until the client leaves, is silent, or makes no sense; then closes the stream in order.
    pub(crate) async fn run(mut self) {
        while self.serve_one().await {}
        let closed = tokio::time::timeout(CLOSING, self.writer.shutdown()).await;
        if !matches!(closed, Ok(Ok(()))) {
            tracing::debug!(peer = %self.peer, "the client was gone before the end");
        }
    }

    /// Reads and answers one request; says whether another may follow.
    async fn serve_one(&mut self) -> bool {
        self.guest.seat.idle();
        let (ending, evicted) =
            (self.server.sessions.shutdown().clone(), self.guest.seat.evicted().clone());
        let arrived = tokio::select! {
            arrived = tokio::time::timeout(ARRIVAL, self.next_document()) => arrived,
            () = ending.cancelled() => return false,
            () = evicted.cancelled() => return false,
        };
        match arrived {
            Ok(Ok(Some(document))) => self.answer_in_turn(&document).await,
            Ok(Ok(None)) | Err(_) => false,
            Ok(Err(error)) => {
                tracing::debug!(peer = %self.peer, %error, "the client sent no request");
                if matches!(error, FrameError::TooLarge(_)) {
                    self.say(&refusal(&error.to_string())).await;
                }
                false
            }
        }
    }

    /// The next document; nothing when the client left or was silent for too long.
    async fn next_document(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        loop {
            if let Some(document) = self.frames.next_document()? {
                return Ok(Some(document));
            }
            let read = self.reader.read(&mut self.chunk);
            match tokio::time::timeout(SILENCE, read).await {
                Ok(Ok(count)) if count > 0 => self.frames.push(&self.chunk[..count]),
                _ => return Ok(None),
            }
            if self.frames.waiting() > SMALL && self.large.is_none() {
                self.large = self.server.large.clone().acquire_owned().await.ok();
            }
        }
    }

    /// Answers a request when it is its turn; says whether another may follow.
    async fn answer_in_turn(&mut self, document: &[u8]) -> bool {
        // A request that has arrived is answered, even if the seat is wanted meanwhile: the next one waits.
        self.guest.seat.busy();
        let ending = self.server.sessions.shutdown().clone();
        let turn = tokio::select! {
            turn = self.guest.work.clone().acquire_owned() => turn,
            () = ending.cancelled() => {
                return self.say(&refusal("xcatd is being stopped; repeat the command later")).await;
            }
        };
        let goes_on = self.answer(document).await;
        self.large = None;
        drop(turn);
        goes_on
    }

    /// Answers one request; says whether another may follow.
    async fn answer(&mut self, document: &[u8]) -> bool {
        let request = match Request::parse(document) {
            Ok(request) => request,
            Err(error) => {
                self.say(&refusal(&format!("the request cannot be read: {error}"))).await;
                return false;
            }
        };
        if request.abort {
            return false;
        }
        let peer = match self.server.recognize(&request, &self.peer).await {
            Recognized::Peer(peer) => peer,
            Recognized::Answered(document) => {
                self.say(&document).await;
                return false;
            }
        };
        match self.server.clone().admit(request, &peer).await {
            Admitted::Refused(document) | Admitted::Answered(document) => self.say(&document).await,
            Admitted::Command(run) => self.command(*run).await,
        }
    }

    async fn say(&mut self, document: &Element) -> bool {
        answer::send(&mut self.writer, document).await.is_ok()
    }

    /// Runs a command, and watches the client meanwhile.
    async fn command(&mut self, run: Run) -> bool {
        let Run { request, transaction, mut entry } = run;
        let cancel = self.server.tasks.shutdown().child_token();
        let (sink, mut items) = Sink::new(cancel.clone());
        let encoding = encoding(&request);
        let (name, begun) = (request.command.clone(), tokio::time::Instant::now());
        let run = guarded(request, self.server.clone(), sink);
        let to = (&mut self.writer, encoding);
        let mut heard = |items: &[Item]| entry.iter_mut().for_each(|entry| entry.hear(items));
        let relay = relay(&mut items, to, &self.server.source, &cancel, &mut heard);
        let watch = watch(&mut self.reader, &mut self.frames, &mut self.chunk, &cancel);
        let (good, stays) = race(async { tokio::join!(run, relay).1 }, watch).await;
        self.server.write_down(entry, &[]);
        self.server.counts.add(&name, ending(good.filter(|_| stays)), begun.elapsed());
        good.is_some() && self.say(&done(transaction.as_deref())).await && stays
    }
}

/// Our own client asks for all text where it would otherwise lose some: the original loses it.
fn encoding(request: &commands::Request) -> Encoding {
    if request.env.iter().any(|variable| variable == "XCAT_UTF8=1") {
        Encoding::Utf8
    } else {
        Encoding::Ascii
    }
}

/// What a request counts as whose answer was without errors, or was not; none when the client left.
fn ending(good: Option<bool>) -> Ended {
    match good {
        None => Ended::Abandoned,
        Some(true) => Ended::Done,
        Some(false) => Ended::Failed,
    }
}

/// Waits for the work, and says whether the client was still there when it ended.
async fn race<T>(work: impl Future<Output = T>, watch: impl Future<Output = ()>) -> (T, bool) {
    tokio::pin!(work, watch);
    tokio::select! {
        done = &mut work => (done, true),
        () = &mut watch => (work.await, false),
    }
}

/// Writes the answer, and says whether it is without errors; when the client does not take it, cancels the command and
/// discards the rest.
async fn relay(
    items: &mut mpsc::Receiver<Item>,
    (writer, encoding): (&mut (impl AsyncWrite + Unpin), Encoding),
    source: &str,
    cancel: &Shutdown,
    heard: &mut (dyn FnMut(&[Item]) + Send),
) -> Option<bool> {
    let good = answer::relay(items, writer, source, encoding, heard).await.ok();
    if good.is_none() {
        cancel.cancel();
        while items.recv().await.is_some() {}
    }
    good
}

/// Runs the command; a defect in it becomes an error of its answer.
async fn guarded(request: commands::Request, server: Arc<Server>, sink: Sink) {
    let name = request.command.clone();
    let work = Box::pin(commands::run(request, server.services.clone(), sink.clone()));
    if AssertUnwindSafe(work).catch_unwind().await.is_err() {
        tracing::error!(command = name, "the command ended by a defect");
        let failure = Failure::new(ErrorKind::Internal, format!("{name} was ended by a defect"));
        sink.send(Item::from(failure)).await;
    }
}

/// Reads while a command runs: ends, and cancels the command, when the client leaves or asks to stop. Requests that
/// arrive too early wait in `frames`.
async fn watch<S: AsyncRead>(
    reader: &mut ReadHalf<S>,
    frames: &mut FrameReader,
    chunk: &mut [u8],
    cancel: &Shutdown,
) {
    loop {
        let count = reader.read(chunk).await.unwrap_or(0);
        if count == 0 {
            break;
        }
        frames.push(&chunk[..count]);
        match frames.next_document() {
            Ok(None) if frames.waiting() <= SMALL => {}
            // The rest waits in the socket until it is its turn.
            Ok(None) => std::future::pending::<()>().await,
            Ok(Some(document)) => {
                if Request::parse(&document).is_ok_and(|request| request.abort) {
                    break;
                }
                frames.put_back(document);
                // One request ahead is enough: the rest waits in the socket.
                std::future::pending::<()>().await;
            }
            Err(_) => break,
        }
    }
    cancel.cancel();
}
