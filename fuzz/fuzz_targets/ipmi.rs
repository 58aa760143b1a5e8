//! Both ends of IPMI sessions: datagrams, each led by its length, go to a console and to a controller in turn.
#![no_main]

use base::Secret;
use libfuzzer_sys::fuzz_target;
use wire::ipmi::{Account, Console, Controller, Login, Privilege, Suite};

const USER: &str = "admin";
const PRIVILEGE: Privilege = Privilege::Operator;

fn password() -> Secret<String> {
    Secret::new("cluster".to_owned())
}

fuzz_target!(|bytes: &[u8]| {
    let mut entropy = |out: &mut [u8]| out.fill(7);
    let login = Login::new(USER, password(), Suite::Sha256, PRIVILEGE).expect("a fitting login");
    let account = Account::new(USER, password(), PRIVILEGE).expect("a fitting account");
    let (mut console, first) = Console::new(login);
    let mut controller = Controller::new([1; 16], vec![account], vec![Suite::Sha1, Suite::Sha256]);
    controller.receive(&first, &mut entropy);
    let mut rest = bytes;
    while let Some((&length, tail)) = rest.split_first() {
        let (datagram, tail) = tail.split_at(tail.len().min(usize::from(length)));
        rest = tail;
        console.receive(datagram, &mut entropy);
        controller.receive(datagram, &mut entropy);
    }
});
