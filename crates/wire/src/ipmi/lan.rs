//! The datagram: RMCP header, presence ping, and the two wrappers around an IPMI payload.
//!
//! A decoded packet is a view of the datagram that proves nothing yet: [`super::Session::open`] verifies and decrypts.

use super::{Malformed, take};

const RMCP: [u8; 3] = [0x06, 0x00, 0xff];
const CLASS_ASF: u8 = 0x06;
const CLASS_IPMI: u8 = 0x07;
const ASF_IANA: [u8; 4] = [0, 0, 0x11, 0xbe];
const ASF_PING: u8 = 0x80;
const ASF_PONG: u8 = 0x40;
const AUTH_NONE: u8 = 0x00;
const AUTH_RMCP_PLUS: u8 = 0x06;
const WHAT: &str = "IPMI packet";

/// What an RMCP+ packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// An IPMI message.
    Ipmi,
    /// Serial over LAN.
    Sol,
    /// Open Session Request.
    OpenRequest,
    /// Open Session Response.
    OpenResponse,
    /// RAKP message 1.
    Rakp1,
    /// RAKP message 2.
    Rakp2,
    /// RAKP message 3.
    Rakp3,
    /// RAKP message 4.
    Rakp4,
}

const PAYLOADS: [(u8, Payload); 8] = [
    (0x00, Payload::Ipmi),
    (0x01, Payload::Sol),
    (0x10, Payload::OpenRequest),
    (0x11, Payload::OpenResponse),
    (0x12, Payload::Rakp1),
    (0x13, Payload::Rakp2),
    (0x14, Payload::Rakp3),
    (0x15, Payload::Rakp4),
];

impl Payload {
    fn code(self) -> u8 {
        PAYLOADS.iter().find(|(_, payload)| *payload == self).map_or(0, |(code, _)| *code)
    }

    fn from_code(code: u8) -> Result<Self, Malformed> {
        let found = PAYLOADS.iter().find(|(known, _)| *known == code);
        found.map(|(_, payload)| *payload).ok_or(Malformed::Unknown("payload type", code))
    }
}

/// One datagram of port 623.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datagram<'a> {
    /// "Is a service processor there?"
    Ping {
        /// Echoed by the pong.
        tag: u8,
    },
    /// "Yes."
    Pong {
        /// The ping's tag.
        tag: u8,
    },
    /// An unprotected message, as IPMI 1.5 wraps it: what comes before a session.
    Bare(&'a [u8]),
    /// An unprotected RMCP+ payload: the steps of opening a session.
    Plain(Plain<'a>),
    /// A payload within a session.
    Sealed(Sealed<'a>),
}

/// An RMCP+ payload that is neither signed nor encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plain<'a> {
    /// Its kind.
    pub payload: Payload,
    /// The session it claims to belong to; 0 before there is one.
    pub session: u32,
    /// Its bytes.
    pub body: &'a [u8],
}

/// A signed, usually encrypted RMCP+ payload, not verified yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed<'a> {
    /// Its kind.
    pub payload: Payload,
    /// Whether the body is encrypted.
    pub encrypted: bool,
    /// The receiver's session number.
    pub session: u32,
    /// The sender's sequence number.
    pub sequence: u32,
    /// Its bytes.
    pub body: &'a [u8],
    /// Everything from the authentication type on: signed part and signature.
    pub(super) signed: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Reads a datagram.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let ([version, _, sequence, class], rest) = take::<4>(bytes, "RMCP header")?;
        if [*version, *sequence] != [RMCP[0], RMCP[2]] && *class != CLASS_ASF {
            return Err(Malformed::Unknown("RMCP header", *version));
        }
        match *class {
            CLASS_ASF => asf(rest),
            CLASS_IPMI => ipmi(rest),
            other => Err(Malformed::Unknown("RMCP class", other)),
        }
    }

    /// The bytes of a presence ping.
    pub fn ping(tag: u8) -> Vec<u8> {
        asf_packet(ASF_PING, tag, &[])
    }

    /// The bytes of the answer to a ping: IPMI is supported.
    pub fn pong(tag: u8) -> Vec<u8> {
        let mut data = [0; 16];
        data[..4].copy_from_slice(&ASF_IANA);
        data[8] = 0x81;
        asf_packet(ASF_PONG, tag, &data)
    }

    /// Wraps a message as IPMI 1.5 does outside of a session.
    pub fn bare(message: &[u8]) -> Vec<u8> {
        let mut packet = header(AUTH_NONE);
        packet.extend([0; 8]);
        packet.push(u8::try_from(message.len()).unwrap_or(u8::MAX));
        packet.extend(message);
        packet
    }
}

impl Plain<'_> {
    /// The packet's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut packet = header(AUTH_RMCP_PLUS);
        packet.push(self.payload.code());
        packet.extend(self.session.to_le_bytes());
        packet.extend(0_u32.to_le_bytes());
        packet.extend(length(self.body));
        packet.extend(self.body);
        packet
    }
}

/// A sealed packet up to and including the trailer's "next header", and where its signed part begins.
pub(super) fn unsigned(
    payload: Payload,
    session: u32,
    sequence: u32,
    body: &[u8],
) -> (Vec<u8>, usize) {
    let mut packet = header(AUTH_RMCP_PLUS);
    let start = packet.len() - 1;
    packet.push(0xc0 | payload.code());
    packet.extend(session.to_le_bytes());
    packet.extend(sequence.to_le_bytes());
    packet.extend(length(body));
    packet.extend(body);
    let pad = (4 - (packet.len() - start + 2) % 4) % 4;
    packet.extend(std::iter::repeat_n(0xff, pad));
    packet.push(u8::try_from(pad).unwrap_or_default());
    packet.push(0x07);
    (packet, start)
}

fn header(auth: u8) -> Vec<u8> {
    let [version, reserved, sequence] = RMCP;
    vec![version, reserved, sequence, CLASS_IPMI, auth]
}

fn length(body: &[u8]) -> [u8; 2] {
    u16::try_from(body.len()).unwrap_or(u16::MAX).to_le_bytes()
}

fn asf_packet(kind: u8, tag: u8, data: &[u8]) -> Vec<u8> {
    let [version, reserved, sequence] = RMCP;
    let mut packet = vec![version, reserved, sequence, CLASS_ASF];
    packet.extend(ASF_IANA);
    packet.extend([kind, tag, 0, u8::try_from(data.len()).unwrap_or_default()]);
    packet.extend(data);
    packet
}

fn asf(bytes: &[u8]) -> Result<Datagram<'_>, Malformed> {
    let (_, rest) = take::<4>(bytes, "ASF message")?;
    let ([kind, tag, _, _], _) = take::<4>(rest, "ASF message")?;
    match *kind {
        ASF_PING => Ok(Datagram::Ping { tag: *tag }),
        ASF_PONG => Ok(Datagram::Pong { tag: *tag }),
        other => Err(Malformed::Unknown("ASF message type", other)),
    }
}

fn ipmi(bytes: &[u8]) -> Result<Datagram<'_>, Malformed> {
    match bytes.first() {
        Some(&AUTH_NONE) => bare(bytes),
        Some(&AUTH_RMCP_PLUS) => rmcp_plus(bytes),
        Some(&other) => Err(Malformed::Unknown("authentication type", other)),
        None => Err(Malformed::Short(WHAT)),
    }
}

fn bare(bytes: &[u8]) -> Result<Datagram<'_>, Malformed> {
    let (_, rest) = take::<9>(bytes, WHAT)?;
    let ([len], rest) = take::<1>(rest, WHAT)?;
    let body = rest.get(..usize::from(*len)).ok_or(Malformed::Short(WHAT))?;
    Ok(Datagram::Bare(body))
}

fn rmcp_plus(signed: &[u8]) -> Result<Datagram<'_>, Malformed> {
    let ([_, kind], rest) = take::<2>(signed, WHAT)?;
    let (session, rest) = take::<4>(rest, WHAT)?;
    let (sequence, rest) = take::<4>(rest, WHAT)?;
    let (len, rest) = take::<2>(rest, WHAT)?;
    let len = usize::from(u16::from_le_bytes(*len));
    let body = rest.get(..len).ok_or(Malformed::Short(WHAT))?;
    let payload = Payload::from_code(kind & 0x3f)?;
    let session = u32::from_le_bytes(*session);
    if kind & 0x40 == 0 {
        return Ok(Datagram::Plain(Plain { payload, session, body }));
    }
    let sequence = u32::from_le_bytes(*sequence);
    let encrypted = kind & 0x80 != 0;
    Ok(Datagram::Sealed(Sealed { payload, encrypted, session, sequence, body, signed }))
}
