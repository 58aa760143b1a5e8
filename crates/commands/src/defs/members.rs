//! The members of groups: which nodes are meant, and how they join and leave.

use command::{Answer, Item};
use model::universe::group_members;
use noderange::Mode;
use tables::{ObjectType, Patch, ids, objects};

use super::ask::Ask;
use super::draft::{self, Draft, Outcome};

/// Adds, removes or replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Join,
    Leave,
    Replace,
}

/// The members that are asked for by `members=` or by tests; none when neither is given.
pub(super) fn asked_for(
    ask: &Ask<'_>,
    draft: &Draft,
    members: Option<&str>,
    answer: &mut Answer,
) -> Option<Vec<String>> {
    if let Some(members) = members.filter(|members| !members.is_empty()) {
        let names = match ask.call.expand(members, Mode::NoVerify) {
            Ok(expansion) => expansion.names,
            Err(failure) => {
                answer.push(failure.into());
                return Some(Vec::new());
            }
        };
        let mut nodes = Vec::new();
        for name in names {
            if draft.snapshot.has_node(name.as_str()) {
                nodes.push(name.to_string());
                continue;
            }
            answer
                .error(format!("Could not find a node named '{name}', skipping to the next node."));
        }
        return Some(nodes);
    }
    let tests = ask.tests.as_ref()?;
    let holds = |name: &str| tests.holds_for(&draft.snapshot, ObjectType::Node, name);
    let nodes = draft.snapshot.nodes().filter(|node| holds(node.as_str()));
    Some(nodes.map(ToString::to_string).collect())
}

/// Changes the membership of nodes in a group.
pub(super) fn change(
    draft: &mut Draft,
    group: &str,
    nodes: &[String],
    change: Change,
    answer: &mut Answer,
) -> Outcome {
    if change == Change::Replace {
        let present = draft.snapshot.group_members(group).cloned().unwrap_or_default();
        let leaving: Vec<String> = present.iter().map(ToString::to_string).collect();
        if write(draft, group, &leaving, draft::Mode::Minus, answer) == Outcome::Refused {
            return Outcome::Refused;
        }
    }
    let mode = if change == Change::Leave { draft::Mode::Minus } else { draft::Mode::Plus };
    write(draft, group, nodes, mode, answer)
}

fn write(
    draft: &mut Draft,
    group: &str,
    nodes: &[String],
    mode: draft::Mode,
    answer: &mut Answer,
) -> Outcome {
    let mut patch = Patch::new();
    for node in nodes {
        let present = objects::value(&draft.snapshot, ObjectType::Node, node, "groups");
        let present = present.map(|found| found.value.to_string()).unwrap_or_default();
        let mut groups: Vec<&str> = present.split(',').filter(|name| !name.is_empty()).collect();
        let before = groups.len();
        groups.retain(|name| *name != group);
        if mode == draft::Mode::Plus {
            if groups.len() < before {
                continue;
            }
            groups.push(group);
        } else if groups.len() == before {
            answer.error(format!("{node} is not a member of '{group}'."));
            continue;
        }
        let groups = groups.join(",");
        patch.set(ids::NODELIST, &[node.as_str()], &[("groups", Some(groups.as_str()))]);
    }
    match draft.apply(patch) {
        Ok(()) => Outcome::Done,
        Err(failure) => {
            answer.push(Item::from(failure));
            Outcome::Refused
        }
    }
}

/// The members of a group as `lsdef` shows them.
pub(super) fn shown(draft: &tables::Snapshot, group: &str) -> String {
    let members = group_members(draft, group).unwrap_or_default();
    let names: Vec<&str> = members.iter().map(base::NodeName::as_str).collect();
    names.join(",")
}
