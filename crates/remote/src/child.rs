//! A process group that was started, and ending it.

use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Child;

use crate::outcome::{Exit, RunError};

/// How long a group may take to end on its own after it was asked to.
const GRACE: Duration = Duration::from_secs(2);
/// How long a killed process may take to be gone: the kernel holds on to one that waits for a dead disk or file server.
/// What stays longer is reaped in the background.
const KILLED: Duration = Duration::from_secs(2);

/// The process group a child leads; killed when dropped unless released.
#[derive(Debug)]
pub(crate) struct Group(Option<Pid>);

impl Group {
    pub(crate) fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }

    /// Leaves what may remain of the group alone.
    pub(crate) fn release(&mut self) {
        self.0 = None;
    }

    /// Asks the group to end, and kills what is left after a grace.
    pub(crate) async fn end(&mut self, child: &mut Child) {
        self.signal(Signal::SIGTERM);
        drop(tokio::time::timeout(GRACE, child.wait()).await);
        self.signal(Signal::SIGKILL);
        drop(tokio::time::timeout(KILLED, child.wait()).await);
        self.release();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(pid) = self.0 {
            // the one error is that the group is gone already, which is what we want
            killpg(pid, signal).unwrap_or(());
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// A program that was started and is left running. Dropping it kills its process group.
#[derive(Debug)]
pub struct Running {
    name: String,
    group: Group,
    child: Child,
}

impl Running {
    pub(crate) fn new(name: String, child: Child) -> Self {
        Self { name, group: Group::of(&child), child }
    }

    /// The id of the process, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn try_exit(&mut self) -> Result<Option<Exit>, RunError> {
        let status = self.child.try_wait().map_err(|source| self.lost(source))?;
        Ok(status.map(Exit::from))
    }

    /// Waits for its end.
    pub async fn wait(&mut self) -> Result<Exit, RunError> {
        let status = self.child.wait().await.map_err(|source| self.lost(source))?;
        self.group.release();
        Ok(Exit::from(status))
    }

    /// Asks it to end and kills its group after `grace`.
    pub async fn stop(mut self, grace: Duration) -> Result<Exit, RunError> {
        self.group.signal(Signal::SIGTERM);
        if tokio::time::timeout(grace, self.child.wait()).await.is_err() {
            self.group.signal(Signal::SIGKILL);
        }
        let stuck = || RunError::TimedOut { program: self.name.clone(), after: grace + KILLED };
        let ended = tokio::time::timeout(KILLED, self.child.wait()).await.map_err(|_| stuck())?;
        let status = ended.map_err(|source| self.lost(source))?;
        self.group.release();
        Ok(Exit::from(status))
    }

    fn lost(&self, source: std::io::Error) -> RunError {
        RunError::Lost { program: self.name.clone(), source }
    }
}
