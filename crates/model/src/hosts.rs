//! The lines that `makehosts` writes, and the editing of a hosts file as it does it.
//!
//! Facts: `makehosts(8)`. No I/O: the file is text that comes in and text that goes out.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};

use base::{Mac, NodeName};
use tables::Snapshot;

use crate::cell::cell;
use crate::names::{HostEntry, Names, first_ip};
use crate::node::{NicHost, parse_macs};
use crate::problem::Problem;

/// One line of a hosts file: an address and the names it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostLine {
    /// The address.
    pub ip: IpAddr,
    /// The name without the domain.
    pub short: String,
    /// The DNS domain of the network, else of the site.
    pub domain: String,
    /// Further names.
    pub aliases: Vec<String>,
}

/// The order of names on a line and what is added to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineStyle {
    /// The full name comes before the short one.
    pub long_first: bool,
    /// Other names come before both.
    pub others_first: bool,
    /// Other names are also listed with the domain.
    pub domain_to_others: bool,
}

/// What could not be used, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// The rest was written.
    Warning(String),
    /// A name was not written that somebody relies on.
    Error(String),
}

/// Which nodes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// Those that somebody named: each must have an address.
    Named,
    /// All that have one.
    All,
}

/// Lines, and what could not be one.
pub type Written = (Vec<HostLine>, Vec<Complaint>);

/// The maker of lines from one snapshot.
pub struct Lines<'a> {
    snapshot: &'a Snapshot,
    names: Names<'a>,
    chosen: Chosen,
}

impl<'a> Lines<'a> {
    /// The maker of the lines of nodes that were `chosen` so.
    pub fn of(snapshot: &'a Snapshot, chosen: Chosen) -> Self {
        Self { snapshot, names: Names::of(snapshot), chosen }
    }

    /// The lines of the node's own name and of `hosts.otherinterfaces`. A node without an address keeps the one that
    /// the `file` has for it.
    pub fn of_node(&self, node: &NodeName, file: &HostsFile) -> Written {
        let (mut entries, mut complaints) = (Vec::new(), Vec::new());
        let ip = cell(self.snapshot, "hosts", "ip", node.as_str());
        match (ip.as_deref(), ip.as_deref().and_then(first_ip)) {
            (_, Some(_)) => {}
            (Some(bad), None) => complaints.push(self.bad_address(node, bad)),
            (None, None) => match (file.address_of(node.as_str()), self.chosen) {
                (Some(ip), Chosen::Named) => entries.push(self.names.own_entry(node, ip)),
                (None, Chosen::Named) => {
                    let text = format!("Ignoring node '{node}', it can not be resolved.");
                    complaints.push(Complaint::Warning(text));
                }
                (_, Chosen::All) => {}
            },
        }
        // A bad address of the node itself is told above in the words of makehosts.
        let (found, bad) = self.names.of_node(node);
        let bad = bad.iter().skip(usize::from(!complaints.is_empty() && ip.is_some()));
        entries.extend(found);
        complaints.extend(bad.map(warning));
        Self::written(entries, complaints)
    }

    /// The lines of the interfaces in table `nics`.
    pub fn of_nics(&self, node: &NodeName) -> Written {
        let (entries, bad) = self.names.of_nics(node);
        Self::written(entries, bad.iter().map(warning).collect())
    }

    /// The line of the node's link-local address, which is made of its MAC address.
    pub fn link_local(&self, node: &NodeName) -> Written {
        let text = cell(self.snapshot, "mac", "mac", node.as_str()).unwrap_or_default();
        let (nics, bad) = parse_macs(&text);
        let bad = bad.iter().map(|mac| format!("{node}: '{mac}' is not an Ethernet address"));
        let own = nics.iter().find(|nic| nic.host == NicHost::Node);
        let entry = own.map(|nic| HostEntry {
            aliases: Vec::new(),
            ..self.names.own_entry(node, link_local(nic.mac).into())
        });
        Self::written(entry.into_iter().collect(), bad.map(Complaint::Warning).collect())
    }

    fn bad_address(&self, node: &NodeName, text: &str) -> Complaint {
        match self.chosen {
            Chosen::Named => Complaint::Warning(format!(
                "Ignoring node '{node}', its ip address '{text}' is not valid."
            )),
            Chosen::All => Complaint::Error(format!("Invalid IP Addr '{text}' for node '{node}'.")),
        }
    }

    fn written(entries: Vec<HostEntry>, mut complaints: Vec<Complaint>) -> Written {
        let mut lines = Vec::new();
        for entry in entries {
            match line_of(entry) {
                Ok(line) => lines.push(line),
                Err(complaint) => complaints.push(complaint),
            }
        }
        (lines, complaints)
    }
}

fn warning(problem: &Problem) -> Complaint {
    Complaint::Warning(problem.to_string())
}

fn line_of(entry: HostEntry) -> Result<HostLine, Complaint> {
    let HostEntry { ip, name, aliases, domain, .. } = entry;
    let Some(domain) = domain else {
        return Err(Complaint::Warning(format!(
            "No domain can be determined for node '{name}'. The domain of the xCAT node must be \
             provided in an xCAT network definition or the xCAT site definition."
        )));
    };
    let short = name.strip_suffix(&*domain).and_then(|name| name.strip_suffix('.'));
    let short = short.unwrap_or(&name).to_owned();
    if short.contains('.') {
        return Err(Complaint::Error(format!(
            "{name} is in domain {domain} and its short name must not have a dot; set the domain \
             of its network"
        )));
    }
    Ok(HostLine { ip, short, domain, aliases })
}

/// The address that an interface gives itself: RFC 4291, appendix A.
fn link_local(mac: Mac) -> Ipv6Addr {
    let mac = mac.octets();
    let half = |high, low| u16::from_be_bytes([high, low]);
    let [first, second] = [half(mac[0] ^ 2, mac[1]), half(mac[2], 0xff)];
    Ipv6Addr::new(0xfe80, 0, 0, 0, first, second, half(0xfe, mac[3]), half(mac[4], mac[5]))
}

/// Whether an address is one of IPv6.
type Family = bool;

/// The text of a hosts file, line by line, while it is being edited.
///
/// A line belongs to an entry that has its address, or its first name up to some dot with an address of the same
/// family: further names do not count, so that a node that is also an alias of this machine does not take its line
/// away, and a link-local line does not take away the other one. Lines are found by index, because every node of a large cluster looks for its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostsFile {
    /// The lines; none where one was removed.
    lines: Vec<Option<String>>,
    by_address: HashMap<IpAddr, BTreeSet<usize>>,
    by_name: HashMap<(Family, String), BTreeSet<usize>>,
}

impl HostsFile {
    /// The file with this text.
    pub fn parse(text: &str) -> Self {
        let mut file = Self::default();
        for line in text.lines() {
            file.append(line.to_owned());
        }
        file
    }

    /// A file that knows only the machine itself.
    pub fn localhost() -> Self {
        Self::parse("127.0.0.1 localhost\n")
    }

    /// Puts `entry` in the place of the first line with its address or its name, else at the end.
    pub fn put(&mut self, entry: &HostLine, style: LineStyle) {
        let mut places = self.places(entry).into_iter();
        let text = line(entry, style);
        match places.next() {
            None => self.append(text),
            Some(first) => self.replace(first, Some(text)),
        }
        for further in places {
            self.replace(further, None);
        }
    }

    /// Removes every line with the address or the name of `entry`.
    pub fn remove(&mut self, entry: &HostLine) {
        for place in self.places(entry) {
            self.replace(place, None);
        }
    }

    /// The address of the first line of `name`.
    fn address_of(&self, name: &str) -> Option<IpAddr> {
        let of_family = |v6: Family| {
            let place = *self.by_name.get(&(v6, name.to_owned()))?.first()?;
            Some(identity(self.lines[place].as_deref()?)?.0)
        };
        of_family(false).or_else(|| of_family(true))
    }

    /// The file as text.
    pub fn text(&self) -> String {
        self.lines.iter().flatten().flat_map(|line| [line.as_str(), "\n"]).collect()
    }

    fn places(&self, entry: &HostLine) -> BTreeSet<usize> {
        let name = (entry.ip.is_ipv6(), entry.short.clone());
        let found = [self.by_address.get(&entry.ip), self.by_name.get(&name)];
        found.into_iter().flatten().flatten().copied().collect()
    }

    fn append(&mut self, text: String) {
        self.lines.push(None);
        self.replace(self.lines.len() - 1, Some(text));
    }

    fn replace(&mut self, place: usize, text: Option<String>) {
        let old = std::mem::replace(&mut self.lines[place], text);
        if let Some((address, names)) = old.as_deref().and_then(identity) {
            self.by_address.entry(address).or_default().remove(&place);
            for name in names {
                let name = (address.is_ipv6(), name.to_owned());
                self.by_name.entry(name).or_default().remove(&place);
            }
        }
        if let Some((address, names)) = self.lines[place].as_deref().and_then(identity) {
            self.by_address.entry(address).or_default().insert(place);
            for name in names {
                let name = (address.is_ipv6(), name.to_owned());
                self.by_name.entry(name).or_default().insert(place);
            }
        }
    }
}

/// The address of a line, and its first name with the parts of it that end before a dot.
fn identity(line: &str) -> Option<(IpAddr, Vec<&str>)> {
    let mut words = line.split('#').next()?.split_whitespace();
    let address = words.next()?.parse().ok()?;
    let name = words.next().unwrap_or_default();
    let mut names: Vec<&str> = name.match_indices('.').map(|(dot, _)| &name[..dot]).collect();
    names.push(name);
    Some((address, names))
}

/// A line as the original writes it: with a blank at its end when there is no other name, and with one for each other
/// name that is said already.
fn line(entry: &HostLine, style: LineStyle) -> String {
    let HostLine { ip, short, domain, .. } = entry;
    let own_long = format!("{short}.{domain}");
    let mut long = None;
    let mut others: Vec<&str> = Vec::new();
    let mut with_domain: Vec<String> = Vec::new();
    for alias in &entry.aliases {
        let own = alias == short || *alias == own_long;
        let is_long = !own && alias.contains('.') && long.is_none();
        others.push(if own || is_long { "" } else { alias });
        if own {
            long = Some(&own_long);
        } else if is_long {
            long = Some(alias);
        } else if style.domain_to_others && !alias.contains('.') {
            // each before those that were added already
            with_domain.insert(0, format!("{alias}.{domain}"));
        }
    }
    let long = long.unwrap_or(&own_long);
    let others: Vec<&str> = with_domain.iter().map(String::as_str).chain(others).collect();
    let others = others.join(" ");
    match (style.long_first, style.others_first) {
        (true, _) => format!("{ip} {long} {short} {others}"),
        (false, true) => format!("{ip} {others} {long} {short}"),
        (false, false) => format!("{ip} {short} {long} {others}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tables::{Patch, ids, table};

    fn cluster() -> Snapshot {
        let mut patch = Patch::new();
        let id = |name: &str| table(name).unwrap();
        patch.set(id("site"), &["domain"], &[("value", Some("clusters.com"))]);
        patch.set(id("nodelist"), &["n01"], &[("groups", Some("all"))]);
        patch.set(id("nodelist"), &["n05"], &[("groups", Some("all"))]);
        patch.set(id("hosts"), &["all"], &[("ip", Some(r"|\D+(\d+)|10.1.1.($1+0)|"))]);
        patch.set(
            id("nics"),
            &["n05"],
            &[("nicips", Some("eth1!11.1.0.5")), ("nichostnamesuffixes", Some("eth1!-app"))],
        );
        Snapshot::empty().apply(&patch).unwrap().0
    }

    fn of(snapshot: &Snapshot, node: &str) -> Written {
        let node = NodeName::parse(node).unwrap();
        let makers = Lines::of(snapshot, Chosen::Named);
        let (mut lines, mut complaints) = makers.of_node(&node, &HostsFile::default());
        let (more, bad) = makers.of_nics(&node);
        lines.extend(more);
        complaints.extend(bad);
        (lines, complaints)
    }

    #[test]
    fn addresses_come_from_groups_and_further_interfaces_from_nics() {
        let snapshot = cluster();
        let mut file = HostsFile::parse("127.0.0.1 localhost\n10.1.1.9 n01\n");
        for node in ["n01", "n05"] {
            for entry in of(&snapshot, node).0 {
                file.put(&entry, LineStyle::default());
            }
        }
        assert_eq!(
            file.text(),
            "127.0.0.1 localhost\n10.1.1.1 n01 n01.clusters.com \n\
             10.1.1.5 n05 n05.clusters.com \n11.1.0.5 n05-app n05-app.clusters.com \n"
        );
        for entry in of(&snapshot, "n05").0 {
            file.remove(&entry);
        }
        assert_eq!(file.text(), "127.0.0.1 localhost\n10.1.1.1 n01 n01.clusters.com \n");
    }

    #[test]
    fn a_line_belongs_to_its_address_and_its_first_name_only() {
        let text = "127.0.0.1 localhost n01\n# 10.1.1.1 n01\n10.9.9.9 n01.old.net alias\n\n\
                    10.1.1.1 other\n10.8.8.8 n01 again # n01\n";
        let mut file = HostsFile::parse(text);
        assert_eq!(file.text(), text);
        let entry = &of(&cluster(), "n01").0[0];
        file.put(entry, LineStyle::default());
        let kept = "127.0.0.1 localhost n01\n# 10.1.1.1 n01\n";
        assert_eq!(file.text(), format!("{kept}10.1.1.1 n01 n01.clusters.com \n\n"));
        file.put(entry, LineStyle { long_first: true, ..LineStyle::default() });
        assert_eq!(file.text(), format!("{kept}10.1.1.1 n01.clusters.com n01 \n\n"));
        file.remove(entry);
        assert_eq!(file.text(), format!("{kept}\n"));
    }

    #[test]
    fn every_node_of_a_large_cluster_finds_its_line_at_once() {
        let entries: Vec<HostLine> = (0..50_000_u32)
            .map(|number| HostLine {
                ip: std::net::Ipv4Addr::from(0x0a00_0000 + number).into(),
                short: format!("n{number}"),
                domain: "d.e".into(),
                aliases: Vec::new(),
            })
            .collect();
        let mut file = HostsFile::default();
        for round in 1..=2 {
            for entry in &entries {
                file.put(entry, LineStyle::default());
            }
            assert_eq!(file.text().lines().count(), entries.len(), "round {round}");
        }
        for entry in &entries {
            file.remove(entry);
        }
        assert_eq!(file.text(), "");
    }

    #[test]
    fn a_node_without_an_address_is_named() {
        let (found, complaints) = of(&cluster(), "n77");
        assert_eq!(found, []);
        let text = "Ignoring node 'n77', it can not be resolved.".to_owned();
        assert_eq!(complaints, [Complaint::Warning(text)]);
        let node = NodeName::parse("n77").unwrap();
        let file = HostsFile::parse("10.7.7.7 n77.old.net\n");
        let snapshot = cluster();
        let (found, complaints) = Lines::of(&snapshot, Chosen::Named).of_node(&node, &file);
        assert_eq!((found[0].ip.to_string(), complaints), ("10.7.7.7".to_owned(), vec![]));
        let (found, complaints) = Lines::of(&snapshot, Chosen::All).of_node(&node, &file);
        assert_eq!((found, complaints), (vec![], vec![]));
    }

    #[test]
    fn a_bad_address_is_worse_when_nobody_named_the_node() {
        let mut patch = Patch::new();
        patch.set(ids::NODELIST, &["n1.a.b"], &[("groups", Some("all"))]);
        patch.set(table("hosts").unwrap(), &["n1.a.b"], &[("ip", Some("10.1.1"))]);
        let snapshot = cluster().apply(&patch).unwrap().0;
        let node = NodeName::parse("n1.a.b").unwrap();
        let told = |chosen| Lines::of(&snapshot, chosen).of_node(&node, &HostsFile::default()).1;
        let text = "Ignoring node 'n1.a.b', its ip address '10.1.1' is not valid.".to_owned();
        assert_eq!(told(Chosen::Named), [Complaint::Warning(text)]);
        let text = "Invalid IP Addr '10.1.1' for node 'n1.a.b'.".to_owned();
        assert_eq!(told(Chosen::All), [Complaint::Error(text)]);
    }

    #[test]
    fn link_local_addresses_come_from_the_first_mac() {
        let mut patch = Patch::new();
        let macs = "00:21:5E:A3:76:B0!*NOIP*|02:00:00:00:00:01";
        patch.set(table("mac").unwrap(), &["n01"], &[("mac", Some(macs))]);
        let snapshot = cluster().apply(&patch).unwrap().0;
        let lines = Lines::of(&snapshot, Chosen::Named);
        let mut file = HostsFile::parse("10.1.1.1 n01 n01.clusters.com \n");
        for entry in lines.link_local(&NodeName::parse("n01").unwrap()).0 {
            file.put(&entry, LineStyle::default());
            file.put(&entry, LineStyle::default());
        }
        let text = file.text();
        let mut text = text.lines();
        assert_eq!(text.next(), Some("10.1.1.1 n01 n01.clusters.com "));
        assert_eq!(text.next(), Some("fe80::ff:fe00:1 n01 n01.clusters.com "));
        assert_eq!(text.next(), None);
    }

    #[test]
    fn aliases_take_their_place_by_style() {
        let entry = HostLine {
            ip: "10.0.0.1".parse().unwrap(),
            short: "a".into(),
            domain: "d.e".into(),
            aliases: vec!["b".into(), "c".into()],
        };
        let style = LineStyle { domain_to_others: true, ..LineStyle::default() };
        assert_eq!(line(&entry, style), "10.0.0.1 a a.d.e c.d.e b.d.e b c");
        let style = LineStyle { others_first: true, ..LineStyle::default() };
        assert_eq!(line(&entry, style), "10.0.0.1 b c a.d.e a");
        let style = LineStyle { long_first: true, ..LineStyle::default() };
        assert_eq!(line(&entry, style), "10.0.0.1 a.d.e a b c");
        let aliases = ["a", "x.y.z", "b"].map(str::to_owned).to_vec();
        let said = HostLine { aliases, ..entry.clone() };
        assert_eq!(line(&said, LineStyle::default()), "10.0.0.1 a a.d.e  x.y.z b");
        let aliases = ["x.y.z", "b"].map(str::to_owned).to_vec();
        let other = HostLine { aliases, ..entry };
        assert_eq!(line(&other, LineStyle::default()), "10.0.0.1 a x.y.z  b");
    }
}
