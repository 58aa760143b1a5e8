//! Whose root may log in where with which key: zones of nodes, and `site.sshbetweennodes`.

use std::path::PathBuf;

use base::NodeName;
use tables::Snapshot;

use crate::cell::{cell, field, list, row, rows};

/// The zone of nodes that name none; none when no zone is the default.
pub fn default_zone(snapshot: &Snapshot) -> Option<String> {
    let mut zones = rows(snapshot, "zone");
    let zone = zones.find(|zone| field(zone, "defaultzone").is_some_and(is_yes))?;
    field(zone, "zonename").map(str::to_owned)
}

/// The zone of `node`.
pub fn zone_of(snapshot: &Snapshot, node: &NodeName) -> Option<String> {
    let own = cell(snapshot, "nodelist", "zonename", node.as_str());
    own.map(|zone| zone.to_string()).or_else(|| default_zone(snapshot))
}

/// Where the key pair of root in `zone` lies.
pub fn key_directory(snapshot: &Snapshot, zone: &str) -> Option<PathBuf> {
    field(row(snapshot, "zone", zone)?, "sshkeydir").map(PathBuf::from)
}

/// Whether root of `node` may log in to other nodes: as its zone says, else as the site says.
pub fn between_nodes(snapshot: &Snapshot, node: &NodeName) -> bool {
    let zone = zone_of(snapshot, node).and_then(|zone| row(snapshot, "zone", &zone));
    if let Some(zone) = zone {
        return field(zone, "sshbetweennodes").is_none_or(is_yes);
    }
    let between = snapshot.site("sshbetweennodes").unwrap_or("ALLGROUPS");
    let groups = snapshot.groups_of(node.as_str());
    list(between).any(|name| name == "ALLGROUPS" || groups.iter().any(|group| **group == *name))
}

fn is_yes(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "yes" | "y" | "1")
}
