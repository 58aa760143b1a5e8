//! The stream itself: several requests, bytes one by one, requests that are none, too much of everything, and clients
//! that leave.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use support::TestDaemon;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const SOON: Duration = Duration::from_secs(20);

fn request(command: &str, more: &str) -> String {
    format!(
        "<xcatrequest>\n{more}  <clienttype>cli</clienttype>\n  <command>{command}</command>\n</xcatrequest>\n"
    )
}

async fn until(stream: &mut UnixStream, end: &str) -> String {
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = tokio::time::timeout(SOON, stream.read(&mut chunk)).await.unwrap().unwrap();
        read.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&read);
        if count == 0 || text.contains(end) {
            return text.into_owned();
        }
    }
}

async fn connect(daemon: &TestDaemon) -> UnixStream {
    UnixStream::connect(&daemon.config.socket).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn several_requests_are_answered_in_order_even_when_they_arrive_together_or_in_pieces() {
    let daemon = TestDaemon::start().await;
    let mut stream = connect(&daemon).await;
    let both =
        request("lsxcatd", "  <arg>-v</arg>\n") + &request("authcheck", "  <transid>7</transid>\n");
    stream.write_all(both.as_bytes()).await.unwrap();
    let answer = until(&mut stream, "<username>root</username>\n</xcatresponse>").await;
    let (first, second) = answer.split_once("<serverdone></serverdone>").unwrap();
    assert!(
        first.contains("<data>Version") && second.contains("<data>Authenticated</data>"),
        "{answer}"
    );
    for byte in request("noderange", "  <noderange>nosuch</noderange>\n").bytes() {
        stream.write_all(&[byte]).await.unwrap();
    }
    let answer = until(&mut stream, "</xcatresponse>").await;
    assert!(answer.contains("<warning>Invalid nodes in noderange:nosuch</warning>"), "{answer}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_and_a_token_prove_a_user() {
    let daemon = TestDaemon::start().await;
    for cells in [
        ["key=xcat,username=al", "passwd.password=s3cret"],
        ["priority=7", "policy.name=al"],
        ["priority=7", "policy.rule=allow"],
    ] {
        let made = daemon.xcat(&["chtab", cells[0], cells[1]]).await;
        assert_eq!(made.status, 0, "{}", made.err);
    }
    let ask = async |more: &str| {
        let mut stream = connect(&daemon).await;
        stream.write_all(request("authcheck", more).as_bytes()).await.unwrap();
        until(&mut stream, "</xcatresponse>").await
    };
    let login = |name: &str, password: &str| {
        format!("<{name}><username>al</username><password>{password}</password></{name}>")
    };
    let answer = ask(&login("becomeuser", "s3cret")).await;
    assert!(answer.contains("<username>al</username>"), "{answer}");
    let refused = ask(&login("gettoken", "wrong")).await;
    assert!(refused.contains("<error>Authentication failure</error>"), "{refused}");
    let given = ask(&login("gettoken", "s3cret")).await;
    let id = given.split("<id>").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
    assert!(given.contains("<expire>"), "{given}");
    let answer = ask(&format!("<tokens><tokenid>{id}</tokenid></tokens>")).await;
    assert!(answer.contains("<username>al</username>"), "{answer}");
    let refused = ask("<tokens><tokenid>x</tokenid></tokens>").await;
    assert!(refused.contains("Authentication failure"), "{refused}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_refused_and_the_daemon_goes_on() {
    let daemon = TestDaemon::start().await;
    let too_large = "<xcatrequest>".to_owned() + &"x".repeat(100 * 1024 * 1024);
    let deep = "<xcatrequest>".to_owned() + &"<a>".repeat(1000) + "</xcatrequest>";
    for (bytes, told) in [
        ("GET / HTTP/1.1\r\n\r\n", ""),
        ("<xcatrequest><arg></xcatrequest>", "cannot be read"),
        ("<xcatrequest><arg>&xxe;</arg></xcatrequest>", "unknown entity"),
        (&*deep, "cannot be read"),
        (&*too_large, ""),
        (
            "<xcatrequest><becomeuser><username>root</username></becomeuser></xcatrequest>",
            "Authentication failure",
        ),
    ] {
        let mut stream = connect(&daemon).await;
        // The daemon may close before everything is sent.
        stream.write_all(bytes.as_bytes()).await.ok();
        let mut answer = Vec::new();
        tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap().ok();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.contains(told), "{told}: {answer}");
    }
    assert_eq!(daemon.xcat(&["nodels"]).await.status, 0);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_leave_in_the_middle_hold_nothing_up() {
    let daemon = TestDaemon::start().await;
    for _ in 0..300 {
        let mut stream = connect(&daemon).await;
        stream.write_all(b"<xcatrequest>").await.unwrap();
    }
    for _ in 0..50 {
        let mut stream = connect(&daemon).await;
        stream.write_all(request("tabdump", "  <arg>site</arg>\n").as_bytes()).await.unwrap();
    }
    assert_eq!(daemon.xcat(&["nodels"]).await.status, 0);
    daemon.stop().await;
}

/// A program in the place of ssh that writes down its process and never ends.
fn endless_ssh(daemon: &TestDaemon) -> std::path::PathBuf {
    let noted = daemon.dir.path().join("ssh.pid");
    let script = format!(
        "#!/bin/sh\necho $$ >{0}.new\nmv {0}.new {0}\nexec tail -f /dev/null\n",
        noted.display()
    );
    std::fs::write(&daemon.config.ssh, script).unwrap();
    std::fs::set_permissions(&daemon.config.ssh, std::fs::Permissions::from_mode(0o755)).unwrap();
    noted
}

async fn until_true(mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, wait).await.unwrap();
}

fn runs(process: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

async fn running_xdsh(daemon: &TestDaemon, noted: &Path) -> (UnixStream, String) {
    let mut stream = connect(daemon).await;
    let more = "  <arg>date</arg>\n  <noderange>n1</noderange>\n";
    stream.write_all(request("xdsh", more).as_bytes()).await.unwrap();
    until_true(|| noted.exists()).await;
    let process = std::fs::read_to_string(noted).unwrap().trim().to_owned();
    std::fs::remove_file(noted).unwrap();
    (stream, process)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_to_stop_or_leaves_stops_its_command() {
    let daemon = TestDaemon::start().await;
    daemon.xcat(&["mkdef", "-t", "node", "n1", "groups=all", "ip=127.0.0.1"]).await;
    let noted = endless_ssh(&daemon);

    let (mut stream, process) = running_xdsh(&daemon, &noted).await;
    assert!(runs(&process));
    let abort = b"<xcatrequest><abortcommand>1</abortcommand></xcatrequest>";
    stream.write_all(abort).await.unwrap();
    until_true(|| !runs(&process)).await;
    let answer = until(&mut stream, "<serverdone>").await;
    assert!(answer.contains("<serverdone>"), "{answer}");

    let (stream, process) = running_xdsh(&daemon, &noted).await;
    drop(stream);
    until_true(|| !runs(&process)).await;

    let (_stream, process) = running_xdsh(&daemon, &noted).await;
    daemon.stop().await;
    assert!(!runs(&process));
}
