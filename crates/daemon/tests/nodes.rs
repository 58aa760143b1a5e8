//! What nodes talk to: the install monitor, and ports that somebody else has.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use runtime::TaskState;
use support::TestDaemon;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_node_reports_its_status_and_a_stranger_is_disconnected() {
    let daemon = TestDaemon::start().await;
    let address = daemon.daemon.address("monitor").await;
    let mut stranger = TcpStream::connect(address).await.unwrap();
    let mut told = Vec::new();
    tokio::time::timeout(SOON, stranger.read_to_end(&mut told)).await.unwrap().ok();
    assert_eq!(told, b"");

    let made = daemon.xcat(&["mkdef", "-t", "node", "n1", "groups=all", "ip=127.0.0.1"]).await;
    assert_eq!(made.status, 0, "{}", made.err);
    let mut node = BufReader::new(TcpStream::connect(address).await.unwrap());
    let mut line = String::new();
    node.read_line(&mut line).await.unwrap();
    node.write_all(b"installstatus netbooting booted\r\n").await.unwrap();
    node.read_line(&mut line).await.unwrap();
    assert_eq!(line, "ready\ndone\n");
    let mut rest = Vec::new();
    tokio::time::timeout(SOON, node.read_to_end(&mut rest)).await.unwrap().unwrap();

    let shown = daemon.xcat(&["lsdef", "n1", "-i", "status"]).await;
    assert!(shown.out.contains("status=booted"), "{}", shown.out);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_stops_one_service_until_it_is_free() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let dir = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start_in(dir, |config| config.listen.http = port).await;
    daemon.daemon.address("dns").await;
    let waiting = |daemon: &TestDaemon| {
        let status = daemon.daemon.status();
        let http = status.iter().find(|task| task.name == "http").unwrap();
        matches!(&http.state, TaskState::Waiting(reason) if reason.contains("taken"))
    };
    while !waiting(&daemon) {
        tokio::task::yield_now().await;
    }
    let said = daemon.xcat(&["lsxcatd", "-a"]).await;
    assert!(said.out.contains("http: not running: HTTP cannot start"), "{}", said.out);
    drop(taken);
    let address = tokio::time::timeout(SOON, daemon.daemon.address("http")).await.unwrap();
    assert_eq!(address.port(), port);
    daemon.stop().await;
}
