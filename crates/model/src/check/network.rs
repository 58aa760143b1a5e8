//! Networks: their addresses, ranges, servers, and how they lie to each other.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use tables::{Row, ids};

use super::known::Known;
use super::{Fault, Findings, Kind};
use crate::cell::field;
use crate::network::parse_net;

const SERVERS: &[&str] = &["tftpserver", "dhcpserver", "nameservers", "ntpservers", "logservers"];

pub(super) fn check(known: &Known<'_>, found: &mut Findings) {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let mut nets: Vec<(IpNet, &str)> = Vec::new();
    for row in known.snapshot.enabled_rows(ids::NETWORKS) {
        let name = name_of(row);
        *names.entry(name).or_default() += 1;
        if field(row, "netname").is_none() {
            let what = "is missing: the object commands do not see the network";
            found.object(
                Kind::Network,
                name,
                "netname",
                &Fault::warning("", what, "!tabedit networks"),
            );
        }
        if let Some(net) = address(row, name, found) {
            nets.push((net, name));
            if let IpNet::V4(net) = net {
                ranges(row, name, net, found);
            }
            gateway(known, row, name, net, found);
            interface(known, row, name, net, found);
        }
        servers(known, row, name, found);
        mtu(row, name, found);
    }
    for (name, _) in names.iter().filter(|(_, count)| **count > 1) {
        let fault = Fault::error(name, "is the name of several networks", "!tabedit networks");
        found.object(Kind::Network, name, "netname", &fault);
    }
    overlaps(&nets, found);
}

fn name_of(row: &Row) -> &str {
    field(row, "netname").or(field(row, "net")).unwrap_or("?")
}

/// The network, when address and mask make one.
fn address(row: &Row, name: &str, found: &mut Findings) -> Option<IpNet> {
    let (net, mask) =
        (field(row, "net").unwrap_or_default(), field(row, "mask").unwrap_or_default());
    let ip: Option<IpAddr> = net.split('/').next().and_then(|ip| ip.parse().ok());
    let Some(ip) = ip else {
        let fault = Fault::error(net, "is no address", "net=ADDRESS mask=MASK");
        found.object(Kind::Network, name, "net", &fault);
        return None;
    };
    let Some(whole) = parse_net(net, mask) else {
        let fault = Fault::error(mask, "is no mask of it", "mask=255.255.255.0");
        found.object(Kind::Network, name, "mask", &fault);
        return None;
    };
    if whole.addr() != ip {
        let run = format!("net={}", whole.addr());
        let fault = Fault::warning(net, "is an address inside of the network", &run);
        found.object(Kind::Network, name, "net", &fault);
    }
    Some(whole)
}

/// The pools of addresses: `first-last`, or a whole network, separated by `;`.
fn ranges(row: &Row, name: &str, net: Ipv4Net, found: &mut Findings) {
    for column in ["dynamicrange", "staticrange"] {
        for part in
            field(row, column).unwrap_or_default().split(';').filter(|part| !part.is_empty())
        {
            let run = format!("{column}={}", some_range(net));
            let Some((first, last)) = range(part) else {
                let fault = Fault::error(part, "is no range FIRST-LAST", &run);
                found.object(Kind::Network, name, column, &fault);
                continue;
            };
            if first > last {
                let run = format!("{column}={last}-{first}");
                let fault = Fault::error(part, "ends before it begins", &run);
                found.object(Kind::Network, name, column, &fault);
            } else if !(net.contains(&first) && net.contains(&last)) {
                let inside = format!(" {net}");
                let fault = Fault::error(part, "is not inside of the network", &run);
                found.object(Kind::Network, name, column, &fault.detail(&inside));
            }
        }
    }
}

fn range(part: &str) -> Option<(Ipv4Addr, Ipv4Addr)> {
    if let Some((first, last)) = part.split_once('-') {
        return Some((first.trim().parse().ok()?, last.trim().parse().ok()?));
    }
    let net: Ipv4Net = part.trim().parse().ok()?;
    Some((net.network(), net.broadcast()))
}

/// The upper half of a network, as an example.
fn some_range(net: Ipv4Net) -> String {
    let (first, last) = (u32::from(net.network()), u32::from(net.broadcast()));
    let middle = Ipv4Addr::from(first + (last - first).div_ceil(2));
    format!("{middle}-{}", Ipv4Addr::from(last.saturating_sub(1)))
}

fn gateway(known: &Known<'_>, row: &Row, name: &str, net: IpNet, found: &mut Findings) {
    let Some(text) = field(row, "gateway").filter(|text| *text != "<xcatmaster>") else { return };
    match text.parse::<IpAddr>() {
        Ok(ip) if !net.contains(&ip) => {
            let inside = format!(" {net}");
            let fault =
                Fault::error(text, "is not inside of the network", "gateway='<xcatmaster>'");
            found.object(Kind::Network, name, "gateway", &fault.detail(&inside));
        }
        Ok(ip) if ip == net.network() || ip == net.broadcast() => {
            let fault = Fault::error(text, "is no address of a host", "gateway='<xcatmaster>'");
            found.object(Kind::Network, name, "gateway", &fault);
        }
        Err(_) if !known.resolves(text) => {
            let fault = Fault::error(text, "has no address in the tables", "gateway=ADDRESS");
            found.object(Kind::Network, name, "gateway", &fault);
        }
        Ok(_) | Err(_) => {}
    }
}

/// The server's interface; one after `!remote!` is behind a relay.
fn interface(known: &Known<'_>, row: &Row, name: &str, net: IpNet, found: &mut Findings) {
    let Some(text) = field(row, "mgtifname").filter(|text| !text.starts_with("!remote!")) else {
        return;
    };
    if known.machine.links.is_empty() || field(row, "dhcpserver").is_some() {
        return;
    }
    let link = known.machine.links.iter().find(|link| link.name == text);
    let inside = |text: &str| format!("mgtifname={text}");
    let right = known
        .machine
        .links
        .iter()
        .find(|link| link.addresses.iter().any(|address| net.contains(&address.addr())));
    let run = inside(right.map_or("INTERFACE", |link| &link.name));
    match link {
        None => {
            let fault = Fault::warning(text, "is no interface of this machine", &run);
            found.object(Kind::Network, name, "mgtifname", &fault);
        }
        Some(link) if right.is_some_and(|right| right.name != link.name) => {
            let fault = Fault::warning(text, "has no address in the network", &run);
            found.object(Kind::Network, name, "mgtifname", &fault);
        }
        Some(_) => {}
    }
}

fn servers(known: &Known<'_>, row: &Row, name: &str, found: &mut Findings) {
    for column in SERVERS {
        let text = field(row, column).unwrap_or_default();
        if let Some(bad) = known.unresolved(text) {
            let run = format!("{column}='<xcatmaster>'");
            let fault = Fault::warning(bad, "has no address in the tables", &run);
            found.object(Kind::Network, name, column, &fault);
        }
    }
}

fn mtu(row: &Row, name: &str, found: &mut Findings) {
    let Some(text) = field(row, "mtu") else { return };
    if !text.parse::<u16>().is_ok_and(|mtu| mtu >= 576) {
        let fault = Fault::error(text, "is no size of a packet", "mtu=1500");
        found.object(Kind::Network, name, "mtu", &fault);
    }
}

/// Networks contain each other or have nothing in common: the same one twice is an error.
fn overlaps(nets: &[(IpNet, &str)], found: &mut Findings) {
    for (at, (net, name)) in nets.iter().enumerate() {
        let others = nets.iter().enumerate().filter(|(other, _)| *other != at);
        for (other, (outer, outer_name)) in others.filter(|(_, (outer, _))| outer.contains(net)) {
            if outer == net && other < at {
                let named = format!(" {outer_name}");
                let run = format!("!rmdef -t network {name}");
                let fault = Fault::error("", "is the same network as", &run).detail(&named);
                found.object(Kind::Network, name, "net", &fault);
            } else if outer != net {
                let named = format!(" {outer_name} ({outer})");
                let fault = Fault::warning("", "lies inside of", "mask=MASK").detail(&named);
                found.object(Kind::Network, name, "net", &fault);
            }
        }
    }
}
