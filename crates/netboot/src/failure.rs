//! Why a server cannot start, with what to do about it.

use std::io;
use std::net::SocketAddr;

use base::{ErrorKind, Failure};

/// The failure to take `address` for `service`.
pub(crate) fn bind(
    service: &str,
    address: SocketAddr,
    protocol: &str,
    error: &io::Error,
) -> Failure {
    let port = address.port();
    let (message, hint) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            format!("{service} cannot start: {protocol} port {port} is taken by another program"),
            format!(
                "find it with ss -lnp 'sport = :{port}', stop it, and {service} starts by itself"
            ),
        ),
        io::ErrorKind::PermissionDenied => (
            format!("{service} cannot start: no permission to use {protocol} port {port}"),
            "give the container the capabilities NET_BIND_SERVICE and NET_RAW".to_owned(),
        ),
        _ => (
            format!("{service} cannot listen on {protocol} {address}: {error}"),
            "check the addresses of this machine".to_owned(),
        ),
    };
    Failure::new(ErrorKind::Conflict, message).hint(hint)
}

/// The failure of a socket that worked until now.
pub(crate) fn broken(service: &str, error: &io::Error) -> Failure {
    Failure::new(ErrorKind::Internal, format!("{service} lost its socket: {error}"))
}
