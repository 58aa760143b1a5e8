//! Whether root of a node has asked for credentials: only root can listen on a port below 1024, and whoever listens there
//! is asked (spec/protocol.md section 7).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// How long the node may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer.
const LONGEST: u64 = 256;
const QUESTION: &[u8] = b"CREDOKBYYOU?\n";
const ANSWER: &str = "CREDOKBYME";

/// Asks the node at `address`; silence, and everything but the one right answer, is no.
pub(super) async fn approves(address: IpAddr, port: u16) -> bool {
    let asked = tokio::time::timeout(PATIENCE, ask(SocketAddr::new(address, port))).await;
    matches!(asked, Ok(Ok(answer)) if answer.trim_end() == ANSWER)
}

async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(QUESTION).await?;
    let mut answer = String::new();
    BufReader::new(socket.take(LONGEST)).read_line(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn asked(answer: &'static [u8]) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let node = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut question = [0; QUESTION.len()];
            socket.read_exact(&mut question).await.unwrap();
            socket.write_all(answer).await.unwrap();
            question
        };
        let (approved, question) = tokio::join!(approves(address.ip(), address.port()), node);
        assert_eq!(question, QUESTION);
        approved
    }

    #[tokio::test]
    async fn only_the_right_answer_is_a_yes() {
        assert!(asked(b"CREDOKBYME\n").await);
        assert!(!asked(b"HTTP/1.1 400 Bad Request\r\n").await);
        assert!(!asked(b"").await);
        assert!(!approves([127, 0, 0, 1].into(), 1).await);
    }
}
