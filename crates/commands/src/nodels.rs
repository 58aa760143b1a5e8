//! nodels: the nodes of a noderange, with columns of tables on request.

use std::collections::BTreeSet;

use base::{Failure, NodeName};
use command::{Answer, Item};
use model::selection::Selection;
use tables::{Snapshot, ids};

use crate::call::Call;
use crate::column::Column;
use crate::shape::{Behaviour, Command};

pub(crate) static COMMAND: Command = Command::new("nodels", Behaviour::Query(nodels));

/// A column that is asked for, with the name it was asked for by, and the test that its value
/// must pass; a column that is only tested is not shown.
struct Wanted {
    column: Column,
    label: String,
    test: Option<Selection>,
}

/// How values are shown.
struct Style {
    labelled: bool,
    blame: bool,
}

#[expect(clippy::unnecessary_wraps, reason = "every query has this signature")]
fn nodels(call: &Call) -> Result<Answer, Failure> {
    let mut nodes: Vec<NodeName> = match &call.noderange {
        None if call.nodes.is_empty() => call.snapshot.nodes().cloned().collect(),
        Some(_) | None => call.nodes.clone(),
    };
    if !call.options.has("S") {
        nodes.retain(|node| !is_hidden(&call.snapshot, node));
    }
    nodes.sort();
    if call.options.operands().is_empty() || call.noderange.is_none() {
        let name = |node: &NodeName| Item::NodeName(node.to_string());
        return Ok(nodes.iter().map(name).collect());
    }
    let mut answer = Answer::new();
    let wanted = columns(call, &mut answer);
    let whole_table = call.options.operands().iter().any(|word| tables::table(word).is_some());
    let style = Style {
        labelled: call.options.has("H") || whole_table || call.options.operands().len() > 1,
        blame: call.options.has("b"),
    };
    for node in &nodes {
        answer.0.extend(lines(&call.snapshot, node, &wanted, &style));
    }
    Ok(answer)
}

fn is_hidden(snapshot: &Snapshot, node: &NodeName) -> bool {
    let row = snapshot.row(ids::NODELIST, &[node.as_str()]);
    row.is_some_and(|row| row.get("hidden") == Some("1"))
}

/// The columns that the operands name; what names none is an error in the answer.
fn columns(call: &Call, answer: &mut Answer) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for operand in call.options.operands() {
        let (name, is_test) = split_test(operand);
        if let Some(table) = tables::table(name).filter(|_| !is_test) {
            wanted.extend(Column::all(table).map(|column| Wanted {
                column,
                label: format!("{name}.{}", column.name),
                test: None,
            }));
            continue;
        }
        let test = is_test.then(|| Selection::parse(&[operand.as_str()]).ok()).flatten();
        match Column::named(name) {
            Ok(column) if is_test == test.is_some() => {
                wanted.push(Wanted { column, label: name.to_owned(), test });
            }
            Ok(_) | Err(_) => {
                answer.error(format!("{name} not a valid table.column description"));
            }
        }
    }
    wanted
}

/// The name of the column in `nodehm.mgt==ipmi`, and whether there is a test.
fn split_test(operand: &str) -> (&str, bool) {
    let operators = ["!=", "=~", "==", "!~"];
    let at = operators.iter().filter_map(|operator| operand.find(operator)).min();
    at.map_or((operand, false), |at| (&operand[..at], true))
}

/// The lines about one node; none when a test fails, only the name when nothing is to be shown.
fn lines(snapshot: &Snapshot, node: &NodeName, wanted: &[Wanted], style: &Style) -> Vec<Item> {
    let passes = |wanted: &Wanted| {
        let Some(test) = &wanted.test else { return true };
        let cell = wanted.column.value(snapshot, node.as_str());
        test.holds(|_| Some(cell.as_ref().map_or("", |cell| &*cell.text)))
    };
    if !wanted.iter().all(passes) {
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    let shown = wanted.iter().filter(|wanted| wanted.test.is_none());
    let mut items: Vec<Item> = shown
        .filter(|wanted| seen.insert(wanted.column))
        .map(|wanted| line(snapshot, node, wanted, style))
        .collect();
    if items.is_empty() && !wanted.is_empty() {
        items.push(Item::NodeName(node.to_string()));
    }
    items
}

fn line(snapshot: &Snapshot, node: &NodeName, wanted: &Wanted, style: &Style) -> Item {
    let cell = wanted.column.value(snapshot, node.as_str());
    let mut text = cell.as_ref().map_or_else(String::new, |cell| cell.text.to_string());
    if let Some(group) = cell.and_then(|cell| cell.from).filter(|_| style.blame) {
        text = format!("{text} (inherited from group {group})");
    }
    let desc = style.labelled.then(|| wanted.label.clone());
    Item::Node { name: node.to_string(), desc, text }
}
