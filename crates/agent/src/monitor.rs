//! Reporting the node's status to the install monitor of the management node: a line of text over
//! TCP 3002 (protocol.md section 8), and events as one-line posts over HTTP.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::console::say;
use crate::facts::Facts;
use crate::http::{self, Url};
use crate::patience::Patience;

const CONNECT: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(10);
/// The most of an answer that is kept.
const LONGEST_ANSWER: u64 = 1 << 20;

/// Why a status was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MonitorError {
    #[error("cannot reach the status port {server}")]
    Unreachable { server: SocketAddr, source: io::Error },
    #[error("the status port {server} closed the connection: it knows no node with this address")]
    Unknown { server: SocketAddr },
}

/// Reports `status`, unless the node is to be silent; a report that does not get through is said and
/// does not hold up the boot.
pub(crate) fn report(facts: &Facts, status: &str, patience: Patience) {
    if facts.silent {
        return;
    }
    let server = SocketAddr::from((facts.server, facts.status_port));
    let sent = patience.run(|| send(server, status), |error| say(&base::chain(error)));
    match sent {
        Ok(()) => say(&format!("reported status {status}")),
        Err(error) => say(&format!("status {status} is not reported: {}", base::chain(&error))),
    }
}

/// Tells the management node one line about what happens here; nobody waits for it.
pub(crate) fn event(facts: &Facts, text: &str) {
    let url = Url::new(facts.server, facts.http_port, "/xcat/node/event");
    if let Err(error) = http::post_text(&url, text) {
        say(&format!("the management node was not told: {}", base::chain(&error)));
    }
}

fn send(server: SocketAddr, status: &str) -> Result<(), MonitorError> {
    let unreachable = |source| MonitorError::Unreachable { server, source };
    let mut stream = connect(server, SILENCE)?;
    let mut lines = BufReader::new(stream.try_clone().map_err(unreachable)?);
    expect_line(&mut lines, "ready", server)?;
    // in one piece: the monitor may take what arrives first for the whole line
    let line = format!("installstatus {status}\n");
    stream.write_all(line.as_bytes()).map_err(unreachable)?;
    expect_line(&mut lines, "done", server)
}

/// Sends one request line and hands back what the management node answers to it.
pub(crate) fn ask(
    facts: &Facts,
    request: &str,
    patience: Duration,
) -> Result<String, MonitorError> {
    let server = SocketAddr::from((facts.server, facts.status_port));
    let unreachable = |source| MonitorError::Unreachable { server, source };
    let mut stream = connect(server, patience)?;
    let mut lines = BufReader::new(stream.try_clone().map_err(unreachable)?);
    expect_line(&mut lines, "ready", server)?;
    stream.write_all(format!("{request}\n").as_bytes()).map_err(unreachable)?;
    expect_line(&mut lines, "done", server)?;
    let mut answer = String::new();
    lines.take(LONGEST_ANSWER).read_to_string(&mut answer).map_err(unreachable)?;
    Ok(answer)
}

fn connect(server: SocketAddr, silence: Duration) -> Result<TcpStream, MonitorError> {
    let open = || {
        let stream = TcpStream::connect_timeout(&server, CONNECT)?;
        stream.set_read_timeout(Some(silence))?;
        stream.set_write_timeout(Some(SILENCE))?;
        Ok(stream)
    };
    open().map_err(|source| MonitorError::Unreachable { server, source })
}

fn expect_line(
    lines: &mut impl BufRead,
    word: &str,
    server: SocketAddr,
) -> Result<(), MonitorError> {
    for line in lines.by_ref().take(4096).lines() {
        let line = line.map_err(|source| MonitorError::Unreachable { server, source })?;
        if line.trim() == word {
            return Ok(());
        }
    }
    Err(MonitorError::Unknown { server })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    fn monitor(answers: &'static [&'static str]) -> (SocketAddr, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut said = String::new();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            for (index, answer) in answers.iter().enumerate() {
                if index > 0 {
                    lines.read_line(&mut said).unwrap();
                }
                stream.write_all(format!("{answer}\n").as_bytes()).unwrap();
            }
            said
        });
        (address, server)
    }

    #[test]
    fn waits_for_ready_and_done() {
        let (address, server) = monitor(&["ready", "done"]);
        send(address, "netbooting").unwrap();
        assert_eq!(server.join().unwrap(), "installstatus netbooting\n");
    }

    #[test]
    fn a_monitor_that_does_not_know_us_closes() {
        let (address, server) = monitor(&[]);
        let error = send(address, "booted").unwrap_err();
        assert!(matches!(error, MonitorError::Unknown { .. }), "{error}");
        server.join().unwrap();
    }
}
