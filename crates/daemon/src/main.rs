//! The program `xcatd`: `xcatd` serves, `xcatd health` asks a running one, `xcatd commands` lists the commands.

mod process;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base::{ErrorKind, Failure};
use daemon::config::Config;
use daemon::{health, reference};

/// The exit status when starting again would change nothing: `EX_CONFIG` of sysexits.h. The supervisor gives up then.
const HOPELESS: u8 = 78;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let (mut file, mut command, mut operand) = (None, None, None);
    while let Some(word) = words.next() {
        match &*word {
            "-c" | "--config" => file = words.next().map(PathBuf::from),
            "-f" | "--foreground" => {}
            _ if command.is_none() => command = Some(word),
            _ if command.as_deref() == Some("reference") && operand.is_none() => {
                operand = Some(word);
            }
            _ => return finish(Err(usage())),
        }
    }
    let command = command.as_deref().unwrap_or("serve");
    let outcome = run(command, operand.as_deref().unwrap_or_default(), file.as_deref());
    let is_hopeless =
        |failure: &Failure| matches!(failure.kind, ErrorKind::Conflict | ErrorKind::Usage);
    let hopeless = command == "serve" && outcome.as_ref().err().is_some_and(is_hopeless);
    let status = finish(outcome);
    if hopeless { ExitCode::from(HOPELESS) } else { status }
}

fn run(command: &str, operand: &str, file: Option<&Path>) -> Result<(), Failure> {
    match command {
        "serve" => process::serve(Config::load(file)?),
        "bypass" => process::bypass(Config::load(file)),
        "health" => health::check(&Config::load(file)?.socket),
        "check" | "--check" => Config::load(file).map(drop),
        "commands" => {
            let served = command::ALL.iter().filter(|meta| meta.front.reaches_daemon());
            let names: Vec<&str> = served.map(|meta| meta.name).chain([""]).collect();
            say(&names.join("\n"))
        }
        "reference" => say(&reference::page(operand).ok_or_else(usage)?),
        "--version" | "-v" => say(&format!("{}\n", commands::VERSION)),
        "--help" | "-h" => say(reference::USAGE),
        _ => Err(usage()),
    }
}

fn usage() -> Failure {
    Failure::new(ErrorKind::Usage, "wrong arguments").hint("xcatd --help")
}

fn say(text: &str) -> Result<(), Failure> {
    let written = std::io::stdout().write_all(text.as_bytes());
    written.map_err(|error| Failure::from_error(ErrorKind::Internal, &error))
}

fn finish(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Standard error is the last resort: when it is gone too, the exit status is all there is.
            writeln!(std::io::stderr(), "xcatd: {failure}").ok();
            ExitCode::FAILURE
        }
    }
}
