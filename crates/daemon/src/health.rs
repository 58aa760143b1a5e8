//! Asks the running daemon a real question over its socket: it is healthy when the tables answer.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use base::{ErrorKind, Failure};
use wire::xml::{Element, FrameReader};

/// What the check calls itself, so that the daemon does not log it all day long.
pub(crate) const CLIENT_TYPE: &str = "health";
/// How long each step may take; the container's health check gives up after five seconds.
const LIMIT: Duration = Duration::from_secs(2);

/// Succeeds when the daemon behind `socket` reads the site table.
pub fn check(socket: &Path) -> Result<(), Failure> {
    let unreachable = |error: &std::io::Error| {
        let message = format!("xcatd does not answer on {}: {error}", socket.display());
        Failure::new(ErrorKind::Unreachable, message)
    };
    let mut stream = UnixStream::connect(socket).map_err(|error| unreachable(&error))?;
    let limits =
        stream.set_read_timeout(Some(LIMIT)).and_then(|()| stream.set_write_timeout(Some(LIMIT)));
    limits.map_err(|error| unreachable(&error))?;
    let request = Element::new("xcatrequest")
        .with_leaf("clienttype", CLIENT_TYPE)
        .with_leaf("command", "tabdump")
        .with_leaf("arg", "site");
    stream.write_all(request.to_request().as_bytes()).map_err(|error| unreachable(&error))?;
    let (mut frames, mut chunk, mut lines) = (FrameReader::responses(), [0; 8192], 0);
    loop {
        let count = stream.read(&mut chunk).map_err(|error| unreachable(&error))?;
        frames.push(&chunk[..count]);
        while let Ok(Some(document)) = frames.next_document() {
            let response = Element::parse(&document)
                .map_err(|error| Failure::from_error(ErrorKind::Internal, &error))?;
            if let Some(error) = response.text_of("error") {
                return Err(Failure::new(ErrorKind::Internal, format!("xcatd answers: {error}")));
            }
            lines += response.all("data").count();
            if response.has("serverdone") {
                return if lines > 0 { Ok(()) } else { Err(silent()) };
            }
        }
        if count == 0 {
            return Err(silent());
        }
    }
}

fn silent() -> Failure {
    Failure::new(ErrorKind::Internal, "xcatd answers without the site table")
}
