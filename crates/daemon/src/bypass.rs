//! One request without the daemon (`XCATBYPASS`): the client starts `xcatd bypass` with its stream as standard input. The
//! store's lock keeps it away from a daemon that runs, and a daemon from starting meanwhile.
//!
//! Only root may; the policy table is not asked, because root could open the file anyway, and a table that locks everybody
//! out must be mendable. Audit, history and `commands.log` note the command as always (ADR 0047).

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, ErrorKind, Failure, SystemClock};
use runtime::{Seats, Shutdown};
use store::{Store, StoreError};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::core::{self, Core};
use crate::session::{self, Connection, Door, Guest, Peer};

/// How long another command without the daemon may take before this one gives up.
const TURN: Duration = Duration::from_secs(10);
/// The pause between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// The client's stream, which is our standard input.
pub fn stream() -> Result<UnixStream, Failure> {
    let failed = |error: std::io::Error| {
        let message = format!("standard input is no socket of a client: {error}");
        Failure::new(ErrorKind::Usage, message).hint("XCATBYPASS=1 starts this by itself")
    };
    let stream = std::io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
    let stream = StdStream::from(stream);
    stream.local_addr().and_then(|_| stream.set_nonblocking(true)).map_err(failed)?;
    UnixStream::from_std(stream).map_err(failed)
}

/// Answers the requests on `stream`, or says on it why not; ends when the client leaves or `stop` is cancelled.
pub async fn serve(config: Result<Config, Failure>, stream: UnixStream, stop: Shutdown) {
    let opened = match config {
        Ok(config) => open(&config).await,
        Err(failure) => Err(failure),
    };
    match opened {
        Ok(core) => answer(core, stream, stop).await,
        Err(failure) => {
            if let Err(error) = session::refuse(stream, &failure).await {
                tracing::debug!(%error, "the client is gone");
            }
        }
    }
}

async fn open(config: &Config) -> Result<Core, Failure> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Failure::new(ErrorKind::Denied, "XCATBYPASS is for root only"));
    }
    let no_tables = || {
        let message = format!("there are no tables at {}", config.state.display());
        let hint = "start xcatd once, or name its configuration file in XCATD_CONFIG";
        Failure::new(ErrorKind::NotFound, message).hint(hint)
    };
    if !config.state.is_dir() {
        return Err(no_tables());
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = own_store(config, &clock).await?;
    // What the first start does, also with a dump that lies there, it does only before any change.
    if store.snapshot().generation() == 0 {
        store.close().await;
        return Err(no_tables());
    }
    Core::start(config, store, clock)
}

/// The store, when nobody has it; another command without the daemon is waited for, a daemon is not.
async fn own_store(config: &Config, clock: &Arc<dyn Clock>) -> Result<Store, Failure> {
    let begun = tokio::time::Instant::now();
    loop {
        match core::open_store(config, clock.clone()).await {
            Err(error @ StoreError::InUse { .. }) => {
                if serves(&config.socket).await {
                    let message = "xcatd is running and has the tables open";
                    let hint = "run the command without XCATBYPASS, or stop xcatd first";
                    return Err(Failure::new(ErrorKind::Conflict, message).hint(hint));
                }
                if begun.elapsed() >= TURN {
                    let hint = "wait until the other command or xcatd has ended";
                    return Err(Failure::from(error).hint(hint));
                }
                tokio::time::sleep(PAUSE).await;
            }
            opened => return opened.map_err(Failure::from),
        }
    }
}

async fn serves(socket: &Path) -> bool {
    UnixStream::connect(socket).await.is_ok()
}

async fn answer(core: Core, stream: UnixStream, stop: Shutdown) {
    let server = core.server.clone();
    let peer =
        Peer { identity: Some("root".to_owned()), host: server.source.clone(), door: Door::Bypass };
    let guest = Guest { seat: Seats::new(1).take().await, work: Arc::new(Semaphore::new(1)) };
    let connection = Connection::new(stream, peer, server, guest);
    let shutdown = core.tasks.shutdown().clone();
    let connection = connection.run();
    tokio::pin!(connection);
    tokio::select! {
        () = &mut connection => {}
        () = stop.cancelled() => {
            shutdown.cancel();
            connection.await;
        }
    }
    core.stop().await;
}
