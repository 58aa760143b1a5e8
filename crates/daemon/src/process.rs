//! The process around the daemon: its runtime, its signals, its log, and how it ends.

use std::future::Future;
use std::time::Duration;

use base::{ErrorKind, Failure};
use daemon::config::Config;
use daemon::{Daemon, bypass, logs};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use runtime::Shutdown;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Connections, transfers and programs need many files.
const FILES: u64 = 65_536;

/// How long threads may take that are in the middle of something at the end.
const LEFT_OVER: Duration = Duration::from_secs(1);

/// The signals that end us, and the one that means nothing: the logs notice by themselves when they were moved.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let on = |kind| signal(kind).map_err(|error| internal(&error));
        let (terminate, interrupt) = (on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt, hangup: on(SignalKind::hangup())? })
    }

    /// Waits until somebody wants us to end.
    async fn end(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => {}
            }
        }
    }
}

/// Serves until SIGTERM or SIGINT, or until a part fails without which nothing works. A second signal ends at once what
/// the first has left to finish.
pub(crate) fn serve(config: Config) -> Result<(), Failure> {
    runtime::memory::limit_arenas();
    logs::start(&config, false);
    raise_file_limit();
    block_on(async {
        let mut signals = Signals::listen()?;
        let daemon = tokio::select! {
            started = Daemon::start(config) => started?,
            () = signals.end() => return Ok(()),
        };
        let shutdown = daemon.shutdown().clone();
        let failed = tokio::select! {
            () = signals.end() => false,
            () = shutdown.cancelled() => true,
        };
        tracing::info!("shutting down");
        tokio::select! {
            () = daemon.stop() => {}
            () = signals.end() => tracing::warn!("a second signal: ending at once"),
        }
        if failed {
            let message = "a part that must run has failed: see the log above";
            return Err(Failure::new(ErrorKind::Internal, message));
        }
        Ok(())
    })
}

/// Answers the client that is standard input, without the daemon.
pub(crate) fn bypass(config: Result<Config, Failure>) -> Result<(), Failure> {
    if let Ok(config) = &config {
        logs::start(config, true);
    }
    block_on(async {
        let (mut signals, stop) = (Signals::listen()?, Shutdown::new());
        let serve = bypass::serve(config, bypass::stream()?, stop.clone());
        tokio::pin!(serve);
        tokio::select! {
            () = &mut serve => return Ok(()),
            () = signals.end() => stop.cancel(),
        }
        serve.await;
        Ok(())
    })
}

/// Runs `work` to its end. What it leaves behind is dropped, which kills the programs that it started.
fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| internal(&error))?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_timeout(LEFT_OVER);
    outcome
}

/// As many files as the system lets us have, up to what we can use.
fn raise_file_limit() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    let wanted = hard.min(FILES);
    if soft < wanted
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, wanted, hard)
    {
        tracing::warn!(soft, wanted, %error, "the limit of open files stays as it is");
    }
}

fn internal(error: &std::io::Error) -> Failure {
    Failure::from_error(ErrorKind::Internal, error)
}
