//! The sockets of simulated service processors: one for each address, or one for all addresses of the machine.
//!
//! A socket on the wildcard address learns from `IP_PKTINFO` which address a packet was sent to, and answers from
//! there. So every address of 127/8 can be a service processor without any preparation.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::AsRawFd;
use std::sync::{Arc, PoisonError, RwLock};

use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendmsg, setsockopt,
    sockopt,
};
use runtime::Shutdown;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until};

use super::{Bmc, Reaction};

/// Answers waiting for their time; more are dropped.
const LATER_MAX: usize = 10_000;
/// The longest packet worth reading.
const PACKET_MAX: usize = 1024;
const RECEIVE_BUFFER: usize = 4 << 20;

/// A socket and the service processors behind it.
#[derive(Debug)]
pub struct BmcServer {
    socket: UdpSocket,
    local: SocketAddr,
    bmcs: RwLock<HashMap<IpAddr, Arc<Bmc>>>,
}

/// A packet and its way.
struct Packet {
    local: IpAddr,
    peer: SocketAddr,
    bytes: Vec<u8>,
}

impl BmcServer {
    /// Opens the socket; `0.0.0.0` stands for every IPv4 address of the machine.
    pub fn bind(addr: SocketAddr) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind(addr)?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
        if addr.ip() == IpAddr::V4(Ipv4Addr::UNSPECIFIED) {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        }
        let local = socket.local_addr()?;
        Ok(Self { socket: UdpSocket::from_std(socket)?, local, bmcs: RwLock::default() })
    }

    /// The address of the socket.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Puts a service processor behind an address, in place of the one there.
    pub fn insert(&self, addr: IpAddr, bmc: Arc<Bmc>) {
        self.bmcs.write().unwrap_or_else(PoisonError::into_inner).insert(addr, bmc);
    }

    /// Answers packets until the shutdown or until the socket fails.
    pub async fn run(&self, shutdown: &Shutdown) -> io::Result<()> {
        let mut later: BTreeMap<(Instant, u64), Packet> = BTreeMap::new();
        let mut count = 0;
        loop {
            let next = later.keys().next().map(|(at, _)| *at);
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                    if let Some((_, packet)) = later.pop_first() {
                        self.send(&packet).await;
                    }
                }
                packet = self.receive() => {
                    let packet = packet?;
                    let Some(reaction) = self.react(&packet) else { continue };
                    let (after, answer) = (reaction.after, Packet { bytes: reaction.packet, ..packet });
                    if after.is_zero() {
                        self.send(&answer).await;
                    } else if later.len() < LATER_MAX {
                        count += 1;
                        later.insert((Instant::now() + after, count), answer);
                    }
                }
            }
        }
    }

    fn react(&self, packet: &Packet) -> Option<Reaction> {
        let bmcs = self.bmcs.read().unwrap_or_else(PoisonError::into_inner);
        let bmc = Arc::clone(bmcs.get(&packet.local)?);
        drop(bmcs);
        bmc.receive(&packet.bytes)
    }

    async fn receive(&self) -> io::Result<Packet> {
        let mut buffer = [0; PACKET_MAX];
        if !self.is_wildcard() {
            let (len, peer) = self.socket.recv_from(&mut buffer).await?;
            return Ok(Packet { local: self.local.ip(), peer, bytes: buffer[..len].to_vec() });
        }
        let receive = || receive_with_address(&self.socket, &mut buffer);
        let (local, peer, len) = self.socket.async_io(Interest::READABLE, receive).await?;
        Ok(Packet { local: local.into(), peer: peer.into(), bytes: buffer[..len].to_vec() })
    }

    /// Sends an answer; what cannot be sent is lost, as on any network.
    async fn send(&self, packet: &Packet) {
        let sent = match (packet.local, packet.peer) {
            (IpAddr::V4(local), SocketAddr::V4(peer)) if self.is_wildcard() => {
                let send = || send_from(&self.socket, local, peer, &packet.bytes);
                self.socket.async_io(Interest::WRITABLE, send).await
            }
            (_, peer) => self.socket.send_to(&packet.bytes, peer).await.map(|_| ()),
        };
        if let Err(error) = sent {
            tracing::debug!(peer = %packet.peer, %error, "simulated BMC could not answer");
        }
    }

    fn is_wildcard(&self) -> bool {
        self.local.ip() == IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    }
}

/// One packet with the address it was sent to.
fn receive_with_address(
    socket: &UdpSocket,
    buffer: &mut [u8],
) -> io::Result<(Ipv4Addr, SocketAddrV4, usize)> {
    let mut control = nix::cmsg_space!(nix::libc::in_pktinfo);
    let mut slices = [IoSliceMut::new(buffer)];
    let fd = socket.as_raw_fd();
    let message =
        recvmsg::<SockaddrIn>(fd, &mut slices, Some(&mut control), MsgFlags::MSG_DONTWAIT)?;
    let local = message.cmsgs()?.find_map(|part| match part {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            Some(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)))
        }
        _ => None,
    });
    let peer = message.address.map(SocketAddrV4::from);
    let lacking = || io::Error::from(io::ErrorKind::InvalidData);
    Ok((local.ok_or_else(lacking)?, peer.ok_or_else(lacking)?, message.bytes))
}

fn send_from(
    socket: &UdpSocket,
    local: Ipv4Addr,
    peer: SocketAddrV4,
    bytes: &[u8],
) -> io::Result<()> {
    let info = nix::libc::in_pktinfo {
        ipi_ifindex: 0,
        ipi_spec_dst: nix::libc::in_addr { s_addr: u32::from(local).to_be() },
        ipi_addr: nix::libc::in_addr { s_addr: 0 },
    };
    let control = [ControlMessage::Ipv4PacketInfo(&info)];
    let (fd, slices) = (socket.as_raw_fd(), [IoSlice::new(bytes)]);
    sendmsg(fd, &slices, &control, MsgFlags::MSG_DONTWAIT, Some(&SockaddrIn::from(peer)))?;
    Ok(())
}
