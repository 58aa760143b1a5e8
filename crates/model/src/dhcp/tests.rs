//! Who is answered with what, and who is not and why.

use wire::dhcp::Arch;

use super::*;
use crate::testing;

const N1: Mac = Mac::new([2, 0, 0, 0, 0, 1]);

fn mac(last: u8) -> Mac {
    Mac::new([2, 0, 0, 0, 0, last])
}

fn ask(view: &BootView, message: &Message) -> Decision {
    decide(view, &Ask { message, interface: "eth0" })
}

fn offer(view: &BootView, message: &Message) -> Message {
    match ask(view, message) {
        Decision::Offer(reply) => reply.message,
        other => panic!("not an offer: {other:?}"),
    }
}

fn silence(view: &BootView, message: &Message) -> String {
    match ask(view, message) {
        Decision::Silent(silence) => silence.to_string(),
        other => panic!("answered: {other:?}"),
    }
}

#[test]
fn a_known_machine_is_offered_its_address_and_settings() {
    let view = testing::view(&[]);
    let found = offer(&view, &Message::discover(N1, 5));
    let address =
        |code| found.options.addresses(code).map(|ip| ip.to_string()).collect::<Vec<_>>().join(",");
    assert_eq!(found.yiaddr.to_string(), "10.1.0.101");
    assert_eq!(address(code::SERVER_ID), "10.1.0.1");
    assert_eq!(address(code::SUBNET_MASK), "255.255.0.0");
    assert_eq!(address(code::ROUTER), "10.1.0.1");
    assert_eq!(address(code::DNS), "10.1.0.1");
    assert_eq!(found.options.text(code::HOST_NAME).unwrap(), "n1");
    assert_eq!(found.options.text(code::DOMAIN).unwrap(), "cluster.test");
    assert_eq!(found.options.u32(code::LEASE_TIME), Some(43200));
    assert_eq!(found.siaddr.to_string(), "10.1.0.1");
    assert_eq!((found.boot_file(), found.options.has(code::IPXE)), (None, false));
    assert_eq!(found.xid, 5);
}

#[test]
fn each_firmware_gets_its_boot_file() {
    let file = |state: &str, message: Message| {
        let view = testing::view(&[("chain", "n1", "currstate", state)]);
        offer(&view, &message).boot_file().unwrap_or_default()
    };
    let rom = |arch| Message::discover(N1, 1).as_boot_rom(Arch(arch));
    let ipxe = |arch| Message::discover(N1, 1).as_ipxe(Arch(arch));
    let script = "http://10.1.0.1/tftpboot/xcat/xnba/nodes/n1";
    assert_eq!(file("netboot x", rom(0)), "xcat/xnba.kpxe");
    assert_eq!(file("netboot x", rom(7)), "xcat/xnba.efi");
    assert_eq!(file("netboot x", rom(9)), "xcat/xnba.efi");
    assert_eq!(file("netboot x", rom(0x0b)), "xcat/xnba-arm64.efi");
    assert_eq!(file("netboot x", rom(0x0c)), "");
    assert_eq!(file("netboot x", ipxe(0)), script);
    assert_eq!(file("netboot x", ipxe(7)), format!("{script}.uefi"));
    assert_eq!(file("boot", rom(7)), "xcat/xnba.efi");
    assert_eq!(file("boot", ipxe(0)), script);
    assert_eq!(file("offline", rom(0)), "");
    assert_eq!(file("offline", ipxe(0)), "");
}

#[test]
fn boot_firmware_is_told_not_to_wait_for_proxies() {
    let found = offer(&testing::view(&[]), &Message::discover(N1, 1).as_boot_rom(Arch(0)));
    assert_eq!(found.options.get(code::IPXE), Some(&[0xb0, 1, 1][..]));
}

#[test]
fn uefi_http_boot_gets_a_url_and_its_class() {
    let mut message = Message::discover(N1, 1).as_boot_rom(Arch(0x10));
    message.options.set(code::VENDOR_CLASS, *b"HTTPClient:Arch:00016:UNDI:003001");
    let found = offer(&testing::view(&[("site", "httpport", "value", "8080")]), &message);
    assert_eq!(found.options.text(code::VENDOR_CLASS).unwrap(), "HTTPClient");
    assert_eq!(found.boot_file().unwrap(), "http://10.1.0.1:8080/tftpboot/xcat/xnba.efi");
}

#[test]
fn other_boot_methods_have_their_files() {
    let with = |method| testing::view(&[("noderes", "n1", "netboot", method)]);
    let rom = Message::discover(N1, 1).as_boot_rom(Arch(0));
    assert_eq!(offer(&with("grub2"), &rom).boot_file().unwrap(), "/boot/grub2/grub2-n1");
    assert_eq!(offer(&with("pxe"), &rom).boot_file().unwrap(), "pxelinux.0");
    let petitboot = offer(&with("petitboot"), &rom);
    assert_eq!(
        petitboot.options.text(code::CONFIG_FILE).unwrap(),
        "http://10.1.0.1/tftpboot/petitboot/n1"
    );
}

#[test]
fn requests_are_granted_refused_or_left_to_others() {
    let view = testing::view(&[]);
    let accepted = Message::request_of(&offer(&view, &Message::discover(N1, 1)));
    assert!(matches!(ask(&view, &accepted), Decision::Ack(_)));
    let mut other = accepted.clone();
    other.options.set(code::SERVER_ID, [10, 1, 0, 2]);
    assert_eq!(
        silence(&view, &other),
        "the node accepted the offer of another DHCP server, 10.1.0.2"
    );
    let mut wrong = accepted.clone();
    wrong.options.set(code::REQUESTED_ADDRESS, [10, 1, 0, 9]);
    let Decision::Nak(nak) = ask(&view, &wrong) else { panic!("not refused") };
    assert_eq!(nak.message.options.message_type(), Some(MessageType::Nak));
    assert!(nak.message.yiaddr.is_unspecified());
    let mut renewal = Message::discover(N1, 1);
    renewal.options.set_message_type(MessageType::Request);
    renewal.ciaddr = Ipv4Addr::new(10, 1, 0, 101);
    assert!(matches!(ask(&view, &renewal), Decision::Ack(_)));
    renewal.options.set_message_type(MessageType::Inform);
    let Decision::Ack(inform) = ask(&view, &renewal) else { panic!("not answered") };
    assert!(
        inform.message.yiaddr.is_unspecified() && !inform.message.options.has(code::LEASE_TIME)
    );
}

#[test]
fn every_silence_has_its_reason() {
    let view = testing::view(&[]);
    let discover = |last| Message::discover(mac(last), 1);
    assert_eq!(silence(&view, &discover(9)), "no node has the MAC address 02:00:00:00:00:09");
    assert_eq!(silence(&view, &discover(3)), "n3 has no IP address in the hosts table");
    assert_eq!(
        silence(&view, &discover(4)),
        "the node's address 172.16.0.4 is not in the network of eth0"
    );
    let noip = Message::discover(Mac::new([2, 0, 0, 0, 0x0f, 1]), 1);
    assert_eq!(silence(&view, &noip), "this interface is marked *NOIP*");
    let message = discover(1);
    let elsewhere = decide(&view, &Ask { message: &message, interface: "eth1" });
    assert!(matches!(elsewhere, Decision::Silent(Silence::NotServed { .. })));
    let limited = testing::view(&[("site", "dhcpinterfaces", "value", "eth9")]);
    assert!(silence(&limited, &message).contains("dhcpinterfaces"));
    let mut declined = discover(1);
    declined.options.set_message_type(MessageType::Decline);
    declined.options.set(code::REQUESTED_ADDRESS, [10, 1, 0, 101]);
    assert_eq!(
        silence(&view, &declined),
        "the node declined 10.1.0.101: another machine uses this address"
    );
    let mut bootp = discover(1);
    bootp.options.remove(code::MESSAGE_TYPE);
    assert_eq!(silence(&view, &bootp), "the message asks for nothing");
}

#[test]
fn relays_are_answered_by_the_network_they_are_in() {
    let view = testing::view(&[]);
    let mut message = Message::discover(N1, 1);
    message.giaddr = Ipv4Addr::new(10, 1, 9, 9);
    let answer = decide(&view, &Ask { message: &message, interface: "eth1" });
    let Decision::Offer(reply) = answer else { panic!("{answer:?}") };
    assert_eq!(reply.message.giaddr, message.giaddr);
    message.giaddr = Ipv4Addr::new(10, 7, 9, 9);
    assert_eq!(
        silence(&view, &message),
        "the node's address 10.1.0.101 is not in the network of relay 10.7.9.9"
    );
}

#[test]
fn rows_that_cannot_be_used_are_reported() {
    let snapshot = testing::snapshot(&[
        ("mac", "n2", "mac", "02:00:00:00:00:01|zz"),
        ("hosts", "n2", "ip", "10.1.0.101"),
        ("hosts", "n4", "ip", "10.1.200.7"),
        ("hosts", "n3", "ip", "ten"),
    ]);
    let (_, problems) = BootView::build(&snapshot, &testing::facts());
    let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
    for wanted in [
        "n3: 'ten' is not an IP address; it is left out (table hosts)",
        "n2: 10.1.0.101 belongs to n1 already (table hosts)",
        "n2: 'zz' is not an Ethernet address; it is ignored (table mac)",
        "n2: 02:00:00:00:00:01 belongs to n1 already; it is ignored (table mac)",
        "n4: 10.1.200.7 is inside the dynamic range of network mgtnet (table mac)",
        "n3: n3 has no IP address in the hosts table; DHCP cannot answer it (table mac)",
    ] {
        assert!(text.iter().any(|line| line == wanted), "{wanted} is not in {text:#?}");
    }
}

#[test]
fn a_later_view_keeps_its_indexes_and_shows_the_later_tables() {
    let before = testing::view(&[]);
    let set = |view: &BootView, table: &str, key: &str, column: &str, text: &str| {
        let mut patch = tables::Patch::new();
        patch.set(tables::table(table).unwrap(), &[key], &[(column, Some(text))]);
        let later = view.snapshot().apply(&patch).unwrap().0;
        view.update(&later, &testing::facts()).0
    };
    let rom = Message::discover(N1, 1).as_boot_rom(Arch(0));
    let offline = set(&before, "chain", "n1", "currstate", "offline");
    assert_eq!(offer(&offline, &rom).boot_file(), None);
    assert!(std::ptr::eq(before.networks(), offline.networks()), "the indexes are shared");
    let status = set(&offline, "nodelist", "n1", "status", "booted");
    assert!(std::ptr::eq(before.networks(), status.networks()));
    let moved = set(&status, "hosts", "n1", "ip", "10.1.0.77");
    assert_eq!(offer(&moved, &rom).yiaddr.to_string(), "10.1.0.77");
    let regrouped = set(&moved, "nodelist", "n1", "groups", "all");
    assert!(!std::ptr::eq(moved.networks(), regrouped.networks()));
}

#[test]
fn records_say_who_asked_and_what_came_of_it() {
    let view = testing::view(&[]);
    let said = |message: &Message| {
        let event = record(message, &ask(&view, message), base::Timestamp::default());
        format!("{} {}", event.step, event.text)
    };
    assert_eq!(
        said(&Message::discover(N1, 1).as_boot_rom(Arch(7))),
        "dhcp-offer DISCOVER from the firmware (x86_64 UEFI): offered 10.1.0.101, boot file xcat/xnba.efi"
    );
    assert_eq!(
        said(&Message::discover(N1, 1)),
        "address DISCOVER from an operating system: offered 10.1.0.101"
    );
    assert_eq!(
        said(&Message::discover(mac(9), 1).as_ipxe(Arch(0))),
        "dhcp-silent DISCOVER from iPXE on x86 BIOS: no node has the MAC address 02:00:00:00:00:09"
    );
}
