//! The logs that nodes send home with `POST /xcat/node/log`.

use std::net::IpAddr;
use std::time::Duration;

use base::{NodeName, Timestamp};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::{Request, Response, StatusCode};

use super::{Body, Shared, respond, text};

/// Where logs are posted.
pub(super) const PATH: &str = "/xcat/node/log";

/// The longest log.
const MAX_LOG: usize = 1024 * 1024;

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
        let Some(node) = self.context.view.load().node_at(peer).cloned() else {
            return text(StatusCode::FORBIDDEN, &format!("no node has the address {peer}\n"));
        };
        let too_long = || text(StatusCode::PAYLOAD_TOO_LARGE, "a log has at most 1 MiB\n");
        if request.body().size_hint().lower() > MAX_LOG as u64 {
            return too_long();
        }
        let body = Limited::new(request.into_body(), MAX_LOG).collect();
        let body = match tokio::time::timeout(LIMIT, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => return too_long(),
            Ok(Err(_)) | Err(_) => {
                return text(StatusCode::REQUEST_TIMEOUT, "the log did not arrive\n");
            }
        };
        let log = NodeLog { node, time: self.context.now(), text: body };
        match self.logs.try_send(log) {
            Ok(()) => respond(StatusCode::NO_CONTENT, Bytes::new()),
            Err(_) => {
                text(StatusCode::SERVICE_UNAVAILABLE, "too many logs at once; send it again\n")
            }
        }
    }
}
