//! Groups: dynamic ones, groups of groups, and names that are nodes too.

use std::collections::{BTreeMap, BTreeSet};

use tables::{Row, ids};

use super::known::Known;
use super::{Fault, Findings, Kind};
use crate::cell::{field, list};
use crate::selection::Selection;

pub(super) fn check(known: &Known<'_>, found: &mut Findings) {
    for (group, _) in known.snapshot.groups() {
        shadowed(known, group, found);
    }
    let rows: BTreeMap<&str, &Row> = known
        .snapshot
        .enabled_rows(ids::NODEGROUP)
        .filter_map(|row| Some((field(row, "groupname")?, row)))
        .collect();
    for (group, row) in &rows {
        if known.snapshot.group_members(group).is_none() {
            shadowed(known, group, found);
        }
        if field(row, "grouptype") == Some("dynamic") {
            dynamic(known, group, row, found);
        }
        below(known, group, &rows, found);
    }
}

/// A noderange takes the name for the node.
fn shadowed(known: &Known<'_>, group: &str, found: &mut Findings) {
    if known.snapshot.has_node(group) {
        let run = format!("!rmdef -t group {group}");
        let what = "is the name of a node too, and a noderange means the node";
        found.object(Kind::Group, group, "groupname", &Fault::error("", what, &run));
    }
}

fn dynamic(known: &Known<'_>, group: &str, row: &Row, found: &mut Findings) {
    let tests = field(row, "wherevals").unwrap_or_default();
    if tests.is_empty() {
        let fault =
            Fault::error("", "is missing: the group has no members", "-w 'ATTRIBUTE==VALUE'");
        found.object(Kind::Group, group, "wherevals", &fault);
    } else if Selection::of_group(tests).is_err() {
        let fault = Fault::error(tests, "cannot be read", "-w 'ATTRIBUTE==VALUE'");
        found.object(Kind::Group, group, "wherevals", &fault);
    }
    if known.snapshot.group_members(group).is_some() {
        let what = "is dynamic, but nodes have the group in their own list, which does not count";
        let run = format!("!chdef -m {group} groups={group}");
        found.object(Kind::Group, group, "grouptype", &Fault::warning("", what, &run));
    }
}

/// The groups of which a group is made: they must exist and not contain it.
fn below(known: &Known<'_>, group: &str, rows: &BTreeMap<&str, &Row>, found: &mut Findings) {
    let parts = |group: &str| {
        let row = rows.get(group);
        let text = row.and_then(|row| field(row, "membergroups")).unwrap_or_default();
        list(text).map(str::to_owned).collect::<Vec<_>>()
    };
    for part in parts(group) {
        if !rows.contains_key(&*part) && known.snapshot.group_members(&part).is_none() {
            let run = format!("!chtab groupname={group} nodegroup.membergroups=GROUPS");
            let fault = Fault::warning(&part, "is no group", &run);
            found.object(Kind::Group, group, "membergroups", &fault);
        }
    }
    let (mut seen, mut open) = (BTreeSet::new(), parts(group));
    while let Some(part) = open.pop() {
        if part == group {
            let run = format!("!chtab groupname={group} nodegroup.membergroups=GROUPS");
            let fault = Fault::error("", "leads back to the group itself", &run);
            found.object(Kind::Group, group, "membergroups", &fault);
            return;
        }
        if seen.insert(part.clone()) {
            open.extend(parts(&part));
        }
    }
}
