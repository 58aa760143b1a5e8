//! What is wrong, too much or too slow costs one clear line and nothing else: the daemon goes on, and nothing is lost or
//! half applied.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::sync::Arc;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use remote::Program;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use support::process::{PATIENCE, Place, Process};
use support::{Said, run, run_for};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

/// As root over TLS.
async fn tls(place: &Place) -> tokio_rustls::client::TlsStream<TcpStream> {
    let own = place.dir.join("home/.xcat/client-cred.pem");
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(&own).unwrap().collect();
    let config = ClientConfig::builder_with_provider(pki::provider())
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pki::AnyServer::default()))
        .with_client_auth_cert(certificates.unwrap(), PrivateKeyDer::from_pem_file(&own).unwrap())
        .unwrap();
    let socket = TcpStream::connect(place.address("tls")).await.unwrap();
    let name = ServerName::try_from("xcatd").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap()
}

/// What is answered to these bytes before the daemon closes the stream.
async fn answered(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) -> String {
    // The daemon may close before everything is sent.
    let sent = tokio::time::timeout(PATIENCE, stream.write_all(bytes)).await.unwrap();
    if sent.is_ok() {
        stream.flush().await.ok();
    }
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().ok();
    String::from_utf8_lossy(&answer).into_owned()
}

/// How much memory a process has, in MiB.
fn memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
}

/// One line on standard error, not without its nouns, and an exit status.
fn refused(said: &Said, nouns: &[&str]) {
    assert_ne!(said.status, 0, "{}{}", said.out, said.err);
    assert_eq!((said.err.lines().count(), &*said.out), (1, ""), "{}", said.err);
    for noun in nouns {
        assert!(said.err.contains(noun), "{noun}: {}", said.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_none_are_refused_at_both_doors() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    let daemon = Process::start(&place);
    let open = b"<xcatrequest><arg>".to_vec();
    let endless = [&open[..], &vec![b'x'; 100 * 1024 * 1024]].concat();
    let deep = format!("<xcatrequest>{}</xcatrequest>", "<a>".repeat(1000));
    let binary = b"<xcatrequest><arg>\xff\xfe</arg></xcatrequest>".to_vec();
    for (bytes, told) in [
        (
            b"<xcatrequest><arg></xcatrequest>".to_vec(),
            "the request cannot be read: not well-formed",
        ),
        (binary, "the request cannot be read: the document is not UTF-8"),
        (deep.into_bytes(), "nested more than"),
        (endless, ""),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), ""),
    ] {
        let local = UnixStream::connect(&place.socket).await.unwrap();
        let (local, remote) = tokio::join!(answered(local, &bytes), async {
            answered(tls(&place).await, &bytes).await
        });
        assert!(local.contains(told), "{told}: {local}");
        assert!(remote.contains(told), "{told}: {remote}");
    }
    assert!(memory(daemon.pid()) < 256, "{} MiB", memory(daemon.pid()));
    assert_eq!(place.xcat(&["nodels"]).await.status, 0);
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_idle_connections_keep_nobody_out() {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(16_384).max(soft), hard).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    let daemon = Process::start(&place);
    let before = memory(daemon.pid());
    let (mut local, mut remote) = (Vec::new(), Vec::new());
    for number in 0..1_500 {
        let mut stream = UnixStream::connect(&place.socket).await.unwrap();
        if number % 2 == 0 {
            stream.write_all(b"<xcatrequest>").await.unwrap();
        }
        local.push(stream);
        remote.push(TcpStream::connect(place.address("tls")).await.unwrap());
    }
    let said = place.xcat(&["tabdump", "site"]).await;
    assert_eq!((said.status, &*said.err), (0, ""));
    let dir = place.dir.join("home/.xcat");
    let program = place.client().env("XCATHOST", place.address("tls").to_string());
    let said = run(program.env("XCATCREDENTIALS", dir).args(["tabdump", "site"])).await;
    assert_eq!((said.status, &*said.err), (0, ""));
    let grown = memory(daemon.pid()).saturating_sub(before);
    assert!(grown < 100, "{grown} MiB more for {} connections", local.len() + remote.len());
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_stops_in_the_middle_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    let daemon = Process::start(&place);
    let stalled =
        answered(UnixStream::connect(&place.socket).await.unwrap(), b"<xcatrequest><arg>");
    let remote = async { answered(tls(&place).await, b"<xcatrequest><arg>").await };
    let others = async {
        for _ in 0..5 {
            assert_eq!(place.xcat(&["nodels"]).await.status, 0);
        }
    };
    let (local, remote, ()) = tokio::join!(stalled, remote, others);
    assert_eq!((&*local, &*remote), ("", ""));
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_sql_and_ranges_that_explode_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    let daemon = Process::start(&place);
    place.xcat(&["mkdef", "-t", "node", "n1", "groups=all", "usercomment=kept"]).await;
    let before = place.xcat(&["tabdump", "nodelist"]).await.out;
    let sql = "nodelist; DROP TABLE nodelist; --";
    for (words, noun) in [
        (vec!["tabdump", sql], sql),
        (vec!["tabdump", "nodelist\" WHERE 1=1 --"], "nodelist\" WHERE 1=1 --"),
        (vec!["tabprune", sql, "-a"], sql),
        (vec!["nodels", "n[1-999999999]"], "999999999"),
        (vec!["nodeadd", "n[1-999999999]", "groups=all"], "999999999"),
        (vec!["rpower", "n[1-999999999]", "stat"], "999999999"),
        (vec!["nodels", "n[1-"], "n[1-"),
        (vec!["nodels", "all", "nodelist.node\" FROM x --"], "nodelist"),
    ] {
        let said = place.xcat(&words).await;
        assert_ne!(said.status, 0, "{words:?}: {}", said.out);
        assert!(said.err.lines().next().is_some_and(|line| line.contains(noun)), "{}", said.err);
    }
    let exploding = ["mkdef", "-t", "node", "n[1-999999999]", "groups=all"];
    assert_ne!(place.xcat(&exploding).await.status, 0);
    assert_eq!(place.xcat(&["tabdump", "nodelist"]).await.out, before);
    refused(&place.xcat(&["frobnicate", "n1"]).await, &["frobnicate"]);
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_is_not_utf8_is_refused_before_anything_is_sent() {
    use std::os::unix::ffi::OsStringExt;
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    let daemon = Process::start(&place);
    place.xcat(&["mkdef", "-t", "node", "n1", "groups=all", "usercomment=kept"]).await;
    let latin = std::ffi::OsString::from_vec(b"usercomment=K\xe9vin".to_vec());
    let said = run(place.client().args(["chdef", "n1"]).arg(latin)).await;
    refused(&said, &["usercomment=K", "not UTF-8"]);
    let stanza = b"n1:\n    objtype=node\n    usercomment=K\xe9vin\n".to_vec();
    let said = run(place.client().args(["chdef", "-z"]).stdin(stanza)).await;
    refused(&said, &["standard input is not UTF-8 at byte 38"]);
    let huge = "#\n".repeat(8 * 1024 * 1024);
    let said = run(place.client().args(["mkdef", "-z"]).stdin(huge)).await;
    refused(&said, &["standard input is longer than 15 MiB"]);
    let shown = place.xcat(&["lsdef", "n1", "-i", "usercomment"]).await;
    assert!(shown.out.contains("usercomment=kept"), "{}", shown.out);
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_with_wrong_columns_and_half_dumps_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    let daemon = Process::start(&place);
    place.xcat(&["mkdef", "-t", "node", "n[1-3]", "groups=all", "mgt=ipmi", "bmc=10.0.0.1"]).await;
    let dump = place.dir.join("dump");
    let dump = dump.to_str().unwrap();
    let dumped = place.xcat(&["dumpxCATdb", "-p", dump]).await;
    assert_eq!(dumped.status, 0, "{}{}", dumped.out, dumped.err);
    let tables = ["nodelist", "nodehm", "ipmi", "site"];
    let mut before = Vec::new();
    for table in tables {
        before.push(place.xcat(&["tabdump", table]).await.out);
    }
    let csv = place.dir.join("nodelist.csv");
    for text in [
        "#node,groups,nonsense\n\"x1\",\"all\",\"a\"\n",
        "#node,groups\n\"x1\",\"all\",\"too many\"\n",
        "#node,groups\n\"x1\",\"all\"\n\"x2\",\"al",
        "nothing of the kind",
    ] {
        std::fs::write(&csv, text).unwrap();
        let said = place.xcat(&["tabrestore", csv.to_str().unwrap()]).await;
        assert_ne!(said.status, 0, "{text}: {}", said.out);
        let told = format!("{}{}", said.out, said.err);
        let named =
            ["nodelist", "line 2", "line 3", "header line"].iter().any(|noun| told.contains(noun));
        assert!(named && told.lines().count() <= 2, "{told}");
    }
    let half = Path::new(dump).join("nodehm.csv");
    let whole = std::fs::read_to_string(&half).unwrap();
    std::fs::write(&half, &whole[..whole.len() - 9]).unwrap();
    let said = place.xcat(&["restorexCATdb", "-p", dump]).await;
    let told = format!("{}{}", said.out, said.err);
    assert!(said.status != 0 && told.contains("nodehm"), "{told}");
    for (table, before) in tables.into_iter().zip(before) {
        assert_eq!(place.xcat(&["tabdump", table]).await.out, before, "{table}");
    }
    daemon.stop();
}

/// A daemon in a mount namespace of its own, in which `script` has been run; nothing when this user may not make one.
fn start_behind(place: &Place, script: &str) -> Option<Result<Process, Vec<String>>> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let mut command = Process::command(place);
    let script = format!("set -e; {script}; exec \"$0\" \"$@\"");
    let (program, arguments) = (command.get_program().to_owned(), command.get_args());
    let arguments: Vec<_> = arguments.map(std::ffi::OsStr::to_owned).collect();
    #[expect(clippy::disallowed_methods, reason = "the test ends a process of its own")]
    let mut outer = std::process::Command::new("unshare");
    outer.args(["--mount", "--propagation", "private", "sh", "-c", &script]).arg(program);
    command = outer;
    command.args(arguments);
    Some(Process::try_start(command))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_the_change_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    let state = place.dir.join("state");
    std::fs::create_dir(&state).unwrap();
    let script = format!(
        "mount -t tmpfs -o size=6m tmpfs {0}; dd if=/dev/zero of={0}/ballast bs=1M count=3 status=none",
        state.display()
    );
    let Some(daemon) = start_behind(&place, &script) else { return };
    let daemon = daemon.unwrap_or_else(|log| panic!("{log:?}"));
    place.xcat(&["mkdef", "-t", "node", "n1", "groups=all", "usercomment=kept"]).await;
    let large = format!("usercomment={}", "x".repeat(60_000));
    let range = format!("m[1-{}]", 200);
    let words = ["mkdef", "-t", "node", &range, "groups=all", &large];
    let said = place.xcat(&words).await;
    refused(&said, &["no space left for", "tables.sqlite", "make room"]);
    assert_eq!(place.xcat(&["nodels"]).await.out, "n1\n");
    let ballast = format!("/proc/{}/root{}/ballast", daemon.pid(), state.display());
    std::fs::remove_file(ballast).unwrap();
    let said = place.xcat(&["chdef", "n1", "usercomment=again"]).await;
    assert_eq!((said.status, &*said.err), (0, ""));
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_written_is_named_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    Process::start(&place).stop();
    let state = place.dir.join("state");
    let script = format!("mount --bind {0} {0}; mount -o remount,bind,ro {0}", state.display());
    let Some(daemon) = start_behind(&place, &script) else { return };
    let Err(log) = daemon else { panic!("it starts on a read-only file system") };
    let last = log.last().unwrap();
    assert!(last.contains(&*state.to_string_lossy()) && last.contains("Read-only"), "{log:?}");
    assert!(log.iter().filter(|line| line.contains("Read-only")).count() == 1, "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_found_at_the_start_and_while_the_daemon_runs() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    let daemon = Process::start(&place);
    place.xcat(&["mkdef", "-t", "node", "n[1-2000]", "groups=all", "usercomment=kept"]).await;
    daemon.stop();
    let daemon = Process::start(&place);
    let file = place.dir.join("state/tables.sqlite");
    let whole = std::fs::read(&file).unwrap();
    let mut damaged = whole.clone();
    damaged[4096..].fill(0xa5);
    overwrite(&file, &damaged);
    let said = place.xcat(&["xcat-history"]).await;
    refused(&said, &["tables.sqlite is damaged", "restorexCATdb"]);
    assert_eq!(place.xcat(&["nodels"]).await.out.lines().count(), 2000, "the tables are in memory");
    daemon.kill();
    overwrite(&file, &damaged);
    let Err(log) = Process::try_start(Process::command(&place)) else { panic!("it starts") };
    let last = log.last().unwrap();
    assert!(last.contains("tables.sqlite is damaged") && last.contains("hint: "), "{log:?}");
    if nix::unistd::geteuid().is_root() {
        let said = run(place.client().env("XCATBYPASS", "1").args(["nodels"])).await;
        refused(&said, &["tables.sqlite is damaged"]);
    }
    assert_eq!(std::fs::read(&file).unwrap().len(), damaged.len(), "it is left as it is");
}

/// Changes the bytes of a file that others have open.
fn overwrite(file: &Path, bytes: &[u8]) {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    file.write_all(bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_starved_reader_gets_every_line_of_a_long_answer() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    let daemon = Process::start(&place);
    let made = place.client().args(["nodeadd", "node[000001-100000]", "groups=all"]);
    let made = run_for(made, PATIENCE).await;
    assert_eq!((made.status, &*made.err), (0, ""));
    // One kilobyte a second at first, then the rest; the pipe is full all the while.
    let reader = "for i in 1 2 3; do dd bs=1024 count=1 status=none; sleep 1; done; cat";
    let script = format!(
        "{} nodels | {{ {reader}; }} | md5sum; echo ${{PIPESTATUS[0]}}",
        support::client_path()
    );
    let shell = Program::new("bash").args(["-c", &script]).env("XCATSOCKET", &place.socket);
    let said = run_for(shell, PATIENCE).await;
    let expected = Program::new("bash").args(["-c", "seq -f node%06g 1 100000 | md5sum"]);
    let expected = run(expected).await;
    assert_eq!(said.out, format!("{}0\n", expected.out), "{}", said.err);
    daemon.stop();
}
