//! Commands through the client program and the Unix socket, and what survives a restart.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use remote::Program;
use support::{TestDaemon, client, run};

#[tokio::test(flavor = "multi_thread")]
async fn definitions_are_made_shown_and_refused_with_the_exit_codes_of_the_original() {
    let daemon = TestDaemon::start().await;
    let made =
        daemon.xcat(&["mkdef", "-t", "node", "n[1-3]", "groups=all,compute", "mgt=ipmi"]).await;
    assert_eq!((made.status, &*made.err), (0, ""), "{}", made.out);
    let shown = daemon.xcat(&["lsdef", "n2"]).await;
    assert_eq!(shown.status, 0);
    assert!(
        shown.out.contains("Object name: n2\n    groups=all,compute\n    mgt=ipmi\n"),
        "{}",
        shown.out
    );

    let names = daemon.xcat(&["nodels", "compute"]).await;
    assert_eq!((names.status, &*names.out), (0, "n1\nn2\nn3\n"));
    let unknown = daemon.xcat(&["nodels", "n1,nosuch"]).await;
    assert_eq!((unknown.status, &*unknown.out), (1, ""));
    assert_eq!(unknown.err, "Error: Invalid nodes and/or groups in noderange: nosuch\n");
    let unsupported = daemon.xcat(&["frobnicate"]).await;
    let told = "Error: there is no command 'frobnicate'; xcat help lists all\n";
    assert_eq!((unsupported.status, &*unsupported.err), (1, told));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_describe_this_machine_and_survive_a_restart() {
    let daemon = TestDaemon::start().await;
    let site = daemon.xcat(&["tabdump", "site"]).await;
    assert!(site.out.contains("\"xcatiport\"") && site.out.contains("\"master\""), "{}", site.out);
    let policy = daemon.xcat(&["tabdump", "policy"]).await;
    assert!(
        policy.out.contains("\"1\",\"root\"") && policy.out.contains("\"trusted\""),
        "{}",
        policy.out
    );
    let passwd = daemon.xcat(&["tabdump", "passwd"]).await;
    assert!(passwd.out.contains("\"system\",\"root\",\"$6$"), "{}", passwd.out);
    let images = daemon.xcat(&["lsdef", "-t", "osimage"]).await;
    assert_eq!(images.out.lines().count(), 2, "{}", images.out);

    daemon.xcat(&["chdef", "-t", "site", "clustersite", "domain=example.org"]).await;
    let certificate = daemon.credentials().join("client-cred.pem");
    let before = std::fs::read(&certificate).unwrap();
    let dir = daemon.stop().await;
    let daemon = TestDaemon::start_in(dir, |_| ()).await;
    let site = daemon.xcat(&["tabdump", "site"]).await;
    assert!(site.out.contains("\"domain\",\"example.org\""), "{}", site.out);
    assert_eq!(std::fs::read(&certificate).unwrap(), before);
    daemon::health::check(&daemon.config.socket).unwrap();
    let socket = daemon.config.socket.clone();
    let dir = daemon.stop().await;
    assert!(daemon::health::check(&socket).is_err());
    drop(dir);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_ends_the_client_quietly_and_a_slow_one_gets_every_line() {
    let daemon = TestDaemon::start().await;
    let made = daemon.xcat(&["mkdef", "-t", "node", "n[1-3000]", "groups=all"]).await;
    assert_eq!(made.status, 0, "{}", made.err);
    let shell = |script: &str| {
        Program::new("bash").args(["-c", script]).env("XCATSOCKET", &daemon.config.socket)
    };
    let path = support::client_path();
    let head = run(shell(&format!("{path} lsdef -t node n[1-3000] | head -n 1"))).await;
    assert_eq!((head.status, head.out.lines().count(), &*head.err), (0, 1, ""));
    let count = "while read -r line; do count=$((count+1)); done; echo $count";
    let slow = run(shell(&format!("{path} nodels all | {{ {count}; }}"))).await;
    assert_eq!((&*slow.out, &*slow.err), ("3000\n", ""));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_not_there_is_reported_as_the_original_does() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("none.sock").display().to_string();
    let said = run(client().args(["nodels"]).env("XCATSOCKET", socket)).await;
    assert!(
        said.out.starts_with("Unable to open socket connection to xcatd daemon on "),
        "{}",
        said.out
    );
    assert!(said.err.starts_with("Connection failure: "), "{}", said.err);
    assert_eq!(said.status, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_beyond_ascii_is_kept_and_shown_to_clients_that_ask_for_it() {
    let daemon = TestDaemon::start().await;
    daemon.xcat(&["mkdef", "-t", "node", "n1", "groups=all", "usercomment=K\u{e9}vin"]).await;
    let original = daemon.xcat(&["tabdump", "nodelist"]).await;
    assert!(original.out.contains("\"K??vin\""), "{}", original.out);
    let ours = client().args(["tabdump", "nodelist"]).env("XCAT_UTF8", "1");
    let ours = run(ours.env("XCATSOCKET", &daemon.config.socket)).await;
    assert!(ours.out.contains("\"K\u{e9}vin\""), "{}", ours.out);
    daemon.stop().await;
}
