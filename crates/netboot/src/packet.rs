//! UDP packets with the interface and the address they arrived on, which ordinary sockets hide.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket as StdSocket};
use std::os::fd::AsRawFd;

use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendmsg, setsockopt,
    sockopt,
};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// A packet that arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// Its length in the buffer.
    pub(crate) length: usize,
    /// Who sent it.
    pub(crate) from: SocketAddrV4,
    /// The interface.
    pub(crate) interface: u32,
    /// Our address on which it arrived.
    pub(crate) local: Ipv4Addr,
}

/// A UDP socket that tells where packets arrive and chooses where they leave.
#[derive(Debug)]
pub(crate) struct PacketSocket(UdpSocket);

impl PacketSocket {
    /// Binds to `address`.
    pub(crate) fn bind(address: SocketAddrV4) -> io::Result<Self> {
        let socket = StdSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        socket.set_broadcast(true)?;
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        Ok(Self(UdpSocket::from_std(socket)?))
    }

    /// The address it is bound to.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddrV4> {
        match self.0.local_addr()? {
            std::net::SocketAddr::V4(address) => Ok(address),
            std::net::SocketAddr::V6(_) => Err(io::Error::other("not an IPv4 socket")),
        }
    }

    /// Waits for a packet. What does not fit the buffer is cut off.
    pub(crate) async fn receive(&self, buffer: &mut [u8]) -> io::Result<Arrival> {
        self.0.async_io(Interest::READABLE, || receive(&self.0, buffer)).await
    }

    /// Sends a packet out of `interface`.
    pub(crate) async fn send(
        &self,
        bytes: &[u8],
        to: SocketAddrV4,
        interface: u32,
    ) -> io::Result<()> {
        self.0.async_io(Interest::WRITABLE, || send(&self.0, bytes, to, interface)).await
    }
}

fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Arrival> {
    let mut parts = [IoSliceMut::new(buffer)];
    let mut control = nix::cmsg_space!(libc::in_pktinfo);
    let message = recvmsg::<SockaddrIn>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut control),
        MsgFlags::empty(),
    )?;
    let info = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4PacketInfo(info) => Some(info),
        _ => None,
    });
    let (from, info) =
        message.address.zip(info).ok_or_else(|| io::Error::other("a packet without its origin"))?;
    Ok(Arrival {
        length: message.bytes,
        from: SocketAddrV4::new(from.ip(), from.port()),
        interface: u32::try_from(info.ipi_ifindex).unwrap_or(0),
        local: Ipv4Addr::from(u32::from_be(info.ipi_spec_dst.s_addr)),
    })
}

fn send(socket: &UdpSocket, bytes: &[u8], to: SocketAddrV4, interface: u32) -> io::Result<()> {
    let info = libc::in_pktinfo {
        ipi_ifindex: i32::try_from(interface).unwrap_or(0),
        ipi_spec_dst: libc::in_addr { s_addr: 0 },
        ipi_addr: libc::in_addr { s_addr: 0 },
    };
    let control = [ControlMessage::Ipv4PacketInfo(&info)];
    let to = SockaddrIn::from(to);
    sendmsg(socket.as_raw_fd(), &[IoSlice::new(bytes)], &control, MsgFlags::empty(), Some(&to))?;
    Ok(())
}
