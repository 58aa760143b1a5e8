//! Whether something listens on a port of another machine, and whether the machine is there at all.

use std::io;
use std::time::Duration;

use tokio::net::{TcpStream, ToSocketAddrs};

/// What became of a connection that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knock {
    /// Something listens.
    Open,
    /// The machine answered that nothing listens.
    Refused,
    /// No answer in time, or no way there.
    Silent,
}

/// Tries to connect, and closes at once.
pub async fn knock(address: impl ToSocketAddrs, patience: Duration) -> Knock {
    match tokio::time::timeout(patience, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Knock::Open,
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Knock::Refused,
        Ok(Err(_)) | Err(_) => Knock::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_is_told_from_a_machine_without_one() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(knock(address, Duration::from_secs(5)).await, Knock::Open);
        drop(listener);
        assert_eq!(knock(address, Duration::from_secs(5)).await, Knock::Refused);
    }
}
