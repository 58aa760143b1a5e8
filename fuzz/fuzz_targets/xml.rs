//! Requests and responses: a document that was read, written and read again stays the same, and a stream of
//! arbitrary bytes never makes the reader of frames panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::xml::{Element, FrameReader};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(document) = Element::parse(bytes) {
        let written = document.to_request();
        let again = Element::parse(written.as_bytes()).expect("what was written is a document");
        assert_eq!(again.to_request(), written);
    }
    let mut frames = FrameReader::requests();
    for piece in bytes.chunks(7) {
        frames.push(piece);
        while let Ok(Some(document)) = frames.next_document() {
            let _ = Element::parse(&document);
        }
    }
});
