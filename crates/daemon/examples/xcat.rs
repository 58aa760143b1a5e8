//! The client, built beside the daemon's tests so that they can start it as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(std::env::args_os())
}
