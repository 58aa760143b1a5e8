//! Asking other name servers, one after the other, each for a limited time.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::Transport;

/// How long each server is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most servers that are asked for one question.
const MAX_SERVERS: usize = 3;

/// The first usable answer to `question`; the question is passed on as it came.
pub(super) async fn ask(
    servers: &[SocketAddr],
    question: &[u8],
    transport: Transport,
) -> Option<Vec<u8>> {
    for server in servers.iter().take(MAX_SERVERS) {
        let answer = match transport {
            Transport::Udp => timeout(PATIENCE, over_udp(*server, question)).await,
            Transport::Tcp => timeout(PATIENCE, over_tcp(*server, question)).await,
        };
        match answer {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => tracing::debug!(%server, %error, "a name server could not be asked"),
            Err(_) => tracing::debug!(%server, "a name server did not answer in time"),
        }
    }
    None
}

async fn over_udp(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut buffer = vec![0; 65_535];
    loop {
        let length = socket.recv(&mut buffer).await?;
        // Another number is an answer to somebody else's question, or an attempt to forge one.
        if buffer[..length].get(..2) == question.get(..2) {
            buffer.truncate(length);
            return Ok(buffer);
        }
    }
}

async fn over_tcp(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(&framed(question)?).await?;
    let mut length = [0; 2];
    stream.read_exact(&mut length).await?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// The message with its length before it, as TCP carries it.
pub(super) fn framed(message: &[u8]) -> io::Result<Vec<u8>> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    Ok([&length.to_be_bytes()[..], message].concat())
}
