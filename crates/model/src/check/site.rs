//! The settings of the site, and the rules of the policy.

use std::net::IpAddr;

use tables::ids;

use super::address::is_host_name;
use super::known::Known;
use super::{Fault, Findings, Kind};
use crate::cell::{field, list};

const SITE: &str = "clustersite";

pub(super) fn check(known: &Known<'_>, found: &mut Findings) {
    let setting = |key| known.snapshot.site(key).map(str::trim).filter(|text| !text.is_empty());
    master(known, setting("master"), found);
    let domain = setting("domain").unwrap_or_default();
    if domain.is_empty() {
        let fault = Fault::error("", "is not set: nodes have no full names", "domain=DOMAIN");
        found.object(Kind::Site, SITE, "domain", &fault);
    } else if !is_host_name(domain.trim_matches('.')) {
        let fault = Fault::error(domain, "is no name of a domain", "domain=DOMAIN");
        found.object(Kind::Site, SITE, "domain", &fault);
    }
    servers(known, found);
    for (key, run) in [("installdir", "installdir=/install"), ("tftpdir", "tftpdir=/tftpboot")] {
        if let Some(path) = setting(key).filter(|path| !path.starts_with('/')) {
            found.object(Kind::Site, SITE, key, &Fault::error(path, "is no absolute path", run));
        }
    }
    for key in ["xcatdport", "xcatiport", "httpport", "dhcplease", "ipmitimeout", "ipmiretries"] {
        if let Some(text) = setting(key).filter(|text| text.parse::<u32>().is_err()) {
            let run = format!("{key}=NUMBER");
            found.object(Kind::Site, SITE, key, &Fault::error(text, "is no number", &run));
        }
    }
    interfaces(known, setting("dhcpinterfaces"), found);
}

fn master(known: &Known<'_>, master: Option<&str>, found: &mut Findings) {
    let Some(text) = master else {
        let fault = Fault::error("", "is not set: nodes do not find us", "master=ADDRESS");
        found.object(Kind::Site, SITE, "master", &fault);
        return;
    };
    let ip: Option<IpAddr> = text.parse().ok();
    if ip.is_some_and(|ip| !known.is_own(ip)) && !known.machine.links.is_empty() {
        let what = "is no address of this machine: nodes will not find it";
        found.object(Kind::Site, SITE, "master", &Fault::error(text, what, "master=ADDRESS"));
    } else if !known.resolves(text) {
        let what = "has no address in the tables";
        found.object(Kind::Site, SITE, "master", &Fault::warning(text, what, "master=ADDRESS"));
    }
}

fn servers(known: &Known<'_>, found: &mut Findings) {
    for key in ["nameservers", "ntpservers", "logservers"] {
        let text = known.snapshot.site(key).unwrap_or_default();
        if let Some(bad) = known.unresolved(text) {
            let run = format!("{key}=ADDRESS");
            let fault = Fault::warning(bad, "has no address in the tables", &run);
            found.object(Kind::Site, SITE, key, &fault);
        }
    }
    let forwarders = known.snapshot.site("forwarders").unwrap_or_default();
    if let Some(bad) = list(forwarders).find(|text| text.parse::<IpAddr>().is_err()) {
        let fault = Fault::error(bad, "is no address", "forwarders=ADDRESS");
        found.object(Kind::Site, SITE, "forwarders", &fault);
    }
}

/// The interfaces that DHCP is to answer on; those of other hosts, after their name and `|`, are theirs.
fn interfaces(known: &Known<'_>, text: Option<&str>, found: &mut Findings) {
    let own = text.unwrap_or_default().split(';').filter(|part| !part.contains('|'));
    let names = own.flat_map(list).map(|name| name.split(':').next().unwrap_or(name));
    let here = |name: &&str| known.machine.links.iter().any(|link| link.name == **name);
    for name in names.filter(|name| !here(name)) {
        let links = known.machine.links.iter().map(|link| link.name.as_str());
        let run = format!("dhcpinterfaces={}", links.collect::<Vec<_>>().join(","));
        let fault = Fault::error(name, "is no interface of this machine", &run);
        found.object(Kind::Site, SITE, "dhcpinterfaces", &fault);
    }
}

pub(super) fn policy(known: &Known<'_>, found: &mut Findings) {
    let mut root = false;
    for row in known.snapshot.enabled_rows(ids::POLICY) {
        let priority = field(row, "priority").unwrap_or("?");
        let rule = field(row, "rule").unwrap_or_default();
        let permits = ["allow", "accept", "trusted"].iter().any(|w| rule.eq_ignore_ascii_case(w));
        root |= permits && matches!(field(row, "name"), Some("root" | "*"));
        if !permits && !rule.eq_ignore_ascii_case("deny") {
            let what = "is no rule and denies";
            let fault = Fault::warning(rule, what, "rule=allow");
            found.object(Kind::Policy, priority, "rule", &fault);
        }
        if priority.parse::<f64>().is_err() {
            let fault = Fault::error(priority, "is no number", "!tabedit policy");
            found.object(Kind::Policy, priority, "priority", &fault);
        }
    }
    if !root {
        let what = "nobody called root is allowed anything over the network";
        let fault = Fault::warning("", what, "!chdef -t policy 1 name=root rule=allow");
        found.object(Kind::Policy, "1", "name", &fault);
    }
}
