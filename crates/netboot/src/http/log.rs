//! What nodes send home: their logs with `POST /xcat/node/log`, and a line about their boot with
//! `POST /xcat/node/event`. A node is known by its address.

use std::net::IpAddr;
use std::time::Duration;

use base::{NodeName, Timestamp};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::{Request, Response, StatusCode};
use model::flight::{BootEvent, Step, agent_report, failed_postscripts};

use super::{Body, Shared, respond, text};

/// Where logs are posted.
pub(super) const LOG: &str = "/xcat/node/log";
/// Where lines about the boot are posted.
pub(super) const EVENT: &str = "/xcat/node/event";

/// The longest log and the longest line, in bytes.
const MAX_LOG: usize = 1024 * 1024;
const MAX_EVENT: usize = 4096;
/// How many logs and lines one peer may be sending at a time.
pub(super) const PEER_POSTS: usize = 4;
/// The most failed scripts of one log that are recorded.
const MAX_FAILURES: usize = 20;

/// How long a node may take to send one.
const LIMIT: Duration = Duration::from_mins(2);

/// A log from a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeLog {
    /// The node, by the address it came from.
    pub node: NodeName,
    /// When it arrived.
    pub time: Timestamp,
    /// What it says.
    pub text: Bytes,
}

impl Shared {
    pub(super) async fn log(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Body> {
        let (node, body) = match self.taken(request, peer, MAX_LOG).await {
            Ok(taken) => taken,
            Err(response) => return response,
        };
        let log = NodeLog { node: node.clone(), time: self.context.now(), text: body.clone() };
        if self.logs.try_send(log).is_err() {
            return busy();
        }
        let failed = failed_postscripts(&String::from_utf8_lossy(&body));
        for failure in failed.into_iter().take(MAX_FAILURES) {
            self.tell(&node, Step::PostscriptFailed, failure);
        }
        respond(StatusCode::NO_CONTENT, Bytes::new())
    }

    pub(super) async fn event(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Body> {
        let (node, body) = match self.taken(request, peer, MAX_EVENT).await {
            Ok(taken) => taken,
            Err(response) => return response,
        };
        let line = String::from_utf8_lossy(&body);
        let (step, said) = agent_report(&line);
        self.tell(&node, step, said.escape_debug().to_string());
        respond(StatusCode::NO_CONTENT, Bytes::new())
    }

    fn tell(&self, node: &NodeName, step: Step, text: String) {
        let (time, node) = (self.context.now(), Some(node.clone()));
        self.context.record(BootEvent { time, node, mac: None, step, text });
    }

    /// The node that sends, and what it sends; else the refusal.
    async fn taken(
        &self,
        request: Request<Incoming>,
        peer: IpAddr,
        most: usize,
    ) -> Result<(NodeName, Bytes), Response<Body>> {
        let Some(node) = self.context.view.load().node_at(peer).cloned() else {
            return Err(text(StatusCode::FORBIDDEN, &format!("no node has the address {peer}\n")));
        };
        let Some(_share) = self.posts.take(peer) else { return Err(busy()) };
        let too_long =
            || text(StatusCode::PAYLOAD_TOO_LARGE, &format!("at most {most} bytes are taken\n"));
        if request.body().size_hint().lower() > most as u64 {
            return Err(too_long());
        }
        let body = Limited::new(request.into_body(), most).collect();
        match tokio::time::timeout(LIMIT, body).await {
            Ok(Ok(body)) => Ok((node, body.to_bytes())),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
            Ok(Err(_)) | Err(_) => {
                Err(text(StatusCode::REQUEST_TIMEOUT, "it did not arrive whole\n"))
            }
        }
    }
}

fn busy() -> Response<Body> {
    text(StatusCode::SERVICE_UNAVAILABLE, "too many logs at once; send it again\n")
}
