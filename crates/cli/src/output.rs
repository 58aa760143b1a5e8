//! Writing to the caller: every byte reaches a slow reader, a reader that went away ends us quietly, and an interrupt is
//! noticed even while the reader does not read.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::render::Stream;

/// As much as a pipe takes without blocking once it reports room.
const PIECE: usize = 4096;

/// Why writing, or waiting, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Nobody reads any more.
    ReaderGone,
    /// The caller interrupted us.
    Interrupted,
    /// The system refused.
    Failed(Errno),
}

/// Standard output, standard error and the signals that interrupt.
pub(crate) struct Output {
    signals: SignalFd,
    mask: SigSet,
}

impl Output {
    /// Blocks the interrupting signals and receives them as data from now on.
    pub(crate) fn new() -> Result<Self, Errno> {
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGINT);
        mask.add(Signal::SIGTERM);
        mask.thread_block()?;
        Ok(Self {
            signals: SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?,
            mask,
        })
    }

    /// Runs `start` with the signals let through, so that a program that it starts is interrupted as usual.
    pub(crate) fn undisturbed<T>(&self, start: impl FnOnce() -> T) -> T {
        // Neither fails: the sets are valid.
        self.mask.thread_unblock().ok();
        let started = start();
        self.mask.thread_block().ok();
        started
    }

    /// Drops interrupts that were meant for another program on the same terminal.
    pub(crate) fn forget_interrupts(&self) {
        while matches!(self.signals.read_signal(), Ok(Some(_))) {}
    }

    pub(crate) fn write(&self, stream: Stream, bytes: &[u8]) -> Result<(), Ended> {
        match stream {
            Stream::Out => self.write_all(std::io::stdout().as_fd(), bytes),
            Stream::Err => self.write_all(std::io::stderr().as_fd(), bytes),
        }
    }

    fn write_all(&self, to: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Ended> {
        while !bytes.is_empty() {
            self.wait(to, PollFlags::POLLOUT)?;
            match nix::unistd::write(to, &bytes[..bytes.len().min(PIECE)]) {
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(Errno::EPIPE) => return Err(Ended::ReaderGone),
                Err(error) => return Err(Ended::Failed(error)),
            }
        }
        Ok(())
    }

    /// Waits until `fd` is ready for `events`, or until the caller interrupts.
    pub(crate) fn wait(&self, fd: BorrowedFd<'_>, events: PollFlags) -> Result<(), Ended> {
        loop {
            let mut fds =
                [PollFd::new(fd, events), PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) if fds[1].any().unwrap_or(true) => return Err(Ended::Interrupted),
                Ok(_) if fds[0].any().unwrap_or(true) => return Ok(()),
                Ok(_) | Err(Errno::EINTR | Errno::EAGAIN) => {}
                Err(error) => return Err(Ended::Failed(error)),
            }
        }
    }
}
