//! The shared sockets: packets out to anybody, packets in to whoever talks with their sender.
//!
//! At most one conversation per address: controllers have few sessions and lose count of interleaved ones. A packet
//! from an address nobody talks with is dropped and counted.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::UdpSocket;
use tokio::sync::{Notify, mpsc};

/// Room for the answers of some thousand controllers at once.
const RECEIVE_BUFFER: usize = 4 << 20;
/// The longest packet worth reading.
const PACKET_MAX: usize = 1024;
/// Packets waiting for one conversation, which has one question in flight.
const INBOX: usize = 8;

type Inbox = mpsc::Receiver<Vec<u8>>;

/// The sockets and who talks with whom through them.
#[derive(Debug)]
pub(crate) struct Sockets {
    v4: UdpSocket,
    v6: Option<UdpSocket>,
    routes: Mutex<HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>>,
    freed: Notify,
    strays: AtomicU64,
}

/// The right to talk with one address; ends when dropped.
#[derive(Debug)]
pub(crate) struct Line {
    sockets: Arc<Sockets>,
    addr: SocketAddr,
    inbox: Inbox,
}

impl Sockets {
    /// Opens both sockets; one for IPv6 only if the machine has it.
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self {
            v4: bind(Ipv4Addr::UNSPECIFIED.into())?,
            v6: bind(Ipv6Addr::UNSPECIFIED.into()).ok(),
            routes: Mutex::default(),
            freed: Notify::new(),
            strays: AtomicU64::new(0),
        })
    }

    /// Takes the line to `addr`, after whoever has it now.
    pub(crate) async fn line(self: &Arc<Self>, addr: SocketAddr) -> Line {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if let Some(inbox) = self.register(addr) {
                return Line { sockets: Arc::clone(self), addr, inbox };
            }
            freed.await;
        }
    }

    /// Hands incoming packets to their conversations until the socket fails.
    pub(crate) async fn read(self: Arc<Self>) -> io::Result<()> {
        let Some(v6) = &self.v6 else { return self.read_from(&self.v4).await };
        tokio::select! {
            result = self.read_from(&self.v4) => result,
            result = self.read_from(v6) => result,
        }
    }

    /// Packets that came from addresses nobody talked with.
    pub(crate) fn strays(&self) -> u64 {
        self.strays.load(Ordering::Relaxed)
    }

    async fn read_from(&self, socket: &UdpSocket) -> io::Result<()> {
        let mut buffer = [0; PACKET_MAX];
        loop {
            let (len, from) = socket.recv_from(&mut buffer).await?;
            self.deliver(from, &buffer[..len]);
        }
    }

    fn deliver(&self, from: SocketAddr, packet: &[u8]) {
        let route = self.routes().get(&plain(from)).cloned();
        let delivered = route.is_some_and(|inbox| inbox.try_send(packet.to_vec()).is_ok());
        if !delivered {
            self.strays.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn register(&self, addr: SocketAddr) -> Option<Inbox> {
        let mut routes = self.routes();
        if routes.contains_key(&addr) {
            return None;
        }
        let (sender, inbox) = mpsc::channel(INBOX);
        routes.insert(addr, sender);
        Some(inbox)
    }

    fn routes(&self) -> MutexGuard<'_, HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// The other end.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sends a packet.
    pub(crate) async fn send(&self, packet: &[u8]) -> io::Result<()> {
        let socket = match (self.addr.ip(), &self.sockets.v6) {
            (IpAddr::V4(_), _) => &self.sockets.v4,
            (IpAddr::V6(_), Some(v6)) => v6,
            (IpAddr::V6(_), None) => return Err(io::ErrorKind::Unsupported.into()),
        };
        socket.send_to(packet, self.addr).await.map(|_| ())
    }

    /// The next packet from the other end; nothing once the sockets are gone.
    pub(crate) async fn receive(&mut self) -> Option<Vec<u8>> {
        self.inbox.recv().await
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.sockets.routes().remove(&self.addr);
        self.sockets.freed.notify_waiters();
    }
}

fn bind(addr: IpAddr) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(SocketAddr::new(addr, 0))?;
    socket.set_nonblocking(true)?;
    socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
    UdpSocket::from_std(socket)
}

/// An address without scope and flow, as a target's is written.
fn plain(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}
