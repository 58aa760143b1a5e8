//! What definitions are held against: the networks that can be read, the hosts that have an address, this machine.

use std::collections::HashSet;
use std::net::IpAddr;

use tables::{Cell, Row, Snapshot, TableId, ids};

use crate::cell::{field, list};
use crate::machine::Machine;
use crate::names::{self, HostEntry};
use crate::network::Network;
use crate::problem::Problem;

/// Architectures in xCAT's spelling.
pub(super) const ARCHITECTURES: &[&str] =
    &["x86_64", "ppc64le", "aarch64", "ppc64", "ppc", "x86", "armv7l", "s390x", "ia64"];

pub(super) struct Known<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) machine: &'a Machine,
    /// The closest first.
    pub(super) networks: Vec<Network>,
    pub(super) entries: Vec<HostEntry>,
    pub(super) problems: Vec<Problem>,
    hosts: HashSet<String>,
}

impl<'a> Known<'a> {
    pub(super) fn read(snapshot: &'a Snapshot, machine: &'a Machine) -> Self {
        let (entries, problems) = names::entries(snapshot);
        let mut hosts: HashSet<String> = HashSet::with_capacity(entries.len());
        for entry in &entries {
            hosts.extend(std::iter::once(&entry.name).chain(&entry.aliases).map(|n| lower(n)));
        }
        hosts.insert(lower(&machine.host_name));
        hosts.insert(lower(short(&machine.host_name)));
        let networks = Network::read_all(snapshot).0;
        Self { snapshot, machine, networks, entries, problems, hosts }
    }

    /// Whether the tables have an address for `host`, or it is one.
    pub(super) fn resolves(&self, host: &str) -> bool {
        host == "<xcatmaster>" || host.parse::<IpAddr>().is_ok() || self.is_host(&lower(host))
    }

    fn is_host(&self, host: &str) -> bool {
        self.hosts.contains(host) || self.hosts.contains(short(host))
    }

    /// The first server of a list that has no address.
    pub(super) fn unresolved<'t>(&self, text: &'t str) -> Option<&'t str> {
        list(text).find(|host| !self.resolves(host))
    }

    /// The closest network that holds an address.
    pub(super) fn network_of(&self, ip: IpAddr) -> Option<&Network> {
        let IpAddr::V4(ip) = ip else { return None };
        self.networks.iter().find(|network| network.net.contains(&ip))
    }

    pub(super) fn cell(&self, table: TableId, column: &str, node: &str) -> Option<Cell> {
        let cell = self.snapshot.node_value(table, column, node)?;
        (!cell.text.trim().is_empty()).then_some(cell)
    }

    /// The enabled row of an image.
    pub(super) fn image(&self, name: &str) -> Option<&'a Row> {
        self.snapshot.row(ids::OSIMAGE, &[name]).filter(|row| row.enabled())
    }

    /// The names of the images, for advice.
    pub(super) fn some_image(&self) -> &str {
        let mut named = self.snapshot.enabled_rows(ids::OSIMAGE);
        named.find_map(|row| field(row, "imagename")).unwrap_or("IMAGE")
    }

    /// Whether this machine has the address.
    pub(super) fn is_own(&self, ip: IpAddr) -> bool {
        self.machine.links.iter().flat_map(|link| &link.addresses).any(|net| net.addr() == ip)
    }

    /// Whether a node stands for this machine itself.
    pub(super) fn is_this_machine(&self, node: &str) -> bool {
        let groups = self.snapshot.groups_of(node);
        short(node) == short(&self.machine.host_name)
            || groups.iter().any(|group| &**group == "__mgmtnode")
    }
}

fn lower(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn short(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}
