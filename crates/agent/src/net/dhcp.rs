//! The DHCP client: DISCOVER, OFFER, REQUEST, ACK (RFC 2131 section 3.1) over a UDP socket bound to
//! the boot interface. Answers are asked for as broadcasts, so that no raw socket is needed. The
//! lease is not renewed: a node's address is reserved for it by the tables.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use base::{Clock, Mac, SystemClock};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, setsockopt, socket, sockopt,
};
use wire::dhcp::{CLIENT_PORT, Lease, Message, MessageType, SERVER_PORT};

use super::Interface;
use crate::console::say;
use crate::patience::Patience;

/// How long each answer is waited for: first, second, ... attempt; about a minute in all.
const WAITS: Patience =
    Patience { attempts: 7, first: Duration::from_secs(1), longest: Duration::from_secs(15) };

/// Why there is no address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DhcpError {
    #[error("no DHCP server answered {mac} on {interface}")]
    Silence { interface: String, mac: Mac },
    #[error("the DHCP server's grant for {mac} has no usable address")]
    NoAddress { mac: Mac },
    #[error("cannot use DHCP on {interface}")]
    Socket { interface: String, source: io::Error },
}

/// Obtains an address for the interface.
pub(crate) fn obtain(interface: &Interface) -> Result<Lease, DhcpError> {
    let failed = |source| DhcpError::Socket { interface: interface.name.clone(), source };
    let socket = open(&interface.name).map_err(failed)?;
    let mut failures = 0;
    loop {
        failures += 1;
        let wait = WAITS.pause(failures).ok_or_else(|| DhcpError::Silence {
            interface: interface.name.clone(),
            mac: interface.mac,
        })?;
        let xid = transaction(interface.mac, failures);
        if let Some(ack) = converse(&socket, interface.mac, xid, wait).map_err(failed)? {
            return Lease::from_ack(&ack).ok_or(DhcpError::NoAddress { mac: interface.mac });
        }
        say(&format!("no DHCP answer on {} within {} s", interface.name, wait.as_secs()));
    }
}

/// One conversation; `None` when the server is silent or refuses.
fn converse(socket: &UdpSocket, mac: Mac, xid: u32, wait: Duration) -> io::Result<Option<Message>> {
    let discover = Message::discover(mac, xid);
    let Some(offer) = ask(socket, &discover, mac, &[MessageType::Offer], wait)? else {
        return Ok(None);
    };
    let request = Message::request_of(&offer);
    let grant = ask(socket, &request, mac, &[MessageType::Ack, MessageType::Nak], wait)?;
    Ok(grant.filter(|message| message.answers(MessageType::Ack, mac, xid)))
}

fn ask(
    socket: &UdpSocket,
    message: &Message,
    mac: Mac,
    kinds: &[MessageType],
    wait: Duration,
) -> io::Result<Option<Message>> {
    socket.send_to(&message.to_bytes(), SocketAddrV4::new(Ipv4Addr::BROADCAST, SERVER_PORT))?;
    let until = Instant::now() + wait;
    let mut buffer = [0; 2048];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        socket.set_read_timeout(Some(left))?;
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        };
        let Ok(answer) = Message::parse(&buffer[..length]) else { continue };
        if kinds.iter().any(|kind| answer.answers(*kind, mac, message.xid)) {
            return Ok(Some(answer));
        }
    }
}

/// A number that differs between machines, boots and attempts.
fn transaction(mac: Mac, attempt: u32) -> u32 {
    let [_, _, tail @ ..] = mac.octets();
    // not from /dev/urandom, which so early waits a second for the kernel to gather randomness
    let [_, _, _, _, now @ ..] = SystemClock.now().unix_millis().to_be_bytes();
    (u32::from_be_bytes(now) ^ u32::from_be_bytes(tail)).wrapping_add(attempt)
}

fn open(interface: &str) -> io::Result<UdpSocket> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    setsockopt(&socket, sockopt::Broadcast, &true)?;
    setsockopt(&socket, sockopt::BindToDevice, &interface.into())?;
    let any = SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, CLIENT_PORT));
    bind(socket.as_raw_fd(), &any)?;
    Ok(UdpSocket::from(socket))
}
