//! `xcat-lab`: virtual nodes for the management node's container, on its host.

use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

use base::{ErrorKind, Failure};
use sim::lab::{self, Arguments, Order, USAGE};

/// A log longer than this is begun again at the start of the background process.
const LOG_MAX: u64 = 1 << 20;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let container = std::env::var("XCAT_NAME").ok().filter(|name| !name.is_empty());
    let parsed = Arguments::parse(&words, container.as_deref().unwrap_or("xcatmn"));
    match parsed.and_then(|arguments| perform(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => complain(&failure),
    }
}

fn perform(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.order == Order::Help {
        return std::io::stdout().write_all(USAGE.as_bytes()).map_err(|error| {
            Failure::new(ErrorKind::Internal, format!("standard output: {error}"))
        });
    }
    if !nix::unistd::geteuid().is_root() {
        return Err(become_root(arguments));
    }
    match &arguments.order {
        Order::Help => Ok(()),
        Order::Up(count) => block_on(lab::up(arguments, *count)),
        Order::Down { keep } => block_on(lab::down(arguments, *keep)),
        Order::Status => block_on(lab::status(&arguments.state)),
        Order::Console { node, follow } => lab::console(&arguments.state, node, *follow),
        Order::Serve { background } => serve(arguments, *background),
    }
}

/// Starts again through sudo; only a failure comes back.
fn become_root(arguments: &Arguments) -> Failure {
    let failure =
        Failure::new(ErrorKind::Denied, "the lab needs root on this host").hint("use sudo");
    let Ok(own) = std::env::current_exe() else { return failure };
    let words =
        ["sudo".into(), own.into_os_string()].into_iter().chain(std::env::args_os().skip(1));
    let words = words.chain([format!("--container={}", arguments.container).into()]);
    let line: Result<Vec<CString>, _> = words.map(|word| CString::new(word.into_vec())).collect();
    let Ok(line) = line else { return failure };
    match nix::unistd::execvp(c"sudo", &line) {
        Err(nix::errno::Errno::ENOENT) => failure.hint("run it as root, or install sudo"),
        Ok(_) | Err(_) => failure,
    }
}

/// The background process: its socket first, then away from the terminal, then threads.
fn serve(arguments: &Arguments, background: bool) -> Result<(), Failure> {
    let listener = lab::listen(&arguments.state)?;
    if background {
        log_to_file(arguments)?;
        nix::unistd::daemon(false, false).map_err(|error| {
            Failure::new(ErrorKind::Internal, format!("cannot go into the background: {error}"))
        })?;
    } else {
        tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    }
    let served = block_on(arguments.serve().run(listener));
    if let Err(failure) = &served {
        tracing::error!(error = %failure, "the lab cannot be served");
    }
    served
}

fn log_to_file(arguments: &Arguments) -> Result<(), Failure> {
    let path = lab::log_path(&arguments.state);
    let long = fs::metadata(&path).is_ok_and(|meta| meta.len() > LOG_MAX);
    let mut options = fs::OpenOptions::new();
    let options = if long { options.write(true).truncate(true) } else { options.append(true) };
    let file = options.create(true).open(&path).map_err(|error| {
        Failure::new(ErrorKind::Internal, format!("{}: {error}", path.display()))
    })?;
    tracing_subscriber::fmt().with_ansi(false).with_writer(std::sync::Mutex::new(file)).init();
    Ok(())
}

fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| {
        Failure::new(ErrorKind::Internal, format!("cannot start the runtime: {error}"))
    })?;
    runtime.block_on(work)
}

fn complain(failure: &Failure) -> ExitCode {
    let mut stderr = std::io::stderr().lock();
    let hint = failure.hint.as_ref().map_or_else(String::new, |hint| format!("\n  hint: {hint}"));
    let written = writeln!(stderr, "Error: {}{hint}", failure.message);
    match (failure.kind, written) {
        (ErrorKind::Usage, Ok(())) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}
