//! The install monitor: nodes tell their progress in lines of text over TCP (spec/protocol.md section 8).
//!
//! A node is known by its source address in the live view; anybody else is disconnected without a word. Unlike the
//! original, many nodes are served at a time. Each line is acknowledged with `done` before it is acted upon.

mod line;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base::{Failure, NodeName, Timestamp};
use commands::Sink;
use model::flight::{BootEvent, Step};
use model::osimage::synclists;
use model::postscript;
use netboot::Recorder;
use runtime::{Shares, serve_each};
use store::Origin;
use tables::{Patch, Snapshot};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};

use crate::session::Server;
use line::{Ask, Wish, app_status_patch, status_patch};

/// How long a node may take for one line.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest line.
const MAX_LINE: u64 = 4096;
const CONNECTIONS: usize = 512;
/// Connections of one node at a time.
const NODE_CONNECTIONS: usize = 8;
/// Lines in one connection.
const MAX_LINES: usize = 16;

/// Serves nodes until the shutdown.
pub(crate) async fn serve(
    listener: TcpListener,
    server: Arc<Server>,
    recorder: Recorder,
) -> Result<(), Failure> {
    let shares = Shares::new(NODE_CONNECTIONS);
    serve_each(&listener, CONNECTIONS, &server.tasks, "install monitor session", |socket, address| {
        let Some(node) = node_at(&server, address.ip()) else {
            tracing::debug!(%address, "the install monitor knows no node there");
            return None;
        };
        let share = shares.take(node.clone())?;
        let (address, server) = (address.ip(), server.clone());
        let (session, recorder) = (Session { node, address, server }, recorder.clone());
        Some(async move {
            if let Err(error) = session.converse(socket, &recorder).await {
                tracing::debug!(node = %session.node, %error, "the node left the install monitor");
            }
            drop(share);
        })
    })
    .await;
    Ok(())
}

fn node_at(server: &Server, address: IpAddr) -> Option<NodeName> {
    server.view.load().node_at(address).cloned()
}

struct Session {
    node: NodeName,
    address: IpAddr,
    server: Arc<Server>,
}

/// What a node is told after a line was acted upon.
#[derive(Default)]
struct Reply {
    text: String,
    then: Then,
}

/// What follows a line.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Then {
    /// The end.
    #[default]
    Close,
    /// Another line.
    GoOn,
}

impl Reply {
    fn last(text: String) -> Self {
        Self { text, then: Then::Close }
    }
}

impl Wish {
    /// The original goes on listening only after a place was closed.
    fn then(self) -> Then {
        match self {
            Self::Open => Then::Close,
            Self::Closed => Then::GoOn,
        }
    }
}

/// Writes to a node, for a bounded time: one that does not read keeps no place.
async fn send(writer: &mut OwnedWriteHalf, bytes: &[u8]) -> std::io::Result<()> {
    tokio::time::timeout(PATIENCE, writer.write_all(bytes)).await?
}

impl Session {
    async fn converse(&self, socket: TcpStream, recorder: &Recorder) -> std::io::Result<()> {
        let (reader, mut writer) = socket.into_split();
        send(&mut writer, b"ready\n").await?;
        let mut reader = BufReader::new(reader);
        for _ in 0..MAX_LINES {
            let mut line = Vec::new();
            let mut bounded = (&mut reader).take(MAX_LINE);
            let read = bounded.read_until(b'\n', &mut line);
            let Ok(count) = tokio::time::timeout(PATIENCE, read).await else { return Ok(()) };
            if count? == 0 {
                return Ok(());
            }
            send(&mut writer, b"done\n").await?;
            let line = String::from_utf8_lossy(&line).replace(['\r', '\n'], "");
            let Reply { text, then } = self.act(&line, recorder).await;
            send(&mut writer, text.as_bytes()).await?;
            if then == Then::Close {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Does what the line asks for.
    async fn act(&self, line: &str, recorder: &Recorder) -> Reply {
        let now = self.server.clock.now();
        match Ask::read(line) {
            Ask::Script => return Reply::last(self.script()),
            Ask::SyncFiles => return Reply::last(self.sync_files()),
            Ask::Upload(wish) => {
                tracing::info!(node = %self.node, "TFTP takes no files here; the node sends them otherwise");
                return Reply { then: wish.then(), ..Reply::default() };
            }
            Ask::Next => self.next().await,
            Ask::Status(words) => {
                for status in words {
                    recorder.record(self.event(now, &status));
                    let node = self.node.clone();
                    self.change(line, move |snapshot| {
                        status_patch(snapshot, node.as_str(), &status, now)
                    })
                    .await;
                }
            }
            Ask::AppStatus(text) => {
                let node = self.node.clone();
                self.change(line, move |snapshot| {
                    app_status_patch(snapshot, node.as_str(), &text, now)
                })
                .await;
            }
            Ask::Probe => {}
            Ask::Other => {
                tracing::info!(node = %self.node, line, "the node sent a line that means nothing here");
            }
        }
        Reply::default()
    }

    /// The lines of the node's script, and the mark of their end.
    fn script(&self) -> String {
        let view = self.server.view.load();
        let script = postscript::render(&view, &self.node, self.address);
        let script = script.unwrap_or_else(|reason| {
            tracing::warn!(node = %self.node, reason, "the node's script cannot be rendered");
            String::new()
        });
        script + "#END OF SCRIPT\n"
    }

    /// Says that the files are there, when there are none to send.
    fn sync_files(&self) -> String {
        let view = self.server.view.load();
        match synclists(view.snapshot(), &self.node) {
            None => "syncfiles done\n".to_owned(),
            Some((image, lists)) => {
                tracing::warn!(node = %self.node, image, lists, "synchronising files is not available yet");
                String::new()
            }
        }
    }

    fn event(&self, time: Timestamp, status: &str) -> BootEvent {
        BootEvent {
            time,
            node: Some(self.node.clone()),
            mac: None,
            step: Step::Status,
            text: status.to_owned(),
        }
    }

    async fn change(&self, line: &str, decide: impl FnOnce(&Snapshot) -> Patch + Send + 'static) {
        let origin = Origin::report(self.node.as_str(), format!("install monitor: {line}"));
        let changed = self
            .server
            .services
            .store
            .update(origin, |snapshot| Ok::<_, Failure>(decide(snapshot)));
        if let Err(error) = changed.await {
            tracing::error!(node = %self.node, error = %Failure::from(error), "the node's status cannot be stored");
        }
    }

    /// Moves the node on in its chain, as `nodeset NODE next` does.
    async fn next(&self) {
        let request = commands::Request {
            command: "nodeset".to_owned(),
            nodes: Some(vec![self.node.to_string()]),
            noderange: Some(self.node.to_string()),
            args: vec!["next".to_owned()],
            user: "root".to_owned(),
            now: self.server.clock.now(),
            ..commands::Request::default()
        };
        let (sink, mut items) = Sink::new(self.server.tasks.shutdown().child_token());
        let run = Box::pin(commands::run(request, self.server.services.clone(), sink));
        let read = async {
            while let Some(item) = items.recv().await {
                tracing::debug!(node = %self.node, ?item, "nodeset next");
            }
        };
        tokio::join!(run, read);
    }
}
