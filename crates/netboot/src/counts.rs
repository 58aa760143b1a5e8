//! How requests to boot services ended, counted by a fixed list of reasons: one atomic addition for each request, whatever
//! peers send.

use hickory_proto::op::ResponseCode;
use hyper::StatusCode;
use model::dhcp::{Decision, Silence};
use runtime::metrics::Counter;

macro_rules! endings {
    ($($name:ident $service:literal $answered:literal $reason:literal,)*) => {
        /// How a request ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Ending { $(#[doc = concat!($service, ": ", $reason, ".")] $name,)* }

        impl Ending {
            /// Every ending, by service.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The service, whether the peer got what it asked for (`yes`), a refusal (`refused`) or nothing (`no`), and
            /// the reason.
            pub const fn labels(self) -> [&'static str; 3] {
                match self { $(Self::$name => [$service, $answered, $reason],)* }
            }
        }
    };
}

endings! {
    DhcpOffer "dhcp" "yes" "offer",
    DhcpAck "dhcp" "yes" "ack",
    DhcpNak "dhcp" "refused" "nak",
    DhcpUnreadable "dhcp" "no" "unreadable",
    DhcpNotAsked "dhcp" "no" "not-asked",
    DhcpNotEthernet "dhcp" "no" "not-ethernet",
    DhcpNotServed "dhcp" "no" "interface-not-served",
    DhcpUnknownMac "dhcp" "no" "unknown-mac",
    DhcpNoIp "dhcp" "no" "noip",
    DhcpNoAddress "dhcp" "no" "no-address",
    DhcpWrongNetwork "dhcp" "no" "wrong-network",
    DhcpOtherServer "dhcp" "no" "other-server",
    DhcpDeclined "dhcp" "no" "declined",
    DhcpReleased "dhcp" "no" "released",
    TftpSent "tftp" "yes" "sent",
    TftpDeclined "tftp" "yes" "size-only",
    TftpAbsent "tftp" "refused" "absent",
    TftpBroken "tftp" "yes" "broken-off",
    TftpRefused "tftp" "refused" "no-read",
    TftpBusy "tftp" "refused" "busy",
    TftpUnreadable "tftp" "no" "unreadable",
    HttpSuccess "http" "yes" "success",
    HttpUnchanged "http" "yes" "unchanged",
    HttpAbsent "http" "refused" "absent",
    HttpRefused "http" "refused" "wrong-request",
    HttpBusy "http" "refused" "busy",
    DnsAnswer "dns" "yes" "answer",
    DnsForwarded "dns" "yes" "forwarded",
    DnsNoName "dns" "yes" "no-such-name",
    DnsRefused "dns" "refused" "not-ours",
    DnsFailed "dns" "refused" "failed",
    DnsUnreadable "dns" "no" "unreadable",
    DnsBusy "dns" "no" "busy",
}

/// The counters of all endings.
#[derive(Debug)]
pub struct Counts([Counter; Ending::ALL.len()]);

impl Default for Counts {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Counter::default()))
    }
}

impl Counts {
    /// One more.
    pub fn add(&self, ending: Ending) {
        self.0[ending as usize].inc();
    }

    /// How many so far.
    pub fn get(&self, ending: Ending) -> u64 {
        self.0[ending as usize].get()
    }
}

impl From<&Decision> for Ending {
    fn from(decision: &Decision) -> Self {
        match decision {
            Decision::Offer(_) => Self::DhcpOffer,
            Decision::Ack(_) => Self::DhcpAck,
            Decision::Nak(_) => Self::DhcpNak,
            Decision::Silent(silence) => match silence {
                Silence::NotAsked => Self::DhcpNotAsked,
                Silence::NotEthernet => Self::DhcpNotEthernet,
                Silence::NotServed { .. } => Self::DhcpNotServed,
                Silence::UnknownMac(_) => Self::DhcpUnknownMac,
                Silence::NoIp(_) => Self::DhcpNoIp,
                Silence::NoAddress { .. } => Self::DhcpNoAddress,
                Silence::WrongNetwork { .. } => Self::DhcpWrongNetwork,
                Silence::OtherServer { .. } => Self::DhcpOtherServer,
                Silence::Declined { .. } => Self::DhcpDeclined,
                Silence::Released(_) => Self::DhcpReleased,
            },
        }
    }
}

impl From<StatusCode> for Ending {
    fn from(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_MODIFIED => Self::HttpUnchanged,
            StatusCode::NOT_FOUND => Self::HttpAbsent,
            StatusCode::SERVICE_UNAVAILABLE => Self::HttpBusy,
            _ if status.is_success() || status.is_redirection() => Self::HttpSuccess,
            _ => Self::HttpRefused,
        }
    }
}

/// How a question ended, by the code in the answer to it (RFC 1035 section 4.1.1).
pub(crate) fn of_dns_answer(answer: &[u8]) -> Ending {
    let code = answer.get(3).map_or(ResponseCode::ServFail.low(), |byte| byte & 0x0f);
    match ResponseCode::from(0, code) {
        ResponseCode::NoError => Ending::DnsAnswer,
        ResponseCode::NXDomain => Ending::DnsNoName,
        ResponseCode::Refused => Ending::DnsRefused,
        _ => Ending::DnsFailed,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn endings_are_counted_apart() {
        let distinct: HashSet<_> = Ending::ALL.iter().map(|ending| ending.labels()).collect();
        assert_eq!(distinct.len(), Ending::ALL.len());
        let counts = Counts::default();
        counts.add(Ending::from(&Decision::Silent(Silence::NotAsked)));
        counts.add(Ending::from(StatusCode::PARTIAL_CONTENT));
        counts.add(of_dns_answer(&[0, 1, 0x81, 0x83]));
        counts.add(of_dns_answer(&[]));
        let counted = Ending::ALL.iter().copied().filter(|ending| counts.get(*ending) == 1);
        let expected =
            [Ending::DhcpNotAsked, Ending::HttpSuccess, Ending::DnsNoName, Ending::DnsFailed];
        assert_eq!(counted.collect::<Vec<_>>(), expected);
    }
}
