//! From the words of the command line to an exit status: which command is meant, where the daemon is, what standard
//! input holds.

use std::ffi::{CString, OsString};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base::chain;
use command::FrontEnd;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use wire::xml::{Element, MAX_DOCUMENT};

use crate::bypass::{Bypass, candidates};
use crate::caller::Caller;
use crate::connection::{Connection, Endpoint};
use crate::credentials;
use crate::output::{Ended, Output};
use crate::render::Stream;
use crate::request::{ALL_TEXT, prepare};
use crate::session::{Display, Session};
use crate::{help, table_editor, table_file, xdshbak};

/// The daemon's socket on its own host.
const SOCKET: &str = "/run/xcat/xcatd.sock";
const SERVER: &str = "localhost:3001";
/// The largest standard input that is sent; the daemon refuses larger requests.
const MAX_STDIN: u64 = 15 * 1024 * 1024;
/// Runs the client with these words, the program's name first.
pub fn run(words: impl Iterator<Item = OsString>) -> ExitCode {
    let mut words = words;
    let program = words.next().unwrap_or_default().to_string_lossy().into_owned();
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    let Ok(output) = Output::new() else { return ExitCode::FAILURE };
    let words: Result<Vec<String>, OsString> = words.map(OsString::into_string).collect();
    let words = match words {
        Ok(words) => words,
        Err(word) => {
            let word = word.to_string_lossy();
            let text = format!("Error: the argument '{word}' is not UTF-8: convert it (iconv)\n");
            return say(&output, Stream::Err, &text, 1);
        }
    };
    let generic = help::GENERIC.contains(&&*program);
    match words.first().map(String::as_str) {
        None if generic => return say(&output, Stream::Err, help::USAGE, 1),
        Some("help" | "-h" | "--help") if program == "xcat" => {
            return help::run(&words[1..], &output).into();
        }
        Some("-v" | "--version") if program == "xcat" => return help::version(&output).into(),
        _ => {}
    }
    let own = program == "xcat";
    let program = if generic { "xcat" } else { &*program };
    let named = if generic { words.first().map_or("", String::as_str) } else { program };
    if let Some(absent) = command::absent(named) {
        return say(&output, Stream::Err, &format!("Error: {}\n", absent.message()), 1);
    }
    let (command, front, arguments) = match command::resolve(program, &words) {
        Some((meta, arguments)) => (meta.name, meta.front, arguments),
        None if own => return say(&output, Stream::Err, &help::no_command(named), 1),
        None if generic => (&*words[0], FrontEnd::Plain, &words[1..]),
        None => (program, FrontEnd::Plain, &*words),
    };
    let asked = command::find(command).and_then(|meta| help::about(meta, arguments, &output));
    if let Some(status) = asked {
        return status.into();
    }
    match front {
        FrontEnd::Local => lab(arguments, &output),
        FrontEnd::TableEditor => edit_table(command, arguments, &output),
        FrontEnd::Filter => filter(command, arguments, &output),
        _ => call(command, front, arguments, &output).into(),
    }
}

fn say(output: &Output, stream: Stream, text: &str, status: u8) -> ExitCode {
    match output.write(stream, text.as_bytes()) {
        Ok(()) => status.into(),
        Err(_) => ExitCode::FAILURE,
    }
}

/// Says why something failed, on standard error; gives the status back.
fn told(output: &Output, text: &str, status: u8) -> u8 {
    if output.write(Stream::Err, text.as_bytes()).is_ok() { status } else { 255 }
}

/// Sends one command and shows its answer.
fn call(command: &str, front: FrontEnd, arguments: &[String], output: &Output) -> u8 {
    let mut caller = caller();
    match output.undisturbed(|| read_stdin(front, &caller)) {
        Ok(stdin) => caller.stdin = stdin,
        Err(reason) => return told(output, &format!("Error: {reason}\n"), 1),
    }
    if front == FrontEnd::TableFile {
        match command::find(command).map_or(Ok(None), |meta| table_file::read(meta, arguments)) {
            Ok(upload) => caller.upload = upload,
            Err(unusable) => return unusable.report(output),
        }
    }
    let prepared = prepare(command, front, arguments, &caller);
    if caller.upload.is_some() && prepared.request.to_request().len() > MAX_DOCUMENT {
        return table_file::too_large().report(output);
    }
    let display = Display {
        show_server: prepared.show_server || is_set(&caller, "XCATSHOWSVR"),
        as_xml: is_set(&caller, "XCATSHOWXML"),
        trace: is_set(&caller, "XCATXMLTRACE"),
    };
    if is_set(&caller, "XCATBYPASS") {
        return bypass(&prepared.request, display, output);
    }
    match output.undisturbed(|| connect(&caller, output)) {
        Ok(connection) => Session::new(connection, output, display).run(&prepared.request),
        Err(refused) => refused.report(output),
    }
}

/// Has a process of our own answer the request, and waits until it has left the tables.
fn bypass(request: &Element, display: Display, output: &Output) -> u8 {
    let (process, connection) = match output.undisturbed(Bypass::start) {
        Ok(started) => started,
        Err(error) => return told(output, &format!("Error: {}\n", chain(&error)), 1),
    };
    let status = Session::new(connection, output, display).run(request);
    match output.undisturbed(|| process.wait()) {
        Ok(()) => status,
        Err(error) => told(output, &format!("Error: xcatd bypass: {error}\n"), status.max(1)),
    }
}

fn edit_table(command: &str, arguments: &[String], output: &Output) -> ExitCode {
    let Some(meta) = command::find(command) else { return ExitCode::FAILURE };
    table_editor::run(meta, arguments, output).into()
}

fn filter(command: &str, arguments: &[String], output: &Output) -> ExitCode {
    let Some(meta) = command::find(command) else { return ExitCode::FAILURE };
    xdshbak::run(meta, arguments, output).into()
}

fn is_set(caller: &Caller, variable: &str) -> bool {
    caller.variable(variable).is_some_and(|value| !value.is_empty() && value != "0")
}

fn caller() -> Caller {
    let cwd = std::env::current_dir().unwrap_or_default();
    Caller {
        cwd: cwd.to_string_lossy().into_owned(),
        user: account().map(|(name, _)| name).unwrap_or_default(),
        stdin: None,
        upload: None,
        environment: asking_for_all_text(
            std::env::vars_os()
                .map(|(name, value)| {
                    (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
                })
                .collect(),
        ),
    }
}

/// A terminal or file in UTF-8 gets all text, unless `XCAT_UTF8` says otherwise (ADR 0107).
fn asking_for_all_text(mut environment: Vec<(String, String)>) -> Vec<(String, String)> {
    let value = |name: &str| {
        let found = environment.iter().find(|(known, value)| known == name && !value.is_empty());
        found.map(|(_, value)| value.to_ascii_lowercase().replace('-', ""))
    };
    let locale = value("LC_ALL").or_else(|| value("LC_CTYPE")).or_else(|| value("LANG"));
    let is_utf8 = locale.is_some_and(|locale| locale.ends_with("utf8"));
    if is_utf8 && value(ALL_TEXT).is_none() {
        environment.retain(|(name, _)| name != ALL_TEXT);
        environment.push((ALL_TEXT.to_owned(), "1".to_owned()));
    }
    environment
}

/// Reads standard input when the original would: from a pipe, for definitions from anything but a terminal, and without
/// `TERM` (or under ksh) whenever something arrives within a second.
///
/// Definitions must not lose or change a byte, so what cannot be sent as it is is refused; others rarely want it.
fn read_stdin(front: FrontEnd, caller: &Caller) -> Result<Option<String>, String> {
    if front == FrontEnd::TableFile || !wants_stdin(front, caller) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(MAX_STDIN + 1).read_to_end(&mut bytes);
    match read {
        _ if front != FrontEnd::Definitions => {
            bytes.truncate(usize::try_from(MAX_STDIN).unwrap_or(usize::MAX));
            Ok(read.is_ok().then(|| String::from_utf8_lossy(&bytes).into_owned()))
        }
        Err(error) => Err(format!("standard input cannot be read: {error}")),
        Ok(count) if count as u64 > MAX_STDIN => Err(format!(
            "standard input is longer than {} MiB: send it in parts",
            MAX_STDIN / 1024 / 1024
        )),
        Ok(_) => String::from_utf8(bytes).map(Some).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            format!("standard input is not UTF-8 at byte {at}: convert it (iconv)")
        }),
    }
}

fn wants_stdin(front: FrontEnd, caller: &Caller) -> bool {
    use std::io::IsTerminal;
    let stdin = std::io::stdin();
    let ksh = caller.variable("SHELL").is_some_and(|shell| shell.ends_with("/ksh"));
    if ksh || caller.variable("TERM").is_none() {
        let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::from(1000u16)).is_ok_and(|ready| ready > 0)
    } else if front.always_reads_stdin() {
        !stdin.is_terminal()
    } else {
        std::fs::metadata("/dev/stdin").is_ok_and(|metadata| metadata.file_type().is_fifo())
    }
}

/// A daemon that cannot be reached.
struct Refused {
    server: String,
    reason: String,
    status: u8,
}

impl Refused {
    fn new(server: impl Into<String>, error: &std::io::Error) -> Self {
        let status = error.raw_os_error().and_then(|code| u8::try_from(code).ok());
        Self { server: server.into(), reason: chain(error), status: status.unwrap_or(255) }
    }

    fn report(&self, output: &Output) -> u8 {
        let text = format!(
            "Unable to open socket connection to xcatd daemon on {}.\n\
             Verify that the xcatd daemon is running and that your SSL setup is correct.\n",
            self.server
        );
        let reason = format!("Connection failure: {}\n", self.reason);
        let told = output
            .write(Stream::Out, text.as_bytes())
            .and_then(|()| output.write(Stream::Err, reason.as_bytes()));
        if told.is_ok() { self.status } else { 255 }
    }
}

fn connect(caller: &Caller, output: &Output) -> Result<Connection, Refused> {
    match endpoint(caller, Path::new(SOCKET).exists()) {
        Endpoint::Unix(path) => {
            Connection::unix(&path).map_err(|error| Refused::new(path.to_string_lossy(), &error))
        }
        Endpoint::Tls(server) => {
            let directory = credentials_directory(caller);
            let failed = |error: credentials::CredentialError| Refused {
                server: server.clone(),
                reason: chain(&error),
                status: 255,
            };
            let credentials =
                credentials::load(&directory, caller.variable("XCATSSLVER")).map_err(failed)?;
            if credentials.unchecked {
                warn_unchecked(&directory, output).map_err(|_| Refused {
                    server: server.clone(),
                    reason: "nobody reads the output".to_owned(),
                    status: 255,
                })?;
            }
            Connection::tls(&server, credentials.config)
                .map_err(|error| Refused::new(server.clone(), &error))
        }
    }
}

/// The daemon that the environment names, or the one of this host.
fn endpoint(caller: &Caller, socket_exists: bool) -> Endpoint {
    let set = |name| caller.variable(name).filter(|value| !value.is_empty());
    match (set("XCATHOST"), set("XCATSOCKET")) {
        (Some(server), _) => Endpoint::Tls(server.to_owned()),
        (None, Some(path)) => Endpoint::Unix(path.into()),
        (None, None) if socket_exists => Endpoint::Unix(SOCKET.into()),
        (None, None) => Endpoint::Tls(SERVER.to_owned()),
    }
}

/// The directory of the caller's certificates.
fn credentials_directory(caller: &Caller) -> PathBuf {
    if let Some(directory) = caller.variable("XCATCREDENTIALS").filter(|value| !value.is_empty()) {
        return directory.into();
    }
    account().map_or_else(PathBuf::new, |(_, home)| home).join(".xcat")
}

/// The caller's name and home directory. Read from the file, because a static program has no name services; for a user
/// who is not in it the environment must do.
fn account() -> Option<(String, PathBuf)> {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let uid = nix::unistd::geteuid().to_string();
    let found = users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.get(2) == Some(&&*uid))
            .then(|| Some((fields[0].to_owned(), fields.get(5)?.into())))?
    });
    let variable = |name| std::env::var(name).ok();
    found.or_else(|| Some((variable("USER")?, variable("HOME")?.into())))
}

fn warn_unchecked(directory: &Path, output: &Output) -> Result<(), Ended> {
    let text = format!(
        "warning: there are no client certificates in {}: the connection is encrypted, but neither side proves who it is\n",
        directory.display()
    );
    output.write(Stream::Out, text.as_bytes())
}

/// Becomes the program that runs virtual nodes, which lives beside this one on the container's host.
fn lab(arguments: &[String], output: &Output) -> ExitCode {
    let words: Option<Vec<CString>> = std::iter::once("xcat-lab")
        .chain(arguments.iter().map(String::as_str))
        .map(|word| CString::new(word).ok())
        .collect();
    let Some(words) = words else { return ExitCode::FAILURE };
    for candidate in candidates("xcat-lab") {
        let path = CString::new(candidate.into_os_string().into_vec());
        if let Ok(path) = path
            && let Err(nix::errno::Errno::E2BIG) =
                output.undisturbed(|| nix::unistd::execv(&path, &words))
        {
            return say(output, Stream::Err, "Error: too many arguments\n", 1);
        }
    }
    let text =
        "Error: xcat-lab is not installed here: run 'xcat lab' on the host of the container\n";
    say(output, Stream::Err, text, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_utf_8_locale_asks_for_all_text_unless_told_otherwise() {
        for (given, asks) in [
            (&[("LANG", "C.UTF-8")][..], Some("1")),
            (&[("LANG", "en_US.utf8"), ("LC_ALL", "")], Some("1")),
            (&[("LANG", "C.UTF-8"), ("LC_ALL", "C")], None),
            (&[("LANG", "C.UTF-8"), ("XCAT_UTF8", "0")], Some("0")),
            (&[("LANG", "C")], None),
            (&[], None),
        ] {
            let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let all = asking_for_all_text(given.collect());
            let found = all.iter().find(|(name, _)| name == "XCAT_UTF8");
            assert_eq!(found.map(|(_, value)| value.as_str()), asks, "{all:?}");
        }
    }

    #[test]
    fn the_environment_and_then_the_socket_say_where_the_daemon_is() {
        let caller = |pairs: &[(&str, &str)]| Caller {
            environment: pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
            ..Caller::default()
        };
        let both = caller(&[("XCATHOST", "mn:3001"), ("XCATSOCKET", "/s")]);
        assert_eq!(endpoint(&both, true), Endpoint::Tls("mn:3001".to_owned()));
        assert_eq!(endpoint(&caller(&[("XCATSOCKET", "/s")]), true), Endpoint::Unix("/s".into()));
        assert_eq!(endpoint(&caller(&[]), true), Endpoint::Unix(SOCKET.into()));
        assert_eq!(endpoint(&caller(&[("XCATHOST", "")]), false), Endpoint::Tls(SERVER.to_owned()));
    }
}
