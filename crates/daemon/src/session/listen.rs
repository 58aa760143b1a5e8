//! The two doors: TLS for everybody, a Unix socket for users of this host. Each accepted connection runs in a task of
//! its own. There is a bound on how many there are, past which idle ones give way, and one on how many are answered at a
//! time; more requests wait.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::{ErrorKind, Failure, chain};
use runtime::{Seats, Share, Shares, seat_each};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::session::connection::{Connection, Guest};
use crate::session::peer::{Door, Peer};
use crate::session::server::Server;
use crate::setup::Certificates;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Connections of each door at a time; when there are more, those go that have been idle longest.
const CONNECTIONS: usize = 1024;
/// Requests over TLS that are answered at a time, unless `site.xcatmaxconnections` says otherwise.
const REQUESTS: usize = 64;
/// Requests of this host that are answered at a time.
const LOCAL_REQUESTS: usize = 256;
/// One address that has proven nothing may hold this part of the connections.
const PART: usize = 4;

/// What TLS is served with: our certificate, and clients that have one of our authority, or none.
pub(crate) fn tls_config(certificates: &Certificates) -> Result<Arc<ServerConfig>, Failure> {
    let failed = |reason: String| {
        Failure::new(
            ErrorKind::Conflict,
            format!("the server's certificate cannot be used: {reason}"),
        )
    };
    let authority = pki::Authority::from_pem(certificates.authority.as_bytes())
        .map_err(|error| failed(chain(&error)))?;
    let own: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(certificates.server.as_bytes()).collect();
    let own = own.map_err(|error| failed(error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(certificates.server.as_bytes())
        .map_err(|error| failed(error.to_string()))?;
    let config = ServerConfig::builder_with_provider(pki::provider())
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .map_err(|error| failed(chain(&error)))?
        .with_client_cert_verifier(Arc::new(pki::ClientVerifier::new(authority)))
        .with_single_cert(own, key)
        .map_err(|error| failed(chain(&error)))?;
    Ok(Arc::new(config))
}

/// Takes the address for TLS.
pub(crate) async fn bind(service: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let failure = Failure::new(
            ErrorKind::Conflict,
            format!("{service} cannot listen on TCP {address}: {error}"),
        );
        if error.kind() == io::ErrorKind::AddrInUse {
            let port = address.port();
            return failure.hint(format!(
                "stop what listens there (ss -ltnp 'sport = :{port}'); it is tried again by itself"
            ));
        }
        failure
    })
}

/// Serves TLS until the shutdown.
pub(crate) async fn serve_tls(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    server: Arc<Server>,
) -> Result<(), Failure> {
    let acceptor = TlsAcceptor::from(config);
    let (seats, shares) = (Seats::new(CONNECTIONS), Shares::new(CONNECTIONS / PART));
    let work = Arc::new(Semaphore::new(requests(&server)));
    seat_each(&listener, &seats, &server.sessions, "tls session", |socket, address, seat| {
        let peer = address.ip().to_canonical();
        let share = shares.take(peer);
        if share.is_none() && !peer.is_loopback() {
            tracing::debug!(%address, "too many connections from there");
            return None;
        }
        let guest = Guest { seat, work: work.clone() };
        Some(tls_session(socket, address, acceptor.clone(), server.clone(), guest, share))
    })
    .await;
    Ok(())
}

/// How many requests are answered at a time.
fn requests(server: &Server) -> usize {
    let snapshot = server.services.store.snapshot();
    let wanted = snapshot.site("xcatmaxconnections").and_then(|text| text.trim().parse().ok());
    wanted.filter(|wanted| *wanted > 0).unwrap_or(REQUESTS).min(CONNECTIONS)
}

async fn tls_session(
    socket: TcpStream,
    address: SocketAddr,
    acceptor: TlsAcceptor,
    server: Arc<Server>,
    guest: Guest,
    share: Option<Share<IpAddr>>,
) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%address, %error, "the connection is gone");
        return;
    }
    let handshake = tokio::select! {
        handshake = tokio::time::timeout(HANDSHAKE, acceptor.accept(socket)) => handshake,
        () = guest.seat.evicted().cancelled() => return,
    };
    let stream = match handshake {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::info!(%address, %error, "a TLS handshake failed");
            return;
        }
        Err(_) => {
            tracing::info!(%address, "a TLS handshake took too long");
            return;
        }
    };
    let certificates = stream.get_ref().1.peer_certificates();
    let identity = certificates.and_then(<[_]>::first).and_then(|own| pki::common_name(own));
    // Whoever is known may use all that is left.
    let share = share.filter(|_| identity.is_none());
    let (host, door) = (server.host_of(address.ip()), Door::Tls(address.ip().to_canonical()));
    let peer = Peer { identity, host, door };
    Connection::new(stream, peer, server, guest).run().await;
    drop(share);
}

/// Takes the socket of this host: a stale one is replaced, one that somebody serves is not.
pub(crate) async fn bind_unix(path: &Path) -> Result<UnixListener, Failure> {
    let failed = |error: &io::Error| {
        Failure::new(ErrorKind::Conflict, format!("cannot listen on {}: {error}", path.display()))
    };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| failed(&error))?;
    }
    let is_socket =
        std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if is_socket {
        if UnixStream::connect(path).await.is_ok() {
            return Err(failed(&io::Error::other("another xcatd serves it")));
        }
        std::fs::remove_file(path).map_err(|error| failed(&error))?;
    }
    let listener = UnixListener::bind(path).map_err(|error| failed(&error))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))
        .map_err(|error| failed(&error))?;
    Ok(listener)
}

/// Serves the users of this host until the shutdown.
pub(crate) async fn serve_unix(
    listener: UnixListener,
    path: PathBuf,
    server: Arc<Server>,
) -> Result<(), Failure> {
    let (seats, work) = (Seats::new(CONNECTIONS), Arc::new(Semaphore::new(LOCAL_REQUESTS)));
    seat_each(&listener, &seats, &server.sessions, "local session", |socket, _, seat| {
        let identity = socket.peer_cred().ok().and_then(|owner| user_name(owner.uid()));
        let peer = Peer { identity, host: server.source.clone(), door: Door::Local };
        let guest = Guest { seat, work: work.clone() };
        Some(Connection::new(socket, peer, server.clone(), guest).run())
    })
    .await;
    std::fs::remove_file(&path).map_err(|error| {
        Failure::new(ErrorKind::Internal, format!("cannot remove {}: {error}", path.display()))
    })?;
    // A task without which nothing works ends with everything else, not before the last commands.
    server.tasks.shutdown().cancelled().await;
    Ok(())
}

/// The name of a local user; read from the file, because this program is linked statically.
fn user_name(uid: u32) -> Option<String> {
    if uid == 0 {
        return Some("root".to_owned());
    }
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let uid = uid.to_string();
    users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.get(2) == Some(&&*uid)).then(|| fields[0].to_owned())
    })
}
