//! Rows of tables of nodes: whom they belong to, and whether their expressions can be evaluated.

use std::collections::HashSet;

use base::NodeName;
use tables::{Row, TableId, cells, ids};

use super::known::Known;
use super::{Fault, Findings, Kind};

/// Keys with a meaning of their own.
const SPECIAL: &[&str] = &["xcatdefaults", "service", "__mgmtnode", "all", "ALL", "*"];

pub(super) fn check(known: &Known<'_>, found: &mut Findings) {
    names(known, found);
    let rows = known.snapshot.enabled_rows(ids::NODEGROUP);
    let groups: HashSet<&str> = rows.filter_map(|row| row.get("groupname")).collect();
    for table in TableId::all().filter(|table| *table != ids::NODELIST && !table.def().is_log()) {
        let Some(column) = table.def().node_column else { continue };
        for row in known.snapshot.enabled_rows(table) {
            let owner = row.get(column).unwrap_or_default();
            let is_group = groups.contains(owner) || known.snapshot.group_members(owner).is_some();
            if !is_group && !known.snapshot.has_node(owner) && !SPECIAL.contains(&owner) {
                let place = format!("{}.{owner}", table.name());
                let run = format!("!chtab -d {column}={owner} {}", table.name());
                let fault = Fault::warning(owner, "is neither a node nor a group", &run);
                found.object(Kind::Row, &place, column, &fault);
            }
            expressions(table, row, (owner, is_group), found);
        }
    }
}

/// Restored tables may hold names that no command would have taken: no service knows such a node.
fn names(known: &Known<'_>, found: &mut Findings) {
    for row in known.snapshot.enabled_rows(ids::NODELIST) {
        let name = row.get("node").unwrap_or_default();
        if let Err(invalid) = NodeName::parse(name) {
            let run = format!("!chtab -d node='{}' nodelist", name.replace('\'', r"'\''"));
            let (name, reason) = (name.escape_debug(), format!(" {}", invalid.reason()));
            let name = name.to_string();
            let fault = Fault::error(&name, "is no name for a node:", &run).detail(&reason);
            found.object(Kind::Row, &format!("nodelist.{name}"), "node", &fault);
        }
    }
}

fn expressions(table: TableId, row: &Row, (owner, is_group): (&str, bool), found: &mut Findings) {
    let kind = if is_group { Kind::Group } else { Kind::Node };
    for (column, text) in row.cells().filter(|(_, text)| text.starts_with(['|', '/'])) {
        if let Err(reason) = cells::check(text) {
            let reason = format!(" {reason}");
            let run = format!("!chtab node={owner} {}.{column}=VALUE", table.name());
            let fault = Fault::error(text, "has a regular expression that cannot be used:", &run);
            found.object(kind, owner, column, &fault.detail(&reason));
        }
    }
}
