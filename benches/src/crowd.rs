//! Many clients at once: how many commands of one node a second.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::place::{Place, ask, program, timed};

const CLIENTS: usize = 50;
const LASTING: Duration = Duration::from_secs(4);

/// Whole processes of the client, `CLIENTS` at any time.
pub(crate) fn of_processes(place: &Place, words: &[&str]) -> Result<String> {
    per_second(&|| place.run(words).map(drop))
}

/// As many processes that do nothing: what starting and ending them costs by itself.
pub(crate) fn of_idle_processes() -> Result<String> {
    per_second(&|| timed(&mut program(Path::new("true"))).map(drop))
}

/// The same question without processes: every client is a thread that connects, asks and reads.
pub(crate) fn of_connections(socket: &Path, command: &str, arguments: &[&str]) -> Result<String> {
    per_second(&|| ask(socket, command, arguments))
}

fn per_second(step: &(dyn Fn() -> Result<()> + Sync)) -> Result<String> {
    let (done, begun) = (AtomicU32::new(0), Instant::now());
    let client = || -> Result<()> {
        while begun.elapsed() < LASTING {
            step()?;
            done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients
            .into_iter()
            .try_for_each(|client| client.join().ok().context("a client has panicked")?)
    })?;
    let rate = f64::from(done.into_inner()) / begun.elapsed().as_secs_f64();
    Ok(format!("{rate:.0} /s"))
}
