//! One request and its stream of responses.
//!
//! ```text
//! connect -> send -> receive* -> serverdone          exit status from the responses
//!                       |-> end of stream before     premature end, status 1
//!                       |-> SIGINT, SIGTERM          abortcommand, up to 2 s for the daemon, status 0
//!                       +-> nobody reads our output  end quietly
//! ```

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use wire::xml::{Element, FrameReader};

use crate::connection::Connection;
use crate::output::{Ended, Output};
use crate::render::{Stream, render};

const PREMATURE: &str =
    "ERROR/WARNING: communication with the xCAT server seems to have been ended prematurely\n";
/// What a shell reports for a program that writes into a closed pipe.
const BROKEN_PIPE: u8 = 141;
/// How long the daemon may take to stop the command after an interrupt.
const ABORT: Duration = Duration::from_secs(2);

/// How the answer is shown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Display {
    pub(crate) show_server: bool,
    /// Each response as XML instead of text.
    pub(crate) as_xml: bool,
    /// The raw request and responses too.
    pub(crate) trace: bool,
}

pub(crate) struct Session<'a> {
    pub(crate) connection: Connection,
    pub(crate) output: &'a Output,
    pub(crate) display: Display,
    exit: u8,
}

enum Progress {
    More,
    Done,
}

impl<'a> Session<'a> {
    pub(crate) const fn new(connection: Connection, output: &'a Output, display: Display) -> Self {
        Self { connection, output, display, exit: 0 }
    }

    /// Sends `request` and shows the answer; returns the exit status.
    pub(crate) fn run(mut self, request: &Element) -> u8 {
        match self.converse(request) {
            Ok(()) => self.exit,
            Err(Ended::Interrupted) => self.abort(),
            Err(Ended::ReaderGone) => BROKEN_PIPE,
            Err(Ended::Failed(_)) => 1,
        }
    }

    fn converse(&mut self, request: &Element) -> Result<(), Ended> {
        let text = request.to_request();
        if self.display.trace {
            self.output.write(Stream::Out, text.as_bytes())?;
        }
        if self.connection.send(text.as_bytes()).is_err() {
            return self.premature("");
        }
        let (mut frames, mut arrived) = (FrameReader::responses(), Vec::new());
        loop {
            self.output.wait(self.connection.as_fd(), PollFlags::POLLIN)?;
            let open = match self.connection.receive(&mut arrived) {
                Ok(open) => open,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
                Err(_) => false,
            };
            frames.push(&arrived);
            arrived.clear();
            if matches!(self.show_all(&mut frames)?, Progress::Done) {
                return Ok(());
            }
            if !open {
                return self.premature("");
            }
        }
    }

    fn show_all(&mut self, frames: &mut FrameReader) -> Result<Progress, Ended> {
        loop {
            let document = match frames.next_document() {
                Ok(Some(document)) => document,
                Ok(None) => return Ok(Progress::More),
                Err(error) => return self.premature(&error.to_string()).map(|()| Progress::Done),
            };
            if self.display.trace {
                self.output.write(Stream::Out, &document)?;
            }
            let response = match Element::parse(&document) {
                Ok(response) => response,
                Err(error) => return self.premature(&error.to_string()).map(|()| Progress::Done),
            };
            self.show(&response)?;
            if response.has("serverdone") {
                return Ok(Progress::Done);
            }
        }
    }

    fn show(&mut self, response: &Element) -> Result<(), Ended> {
        if self.display.as_xml {
            let text = format!("{}\n", response.to_request());
            return self.output.write(Stream::Out, text.as_bytes());
        }
        let rendered = render(response, self.display.show_server);
        self.exit |= rendered.exit;
        for (stream, text) in joined(rendered.lines) {
            self.output.write(stream, &text)?;
        }
        Ok(())
    }

    fn premature(&mut self, reason: &str) -> Result<(), Ended> {
        self.exit = 1;
        if !reason.is_empty() {
            self.output.write(Stream::Err, format!("Error: {reason}\n").as_bytes())?;
        }
        self.output.write(Stream::Err, PREMATURE.as_bytes())
    }

    /// Asks the daemon to stop the command and gives it a moment to do so.
    fn abort(&mut self) -> u8 {
        let abort = Element::new("xcatrequest").with_leaf("abortcommand", "1").to_request();
        let limit = PollTimeout::try_from(ABORT).unwrap_or(PollTimeout::ZERO);
        let mut rest = Vec::new();
        if self.connection.send(abort.as_bytes()).is_ok() {
            loop {
                let mut fds = [PollFd::new(self.connection.as_fd(), PollFlags::POLLIN)];
                let ready = poll(&mut fds, limit).is_ok_and(|count| count > 0);
                rest.clear();
                if !ready
                    || !self.connection.receive(&mut rest).unwrap_or(false)
                    || memmem(&rest, b"serverdone")
                {
                    break;
                }
            }
        }
        0
    }
}

/// Joins neighbouring pieces for the same stream, so that a long answer takes few writes.
fn joined(lines: Vec<(Stream, Vec<u8>)>) -> Vec<(Stream, Vec<u8>)> {
    let mut joined: Vec<(Stream, Vec<u8>)> = Vec::new();
    for (stream, mut text) in lines {
        match joined.last_mut() {
            Some((last, buffer)) if *last == stream => buffer.append(&mut text),
            _ => joined.push((stream, text)),
        }
    }
    joined
}

fn memmem(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
