//! Router advertisements on the boot networks: at once when a machine asks, and every few seconds.
//!
//! iPXE of 2019, still in many ROMs, waits 16 s for one before it asks DHCP. Ours say that we are no
//! router. The frames go through packet sockets, so that it works where IPv6 is switched off.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::Ipv6Addr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use base::{ErrorKind, Failure, Mac};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::LinkAddr;
use runtime::Shutdown;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::unix::AsyncFd;
use wire::ipv6;

use crate::context::Context;

/// How often to advertise without being asked: an old ROM that missed an answer waits this long.
const PERIOD: Duration = Duration::from_secs(4);

/// The group to which routers listen; joining it makes interfaces accept its frames.
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// Advertises that this server is no router.
pub struct RouterAdvertiser {
    context: Context,
}

impl RouterAdvertiser {
    /// An advertiser for the interfaces that DHCP serves.
    pub fn new(context: Context) -> Self {
        Self { context }
    }

    /// Advertises until `shutdown`; the interfaces follow the view.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), Failure> {
        loop {
            let wanted = self.interfaces();
            let ports = open(&wanted)?;
            tokio::select! {
                () = self.serve(&ports, &wanted) => {}
                () = shutdown.cancelled() => return Ok(()),
            }
        }
    }

    fn interfaces(&self) -> BTreeMap<String, Mac> {
        let view = self.context.view.load();
        view.dhcp_links().filter_map(|link| Some((link.interface.clone(), link.mac?))).collect()
    }

    /// Advertises until other interfaces are wanted.
    async fn serve(&self, ports: &[Port], wanted: &BTreeMap<String, Mac>) {
        let mut watchers: FuturesUnordered<_> = ports.iter().map(Port::answer).collect();
        let mut period = tokio::time::interval(PERIOD);
        loop {
            tokio::select! {
                _ = period.tick() => {}
                Some(()) = watchers.next() => return,
            }
            if self.interfaces() != *wanted {
                return;
            }
            for port in ports {
                port.advertise();
            }
        }
    }
}

/// A packet socket on one interface.
struct Port {
    name: String,
    mac: Mac,
    socket: AsyncFd<Socket>,
    /// Keeps the interface in the group of routers.
    _member: Option<std::net::UdpSocket>,
}

impl Port {
    /// Answers solicitations until the socket fails.
    async fn answer(&self) {
        loop {
            match self.solicited().await {
                Ok(true) => self.advertise(),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(interface = self.name, %error, "router solicitations cannot be received");
                    // The interface may be gone: let the view notice before trying again.
                    tokio::time::sleep(PERIOD).await;
                    return;
                }
            }
        }
    }

    async fn solicited(&self) -> io::Result<bool> {
        let mut ready = self.socket.readable().await?;
        let mut frame = [0; 256];
        match ready.try_io(|socket| socket.get_ref().read(&mut frame)) {
            Ok(length) => {
                Ok(ipv6::solicitation(&frame[..length?]).is_some_and(|from| from != self.mac))
            }
            Err(_not_ready) => Ok(false),
        }
    }

    fn advertise(&self) {
        if let Err(error) = self.socket.get_ref().write(&ipv6::advertisement(self.mac)) {
            tracing::debug!(interface = self.name, %error, "a router advertisement could not be sent");
        }
    }
}

fn open(wanted: &BTreeMap<String, Mac>) -> Result<Vec<Port>, Failure> {
    let links = links();
    let mut ports = Vec::new();
    for (name, mac) in wanted {
        let Some(link) = links.get(name) else { continue };
        let socket = socket(link).map_err(|error| {
            let message = format!("router advertisements cannot be sent on {name}: {error}");
            Failure::new(ErrorKind::Denied, message)
                .hint("give the container the capability NET_RAW; without it, iPXE of 2019 waits 16 s at each boot")
        })?;
        ports.push(Port { name: name.clone(), mac: *mac, socket, _member: member(link) });
    }
    Ok(ports)
}

/// The packet address of each interface, which only the kernel can make.
fn links() -> BTreeMap<String, LinkAddr> {
    let entries = getifaddrs().into_iter().flatten();
    let link = |entry: nix::ifaddrs::InterfaceAddress| {
        Some((entry.interface_name.clone(), *entry.address.as_ref()?.as_link_addr()?))
    };
    entries.filter_map(link).collect()
}

#[expect(
    deprecated,
    reason = "the replacement is unsafe to call; a Socket owns its descriptor until it is dropped"
)]
fn socket(link: &LinkAddr) -> io::Result<AsyncFd<Socket>> {
    let protocol = Protocol::from(i32::from(ipv6::ETHERTYPE.to_be()));
    let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking(), Some(protocol))?;
    nix::sys::socket::bind(socket.as_raw_fd(), link)?;
    AsyncFd::new(socket)
}

/// Joins the group of routers, so that hardware filters let solicitations pass. Where IPv6 is
/// switched off that fails, and the periodic advertisements must do.
fn member(link: &LinkAddr) -> Option<std::net::UdpSocket> {
    let socket = std::net::UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).ok()?;
    let index = u32::try_from(link.ifindex()).ok()?;
    socket.join_multicast_v6(&ALL_ROUTERS, index).ok()?;
    Some(socket)
}
