//! Both halves against each other, round trips, and hostile bytes.

use base::Secret;
use proptest::prelude::*;

use super::*;

const SUITES: [Suite; 2] = Suite::ALL;

fn counting() -> impl FnMut(&mut [u8]) {
    let mut next = 1_u8;
    move |buffer: &mut [u8]| {
        for byte in buffer {
            next = next.wrapping_mul(167).wrapping_add(13);
            *byte = next;
        }
    }
}

fn login(user: &str, password: &str, suite: Suite, privilege: Privilege) -> Login {
    Login::new(user, Secret::new(password.to_owned()), suite, privilege).unwrap()
}

fn controller(suites: &[Suite]) -> Controller {
    let account =
        Account::new("admin", Secret::new("cluster".to_owned()), Privilege::Operator).unwrap();
    Controller::new([0x47; 16], vec![account], suites.to_vec())
}

/// Lets both sides talk until the console is ready, refused, or nothing moves.
fn connect(login: Login, bmc: &mut Controller) -> Result<Console, Refusal> {
    let mut random = counting();
    let (mut console, mut packet) = Console::new(login);
    for _ in 0..10 {
        let Event::Reply(reply) = bmc.receive(&packet, &mut random) else {
            panic!("no reply to {packet:02x?}")
        };
        match console.receive(&reply, &mut random) {
            Progress::Send(next) => packet = next,
            Progress::Ready => return Ok(console),
            Progress::Refused(refusal) => return Err(refusal),
            other => panic!("{other:?}"),
        }
    }
    panic!("the handshake does not end");
}

#[test]
fn both_suites_open_a_session_that_carries_requests() {
    for suite in SUITES {
        let mut bmc = controller(&SUITES);
        let mut random = counting();
        let mut console =
            connect(login("admin", "cluster", suite, Privilege::Operator), &mut bmc).unwrap();
        let ask = console.request(Command::ChassisStatus.request(), &mut random).unwrap();
        let Event::Request { origin, request } = bmc.receive(&ask, &mut random) else { panic!() };
        assert_eq!(Command::read(&request), Ok(Command::ChassisStatus));
        let status = ChassisStatus { on: true, fault: false };
        let response = request.respond(Completion::OK, status.encode());
        let reply = bmc.answer(origin, &response, &mut random).unwrap();
        assert_eq!(console.receive(&reply, &mut random), Progress::Answer(response));
        // the same packet again, either way, is not taken twice
        assert!(matches!(console.receive(&reply, &mut random), Progress::Ignored(_)));
        assert!(matches!(bmc.receive(&ask, &mut random), Event::Ignored(_)));
        let close = console.close(&mut random).unwrap();
        assert!(matches!(bmc.receive(&close, &mut random), Event::Reply(_)));
        assert_eq!(bmc.sessions(), 0);
    }
}

#[test]
fn refusals_tell_user_password_privilege_and_suite_apart() {
    let attempt = |user, password, suite, privilege| {
        let mut bmc = controller(&[Suite::Sha1]);
        connect(login(user, password, suite, privilege), &mut bmc).map(|_| ())
    };
    let operator = Privilege::Operator;
    assert_eq!(attempt("admin", "cluster", Suite::Sha1, operator), Ok(()));
    assert_eq!(
        attempt("nobody", "cluster", Suite::Sha1, operator),
        Err(Refusal::Status(Status::NAME))
    );
    assert_eq!(attempt("admin", "wrong", Suite::Sha1, operator), Err(Refusal::Proof));
    assert_eq!(
        attempt("admin", "cluster", Suite::Sha1, Privilege::Administrator),
        Err(Refusal::Status(Status::PRIVILEGE))
    );
    assert_eq!(
        attempt("admin", "cluster", Suite::Sha256, operator),
        Err(Refusal::Status(Status::SUITE))
    );
}

#[test]
fn a_controller_refuses_what_the_session_may_not_do() {
    let mut bmc = controller(&SUITES);
    let mut random = counting();
    let mut console =
        connect(login("admin", "cluster", Suite::Sha256, Privilege::User), &mut bmc).unwrap();
    let off = Command::ChassisControl(Control::Off).request();
    let ask = console.request(off.clone(), &mut random).unwrap();
    let Event::Reply(reply) = bmc.receive(&ask, &mut random) else { panic!() };
    let denied = off.respond(Completion::PRIVILEGE, Vec::new());
    assert_eq!(console.receive(&reply, &mut random), Progress::Answer(denied));
}

#[test]
fn lost_packets_are_made_good_by_repeating() {
    let mut bmc = controller(&SUITES);
    let mut random = counting();
    let (mut console, _lost) =
        Console::new(login("admin", "cluster", Suite::Sha256, Privilege::Operator));
    let mut ready = false;
    for _ in 0..10 {
        // every reply is lost once: the controller answers the repetition as well
        let packet = console.again(&mut random).unwrap();
        assert!(matches!(bmc.receive(&packet, &mut random), Event::Reply(_)));
        let packet = console.again(&mut random).unwrap();
        let Event::Reply(reply) = bmc.receive(&packet, &mut random) else { panic!() };
        ready |= console.receive(&reply, &mut random) == Progress::Ready;
        if ready {
            break;
        }
    }
    assert!(ready);
}

#[test]
fn sessions_of_a_controller_are_bounded() {
    let mut bmc = controller(&SUITES);
    for _ in 0..100 {
        connect(login("admin", "cluster", Suite::Sha1, Privilege::User), &mut bmc).unwrap();
    }
    assert!(bmc.sessions() <= 16);
}

#[test]
fn cipher_suite_records_are_paged_and_read_back() {
    let suites = CipherSuites(SUITES.to_vec());
    let records: Vec<u8> = (0..4).flat_map(|index| suites.page(index)[1..].to_vec()).collect();
    assert_eq!(CipherSuites::from_records(&records), suites);
}

#[test]
fn secrets_do_not_show() {
    let (console, _) = Console::new(login("admin", "hunter2", Suite::Sha256, Privilege::Operator));
    let account =
        Account::new("admin", Secret::new("hunter2".to_owned()), Privilege::User).unwrap();
    assert!(!format!("{console:?} {account:?}").contains("hunter2"));
}

fn any_flags() -> impl Strategy<Value = BootFlags> {
    use BootDevice::{Default, Disk, Floppy, Network, Optical, Setup};
    let device = prop::sample::select(vec![Default, Network, Disk, Optical, Setup, Floppy]);
    let firmware = prop::sample::select(vec![Firmware::Legacy, Firmware::Efi]);
    let persistence = prop::sample::select(vec![Persistence::Once, Persistence::Always]);
    (device, firmware, persistence).prop_map(|(device, firmware, persistence)| BootFlags {
        device,
        firmware,
        persistence,
    })
}

proptest! {
    #[test]
    fn requests_and_responses_round_trip(
        net_fn in (0_u8..32).prop_map(|n| NetFn(n * 2)),
        command: u8,
        sequence in 0_u8..64,
        completion: u8,
        data in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let request = Request { net_fn, command, data };
        prop_assert_eq!(Request::decode(&request.encode(sequence)), Ok((request.clone(), sequence)));
        let response = request.respond(Completion(completion), request.data.clone());
        prop_assert_eq!(Response::decode(&response.encode(sequence)), Ok((response, sequence)));
    }

    #[test]
    fn boot_flags_round_trip(flags in any_flags()) {
        prop_assert_eq!(BootFlags::decode(&flags.encode()), Ok(Some(flags)));
        let command = Command::SetBootOption(BootOption::Flags(Some(flags)));
        prop_assert_eq!(Command::read(&command.request()), Ok(command));
    }

    #[test]
    fn handshake_messages_round_trip(
        tag: u8,
        number: u32,
        nonce: [u8; 16],
        role: u8,
        user in prop::collection::vec(any::<u8>(), 0..=16),
        proof in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let user = UserName::new(&user).unwrap();
        let algorithms = Suite::Sha256.algorithms();
        let open = OpenRequest { tag, privilege: role & 0x0f, console: number, algorithms };
        prop_assert_eq!(OpenRequest::decode(&open.encode()), Ok(open));
        let status = Status::OK;
        let privilege = role & 0x0f;
        let opened = OpenResponse { tag, status, privilege, console: number, bmc: !number, algorithms };
        prop_assert_eq!(OpenResponse::decode(&opened.encode()), Ok(opened));
        let one = Rakp1 { tag, bmc: number, nonce, role, user };
        prop_assert_eq!(Rakp1::decode(&one.encode()), Ok(one));
        let two = Rakp2 { tag, status, console: number, nonce, guid: nonce, proof: proof.clone() };
        prop_assert_eq!(Rakp2::decode(&two.encode()), Ok(two));
        let three = Rakp3 { tag, status, bmc: number, proof: proof.clone() };
        prop_assert_eq!(Rakp3::decode(&three.encode()), Ok(three));
        let four = Rakp4 { tag, status, console: number, check: proof };
        prop_assert_eq!(Rakp4::decode(&four.encode()), Ok(four));
    }

    #[test]
    fn no_bytes_make_either_side_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let mut random = counting();
        let mut bmc = controller(&SUITES);
        bmc.receive(&bytes, &mut random);
        let (mut console, _) =
            Console::new(login("admin", "cluster", Suite::Sha1, Privilege::Operator));
        console.receive(&bytes, &mut random);
    }

    #[test]
    fn a_damaged_packet_never_passes_for_genuine(position: prop::sample::Index, flip in 1_u8..) {
        let mut random = counting();
        let mut bmc = controller(&SUITES);
        let suite = Suite::Sha256;
        let mut console =
            connect(login("admin", "cluster", suite, Privilege::Operator), &mut bmc).unwrap();
        let mut packet = console.request(Command::DeviceId.request(), &mut random).unwrap();
        let at = position.index(packet.len() - 4) + 4;
        packet[at] ^= flip;
        let event = bmc.receive(&packet, &mut random);
        prop_assert!(!matches!(event, Event::Request { .. }), "{event:?}");
    }
}
