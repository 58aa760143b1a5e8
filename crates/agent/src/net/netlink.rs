//! The three things the agent asks of the kernel's routing netlink (rtnetlink(7)): raise a link, add
//! an address, add a default route. Messages are built by hand: they are fixed, and few.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, sendto,
    setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

const NLMSG_ERROR: u16 = 2;
const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_REPLACE: u16 = 0x100;
const NLM_F_CREATE: u16 = 0x400;
const AF_INET: u8 = 2;
const IFF_UP: u32 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_BOOT: u8 = 3;
const RTN_UNICAST: u8 = 1;

/// Raises the link with this index.
pub(crate) fn raise(index: u32) -> io::Result<()> {
    ask(&raise_message(index))
}

/// Gives the link an address, or keeps the one that is there already.
pub(crate) fn add_address(index: u32, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
    ask(&address_message(index, address, prefix))
}

/// Sends what has no better way to `router`.
pub(crate) fn add_default_route(index: u32, router: Ipv4Addr) -> io::Result<()> {
    ask(&route_message(index, router))
}

fn raise_message(index: u32) -> Vec<u8> {
    let mut body = vec![0; 4];
    for word in [index, IFF_UP, IFF_UP] {
        body.extend(word.to_ne_bytes());
    }
    message(RTM_NEWLINK, 0, &body)
}

fn address_message(index: u32, address: Ipv4Addr, prefix: u8) -> Vec<u8> {
    let mut body = vec![AF_INET, prefix, 0, 0];
    body.extend(index.to_ne_bytes());
    attribute(&mut body, IFA_LOCAL, address.octets());
    attribute(&mut body, IFA_ADDRESS, address.octets());
    let hosts = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
    let broadcast = Ipv4Addr::from(u32::from(address) | hosts);
    attribute(&mut body, IFA_BROADCAST, broadcast.octets());
    message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &body)
}

fn route_message(index: u32, router: Ipv4Addr) -> Vec<u8> {
    let mut body = vec![AF_INET, 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, 0, RTN_UNICAST];
    body.extend([0; 4]);
    attribute(&mut body, RTA_GATEWAY, router.octets());
    attribute(&mut body, RTA_OIF, index.to_ne_bytes());
    message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &body)
}

/// Adds an attribute; all of ours are four bytes, so none needs padding.
fn attribute(body: &mut Vec<u8>, kind: u16, value: [u8; 4]) {
    body.extend(8_u16.to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
}

fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + body.len()).unwrap_or(u32::MAX);
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend((NLM_F_REQUEST | NLM_F_ACK | flags).to_ne_bytes());
    message.extend(1_u32.to_ne_bytes());
    message.extend(0_u32.to_ne_bytes());
    message.extend(body);
    message
}

fn ask(message: &[u8]) -> io::Result<()> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(5, 0))?;
    sendto(socket.as_raw_fd(), message, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    let mut answer = [0; 8192];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    acknowledged(&answer[..length])
}

/// Reads the answer: an error message whose number is 0 is the acknowledgement.
fn acknowledged(answer: &[u8]) -> io::Result<()> {
    let kind = answer.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
    let number = answer.get(16..20).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    match (kind, number) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(number)) => Err(io::Error::from_raw_os_error(-number)),
        _ => Err(io::Error::other("the kernel's answer is no acknowledgement")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_their_length_and_carry_their_values() {
        let address = Ipv4Addr::new(10, 0, 0, 5);
        for message in [
            raise_message(2),
            address_message(2, address, 24),
            route_message(2, Ipv4Addr::new(10, 0, 0, 1)),
        ] {
            let length = u32::from_ne_bytes(message[..4].try_into().unwrap());
            assert_eq!(length as usize, message.len());
            assert_eq!(message.len() % 4, 0);
        }
        let message = address_message(2, address, 24);
        assert!(message.windows(4).any(|bytes| bytes == [10, 0, 0, 255]));
    }

    #[test]
    fn the_kernel_refuses_in_words() {
        let refused = acknowledged(&answer(-1)).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(1));
        assert!(acknowledged(&answer(0)).is_ok());
        assert!(acknowledged(&[0; 4]).is_err());
    }

    fn answer(number: i32) -> Vec<u8> {
        message(NLMSG_ERROR, 0, &number.to_ne_bytes())
    }
}
