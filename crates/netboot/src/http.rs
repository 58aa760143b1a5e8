//! The HTTP server of nodes: /install and /tftpboot, with rendered files among them, and the logs that
//! nodes send home.
//!
//! Only reading and one kind of posting. Connections, headers, bodies and slow peers are bounded;
//! files are streamed in pieces and never held whole.

mod file;
mod listing;
mod log;
mod patience;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base::Failure;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use model::boot::{Via, resolve};
use model::flight::{BootEvent, Step};
use runtime::{Shares, Shutdown};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use crate::content::{self, Content};
use crate::context::Context;
use crate::failure;
use patience::Patient;

pub use log::NodeLog;

/// Connections at the same time; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 4096;

/// Connections of one peer; this machine itself may have as many as there are.
const PEER_CONNECTIONS: usize = 256;

/// How long a peer may take for its request, or to take some more of an answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a request may go on when the server ends.
const GRACE: Duration = Duration::from_secs(5);

/// The body of an answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// The HTTP server.
pub struct Http {
    shared: Arc<Shared>,
    listener: TcpListener,
}

/// What all connections share.
struct Shared {
    context: Context,
    logs: mpsc::Sender<NodeLog>,
    /// What nodes are sending home, which is held until it is whole.
    posts: Shares<IpAddr>,
}

impl Http {
    /// Takes the port; the logs of nodes go to `logs`.
    pub async fn bind(
        context: Context,
        address: SocketAddr,
        logs: mpsc::Sender<NodeLog>,
    ) -> Result<Self, Failure> {
        let taken = |error| failure::bind("HTTP", address, "TCP", &error);
        let listener = TcpListener::bind(address).await.map_err(taken)?;
        let shared = Shared { context, logs, posts: Shares::new(log::PEER_POSTS) };
        Ok(Self { shared: Arc::new(shared), listener })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> Result<SocketAddr, Failure> {
        self.listener.local_addr().map_err(|error| failure::broken("HTTP", &error))
    }

    /// Answers until `shutdown`; connections then finish the request they are at.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), Failure> {
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let peers = Shares::new(PEER_CONNECTIONS);
        loop {
            let accepted = tokio::select! {
                accepted = accept(&self.listener, &slots) => accepted,
                () = shutdown.cancelled() => return Ok(()),
            };
            let Some((slot, stream, peer)) = accepted else { continue };
            let peer = peer.ip().to_canonical();
            let share = peers.take(peer);
            if share.is_none() && !peer.is_loopback() {
                tracing::debug!(%peer, "the peer has too many HTTP connections");
                continue;
            }
            let (shared, shutdown) = (self.shared.clone(), shutdown.clone());
            self.shared.context.tasks.spawn("http connection", async move {
                converse(shared, stream, peer, shutdown).await;
                drop((slot, share));
            });
        }
    }
}

/// Waits for a free slot and a connection. Failures to accept pass: they concern one peer, or a
/// shortage that a moment's wait may end.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(tokio::sync::OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let slot = slots.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((slot, stream, peer)),
        Err(error) => {
            tracing::warn!(%error, "an HTTP connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

/// Serves the requests of one connection.
async fn converse(shared: Arc<Shared>, stream: TcpStream, peer: IpAddr, shutdown: Shutdown) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "no TCP_NODELAY");
    }
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move {
            let response = shared.answer(request, peer).await;
            shared.context.count(response.status().into());
            Ok::<_, Infallible>(response)
        }
    });
    let stream = TokioIo::new(Patient::new(stream, PATIENCE));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(64 * 1024)
        .serve_connection(stream, service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(GRACE, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "an HTTP connection broke");
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Body> {
        let path = request.uri().path().to_owned();
        match (request.method(), path.as_str()) {
            (&Method::GET | &Method::HEAD, _) => self.read(&request, &path, peer).await,
            (&Method::POST, log::LOG) => self.log(request, peer).await,
            (&Method::POST, log::EVENT) => self.event(request, peer).await,
            _ => text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered\n"),
        }
    }

    async fn read(&self, request: &Request<Incoming>, path: &str, peer: IpAddr) -> Response<Body> {
        let found = resolve(&self.context.view.load(), Via::Http, path, peer);
        let (node, step) = (found.node.clone(), found.step);
        let record = |step: Step, text: String| {
            let (time, node) = (self.context.now(), node.clone());
            self.context.record(BootEvent { time, node, mac: None, step, text });
        };
        let shown = path.escape_debug();
        match content::open(found).await {
            Err(reason) => {
                record(Step::Absent, format!("HTTP {shown}: {reason}"));
                text(StatusCode::NOT_FOUND, &format!("{reason}\n"))
            }
            Ok(Content::Directory(directory)) => listing::answer(&directory, path).await,
            Ok(Content::Text(rendered)) => {
                record(
                    step,
                    format!("fetched {shown} (rendered, {} bytes) over HTTP", rendered.len()),
                );
                plain(rendered, request.method() == Method::HEAD)
            }
            Ok(Content::File { file, size, tag, .. }) => {
                record(step, format!("{} {shown} ({size} bytes) over HTTP", verb(request)));
                let broken = self.watch(node.clone(), step, path);
                file::answer(request, file, size, &tag, broken)
            }
        }
    }

    /// What to do when a transfer breaks off.
    fn watch(
        &self,
        node: Option<base::NodeName>,
        step: Step,
        path: &str,
    ) -> impl FnOnce(u64, u64) + Send + 'static {
        let (context, path) = (self.context.clone(), path.escape_debug().to_string());
        move |sent, length| {
            if step != Step::Http {
                let text = format!("HTTP {path}: the peer took {sent} of {length} bytes");
                context.record(BootEvent {
                    time: context.now(),
                    node,
                    mac: None,
                    step: Step::Broken,
                    text,
                });
            }
        }
    }
}

fn verb(request: &Request<Incoming>) -> &'static str {
    if request.method() == Method::HEAD { "asked about" } else { "fetches" }
}

fn plain(body: Bytes, head: bool) -> Response<Body> {
    let length = HeaderValue::from(body.len());
    let mut response = respond(StatusCode::OK, if head { Bytes::new() } else { body });
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(hyper::header::CONTENT_LENGTH, length);
    response
}

fn text(status: StatusCode, body: &str) -> Response<Body> {
    let mut response = respond(status, Bytes::copy_from_slice(body.as_bytes()));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn respond(status: StatusCode, body: Bytes) -> Response<Body> {
    let body = if body.is_empty() {
        Empty::new().map_err(|never| match never {}).boxed_unsync()
    } else {
        Full::new(body).map_err(|never| match never {}).boxed_unsync()
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
