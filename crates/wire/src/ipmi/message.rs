//! One IPMI message: a request to a controller, or its response, between two checksums.

use super::{Completion, Malformed, take};

const BMC: u8 = 0x20;
const CONSOLE: u8 = 0x81;
const WHAT: &str = "IPMI message";

/// The network function of a request; its response carries the next odd number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NetFn(pub u8);

impl NetFn {
    /// Power and boot.
    pub const CHASSIS: Self = Self(0x00);
    /// Device, session and channel.
    pub const APP: Self = Self(0x06);
}

/// A request to a service processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Network function, even.
    pub net_fn: NetFn,
    /// Command number.
    pub command: u8,
    /// Bytes after the command.
    pub data: Vec<u8>,
}

/// A service processor's response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Network function of the request.
    pub net_fn: NetFn,
    /// Command number of the request.
    pub command: u8,
    /// How it went.
    pub completion: Completion,
    /// Bytes after the completion code.
    pub data: Vec<u8>,
}

impl Request {
    /// The message's bytes; `sequence` is the six-bit number that the response repeats.
    pub fn encode(&self, sequence: u8) -> Vec<u8> {
        let head = [BMC, (self.net_fn.0 & 0x3e) << 2];
        message(head, [CONSOLE, sequence << 2, self.command], &self.data)
    }

    /// Reads a request and its sequence number.
    pub fn decode(bytes: &[u8]) -> Result<(Self, u8), Malformed> {
        let parts = split(bytes)?;
        let request =
            Self { net_fn: NetFn(parts.net_fn), command: parts.command, data: parts.data.to_vec() };
        Ok((request, parts.sequence))
    }

    /// The response to this request.
    pub fn respond(&self, completion: Completion, data: Vec<u8>) -> Response {
        Response { net_fn: self.net_fn, command: self.command, completion, data }
    }
}

impl Response {
    /// The message's bytes, answering the request with this sequence number.
    pub fn encode(&self, sequence: u8) -> Vec<u8> {
        let head = [CONSOLE, (self.net_fn.0 | 1) << 2];
        let mut data = vec![self.completion.0];
        data.extend(&self.data);
        message(head, [BMC, sequence << 2, self.command], &data)
    }

    /// Reads a response and the sequence number of its request.
    pub fn decode(bytes: &[u8]) -> Result<(Self, u8), Malformed> {
        let parts = split(bytes)?;
        let ([completion], data) = take::<1>(parts.data, WHAT)?;
        if parts.net_fn & 1 == 0 {
            return Err(Malformed::Unknown("response's network function", parts.net_fn));
        }
        let response = Self {
            net_fn: NetFn(parts.net_fn & !1),
            command: parts.command,
            completion: Completion(*completion),
            data: data.to_vec(),
        };
        Ok((response, parts.sequence))
    }
}

struct Parts<'a> {
    net_fn: u8,
    sequence: u8,
    command: u8,
    data: &'a [u8],
}

fn message(head: [u8; 2], tail: [u8; 3], data: &[u8]) -> Vec<u8> {
    let mut bytes = head.to_vec();
    bytes.push(checksum(&head));
    bytes.extend(tail);
    bytes.extend(data);
    bytes.push(checksum(&bytes[3..]));
    bytes
}

fn split(bytes: &[u8]) -> Result<Parts<'_>, Malformed> {
    let (head, rest) = take::<3>(bytes, WHAT)?;
    let (last, body) = rest.split_last().ok_or(Malformed::Short(WHAT))?;
    let ([_, sequence, command], data) = take::<3>(body, WHAT)?;
    if checksum(head) != 0 || checksum(body) != *last {
        return Err(Malformed::Checksum(WHAT));
    }
    Ok(Parts { net_fn: head[1] >> 2, sequence: sequence >> 2, command: *command, data })
}

/// The byte that makes the sum zero.
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg()
}
