//! The listener of `/metrics` and `/healthz`. A request on each connection, few connections, and none that lasts.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use base::Failure;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use runtime::metrics::Exposition;
use runtime::{Shares, serve_each};
use tokio::net::{TcpListener, TcpStream};

use super::page::Sources;

/// Connections at the same time; further ones wait to be accepted.
const CONNECTIONS: usize = 16;
/// Connections of one address; this machine itself may have all.
const PEER_CONNECTIONS: usize = 4;
/// How long a connection may last.
const LIMIT: Duration = Duration::from_secs(15);

/// Answers until the shutdown.
pub(crate) async fn serve(listener: TcpListener, sources: Arc<Sources>) -> Result<(), Failure> {
    let shares = Shares::new(PEER_CONNECTIONS);
    serve_each(&listener, CONNECTIONS, &sources.tasks, "metrics connection", |stream, address| {
        let peer = address.ip().to_canonical();
        let share = shares.take(peer);
        if share.is_none() && !peer.is_loopback() {
            return None;
        }
        let (shown, shutdown) = (sources.clone(), sources.tasks.shutdown().clone());
        Some(async move {
            tokio::select! {
                ended = tokio::time::timeout(LIMIT, converse(stream, shown)) => {
                    tracing::trace!(?ended, "a metrics connection ended");
                }
                () = shutdown.cancelled() => {}
            }
            drop(share);
        })
    })
    .await;
    Ok(())
}

async fn converse(stream: TcpStream, sources: Arc<Sources>) -> hyper::Result<()> {
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let sources = sources.clone();
        async move {
            Ok::<_, Infallible>(answer(request.method(), request.uri().path(), &sources).await)
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(LIMIT)
        .keep_alive(false)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

async fn answer(method: &Method, path: &str, sources: &Sources) -> Response<Full<Bytes>> {
    let (status, text) = match (method, path) {
        (&Method::GET | &Method::HEAD, "/metrics") => (StatusCode::OK, sources.page()),
        (&Method::GET | &Method::HEAD, "/healthz") => health(&sources.problems().await),
        (&Method::GET | &Method::HEAD, _) => {
            (StatusCode::NOT_FOUND, "there are /metrics and /healthz\n".to_owned())
        }
        _ => (StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(Exposition::CONTENT_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn health(problems: &[String]) -> (StatusCode, String) {
    if problems.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", problems.join("\n")))
}
