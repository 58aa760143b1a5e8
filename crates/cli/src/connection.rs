//! The stream to the daemon: a Unix socket on its own host, TLS elsewhere.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

const CONNECT: Duration = Duration::from_secs(15);
const DEFAULT_PORT: u16 = 3001;
/// How much is read at once.
const CHUNK: usize = 64 * 1024;

/// Where the daemon is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Unix(PathBuf),
    Tls(String),
}

/// A connected stream; reading is meant to follow a `poll` that found it readable.
pub(crate) enum Connection {
    Unix(UnixStream),
    Tls(Box<rustls::StreamOwned<ClientConnection, TcpStream>>),
}

impl Connection {
    pub(crate) fn unix(path: &PathBuf) -> io::Result<Self> {
        Ok(Self::Unix(UnixStream::connect(path)?))
    }

    /// Connects and finishes the handshake.
    pub(crate) fn tls(server: &str, config: Arc<ClientConfig>) -> io::Result<Self> {
        let (host, port) = split_address(server)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "bad server address"))?;
        let mut socket = connect(&host, port)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(CONNECT))?;
        let name = ServerName::try_from("xcatd").map_err(io::Error::other)?;
        let mut session = ClientConnection::new(config, name).map_err(io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut socket)?;
        }
        socket.set_read_timeout(None)?;
        Ok(Self::Tls(Box::new(rustls::StreamOwned::new(session, socket))))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream: &mut dyn Write = match self {
            Self::Unix(socket) => socket,
            Self::Tls(stream) => stream,
        };
        stream.write_all(bytes)?;
        stream.flush()
    }

    /// Appends what has arrived to `buffer`; `false` at the end of the stream.
    pub(crate) fn receive(&mut self, buffer: &mut Vec<u8>) -> io::Result<bool> {
        match self {
            Self::Unix(socket) => {
                let mut chunk = vec![0; CHUNK];
                let count = socket.read(&mut chunk)?;
                buffer.extend_from_slice(&chunk[..count]);
                Ok(count > 0)
            }
            Self::Tls(stream) => receive_tls(&mut stream.conn, &mut stream.sock, buffer),
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(socket) => socket.as_fd(),
            Self::Tls(stream) => stream.sock.as_fd(),
        }
    }
}

/// Reads once from the socket and takes all that this makes readable.
fn receive_tls(
    session: &mut ClientConnection,
    socket: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> io::Result<bool> {
    let count = session.read_tls(socket)?;
    let state = session.process_new_packets().map_err(io::Error::other)?;
    while session.wants_write() {
        session.write_tls(socket)?;
    }
    let mut plain = vec![0; state.plaintext_bytes_to_read()];
    session.reader().read_exact(&mut plain)?;
    buffer.extend_from_slice(&plain);
    Ok(count > 0 && !(state.peer_has_closed() && plain.is_empty()))
}

fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut error = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in addresses(host, port)? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(socket) => return Ok(socket),
            Err(reason) => error = reason,
        }
    }
    Err(error)
}

/// The addresses of a host; our own needs no name service.
fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if host == "localhost" {
        let (v4, v6) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST));
        return Ok(vec![SocketAddr::new(v4, port), SocketAddr::new(v6, port)]);
    }
    Ok((host, port).to_socket_addrs()?.collect())
}

/// Splits `host:port`, `[address]:port` or a bare host.
fn split_address(server: &str) -> Option<(String, u16)> {
    if let Some(rest) = server.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        let port =
            if port.is_empty() { DEFAULT_PORT } else { port.strip_prefix(':')?.parse().ok()? };
        return Some((host.to_owned(), port));
    }
    match server.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => Some((host.to_owned(), port.parse().ok()?)),
        _ => Some((server.to_owned(), DEFAULT_PORT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_addresses_are_read_in_all_their_spellings() {
        for (text, host, port) in [
            ("mn", "mn", 3001),
            ("mn:3002", "mn", 3002),
            ("[fe80::1%eth0]:3001", "fe80::1%eth0", 3001),
            ("[::1]", "::1", 3001),
            ("::1", "::1", 3001),
        ] {
            assert_eq!(split_address(text), Some((host.to_owned(), port)), "{text}");
        }
        assert_eq!(split_address("mn:x"), None);
        assert_eq!(split_address("[::1]x"), None);
    }
}
