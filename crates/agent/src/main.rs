//! The roles of `xcat-node`: chosen by being process 1, else by the first argument.

use std::process::ExitCode;

use agent::{init, service};

const USAGE: &str = "usage: xcat-node identity | service | status WORD | ask REQUEST | run-postscript KIND NAME [ARG..]";

fn main() -> ExitCode {
    if std::process::id() == 1 {
        init::run();
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["identity"] => service::identity(),
        ["service"] => service::run(),
        ["status", word] => service::status(word),
        ["ask", request] => service::ask(request),
        ["run-postscript", kind, name, args @ ..] => service::run_postscript(kind, name, args),
        _ => usage(),
    }
}

#[expect(clippy::print_stderr, reason = "this is a program speaking to its caller")]
fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}
