//! Opening a session: the six messages, and the proofs that both sides know the password.
//!
//! ```text
//! console                          controller
//!    | -- open request: suite        --> |
//!    | <-- open response: its number --- |
//!    | -- RAKP 1: nonce, user        --> |
//!    | <-- RAKP 2: nonce, GUID, proof -- |   proof wrong: the password differs
//!    | -- RAKP 3: proof              --> |   refused:     the password differs
//!    | <-- RAKP 4: check             --- |   both derive the session's keys
//! ```
//!
//! A role byte is the requested privilege plus 0x10: find the user by name alone.

use std::fmt;

use subtle::ConstantTimeEq;

use super::{Malformed, Session, Suite, take};

/// The longest user name.
const USER_MAX: usize = 16;
/// The longest password of IPMI 2.0.
const PASSWORD_MAX: usize = 20;

/// Why a step of opening a session was refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u8);

impl Status {
    /// Not refused.
    pub const OK: Self = Self(0x00);
    /// Too many sessions.
    pub const RESOURCES: Self = Self(0x01);
    /// No such session.
    pub const SESSION: Self = Self(0x02);
    /// The user may not have this privilege.
    pub const PRIVILEGE: Self = Self(0x0a);
    /// No such user.
    pub const NAME: Self = Self(0x0d);
    /// The proof is wrong.
    pub const INTEGRITY: Self = Self(0x0f);
    /// None of the cipher suites fits.
    pub const SUITE: Self = Self(0x11);
    /// Something in the message makes no sense.
    pub const PARAMETER: Self = Self(0x12);

    /// Whether another cipher suite may be taken.
    pub const fn is_suite(self) -> bool {
        matches!(self.0, 0x03 | 0x04 | 0x05 | 0x06 | 0x07 | 0x10 | 0x11)
    }

    /// Whether the controller has no room for a session now.
    pub const fn is_busy(self) -> bool {
        matches!(self.0, 0x01 | 0x0b)
    }

    /// Whether the user may not have the privilege.
    pub const fn is_privilege(self) -> bool {
        matches!(self.0, 0x09 | 0x0a)
    }

    const fn words(self) -> &'static str {
        match self.0 {
            0x00 => "no error",
            0x01 => "no room for another session",
            0x02 => "invalid session number",
            0x03 => "invalid payload type",
            0x04 => "authentication algorithm not supported",
            0x05 => "integrity algorithm not supported",
            0x06 | 0x07 => "no matching algorithm",
            0x08 => "inactive session number",
            0x09 => "invalid role",
            0x0a => "privilege not allowed for this user",
            0x0b => "no room for a session with this privilege",
            0x0c => "invalid length of the user name",
            0x0d => "unknown user",
            0x0e => "unknown GUID",
            0x0f => "wrong integrity check value",
            0x10 => "encryption algorithm not supported",
            0x11 => "no cipher suite matches",
            0x12 => "illegal parameter",
            _ => "unknown status",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (status {:#04x})", self.words(), self.0)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Status({:#04x})", self.0)
    }
}

/// A user name or password that IPMI cannot carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUser {
    /// Too long a name.
    #[error("user name is longer than 16 bytes")]
    Name,
    /// Too long a password.
    #[error("password is longer than 20 bytes")]
    Password,
}

/// A user name of at most 16 bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserName(Vec<u8>);

impl UserName {
    /// Takes a name that fits.
    pub fn new(name: &[u8]) -> Result<Self, InvalidUser> {
        if name.len() > USER_MAX { Err(InvalidUser::Name) } else { Ok(Self(name.to_vec())) }
    }

    /// The name's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn length(&self) -> u8 {
        u8::try_from(self.0.len()).unwrap_or(u8::MAX)
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

/// Checks that a password fits.
pub(super) fn check_password(password: &str) -> Result<(), InvalidUser> {
    if password.len() > PASSWORD_MAX { Err(InvalidUser::Password) } else { Ok(()) }
}

/// Open Session Request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenRequest {
    /// Repeated by the response.
    pub tag: u8,
    /// Highest privilege wanted; 0 leaves it to the user's.
    pub privilege: u8,
    /// The console's number for the session.
    pub console: u32,
    /// Authentication, integrity and confidentiality algorithms.
    pub algorithms: [u8; 3],
}

/// Open Session Response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenResponse {
    /// The request's tag.
    pub tag: u8,
    /// Whether it was accepted.
    pub status: Status,
    /// Highest privilege the session can have.
    pub privilege: u8,
    /// The console's number.
    pub console: u32,
    /// The controller's number; 0 when refused.
    pub bmc: u32,
    /// The algorithms taken; zeros when refused.
    pub algorithms: [u8; 3],
}

/// RAKP message 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rakp1 {
    /// Repeated by message 2.
    pub tag: u8,
    /// The controller's session number.
    pub bmc: u32,
    /// The console's random number.
    pub nonce: [u8; 16],
    /// Wanted privilege and how to look the user up.
    pub role: u8,
    /// The user.
    pub user: UserName,
}

/// RAKP message 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rakp2 {
    /// The tag of message 1.
    pub tag: u8,
    /// Whether it was accepted; the rest is empty if not.
    pub status: Status,
    /// The console's session number.
    pub console: u32,
    /// The controller's random number.
    pub nonce: [u8; 16],
    /// The controller's identity.
    pub guid: [u8; 16],
    /// Proof that it knows the password.
    pub proof: Vec<u8>,
}

/// RAKP message 3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rakp3 {
    /// Repeated by message 4.
    pub tag: u8,
    /// Whether the console accepted message 2.
    pub status: Status,
    /// The controller's session number.
    pub bmc: u32,
    /// Proof that the console knows the password.
    pub proof: Vec<u8>,
}

/// RAKP message 4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rakp4 {
    /// The tag of message 3.
    pub tag: u8,
    /// Whether it was accepted.
    pub status: Status,
    /// The console's session number.
    pub console: u32,
    /// Check value under the session key.
    pub check: Vec<u8>,
}

fn encode_algorithms(bytes: &mut Vec<u8>, algorithms: [u8; 3]) {
    for (kind, algorithm) in (0..).zip(algorithms) {
        bytes.extend([kind, 0, 0, 8, algorithm, 0, 0, 0]);
    }
}

fn decode_algorithms(bytes: &[u8]) -> Result<[u8; 3], Malformed> {
    let mut algorithms = [0; 3];
    let mut rest = bytes;
    for algorithm in &mut algorithms {
        let (chunk, next) = take::<8>(rest, "open session message")?;
        *algorithm = chunk[4] & 0x3f;
        rest = next;
    }
    Ok(algorithms)
}

fn number(bytes: [u8; 4]) -> u32 {
    u32::from_le_bytes(bytes)
}

/// Tag, status and session number: the head of every message after the first.
fn head(tag: u8, status: Status, session: u32) -> Vec<u8> {
    let mut bytes = vec![tag, status.0, 0, 0];
    bytes.extend(session.to_le_bytes());
    bytes
}

impl OpenRequest {
    /// The message's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![self.tag, self.privilege, 0, 0];
        bytes.extend(self.console.to_le_bytes());
        encode_algorithms(&mut bytes, self.algorithms);
        bytes
    }

    /// Reads the message.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let ([tag, privilege, _, _], rest) = take::<4>(bytes, "open session request")?;
        let (console, rest) = take::<4>(rest, "open session request")?;
        let algorithms = decode_algorithms(rest)?;
        Ok(Self { tag: *tag, privilege: privilege & 0x0f, console: number(*console), algorithms })
    }
}

impl OpenResponse {
    /// The message's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![self.tag, self.status.0, self.privilege, 0];
        bytes.extend(self.console.to_le_bytes());
        if self.status == Status::OK {
            bytes.extend(self.bmc.to_le_bytes());
            encode_algorithms(&mut bytes, self.algorithms);
        }
        bytes
    }

    /// Reads the message.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "open session response";
        let ([tag, status], rest) = take::<2>(bytes, WHAT)?;
        let (tag, status) = (*tag, Status(*status));
        if status != Status::OK {
            return Ok(Self { tag, status, privilege: 0, console: 0, bmc: 0, algorithms: [0; 3] });
        }
        let ([privilege, _], rest) = take::<2>(rest, WHAT)?;
        let (console, rest) = take::<4>(rest, WHAT)?;
        let (bmc, rest) = take::<4>(rest, WHAT)?;
        let algorithms = decode_algorithms(rest)?;
        let (privilege, console, bmc) = (privilege & 0x0f, number(*console), number(*bmc));
        Ok(Self { tag, status, privilege, console, bmc, algorithms })
    }
}

impl Rakp1 {
    /// The message's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = head(self.tag, Status::OK, self.bmc);
        bytes.extend(self.nonce);
        bytes.extend([self.role, 0, 0, self.user.length()]);
        bytes.extend(self.user.as_bytes());
        bytes
    }

    /// Reads the message.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "RAKP message 1";
        let ([tag, _, _, _], rest) = take::<4>(bytes, WHAT)?;
        let (bmc, rest) = take::<4>(rest, WHAT)?;
        let (nonce, rest) = take::<16>(rest, WHAT)?;
        let ([role, _, _, len], rest) = take::<4>(rest, WHAT)?;
        let user = rest.get(..usize::from(*len)).ok_or(Malformed::Short(WHAT))?;
        let user = UserName::new(user).map_err(|_| Malformed::Unknown("user name length", *len))?;
        Ok(Self { tag: *tag, bmc: number(*bmc), nonce: *nonce, role: *role, user })
    }
}

impl Rakp2 {
    /// The message's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = head(self.tag, self.status, self.console);
        if self.status == Status::OK {
            bytes.extend(self.nonce);
            bytes.extend(self.guid);
            bytes.extend(&self.proof);
        }
        bytes
    }

    /// Reads the message.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "RAKP message 2";
        let ([tag, status], rest) = take::<2>(bytes, WHAT)?;
        let (tag, status) = (*tag, Status(*status));
        if status != Status::OK {
            let (nonce, guid, proof) = ([0; 16], [0; 16], Vec::new());
            return Ok(Self { tag, status, console: 0, nonce, guid, proof });
        }
        let (_, rest) = take::<2>(rest, WHAT)?;
        let (console, rest) = take::<4>(rest, WHAT)?;
        let (nonce, rest) = take::<16>(rest, WHAT)?;
        let (guid, proof) = take::<16>(rest, WHAT)?;
        let (console, proof) = (number(*console), proof.to_vec());
        Ok(Self { tag, status, console, nonce: *nonce, guid: *guid, proof })
    }
}

impl Rakp3 {
    /// The message's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = head(self.tag, self.status, self.bmc);
        bytes.extend(&self.proof);
        bytes
    }

    /// Reads the message.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let ([tag, status, _, _], rest) = take::<4>(bytes, "RAKP message 3")?;
        let (bmc, proof) = take::<4>(rest, "RAKP message 3")?;
        Ok(Self { tag: *tag, status: Status(*status), bmc: number(*bmc), proof: proof.to_vec() })
    }
}

impl Rakp4 {
    /// The message's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = head(self.tag, self.status, self.console);
        bytes.extend(&self.check);
        bytes
    }

    /// Reads the message.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "RAKP message 4";
        let ([tag, status], rest) = take::<2>(bytes, WHAT)?;
        let (tag, status) = (*tag, Status(*status));
        if status != Status::OK {
            return Ok(Self { tag, status, console: 0, check: Vec::new() });
        }
        let (_, rest) = take::<2>(rest, WHAT)?;
        let (console, check) = take::<4>(rest, WHAT)?;
        Ok(Self { tag, status, console: number(*console), check: check.to_vec() })
    }
}

/// Everything both sides have agreed on after RAKP 2: all proofs and keys are functions of it and the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The cipher suite.
    pub suite: Suite,
    /// The console's session number.
    pub console: u32,
    /// The controller's session number.
    pub bmc: u32,
    /// The console's random number.
    pub console_nonce: [u8; 16],
    /// The controller's random number.
    pub bmc_nonce: [u8; 16],
    /// The controller's identity.
    pub guid: [u8; 16],
    /// The role byte of RAKP 1.
    pub role: u8,
    /// The user.
    pub user: UserName,
}

impl Exchange {
    /// The controller's proof in RAKP 2.
    pub fn bmc_proof(&self, password: &str) -> Vec<u8> {
        let (console, bmc) = (self.console.to_le_bytes(), self.bmc.to_le_bytes());
        let user = self.user_part();
        let parts: [&[u8]; 6] =
            [&console, &bmc, &self.console_nonce, &self.bmc_nonce, &self.guid, &user];
        self.suite.hmac(password.as_bytes(), &parts)
    }

    /// The console's proof in RAKP 3.
    pub fn console_proof(&self, password: &str) -> Vec<u8> {
        let console = self.console.to_le_bytes();
        let user = self.user_part();
        self.suite.hmac(password.as_bytes(), &[&self.bmc_nonce, &console, &user])
    }

    /// The check value of RAKP 4.
    pub fn check(&self, password: &str) -> Vec<u8> {
        let bmc = self.bmc.to_le_bytes();
        let parts: [&[u8]; 3] = [&self.console_nonce, &bmc, &self.guid];
        let mut check = self.suite.hmac(&self.session_key(password), &parts);
        check.truncate(self.suite.check_len());
        check
    }

    /// The console's end of the session.
    pub fn console_session(&self, password: &str) -> Session {
        Session::new(self.suite, &self.session_key(password), self.console, self.bmc)
    }

    /// The controller's end of the session.
    pub fn bmc_session(&self, password: &str) -> Session {
        Session::new(self.suite, &self.session_key(password), self.bmc, self.console)
    }

    fn session_key(&self, password: &str) -> Vec<u8> {
        let user = self.user_part();
        let parts: [&[u8]; 3] = [&self.console_nonce, &self.bmc_nonce, &user];
        self.suite.hmac(password.as_bytes(), &parts)
    }

    fn user_part(&self) -> Vec<u8> {
        let mut bytes = vec![self.role, self.user.length()];
        bytes.extend(self.user.as_bytes());
        bytes
    }
}

/// Compares two proofs without telling by time where they differ.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}
