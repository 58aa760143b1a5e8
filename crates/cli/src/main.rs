//! The program `xcat`, and every xCAT command that is a link to it.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(std::env::args_os())
}
