//! The pages for monitoring, fetched from a running daemon.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use support::TestDaemon;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixStream};

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: mn\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    let read = stream.read_to_string(&mut text);
    tokio::time::timeout(Duration::from_secs(10), read).await.unwrap().unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn value(page: &str, sample: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{sample}: {page}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_boot_requests_and_services_are_counted() {
    let daemon = TestDaemon::start().await;
    daemon.xcat(&["mkdef", "-t", "node", "n1", "groups=all"]).await;
    daemon.xcat(&["lsdef", "n1"]).await;
    daemon.xcat(&["lsdef", "nonsense"]).await;
    let request = "<xcatrequest><command>frobnicate</command></xcatrequest>";
    let mut socket = UnixStream::connect(&daemon.config.socket).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("Unsupported request"), "{answer}");
    let http = daemon.daemon.address("http").await;
    assert_eq!(get_closing(http, "/install/nothing").await, 404);
    let dns = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    dns.send_to(&[0; 3], daemon.daemon.address("dns").await).await.unwrap();

    let metrics = daemon.daemon.address("metrics").await;
    let dropped = "xcat_boot_requests_total{service=\"dns\",answered=\"no\",reason=\"unreadable\"}";
    let page = until(metrics, |page| value(page, dropped) > 0.0).await;
    for (sample, expected) in [
        ("xcat_nodes", 1.0),
        ("xcat_view_lag{view=\"boot\"}", 0.0),
        ("xcat_task_up{task=\"http\",state=\"running\"}", 1.0),
        ("xcat_commands_total{command=\"lsdef\",outcome=\"done\"}", 1.0),
        ("xcat_commands_total{command=\"lsdef\",outcome=\"failed\"}", 1.0),
        ("xcat_command_seconds_count{command=\"other\"}", 1.0),
        ("xcat_command_seconds_count{command=\"mkdef\"}", 1.0),
        ("xcat_boot_requests_total{service=\"http\",answered=\"refused\",reason=\"absent\"}", 1.0),
    ] {
        assert!((value(&page, sample) - expected).abs() < f64::EPSILON, "{sample}: {page}");
    }
    assert!(value(&page, "xcat_store_commits_total") >= 2.0);
    assert!(value(&page, "process_resident_memory_bytes") > 1e6);
    let samples = page.lines().filter(|line| !line.starts_with("# "));
    for (name, number) in samples.filter_map(|line| line.rsplit_once(' ')) {
        assert!(number.parse::<f64>().is_ok() && name.starts_with(['x', 'p']), "{name} {number}");
    }
    assert_eq!(get(metrics, "/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(get(metrics, "/nonsense").await.0, 404);
    daemon.stop().await;
}

/// Fetches the page until it shows what is waited for.
async fn until(metrics: SocketAddr, shows: impl Fn(&str) -> bool) -> String {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let (status, page) = get(metrics, "/metrics").await;
        assert_eq!(status, 200);
        if shows(&page) {
            return page;
        }
        assert!(tokio::time::Instant::now() < deadline, "{page}");
    }
}

/// The status of an answer of the boot server, which keeps connections.
async fn get_closing(address: SocketAddr, path: &str) -> u16 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: mn\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_cannot_run_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let dir = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start_in(dir, |config| config.listen.http = port).await;
    let metrics = daemon.daemon.address("metrics").await;
    let waiting = "xcat_task_up{task=\"http\",state=\"waiting\"} 0";
    until(metrics, |page| page.contains(waiting)).await;
    let (status, text) = get(metrics, "/healthz").await;
    assert!(status == 503 && text.contains("http: ") && text.contains(&port.to_string()), "{text}");
    daemon.stop().await;
}
