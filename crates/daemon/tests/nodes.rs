//! What nodes talk to: the install monitor, and ports that somebody else has.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use remote::{Line, Program, Stream};
use runtime::{Shutdown, TaskState, Tasks};
use support::TestDaemon;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

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

/// What the install monitor says to one line of a node, after its greeting.
async fn told(daemon: &TestDaemon, line: &str) -> String {
    let mut node = TcpStream::connect(daemon.daemon.address("monitor").await).await.unwrap();
    node.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    let mut text = String::new();
    tokio::time::timeout(SOON, node.read_to_string(&mut text)).await.unwrap().unwrap();
    text.strip_prefix("ready\ndone\n").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_install_monitor_gives_the_script_and_does_not_claim_files() {
    let daemon = TestDaemon::start().await;
    daemon.xcat(&["mkdef", "-t", "node", "n1", "groups=all", "ip=127.0.0.1"]).await;
    let script = told(&daemon, "getpostscript").await;
    assert!(script.contains("\nNODE='n1'\n") && script.ends_with("\n#END OF SCRIPT\n"), "{script}");
    assert_eq!(told(&daemon, "syncfiles").await, "syncfiles done\n");
    assert_eq!(told(&daemon, "unlocktftpdir").await, "");
    assert_eq!(told(&daemon, "locktftpdir\ninstallmonitor").await, "done\n");
    let image = ["mkdef", "-t", "osimage", "img", "imagetype=linux", "synclists=/install/list"];
    let (made, set) = (daemon.xcat(&image).await, ["chdef", "n1", "provmethod=img"]);
    assert_eq!(made.status, 0, "{}", made.err);
    assert_eq!(daemon.xcat(&set).await.status, 0);
    assert_eq!(told(&daemon, "syncfiles").await, "");
    let refused = asked(&daemon, "syncfiles", "").await;
    assert!(
        refused.contains("synclists of osimage img (/install/list) cannot be sent"),
        "{refused}"
    );
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

/// What a node is answered over TLS, with the program that nodes ask with.
async fn asked(daemon: &TestDaemon, command: &str, further: &str) -> String {
    let address = daemon.daemon.address("tls").await;
    let request = format!("<xcatrequest>\n<command>{command}</command>\n{further}</xcatrequest>\n");
    let program = Program::new("openssl")
        .args(["s_client", "-quiet", "-connect", &address.to_string()])
        .stdin(request)
        .deadline(SOON);
    let (cancel, (send, mut lines)) = (CancellationToken::new(), mpsc::channel::<Line>(64));
    let read = async {
        let mut text = String::new();
        while let Some(line) = lines.recv().await {
            if line.stream == Stream::Stdout {
                text += &line.text;
                text.push('\n');
            }
            if line.text.contains("</xcatresponse>") {
                cancel.cancel();
            }
        }
        text
    };
    let (ended, text) = tokio::join!(program.run_lines(&cancel, send), read);
    assert!(matches!(ended, Err(remote::RunError::Cancelled { .. })), "{ended:?}: {text}");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_asks_over_tls_for_its_script_and_what_to_do() {
    let daemon = TestDaemon::start().await;
    let nobody = asked(&daemon, "getpostscript", "").await;
    assert!(!nobody.contains("<data>") && nobody.contains("<serverdone>"), "{nobody}");
    let nobody = asked(&daemon, "getdestiny", "").await;
    assert!(nobody.contains("<destiny>discover</destiny>"), "{nobody}");
    let made = daemon.xcat(&["mkdef", "-t", "node", "n1", "groups=all", "ip=127.0.0.1"]).await;
    assert_eq!(made.status, 0, "{}", made.err);

    let script = asked(&daemon, "getpostscript", "").await;
    let lines: Vec<&str> = script.lines().map(str::trim).collect();
    assert!(lines.contains(&"<data>NODE='n1'"), "{script}");
    assert!(script.contains("<data># postscripts-start-here\n"), "{script}");
    let written = asked(&daemon, "getpostscript", "<arg>version2</arg>\n").await;
    assert!(!written.contains("<data>") && !written.contains("<error>"), "{written}");

    let waits = asked(&daemon, "getdestiny", "<callback_port>300</callback_port>\n").await;
    assert!(waits.contains("<destiny>standby</destiny>"), "{waits}");
    daemon.xcat(&["nodeset", "n1", "boot"]).await;
    let told = asked(&daemon, "getdestiny", "").await;
    assert!(told.contains("<destiny>boot</destiny>") && told.contains("<name>n1</name>"), "{told}");
    let next = asked(&daemon, "nextdestiny", "").await;
    assert!(next.contains("<error>nextdestiny is not available yet</error>"), "{next}");
    let nothing = asked(&daemon, "syncfiles", "").await;
    assert!(!nothing.contains("<error>"), "{nothing}");
    daemon.stop().await;
}

/// A node whose root says that it has asked: a listener on a port that only root can take.
async fn approving(tasks: &Tasks) -> Option<u16> {
    let (port, listener) = {
        let mut found = None;
        for port in 300..330 {
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
                found = Some((port, listener));
                break;
            }
        }
        found?
    };
    tasks.spawn("the node", async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut question = [0; 13];
            if socket.read_exact(&mut question).await.is_ok() && &question == b"CREDOKBYYOU?\n" {
                socket.write_all(b"CREDOKBYME\n").await.unwrap();
            }
        }
    });
    Some(port)
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_for_nodes_whose_root_asks() {
    let tasks = Tasks::new(Shutdown::new());
    let Some(port) = approving(&tasks).await else {
        eprintln!("NOT TESTED: credentials for nodes need root: no port below 1024 can be taken");
        return;
    };
    let daemon = TestDaemon::start().await;
    let key = daemon.config.etc.join("hostkeys/ssh_host_rsa_key");
    std::fs::create_dir_all(key.parent().unwrap()).unwrap();
    std::fs::write(&key, "-----BEGIN KEY-----\na&b\n-----END KEY-----\n").unwrap();
    daemon.xcat(&["mkdef", "-t", "node", "n1", "groups=all", "ip=127.0.0.1"]).await;
    let wanted = "<arg>ssh_rsa_hostkey</arg>\n<arg>xcat_client_cred</arg>\n";
    for port in [String::new(), "<callback_port>4000</callback_port>\n".to_owned()] {
        let silent = asked(&daemon, "getcredentials", &format!("{port}{wanted}")).await;
        assert!(!silent.contains("<content>") && silent.contains("<serverdone>"), "{silent}");
    }
    let callback = format!("<callback_port>{port}</callback_port>\n");
    let given = asked(&daemon, "getcredentials", &format!("{callback}{wanted}")).await;
    let plain: Vec<&str> = given.lines().filter(|line| !line.contains('<')).collect();
    assert_eq!(plain, ["-----BEGIN KEY-----", "a&amp;b", "-----END KEY-----"], "{given}");
    assert!(given.contains("xcat_client_cred is for service nodes"), "{given}");
    let password = "<arg>xcat_secure_pw:root</arg>\n";
    let given = asked(&daemon, "getcredentials", &format!("{callback}{password}")).await;
    assert!(given.contains("<content>$6$"), "{given}");
    let log = std::fs::read_to_string(daemon.config.log.join("commands.log")).unwrap_or_default();
    assert!(!log.contains("BEGIN KEY") && !log.contains("$6$"), "{log}");
    daemon.stop().await;
}
