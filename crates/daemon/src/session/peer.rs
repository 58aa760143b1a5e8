//! Who is at the other end of a connection, and how it came in.

use std::fmt;
use std::net::IpAddr;

use crate::session::request::Request;

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The proven name: a certificate's, or the kernel's for a local user.
    pub(crate) identity: Option<String>,
    /// The short host name.
    pub(crate) host: String,
    /// How it came in.
    pub(crate) door: Door,
}

/// The way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// TLS, from this address.
    Tls(IpAddr),
    /// The Unix socket of this host.
    Local,
    /// No daemon: root's own process has opened the tables.
    Bypass,
}

impl Peer {
    /// Whether `request` is the container's health check: it comes all day long, and only this host's root can send it.
    pub(crate) fn checks_health(&self, request: &Request) -> bool {
        self.door == Door::Local
            && self.identity.as_deref() == Some("root")
            && request.client_type.as_deref() == Some(crate::health::CLIENT_TYPE)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identity {
            Some(identity) => write!(f, "{identity}@{}", self.host),
            None => f.write_str(&self.host),
        }
    }
}
