//! The editing of a hosts file as `makehosts` does it.
//!
//! Facts: `makehosts(8)` and the columns of `hosts`, `nics` and `networks` (spec/tables.tsv).
//! No I/O: the file is text that comes in and text that goes out.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use base::NodeName;
use ipnet::IpNet;
use tables::Snapshot;

use crate::cell::{field, rows};
use crate::names;
use crate::network::parse_net;

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

/// The lines of `node`, and in words what could not be used.
pub fn lines(snapshot: &Snapshot, node: &NodeName) -> (Vec<HostLine>, Vec<String>) {
    let domains = Domains::read(snapshot);
    let (mut entries, mut bad) = (Vec::new(), Vec::new());
    names::of_node(snapshot, node, &mut entries, &mut bad);
    let mut problems: Vec<String> = bad.iter().map(ToString::to_string).collect();
    if entries.is_empty() && problems.is_empty() {
        problems.push(format!("Ignoring node '{node}', it can not be resolved."));
    }
    let mut lines = Vec::new();
    for entry in entries {
        let Some(domain) = domains.of(entry.ip) else {
            problems.push(format!(
                "No domain can be determined for node '{}'. The domain of the xCAT node must be \
                 provided in an xCAT network definition or the xCAT site definition.",
                entry.name
            ));
            continue;
        };
        let short =
            entry.name.strip_suffix(&format!(".{domain}")).unwrap_or(&entry.name).to_owned();
        lines.push(HostLine { ip: entry.ip, short, domain, aliases: entry.aliases });
    }
    (lines, problems)
}

/// The domain of each network, and that of the site for the rest.
struct Domains {
    networks: Vec<(IpNet, String)>,
    site: Option<String>,
}

impl Domains {
    fn read(snapshot: &Snapshot) -> Self {
        let networks = rows(snapshot, "networks").filter_map(|row| {
            let net = parse_net(field(row, "net")?, field(row, "mask").unwrap_or_default())?;
            Some((net, field(row, "domain")?.to_owned()))
        });
        Self { networks: networks.collect(), site: snapshot.site("domain").map(str::to_owned) }
    }

    fn of(&self, ip: IpAddr) -> Option<String> {
        let network = self.networks.iter().find(|(net, _)| net.contains(&ip));
        network.map(|(_, domain)| domain.clone()).or_else(|| self.site.clone())
    }
}

/// The text of a hosts file, line by line, while it is being edited.
///
/// A line belongs to an entry that has its address, or its first name up to some dot: further names
/// do not count, so that a node that is also an alias of this machine does not take its line away.
/// Lines are found by index, because every node of a large cluster looks for its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostsFile {
    /// The lines; none where one was removed.
    lines: Vec<Option<String>>,
    by_address: HashMap<IpAddr, BTreeSet<usize>>,
    by_name: HashMap<String, BTreeSet<usize>>,
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

    /// The file as text.
    pub fn text(&self) -> String {
        self.lines.iter().flatten().flat_map(|line| [line.as_str(), "\n"]).collect()
    }

    fn places(&self, entry: &HostLine) -> BTreeSet<usize> {
        let found = [self.by_address.get(&entry.ip), self.by_name.get(&entry.short)];
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
                self.by_name.entry(name.to_owned()).or_default().remove(&place);
            }
        }
        if let Some((address, names)) = self.lines[place].as_deref().and_then(identity) {
            self.by_address.entry(address).or_default().insert(place);
            for name in names {
                self.by_name.entry(name.to_owned()).or_default().insert(place);
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

/// A line as the original writes it, with the blank at its end when there is no other name.
fn line(entry: &HostLine, style: LineStyle) -> String {
    let HostLine { ip, short, domain, .. } = entry;
    let mut long = format!("{short}.{domain}");
    let mut others: Vec<String> = Vec::new();
    let mut with_domain = Vec::new();
    let mut long_given = false;
    for alias in entry.aliases.iter().filter(|alias| *alias != short) {
        if *alias == long {
            continue;
        }
        if alias.contains('.') && !long_given {
            long.clone_from(alias);
            long_given = true;
            continue;
        }
        if style.domain_to_others && !alias.contains('.') {
            // each before those that were added already, as the original does
            with_domain.insert(0, format!("{alias}.{domain}"));
        }
        others.push(alias.clone());
    }
    with_domain.extend(others);
    let others = with_domain.join(" ");
    match (style.long_first, style.others_first) {
        (true, _) => format!("{ip} {long} {short} {others}"),
        (false, true) => format!("{ip} {others} {long} {short}"),
        (false, false) => format!("{ip} {short} {long} {others}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tables::{Patch, table};

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

    fn of(snapshot: &Snapshot, node: &str) -> (Vec<HostLine>, Vec<String>) {
        lines(snapshot, &NodeName::parse(node).unwrap())
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
        let (found, problems) = of(&cluster(), "n77");
        assert_eq!(found, []);
        assert_eq!(problems, ["Ignoring node 'n77', it can not be resolved."]);
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
    }
}
