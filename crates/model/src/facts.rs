//! What the tables do not know: the machine that serves.

use std::net::IpAddr;
use std::path::PathBuf;

use base::Mac;
use ipnet::Ipv4Net;

/// A network interface of this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its hardware address.
    pub mac: Option<Mac>,
    /// Its addresses with their networks.
    pub addresses: Vec<Ipv4Net>,
}

/// What the tables do not know: this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// Its host name, without domain.
    pub host_name: String,
    /// Its interfaces.
    pub interfaces: Vec<Interface>,
    /// Where boot loaders are installed.
    pub boot_dir: PathBuf,
    /// The name servers it uses itself.
    pub resolvers: Vec<IpAddr>,
}
