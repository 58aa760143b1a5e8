//! DHCP messages: no bytes make the reader panic, and what is written is read back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::dhcp::Message;

fuzz_target!(|bytes: &[u8]| {
    let Ok(message) = Message::parse(bytes) else { return };
    let _ = message.boot_file();
    let written = message.to_bytes();
    let again = Message::parse(&written).expect("what was written is a message");
    assert_eq!(again.to_bytes(), written);
});
