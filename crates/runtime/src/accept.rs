//! The loop in front of every listener: a bound on what is served at a time, a rest when the system refuses, an end at the
//! shutdown, and a joined task for each connection.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;

use crate::{Seat, Seats, Tasks};

/// The rest after the system refused a connection, for example because there are no file descriptors left.
const REST: Duration = Duration::from_millis(100);

/// Something that connections come from.
pub trait Listener: Sync {
    /// A connection.
    type Stream: Send;
    /// Where it comes from.
    type Peer: Send;

    /// The next connection.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Self::Peer)>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;
    type Peer = SocketAddr;

    fn accept(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send {
        Self::accept(self)
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;
    type Peer = tokio::net::unix::SocketAddr;

    fn accept(&self) -> impl Future<Output = io::Result<(UnixStream, Self::Peer)>> + Send {
        Self::accept(self)
    }
}

/// Serves at most `most` connections at a time until the shutdown of `tasks`; further ones wait in the kernel's queue.
/// `begin` makes the work for a connection, or nothing to close it.
pub async fn serve_each<L: Listener, W>(
    listener: &L,
    most: usize,
    tasks: &Tasks,
    name: &str,
    mut begin: impl FnMut(L::Stream, L::Peer) -> Option<W> + Send,
) where
    W: Future<Output = ()> + Send + 'static,
{
    let bound = Arc::new(Semaphore::new(most));
    while let Ok(permit) = bound.clone().acquire_owned().await {
        let Some((stream, peer)) = accept(listener, tasks).await else { return };
        if let Some(work) = begin(stream, peer) {
            tasks.spawn(name, async move {
                work.await;
                drop(permit);
            });
        }
    }
}

/// Serves connections until the shutdown of `tasks`, each in a seat, which an idle one gives up when all are taken.
pub async fn seat_each<L: Listener, W>(
    listener: &L,
    seats: &Seats,
    tasks: &Tasks,
    name: &str,
    mut begin: impl FnMut(L::Stream, L::Peer, Seat) -> Option<W> + Send,
) where
    W: Future<Output = ()> + Send + 'static,
{
    while let Some((stream, peer)) = accept(listener, tasks).await {
        let seat = tokio::select! {
            seat = seats.take() => seat,
            () = tasks.shutdown().cancelled() => return,
        };
        if let Some(work) = begin(stream, peer, seat) {
            tasks.spawn(name, work);
        }
    }
}

/// The next connection; none when the shutdown has begun.
async fn accept<L: Listener>(listener: &L, tasks: &Tasks) -> Option<(L::Stream, L::Peer)> {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = tasks.shutdown().cancelled() => return None,
        };
        match accepted {
            Ok(accepted) => return Some(accepted),
            Err(error) => {
                tracing::debug!(%error, "a connection could not be accepted");
                tokio::time::sleep(REST).await;
            }
        }
    }
}
