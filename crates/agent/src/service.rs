//! The services of the booted system: identity before sshd, postscripts after, and small tools that
//! postscripts use.

mod identity;
mod mirror;
mod postscripts;
mod script;
mod spawn;

use std::process::ExitCode;
use std::time::Duration;

use crate::console::{say, say_error};
use crate::facts::{Facts, NoFacts};
use crate::monitor;
use crate::patience::Patience;

pub use postscripts::run_postscript;

/// How long the management node may work on a request, such as synchronising files.
const ANSWER: Duration = Duration::from_mins(10);

/// Gives the node its ssh host key and root's authorized keys; runs before sshd.
pub fn identity() -> ExitCode {
    with_facts(identity::establish)
}

/// Runs the node's postscripts, sends their log home and reports the outcome.
pub fn run() -> ExitCode {
    with_facts(postscripts::run_all)
}

/// Reports a status word.
pub fn status(word: &str) -> ExitCode {
    with_facts(|facts| {
        monitor::report(facts, word, Patience::with_attempts(5));
        ExitCode::SUCCESS
    })
}

/// Asks the management node for something by its status port and prints the answer.
pub fn ask(request: &str) -> ExitCode {
    with_facts(|facts| match monitor::ask(facts, request, ANSWER) {
        Ok(answer) => {
            say(answer.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            say_error(&error);
            ExitCode::FAILURE
        }
    })
}

fn with_facts(role: impl FnOnce(&Facts) -> ExitCode) -> ExitCode {
    match Facts::load() {
        Ok(facts) => role(&facts),
        Err(error @ (NoFacts::Unreadable(_) | NoFacts::Incomplete)) => {
            say_error(&error);
            ExitCode::FAILURE
        }
    }
}
