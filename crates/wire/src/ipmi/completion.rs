//! Completion codes, and what they mean in words.

use std::fmt;

/// How a service processor answered a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Completion(pub u8);

const WORDS: &[(u8, &str)] = &[
    (0x00, "command completed normally"),
    (0x80, "parameter not supported"),
    (0x81, "parameter is in use by another session"),
    (0x82, "parameter is read-only"),
    (0xc0, "the service processor is busy"),
    (0xc1, "the service processor does not know this command"),
    (0xc2, "command is invalid for this logical unit"),
    (0xc3, "the service processor timed out on the command"),
    (0xc4, "the service processor is out of space"),
    (0xc5, "reservation was cancelled"),
    (0xc6, "request data was truncated"),
    (0xc7, "request data has a wrong length"),
    (0xc8, "request data is too long"),
    (0xc9, "parameter is out of range"),
    (0xca, "cannot return that many bytes"),
    (0xcb, "requested sensor, data or record is not present"),
    (0xcc, "request has an invalid field"),
    (0xcd, "command is illegal for this sensor or record"),
    (0xce, "response could not be provided"),
    (0xcf, "a duplicate of this request is already being executed"),
    (0xd0, "sensor data is being updated"),
    (0xd1, "firmware of the service processor is being updated"),
    (0xd2, "the service processor is starting"),
    (0xd3, "destination is unavailable"),
    (0xd4, "privilege of the user is too low for this command"),
    (0xd5, "command cannot be executed in the present state"),
    (0xd6, "command is disabled"),
    (0xff, "unspecified error"),
];

impl Completion {
    /// Done.
    pub const OK: Self = Self(0x00);
    /// Parameter not supported (system boot options).
    pub const PARAMETER: Self = Self(0x80);
    /// The controller has no time for it now.
    pub const BUSY: Self = Self(0xc0);
    /// No such command.
    pub const INVALID_COMMAND: Self = Self(0xc1);
    /// Too few or too many bytes.
    pub const LENGTH: Self = Self(0xc7);
    /// A field has a value that makes no sense.
    pub const INVALID_FIELD: Self = Self(0xcc);
    /// The user may not do that.
    pub const PRIVILEGE: Self = Self(0xd4);

    /// Whether the command was done.
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }

    /// Whether the same request may work in a moment.
    pub const fn is_busy(self) -> bool {
        matches!(self.0, 0xc0 | 0xc3 | 0xcf | 0xd0 | 0xd1 | 0xd2)
    }
}

impl fmt::Display for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = WORDS.iter().find(|(code, _)| *code == self.0).map(|(_, words)| *words);
        let words = words.unwrap_or("code of the vendor's own or unknown");
        write!(f, "{words} (completion code {:#04x})", self.0)
    }
}

impl fmt::Debug for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Completion({:#04x})", self.0)
    }
}
