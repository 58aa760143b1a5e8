//! Round trips, junk, and the client's conversation.

use std::net::Ipv4Addr;

use base::Mac;
use proptest::prelude::*;

use super::*;

const MAC: Mac = Mac::new([2, 0, 0, 0, 0, 10]);

#[test]
fn a_boot_rom_is_recognised() {
    let rom = Message::discover(MAC, 7).as_boot_rom(Arch(7));
    let read = Message::parse(&rom.to_bytes()).unwrap();
    assert_eq!(read, rom);
    assert_eq!(read.hardware.mac(), Some(MAC));
    assert_eq!(read.options.message_type(), Some(MessageType::Discover));
    assert!(read.options.arch().unwrap().is_uefi_x64());
    assert_eq!(read.options.text(code::VENDOR_CLASS).unwrap(), "PXEClient:Arch:00007:UNDI:002001");
    assert!(!read.options.is_ipxe());
}

#[test]
fn user_classes_come_with_and_without_lengths() {
    let mut message = Message::discover(MAC, 7);
    message.options.set(code::USER_CLASS, *b"iPXE");
    assert!(message.options.is_ipxe());
    message.options.set(code::USER_CLASS, *b"\x04xNBA\x03abc");
    assert_eq!(message.options.user_classes(), ["xNBA", "abc"]);
    assert!(message.options.is_ipxe());
    message.options.set(code::USER_CLASS, *b"other");
    assert!(!message.options.is_ipxe());
    message.options.set_private(code::IPXE, &[(0xb0, &[1])]);
    assert!(message.options.is_ipxe());
    assert_eq!(message.options.private(code::IPXE).collect::<Vec<_>>(), [(0xb0, &[1][..])]);
}

#[test]
fn what_is_no_message_says_why() {
    assert_eq!(Message::parse(&[]), Err(NotDhcp::Short(0)));
    let good = Message::discover(MAC, 1).to_bytes();
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        Message::parse(&bytes)
    };
    assert_eq!(with(0, 9), Err(NotDhcp::Op(9)));
    assert_eq!(with(2, 17), Err(NotDhcp::HardwareLength(17)));
    assert_eq!(with(236, 0), Err(NotDhcp::Cookie));
}

#[test]
fn an_option_cut_off_by_the_end_is_dropped_and_the_rest_kept() {
    let mut bytes = Message::discover(MAC, 1).to_bytes();
    bytes.truncate(243);
    bytes.extend([code::HOST_NAME, 200, b'x']);
    let read = Message::parse(&bytes).unwrap();
    assert_eq!(read.options.message_type(), Some(MessageType::Discover));
    assert!(!read.options.has(code::HOST_NAME));
}

#[test]
fn overloaded_fields_are_options() {
    let mut message = Message::discover(MAC, 1);
    message.options.set(code::OVERLOAD, [3]);
    let mut bytes = message.to_bytes();
    bytes[44..50].copy_from_slice(&[code::HOST_NAME, 2, b'n', b'1', 255, 0]);
    bytes[108..114].copy_from_slice(&[code::DOMAIN, 3, b'a', b'.', b'b', 255]);
    let read = Message::parse(&bytes).unwrap();
    assert_eq!(read.options.text(code::HOST_NAME).unwrap(), "n1");
    assert_eq!(read.options.text(code::DOMAIN).unwrap(), "a.b");
    assert_eq!((read.sname.as_str(), read.file.as_str()), ("", ""));
}

#[test]
fn a_long_boot_file_goes_into_its_option() {
    let mut message = Message::discover(MAC, 1);
    message.file = "f".repeat(300);
    let read = Message::parse(&message.to_bytes()).unwrap();
    assert_eq!(read.file, "");
    assert_eq!(read.boot_file(), Some("f".repeat(300)));
    message.file = "f".repeat(127);
    assert_eq!(Message::parse(&message.to_bytes()).unwrap().file.len(), 127);
}

#[test]
fn the_reply_copies_what_relays_need_and_ends_with_their_option() {
    let mut request = Message::discover(MAC, 9);
    request.giaddr = Ipv4Addr::new(10, 9, 0, 1);
    request.options.set(code::RELAY_AGENT, [1, 1, 7]);
    let mut reply = Message::reply_to(&request);
    reply.options.set(code::LEASE_TIME, [0, 0, 1, 0]);
    reply.options.set_message_type(MessageType::Offer);
    let bytes = reply.to_bytes();
    assert_eq!(&bytes[240..243], [53, 1, 2]);
    assert_eq!(&bytes[243..255], [51, 4, 0, 0, 1, 0, 82, 3, 1, 1, 7, 255]);
    assert_eq!(Message::parse(&bytes).unwrap().giaddr, request.giaddr);
}

#[test]
fn the_client_reads_what_it_was_granted() {
    let mut offer = Message::reply_to(&Message::discover(MAC, 9));
    offer.yiaddr = Ipv4Addr::new(10, 1, 0, 7);
    offer.options.set_message_type(MessageType::Offer);
    offer.options.set_addresses(code::SERVER_ID, &[Ipv4Addr::new(10, 1, 0, 1)]);
    assert!(offer.answers(MessageType::Offer, MAC, 9));
    assert!(!offer.answers(MessageType::Ack, MAC, 9) && !offer.answers(MessageType::Offer, MAC, 8));
    let request = Message::request_of(&offer);
    assert_eq!(request.options.address(code::REQUESTED_ADDRESS), Some(offer.yiaddr));
    offer.options.set_addresses(code::SUBNET_MASK, &[Ipv4Addr::new(255, 255, 0, 0)]);
    offer.options.set(code::HOST_NAME, *b"n1\0");
    let lease = Lease::from_ack(&offer).unwrap();
    assert_eq!((lease.address, lease.prefix), (offer.yiaddr, 16));
    assert_eq!(lease.host_name.as_deref(), Some("n1"));
    assert_eq!(lease.next_server, Ipv4Addr::new(10, 1, 0, 1));
}

fn any_option() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let code = (1_u8..=254).prop_filter("overload is about the fields", |c| *c != code::OVERLOAD);
    (code, prop::collection::vec(any::<u8>(), 0..600))
}

prop_compose! {
    fn any_message()(
        op in prop_oneof![Just(Op::Request), Just(Op::Reply)],
        (kind, address) in (any::<u8>(), prop::collection::vec(any::<u8>(), 0..=16)),
        (hops, xid, secs, broadcast) in any::<(u8, u32, u16, bool)>(),
        addresses in any::<[[u8; 4]; 4]>(),
        sname in "[a-z.]{0,63}",
        file in "[ -~]{0,127}",
        list in prop::collection::vec(any_option(), 0..12),
    ) -> Message {
        let hardware = Hardware::new(kind, &address).unwrap();
        let mut options = Options::default();
        for (code, value) in list {
            options.set(code, value);
        }
        let [ciaddr, yiaddr, siaddr, giaddr] = addresses.map(Ipv4Addr::from);
        Message { op, hardware, hops, xid, secs, broadcast, ciaddr, yiaddr, siaddr, giaddr, sname, file, options }
    }
}

fn sorted(message: &Message) -> Vec<(u8, Vec<u8>)> {
    let mut list: Vec<_> = message.options.iter().map(|(c, v)| (c, v.to_vec())).collect();
    list.sort();
    list
}

proptest! {
    #[test]
    fn what_is_written_reads_back(message in any_message()) {
        let mut read = Message::parse(&message.to_bytes()).unwrap();
        prop_assert_eq!(sorted(&read), sorted(&message));
        read.options = message.options.clone();
        prop_assert_eq!(read, message);
    }

    #[test]
    fn junk_after_the_header_never_panics(junk in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut bytes = Message::discover(MAC, 1).to_bytes();
        bytes.truncate(240);
        bytes.extend(&junk);
        let read = Message::parse(&bytes).unwrap();
        let again = Message::parse(&read.to_bytes()).unwrap();
        prop_assert_eq!(sorted(&again), sorted(&read));
        let _seen = (read.options.user_classes(), read.options.arch(), read.options.uuid());
    }

    #[test]
    fn random_bytes_never_panic(junk in prop::collection::vec(any::<u8>(), 0..600)) {
        let _read = Message::parse(&junk).map(|message| (message.boot_file(), Lease::from_ack(&message)));
    }
}
