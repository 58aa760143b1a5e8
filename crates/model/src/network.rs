//! The rows of table `networks` as values.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use tables::{Row, Snapshot};

use crate::cell::{self, field};
use crate::problem::Problem;

/// A network as the tables define it. Server names are kept as written: they may be `<xcatmaster>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub net: Ipv4Net,
    /// The server's interface on it.
    pub interface: Option<String>,
    /// The router.
    pub gateway: Option<String>,
    /// The boot server.
    pub tftp_server: Option<String>,
    /// Name servers.
    pub nameservers: Option<String>,
    /// Time servers.
    pub ntpservers: Option<String>,
    /// Log servers.
    pub logservers: Option<String>,
    /// The DNS domain.
    pub domain: Option<String>,
    /// The MTU.
    pub mtu: Option<u16>,
    /// The addresses of the DHCP pool, first and last of each range.
    pub dynamic: Vec<(Ipv4Addr, Ipv4Addr)>,
}

impl Network {
    /// All enabled IPv4 rows, the smallest networks first, so that the first match is the closest.
    pub fn read_all(snapshot: &Snapshot) -> (Vec<Self>, Vec<Problem>) {
        let (mut networks, mut problems) = (Vec::new(), Vec::new());
        for row in cell::rows(snapshot, "networks") {
            match Self::read(row) {
                Ok(Some(network)) => networks.push(network),
                Ok(None) => {}
                Err(text) => {
                    let key = field(row, "netname").or(field(row, "net")).unwrap_or("?");
                    problems.push(Problem::new("networks", key, text));
                }
            }
        }
        networks.sort_by_key(|network| std::cmp::Reverse(network.net.prefix_len()));
        (networks, problems)
    }

    /// Reads a row; none for IPv6.
    fn read(row: &Row) -> Result<Option<Self>, String> {
        let text = |column| field(row, column).map(str::to_owned);
        let address = field(row, "net").unwrap_or_default();
        if address.contains(':') {
            return Ok(None);
        }
        let mask = field(row, "mask").unwrap_or_default();
        let Some(IpNet::V4(net)) = parse_net(address, mask) else {
            let what = "is not an IPv4 network; it is not served";
            return Err(format!("'{address}' with mask '{mask}' {what}"));
        };
        Ok(Some(Self {
            name: text("netname").unwrap_or_else(|| net.to_string()),
            net,
            interface: text("mgtifname"),
            gateway: text("gateway"),
            tftp_server: text("tftpserver"),
            nameservers: text("nameservers"),
            ntpservers: text("ntpservers"),
            logservers: text("logservers"),
            domain: text("domain").map(|domain| domain.trim_matches('.').to_ascii_lowercase()),
            mtu: field(row, "mtu").and_then(|mtu| mtu.parse().ok()),
            dynamic: ranges(field(row, "dynamicrange").unwrap_or_default()),
        }))
    }

    /// Whether `address` belongs to the DHCP pool.
    pub fn is_dynamic(&self, address: Ipv4Addr) -> bool {
        self.dynamic.iter().any(|(first, last)| (*first..=*last).contains(&address))
    }
}

/// Reads a network whose mask is dotted, a prefix length, or a prefix length after a slash.
pub(crate) fn parse_net(address: &str, mask: &str) -> Option<IpNet> {
    let (address, mask) = address.split_once('/').unwrap_or((address, mask));
    let address: IpAddr = address.trim().parse().ok()?;
    let mask = mask.trim().trim_start_matches('/');
    let net = match mask.parse::<u8>() {
        Ok(prefix) => IpNet::new(address, prefix).ok()?,
        Err(_) => IpNet::with_netmask(address, mask.parse().ok()?).ok()?,
    };
    Some(net.trunc())
}

/// Reads `first-last;first-last`, or `first/prefix` for a whole network.
fn ranges(text: &str) -> Vec<(Ipv4Addr, Ipv4Addr)> {
    let range = |part: &str| {
        if let Some((first, last)) = part.split_once('-') {
            return Some((first.trim().parse().ok()?, last.trim().parse().ok()?));
        }
        let net: Ipv4Net = part.trim().parse().ok()?;
        Some((net.network(), net.broadcast()))
    };
    text.split(';').filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_and_ranges_are_read_in_their_spellings() {
        for (address, mask) in [
            ("10.1.0.0", "255.255.0.0"),
            ("10.1.0.0", "16"),
            ("10.1.0.0", "/16"),
            ("10.1.0.0/16", ""),
            ("10.1.2.3", "16"),
        ] {
            assert_eq!(parse_net(address, mask).unwrap().to_string(), "10.1.0.0/16");
        }
        for (address, mask) in
            [("10.1.0.0", ""), ("10.1.0.0", "255.0.255.0"), ("x", "16"), ("10.1.0.0", "33")]
        {
            assert_eq!(parse_net(address, mask), None, "{address} {mask}");
        }
        let read = ranges("10.1.0.5-10.1.0.9; 10.2.0.0/30;junk");
        let text: Vec<_> = read.iter().map(|(first, last)| format!("{first} {last}")).collect();
        assert_eq!(text, ["10.1.0.5 10.1.0.9", "10.2.0.0 10.2.0.3"]);
    }
}
