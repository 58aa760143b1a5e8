//! The servers over loopback: what they send, what they refuse, and how they bear odd peers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::time::Duration;

use base::Mac;
use common::{Cluster, SOON, cluster, facts};
use model::flight::Step;
use netboot::{Dhcp, DhcpPorts, Dns, Http, Tftp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use wire::dhcp::{Arch, Message, MessageType};
use wire::tftp::{Packet, Request};

const MAC: Mac = Mac::new([2, 0, 0, 0, 0, 1]);
const LOCAL: Ipv4Addr = Ipv4Addr::LOCALHOST;

fn start(dir: &Path) -> Cluster {
    let text = |path: &str| dir.join(path).display().to_string();
    let (install, tftp) = (text("install"), text("tftpboot"));
    std::fs::create_dir_all(&install).unwrap();
    std::fs::create_dir_all(&tftp).unwrap();
    cluster(
        &[
            ("networks", "127.0.0.0,255.0.0.0", "netname", "lo"),
            ("site", "domain", "value", "cluster.test"),
            ("site", "installdir", "value", &install),
            ("site", "tftpdir", "value", &tftp),
            ("nodelist", "n1", "groups", "all"),
            ("hosts", "n1", "ip", "127.0.0.1"),
            ("mac", "n1", "mac", &MAC.to_string()),
            ("chain", "n1", "currstate", "boot"),
        ],
        &facts("lo", MAC, "127.0.0.1/8", &dir.join("boot")),
    )
}

async fn start_http(
    cluster: &Cluster,
) -> (SocketAddr, tokio::sync::mpsc::Receiver<netboot::NodeLog>) {
    let (logs, received) = tokio::sync::mpsc::channel(1);
    let http = Http::bind(cluster.context.clone(), (LOCAL, 0).into(), logs).await.unwrap();
    let address = http.local_addr().unwrap();
    let shutdown = cluster.shutdown.clone();
    cluster.context.tasks.critical("http", http.run(shutdown));
    (address, received)
}

/// Sends text and reads until the peer closes.
async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn get(address: SocketAddr, path: &str, headers: &str) -> String {
    exchange(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n"),
    )
    .await
}

#[tokio::test]
async fn http_serves_files_ranges_scripts_and_reasons() {
    let dir = tempfile::tempdir().unwrap();
    let mut cluster = start(dir.path());
    let (address, _logs) = start_http(&cluster).await;
    std::fs::create_dir_all(dir.path().join("install/postscripts")).unwrap();
    std::fs::write(dir.path().join("install/postscripts/mark"), "0123456789").unwrap();

    let whole = get(address, "/install/postscripts/mark", "").await;
    assert!(
        whole.starts_with("HTTP/1.1 200 OK") && whole.ends_with("\r\n\r\n0123456789"),
        "{whole}"
    );
    let part = get(address, "/install/postscripts/mark", "Range: bytes=3-5\r\n").await;
    assert!(part.starts_with("HTTP/1.1 206") && part.ends_with("\r\n\r\n345"), "{part}");
    assert!(part.contains("content-range: bytes 3-5/10"), "{part}");
    let beyond = get(address, "/install/postscripts/mark", "Range: bytes=10-\r\n").await;
    assert!(beyond.starts_with("HTTP/1.1 416") && beyond.contains("bytes */10"), "{beyond}");
    let list = get(address, "/install/postscripts/", "").await;
    assert!(list.contains("<a href=\"mark\">"), "{list}");
    let moved = get(address, "/install/postscripts", "").await;
    assert!(moved.contains("location: /install/postscripts/"), "{moved}");
    let script = get(address, "/tftpboot/xcat/xnba/nodes/n1", "").await;
    assert!(script.ends_with("#!gpxe\n#boot\nexit\n"), "{script}");
    assert_eq!(cluster.event(Step::Script).await.node.unwrap().as_str(), "n1");
    let absent = get(address, "/install/none", "").await;
    assert!(absent.starts_with("HTTP/1.1 404"), "{absent}");
    assert!(cluster.event(Step::Absent).await.text.contains("/install/none: there is no"));
    let outside = get(address, "/install/%2e%2e/secret", "").await;
    assert!(outside.starts_with("HTTP/1.1 404"), "{outside}");
    let refused =
        exchange(address, "PUT /install/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(refused.starts_with("HTTP/1.1 405"), "{refused}");
    let head = exchange(address, "HEAD /install/postscripts/mark HTTP/1.0\r\n\r\n").await;
    assert!(head.contains("content-length: 10") && head.ends_with("\r\n\r\n"), "{head}");
    cluster.finish().await;
}

#[tokio::test]
async fn a_real_file_wins_over_a_rendered_one() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = start(dir.path());
    let (address, _logs) = start_http(&cluster).await;
    let nodes = dir.path().join("tftpboot/xcat/xnba/nodes");
    std::fs::create_dir_all(&nodes).unwrap();
    std::fs::write(nodes.join("n1"), "mine").unwrap();
    assert!(get(address, "/tftpboot/xcat/xnba/nodes/n1", "").await.ends_with("mine"));
    cluster.finish().await;
}

#[tokio::test]
async fn what_only_root_may_read_is_not_given_to_nodes() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let cluster = start(dir.path());
    let (address, _logs) = start_http(&cluster).await;
    let etc = dir.path().join("install/netboot/x/rootimg/etc");
    let private = dir.path().join("install/netboot/x/rootimg/private");
    for path in [&etc, &private] {
        std::fs::create_dir_all(path).unwrap();
    }
    std::fs::write(etc.join("shadow"), "root:secret").unwrap();
    std::fs::write(private.join("name"), "").unwrap();
    let forbid = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    forbid(&etc.join("shadow"), 0o640);
    forbid(&private, 0o700);
    let refused = get(address, "/install/netboot/x/rootimg/etc/shadow", "").await;
    assert!(refused.starts_with("HTTP/1.1 404") && refused.contains("chmod o+r"), "{refused}");
    let refused = get(address, "/install/netboot/x/rootimg/private/", "").await;
    assert!(refused.starts_with("HTTP/1.1 404"), "{refused}");
    cluster.finish().await;
}

#[tokio::test]
async fn a_connection_serves_several_requests_and_a_broken_transfer_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let mut cluster = start(dir.path());
    let (address, _logs) = start_http(&cluster).await;
    std::fs::create_dir_all(dir.path().join("install/published/x")).unwrap();
    let image = std::fs::File::create(dir.path().join("install/published/x/rootimg.sfs")).unwrap();
    image.set_len(64 << 20).unwrap();

    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"GET /tftpboot/xcat/xnba/nodes/n1 HTTP/1.1\r\nHost: x\r\n\r\n";
    for _ in 0..2 {
        stream.write_all(request).await.unwrap();
        let mut answer = vec![0; 4096];
        let length = timeout(SOON, stream.read(&mut answer)).await.unwrap().unwrap();
        assert!(answer[..length].ends_with(b"exit\n"));
    }
    let request = b"GET /install/published/x/rootimg.sfs HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(request).await.unwrap();
    stream.read_exact(&mut vec![0; 100_000]).await.unwrap();
    drop(stream);
    assert!(cluster.event(Step::Image).await.text.contains("67108864 bytes"));
    assert!(cluster.event(Step::Broken).await.text.contains("of 67108864 bytes"));
    cluster.finish().await;
}

#[tokio::test]
async fn logs_come_home_within_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let mut cluster = start(dir.path());
    let (address, mut logs) = start_http(&cluster).await;
    let post = |body: String| async move {
        let length = body.len();
        let head = format!(
            "POST /xcat/node/log HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        exchange(address, &(head + &body)).await
    };
    assert!(post("mark exited with code 0".to_owned()).await.starts_with("HTTP/1.1 204"));
    assert!(post("second".to_owned()).await.starts_with("HTTP/1.1 503"), "the sink holds one");
    let log = logs.recv().await.unwrap();
    assert_eq!((log.node.as_str(), &log.text[..]), ("n1", &b"mark exited with code 0"[..]));
    assert!(
        post("x postscript end....: mark exited with code 3\n".to_owned())
            .await
            .starts_with("HTTP/1.1 204")
    );
    assert_eq!(cluster.event(Step::PostscriptFailed).await.text, "mark exited with code 3");
    let event = "POST /xcat/node/event HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 14\r\n\r\nboot failed: x";
    assert!(exchange(address, event).await.starts_with("HTTP/1.1 204"));
    assert_eq!(cluster.event(Step::AgentFailed).await.node.unwrap().as_str(), "n1");
    let head = "POST /xcat/node/log HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\nConnection: close\r\n\r\n";
    assert!(exchange(address, head).await.starts_with("HTTP/1.1 413"));
    cluster.finish().await;
}

/// Fetches a file as a client with these options, losing the packets for which `lose` says so.
async fn fetch(
    server: SocketAddrV4,
    file: &str,
    options: &[(&str, &str)],
    lose: impl Fn(usize) -> bool,
) -> Result<Vec<u8>, String> {
    let socket = UdpSocket::bind((LOCAL, 0)).await.unwrap();
    let options = options.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let request = Packet::Read(Request { file: file.to_owned(), options });
    socket.send_to(&request.to_bytes(), server).await.unwrap();
    let (mut got, mut expected, mut count) = (Vec::new(), 1_u16, 0);
    let (mut block_size, mut window) = (512, 1);
    let mut buffer = vec![0; 2048];
    loop {
        let (length, from) = timeout(SOON, socket.recv_from(&mut buffer)).await.unwrap().unwrap();
        count += 1;
        if lose(count) {
            continue;
        }
        let ack = |block| Packet::Ack { block }.to_bytes();
        match Packet::parse(&buffer[..length]).unwrap() {
            Packet::OptionAck(agreed) => {
                let value = |name: &str| {
                    agreed.iter().find(|(n, _)| n == name).map(|(_, v)| v.parse::<usize>().unwrap())
                };
                block_size = value("blksize").unwrap_or(block_size);
                window = value("windowsize").unwrap_or(window);
                socket.send_to(&ack(0), from).await.unwrap();
            }
            Packet::Data { block, bytes } if block == expected => {
                got.extend(&bytes);
                expected = expected.wrapping_add(1);
                let end = bytes.len() < block_size;
                if end || usize::from(block).is_multiple_of(window) {
                    socket.send_to(&ack(block), from).await.unwrap();
                }
                if end {
                    return Ok(got);
                }
            }
            Packet::Data { .. } => {
                socket.send_to(&ack(expected.wrapping_sub(1)), from).await.unwrap();
            }
            Packet::Error { message, .. } => return Err(message),
            other => panic!("unexpected {other:?}"),
        }
    }
}

async fn start_tftp(cluster: &Cluster) -> SocketAddrV4 {
    let tftp = Tftp::bind(cluster.context.clone(), SocketAddrV4::new(LOCAL, 0)).unwrap();
    let address = tftp.local_addr().unwrap();
    cluster.context.tasks.critical("tftp", tftp.run(cluster.shutdown.clone()));
    tokio::task::yield_now().await;
    address
}

#[tokio::test]
async fn tftp_serves_every_size_with_and_without_options() {
    let dir = tempfile::tempdir().unwrap();
    let mut cluster = start(dir.path());
    let server = start_tftp(&cluster).await;
    for size in [0, 1, 511, 512, 513, 1468 * 64, 1_000_003] {
        let bytes: Vec<u8> = (0..size).map(|index: usize| index.to_le_bytes()[0]).collect();
        std::fs::write(dir.path().join("tftpboot/f"), &bytes).unwrap();
        for options in [&[][..], &[("blksize", "1468"), ("windowsize", "16"), ("tsize", "0")]] {
            let got = fetch(server, "/tftpboot/f", options, |_| false).await.unwrap();
            assert!(got == bytes, "{size} bytes with {options:?}");
        }
    }
    let script = fetch(server, "xcat/xnba/nodes/n1", &[], |_| false).await.unwrap();
    assert_eq!(script, b"#!gpxe\n#boot\nexit\n");
    let reason = fetch(server, "none", &[], |_| false).await.unwrap_err();
    assert!(reason.starts_with("there is no "), "{reason}");
    assert!(cluster.event(Step::Absent).await.text.starts_with("TFTP none: there is no "));
    cluster.finish().await;
}

#[tokio::test]
async fn tftp_survives_lost_packets() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = start(dir.path());
    let server = start_tftp(&cluster).await;
    let bytes: Vec<u8> = (0..20_000_usize).map(|index| index.to_le_bytes()[0]).collect();
    std::fs::write(dir.path().join("tftpboot/f"), &bytes).unwrap();
    let options = [("blksize", "1000"), ("windowsize", "4"), ("timeout", "1")];
    let got = fetch(server, "f", &options, |count| matches!(count, 1 | 5 | 9)).await.unwrap();
    assert!(got == bytes);
    cluster.finish().await;
}

#[tokio::test]
async fn dhcp_answers_a_renewal_and_a_taken_port_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut cluster = start(dir.path());
    let client = UdpSocket::bind((LOCAL, 0)).await.unwrap();
    let ports = DhcpPorts {
        server: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0),
        client: client.local_addr().unwrap().port(),
    };
    let dhcp = Dhcp::bind(cluster.context.clone(), ports).unwrap();
    let server = dhcp.local_addr().unwrap();
    let taken = Dhcp::bind(cluster.context.clone(), DhcpPorts { server, ..ports }).err().unwrap();
    assert_eq!(
        taken.message,
        format!("DHCP cannot start: UDP port {} is taken by another program", server.port())
    );
    assert!(taken.hint.unwrap().contains("ss -lnp"));
    cluster.context.tasks.critical("dhcp", dhcp.run(cluster.shutdown.clone()));

    let mut renewal = Message::discover(MAC, 7).as_ipxe(Arch(0));
    renewal.options.set_message_type(MessageType::Request);
    renewal.ciaddr = LOCAL;
    client.send_to(b"junk", (LOCAL, server.port())).await.unwrap();
    client.send_to(&renewal.to_bytes(), (LOCAL, server.port())).await.unwrap();
    let mut buffer = [0; 1500];
    let length = timeout(SOON, client.recv(&mut buffer)).await.unwrap().unwrap();
    let ack = Message::parse(&buffer[..length]).unwrap();
    assert!(ack.answers(MessageType::Ack, MAC, 7));
    assert_eq!(ack.boot_file().unwrap(), "http://127.0.0.1/tftpboot/xcat/xnba/nodes/n1");
    assert!(cluster.event(Step::DhcpAck).await.text.contains("granted 127.0.0.1"));
    cluster.finish().await;
}

#[tokio::test]
async fn dns_answers_what_is_ours_over_udp_and_tcp() {
    use hickory_proto::op::{Message, Query, ResponseCode};
    use hickory_proto::rr::{Name, RecordType};

    let dir = tempfile::tempdir().unwrap();
    let cluster = start(dir.path());
    let dns = Dns::bind(cluster.context.clone(), (LOCAL, 0).into()).await.unwrap();
    let server = dns.local_addr().unwrap();
    cluster.context.tasks.critical("dns", dns.run(cluster.shutdown.clone()));
    let question = |name: &str, kind| {
        let mut message = Message::query();
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        message.to_vec().unwrap()
    };
    let socket = UdpSocket::bind((LOCAL, 0)).await.unwrap();
    let udp = async |bytes: Vec<u8>| {
        socket.send_to(&bytes, server).await.unwrap();
        let mut buffer = [0; 1500];
        let length = timeout(SOON, socket.recv(&mut buffer)).await.unwrap().unwrap();
        Message::from_vec(&buffer[..length]).unwrap()
    };
    let answer = udp(question("n1.cluster.test.", RecordType::A)).await;
    assert!(answer.metadata.authoritative);
    assert_eq!(answer.answers[0].data.to_string(), "127.0.0.1");
    let unknown = udp(question("zz.cluster.test.", RecordType::A)).await;
    assert_eq!(unknown.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(unknown.authorities.len(), 1);
    let nowhere = udp(question("debian.org.", RecordType::A)).await;
    assert_eq!(nowhere.metadata.response_code, ResponseCode::ServFail, "there is no forwarder");
    let mut junk = question("n1.cluster.test.", RecordType::A);
    junk.truncate(14);
    assert_eq!(udp(junk).await.metadata.response_code, ResponseCode::FormErr);

    let mut stream = TcpStream::connect(server).await.unwrap();
    for _ in 0..2 {
        let bytes = question("n1", RecordType::A);
        stream.write_all(&u16::try_from(bytes.len()).unwrap().to_be_bytes()).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let length = timeout(SOON, stream.read_u16()).await.unwrap().unwrap();
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(Message::from_vec(&answer).unwrap().answers.len(), 1);
    }
    drop(stream);
    cluster.finish().await;
}

#[tokio::test]
async fn a_peer_that_never_finishes_its_request_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = start(dir.path());
    let (address, _logs) = start_http(&cluster).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /install/x HTTP/1.1\r\n").await.unwrap();
    // Let the server read what there is before time leaps.
    timeout(Duration::from_millis(200), stream.read_u8()).await.unwrap_err();
    tokio::time::pause();
    let mut rest = Vec::new();
    timeout(Duration::from_mins(3), stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    cluster.finish().await;
}
