//! Router advertisements (RFC 4861) as whole Ethernet frames, and how to recognise their asking.
//!
//! We are no IPv6 router and say so: the lifetime is zero and no prefix is announced. The frames
//! exist because iPXE of 2019, still in many ROMs, waits 16 s for a router advertisement before it
//! tries IPv4.

use std::net::Ipv6Addr;

use base::Mac;

/// The Ethernet type of IPv6.
pub const ETHERTYPE: u16 = 0x86dd;

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
const ICMPV6: u8 = 58;
/// Neighbour discovery packets must arrive with this hop limit: proof that no router passed them on.
const HOP_LIMIT: u8 = 255;
const SOLICITATION: u8 = 133;
const ADVERTISEMENT: u8 = 134;
const ETHERNET: usize = 14;
const IPV6: usize = 40;

/// The link-local address that an interface with `mac` derives from it (RFC 4291 appendix A).
pub fn link_local(mac: Mac) -> Ipv6Addr {
    let mac = mac.octets();
    let mut address =
        [0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, 0, 0, 0];
    address[13..].copy_from_slice(&mac[3..]);
    address.into()
}

/// The frame with which the interface with `mac` advertises to all nodes that it is no router.
pub fn advertisement(mac: Mac) -> Vec<u8> {
    // type, code, checksum, hop limit (0: unspecified), flags, router lifetime 0, reachable time,
    // retransmission timer; then the option "source link-layer address", 8 bytes.
    let mut icmp = vec![ADVERTISEMENT, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1];
    icmp.extend(mac.octets());
    let source = link_local(mac);
    let sum = checksum(source, ALL_NODES, &icmp);
    icmp[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut frame = Vec::with_capacity(ETHERNET + IPV6 + icmp.len());
    frame.extend(ALL_NODES_MAC);
    frame.extend(mac.octets());
    frame.extend(ETHERTYPE.to_be_bytes());
    frame.extend([0x60, 0, 0, 0]);
    frame.extend(u16::try_from(icmp.len()).unwrap_or(0).to_be_bytes());
    frame.extend([ICMPV6, HOP_LIMIT]);
    frame.extend(source.octets());
    frame.extend(ALL_NODES.octets());
    frame.extend(icmp);
    frame
}

/// The hardware address that sent `frame` if it is a valid router solicitation.
pub fn solicitation(frame: &[u8]) -> Option<Mac> {
    let (ethernet, packet) = frame.split_at_checked(ETHERNET)?;
    let (ip, rest) = packet.split_at_checked(IPV6)?;
    let length = usize::from(u16::from_be_bytes([ip[4], ip[5]]));
    let icmp = rest.get(..length)?;
    let from: [u8; 16] = ip[8..24].try_into().ok()?;
    let to: [u8; 16] = ip[24..40].try_into().ok()?;
    let wanted = ethernet[12..14] == ETHERTYPE.to_be_bytes()
        && ip[0] >> 4 == 6
        && ip[6] == ICMPV6
        && ip[7] == HOP_LIMIT
        && icmp.first() == Some(&SOLICITATION)
        && checksum(from.into(), to.into(), icmp) == 0;
    let source: [u8; 6] = ethernet[6..12].try_into().ok()?;
    wanted.then(|| Mac::new(source))
}

/// The Internet checksum over the pseudo header and `icmp`; zero when `icmp` holds its right sum.
fn checksum(from: Ipv6Addr, to: Ipv6Addr, icmp: &[u8]) -> u16 {
    let length = u32::try_from(icmp.len()).unwrap_or(0).to_be_bytes();
    let pseudo = [&from.octets()[..], &to.octets(), &length, &[0, 0, 0, ICMPV6]].concat();
    let words = pseudo.chunks(2).chain(icmp.chunks(2));
    let mut sum: u32 = words
        .map(|word| u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or(0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAC: Mac = Mac::new([2, 0, 0, 0, 0, 10]);

    fn asking(mac: Mac) -> Vec<u8> {
        let mut frame = advertisement(mac);
        let icmp = ETHERNET + IPV6;
        frame.truncate(icmp + 8);
        frame[icmp..].copy_from_slice(&[SOLICITATION, 0, 0, 0, 0, 0, 0, 0]);
        frame[18..20].copy_from_slice(&8_u16.to_be_bytes());
        let sum = checksum(link_local(mac), ALL_NODES, &frame[icmp..]);
        frame[icmp + 2..icmp + 4].copy_from_slice(&sum.to_be_bytes());
        frame
    }

    #[test]
    fn the_advertisement_is_the_frame_a_capture_shows() {
        let frame = advertisement(MAC);
        assert_eq!(frame.len(), 14 + 40 + 24);
        assert_eq!(frame[..14], [0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 10, 0x86, 0xdd]);
        assert_eq!(link_local(MAC).to_string(), "fe80::ff:fe00:a");
        assert_eq!(checksum(link_local(MAC), ALL_NODES, &frame[54..]), 0);
        assert_eq!(frame[60..62], [0, 0], "router lifetime");
    }

    #[test]
    fn a_solicitation_is_recognised_and_nothing_else() {
        assert_eq!(solicitation(&asking(MAC)), Some(MAC));
        assert_eq!(solicitation(&advertisement(MAC)), None);
        for at in [12, 14, 20, 21, 30, 54, 56] {
            let mut frame = asking(MAC);
            frame[at] ^= 0x11;
            assert_eq!(solicitation(&frame), None, "byte {at} changed");
        }
        let frame = asking(MAC);
        for length in 0..frame.len() {
            assert_eq!(solicitation(&frame[..length]), None);
        }
    }

    proptest! {
        #[test]
        fn random_frames_never_panic(mac in any::<[u8; 6]>(), junk in prop::collection::vec(any::<u8>(), 0..90)) {
            prop_assert_eq!(solicitation(&asking(Mac::new(mac))), Some(Mac::new(mac)));
            let _seen = solicitation(&junk);
        }
    }
}
