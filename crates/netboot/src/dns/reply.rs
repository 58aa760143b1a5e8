//! From the bytes of a question to the bytes of an answer, or to the servers to ask.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{NS, PTR, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use model::BootView;
use model::dns::{Answer, Data, Kind, TTL};

use super::Transport;

/// What to do with a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Nothing: it is no question.
    Silence,
    /// Send this.
    Answer(Vec<u8>),
    /// Ask these servers.
    Forward(Vec<SocketAddr>),
}

/// Decides about a question from `peer`.
pub(super) fn plan(view: &BootView, bytes: &[u8], peer: IpAddr, transport: Transport) -> Plan {
    let Ok(message) = Message::from_vec(bytes) else {
        return refusal(bytes, ResponseCode::FormErr).map_or(Plan::Silence, Plan::Answer);
    };
    if message.metadata.message_type != MessageType::Query {
        return Plan::Silence;
    }
    let (OpCode::Query, [query]) = (message.metadata.op_code, message.queries.as_slice()) else {
        return encoded(&mut answer_to(&message, ResponseCode::NotImp), transport, &message);
    };
    let name = query.name.to_ascii();
    let serial = u32::try_from(view.snapshot().generation() & 0xffff_ffff).unwrap_or(u32::MAX);
    let found = view.zones().answer(&name, kind(query.query_type), serial);
    let ours = query.query_class == DNSClass::IN && found != Answer::NotOurs;
    if !ours {
        return elsewhere(view, &message, peer, transport);
    }
    let mut answer = answer_to(&message, ResponseCode::NoError);
    answer.metadata.authoritative = true;
    fill(&mut answer, query, found, view.zones().server(), serial);
    encoded(&mut answer, transport, &message)
}

/// A question about other zones: forwarded for machines of the cluster, refused for others.
fn elsewhere(view: &BootView, message: &Message, peer: IpAddr, transport: Transport) -> Plan {
    let peer = peer.to_canonical();
    let known = match peer {
        IpAddr::V4(ip) => ip.is_loopback() || view.network_of(ip).is_some(),
        IpAddr::V6(ip) => ip.is_loopback() || view.node_at(peer).is_some(),
    };
    if !known {
        return encoded(&mut answer_to(message, ResponseCode::Refused), transport, message);
    }
    let servers: Vec<SocketAddr> =
        view.zones().forwarders().iter().map(|server| SocketAddr::new(*server, 53)).collect();
    if servers.is_empty() {
        return encoded(&mut answer_to(message, ResponseCode::ServFail), transport, message);
    }
    Plan::Forward(servers)
}

fn kind(record_type: RecordType) -> Kind {
    match record_type {
        RecordType::A => Kind::A,
        RecordType::AAAA => Kind::Aaaa,
        RecordType::PTR => Kind::Ptr,
        RecordType::NS => Kind::Ns,
        RecordType::SOA => Kind::Soa,
        RecordType::ANY => Kind::Any,
        _ => Kind::Other,
    }
}

fn answer_to(message: &Message, code: ResponseCode) -> Message {
    let mut answer = Message::response(message.metadata.id, message.metadata.op_code);
    answer.metadata.recursion_desired = message.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    answer.metadata.response_code = code;
    answer.queries.clone_from(&message.queries);
    if message.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(1232);
        answer.edns = Some(edns);
    }
    answer
}

fn fill(answer: &mut Message, query: &Query, found: Answer, server: &str, serial: u32) {
    match found {
        Answer::Found(values) => {
            let record = |value| Some(Record::from_rdata(query.name.clone(), TTL, data(value)?));
            answer.answers = values.into_iter().filter_map(record).collect();
        }
        Answer::Empty(zone) => answer.authorities.extend(start(&zone, server, serial)),
        Answer::NoName(zone) => {
            answer.metadata.response_code = ResponseCode::NXDomain;
            answer.authorities.extend(start(&zone, server, serial));
        }
        Answer::NotOurs => {}
    }
}

fn start(zone: &str, server: &str, serial: u32) -> Option<Record> {
    let data = data(Data::Soa { server: server.to_owned(), serial })?;
    Some(Record::from_rdata(full(zone)?, TTL, data))
}

fn data(value: Data) -> Option<RData> {
    Some(match value {
        Data::Address(IpAddr::V4(ip)) => RData::A(ip.into()),
        Data::Address(IpAddr::V6(ip)) => RData::AAAA(ip.into()),
        Data::Ptr(name) => RData::PTR(PTR(full(&name)?)),
        Data::Ns(name) => RData::NS(NS(full(&name)?)),
        Data::Soa { server, serial } => {
            let mailbox = full(&format!("root.{server}"))?;
            RData::SOA(SOA::new(full(&server)?, mailbox, serial, 3600, 600, 86400, TTL))
        }
    })
}

/// The name with a dot at its end; none when DNS cannot carry it.
fn full(name: &str) -> Option<Name> {
    Name::from_ascii(format!("{}.", name.trim_end_matches('.'))).ok()
}

/// The bytes of `answer`, cut to a hint to use TCP when they do not fit the client's UDP.
fn encoded(answer: &mut Message, transport: Transport, question: &Message) -> Plan {
    let Ok(bytes) = answer.to_vec() else { return Plan::Silence };
    let room = usize::from(question.max_payload());
    if transport == Transport::Tcp || bytes.len() <= room {
        return Plan::Answer(bytes);
    }
    answer.truncate().to_vec().map_or(Plan::Silence, Plan::Answer)
}

/// An answer with `code` and nothing else, for a question that may be unreadable beyond its header.
pub(super) fn refusal(question: &[u8], code: ResponseCode) -> Option<Vec<u8>> {
    let header = question.get(..12)?;
    let is_answer = header[2] & 0x80 != 0;
    if is_answer {
        return None;
    }
    if let Ok(message) = Message::from_vec(question) {
        return answer_to(&message, code).to_vec().ok();
    }
    let id = u16::from_be_bytes([header[0], header[1]]);
    Message::error_msg(id, OpCode::Query, code).to_vec().ok()
}
