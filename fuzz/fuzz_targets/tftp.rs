//! TFTP packets: no bytes make the reader panic, and what is written is read back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::tftp::Packet;

fuzz_target!(|bytes: &[u8]| {
    let Ok(packet) = Packet::parse(bytes) else { return };
    let again = Packet::parse(&packet.to_bytes());
    assert_eq!(again.as_ref(), Ok(&packet));
});
