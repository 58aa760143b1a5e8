//! One end of an open session: seals payloads for the other end, opens what comes from it, once.
//!
//! Both ends count their packets from 1. A packet is accepted if its number is new and at most 32 away from the
//! highest seen; its signature is checked before anything else of it is believed.

use std::fmt;

use super::{Payload, Sealed, Suite, lan, rakp, suite};

/// How far a packet may be ahead of, or behind, the highest number seen.
const WINDOW: u32 = 32;

/// Why a packet was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// It belongs to another session.
    #[error("packet is of another session")]
    OtherSession,
    /// Its signature is wrong.
    #[error("signature is wrong")]
    Signature,
    /// It is not encrypted, or does not decrypt.
    #[error("payload does not decrypt")]
    Encryption,
    /// It was seen before or is too old.
    #[error("packet is a repetition or too old")]
    Replay,
}

/// One end of an open session.
#[derive(Clone)]
pub struct Session {
    suite: Suite,
    sign_key: Vec<u8>,
    encrypt_key: [u8; 16],
    local: u32,
    remote: u32,
    sent: u32,
    seen: Seen,
}

impl Session {
    pub(super) fn new(suite: Suite, session_key: &[u8], local: u32, remote: u32) -> Self {
        let derive = |constant: u8| suite.hmac(session_key, &[&[constant; 20]]);
        let second = derive(2);
        let mut encrypt_key = [0; 16];
        encrypt_key.copy_from_slice(&second[..16]);
        Self {
            suite,
            sign_key: derive(1),
            encrypt_key,
            local,
            remote,
            sent: 0,
            seen: Seen::default(),
        }
    }

    /// This end's session number.
    pub fn local(&self) -> u32 {
        self.local
    }

    /// The other end's session number.
    pub fn remote(&self) -> u32 {
        self.remote
    }

    /// The next packet for the other end.
    pub fn seal(&mut self, payload: Payload, body: &[u8], iv: [u8; 16]) -> Vec<u8> {
        self.sent = self.sent.wrapping_add(1).max(1);
        let body = suite::encrypt(&self.encrypt_key, iv, body);
        let (mut packet, start) = lan::unsigned(payload, self.remote, self.sent, &body);
        let mut signature = self.suite.hmac(&self.sign_key, &[&packet[start..]]);
        signature.truncate(self.suite.check_len());
        packet.append(&mut signature);
        packet
    }

    /// The payload of a packet from the other end.
    pub fn open(&mut self, packet: &Sealed<'_>) -> Result<Vec<u8>, Reject> {
        if packet.session != self.local {
            return Err(Reject::OtherSession);
        }
        self.verify(packet.signed)?;
        if !packet.encrypted {
            return Err(Reject::Encryption);
        }
        if !self.seen.accept(packet.sequence) {
            return Err(Reject::Replay);
        }
        suite::decrypt(&self.encrypt_key, packet.body).map_err(|_| Reject::Encryption)
    }

    fn verify(&self, signed: &[u8]) -> Result<(), Reject> {
        let len = self.suite.check_len();
        let split = signed.len().checked_sub(len).ok_or(Reject::Signature)?;
        let (body, signature) = signed.split_at(split);
        let mut expected = self.suite.hmac(&self.sign_key, &[body]);
        expected.truncate(len);
        if rakp::same(&expected, signature) { Ok(()) } else { Err(Reject::Signature) }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { suite, local, remote, sent, seen, .. } = self;
        f.debug_struct("Session")
            .field("suite", suite)
            .field("local", local)
            .field("remote", remote)
            .field("sent", sent)
            .field("seen", &seen.highest)
            .finish_non_exhaustive()
    }
}

/// The highest number seen, and which of the ones just below it.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    highest: u32,
    below: u32,
}

impl Seen {
    fn accept(&mut self, sequence: u32) -> bool {
        let ahead = sequence.wrapping_sub(self.highest);
        if sequence == 0 || ahead == 0 {
            return false;
        }
        if ahead <= WINDOW {
            self.below = self.below.checked_shl(ahead).unwrap_or(0) | bit(ahead);
            self.highest = sequence;
            return true;
        }
        let behind = self.highest.wrapping_sub(sequence);
        let new = behind <= WINDOW && self.below & bit(behind) == 0;
        if new {
            self.below |= bit(behind);
        }
        new
    }
}

/// The bit that stands for a distance of 1 to 32 below the highest.
fn bit(distance: u32) -> u32 {
    distance.checked_sub(1).and_then(|shift| 1_u32.checked_shl(shift)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_accepted_once_and_in_any_near_order() {
        let mut seen = Seen::default();
        let verdicts = [1, 3, 2, 2, 3, 34, 2, 1, 4, 4, 99, 67, 35].map(|n| (n, seen.accept(n)));
        let accepted: Vec<u32> = verdicts.iter().filter(|v| v.1).map(|v| v.0).collect();
        assert_eq!(accepted, [1, 3, 2, 34, 4, 35]);
    }

    #[test]
    fn numbers_wrap_around() {
        let mut seen = Seen { highest: u32::MAX, below: 0 };
        assert!(seen.accept(1));
        assert!(!seen.accept(0));
        assert!(!seen.accept(u32::MAX));
    }
}
