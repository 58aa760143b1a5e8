//! nodels: the nodes of a noderange, with columns of tables on request.

use std::collections::BTreeSet;

use base::{Failure, NodeName};
use command::{Answer, Item};
use model::selection::Selection;
use tables::{Cell, Snapshot, TableId};

use crate::call::Call;
use crate::shape::{Behaviour, Command};

pub(crate) static COMMAND: Command = Command::new("nodels", Behaviour::Query(nodels));

/// Short names of columns, as in noderanges.
const SHORT_NAMES: &[(&str, &str)] =
    &[("groups", "nodelist.groups"), ("tags", "nodelist.groups"), ("mgt", "nodehm.mgt")];

/// A column that is asked for, with the name it was asked for by, and the test that its value
/// must pass; a column that is only tested is not shown.
struct Wanted {
    table: TableId,
    column: &'static str,
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
    let hidden = snapshot.node_cell("nodelist", "hidden", node.as_str());
    hidden.is_some_and(|cell| &*cell.text == "1")
}

/// The columns that the operands name; what names none is an error in the answer.
fn columns(call: &Call, answer: &mut Answer) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for operand in call.options.operands() {
        let (name, is_test) = split_test(operand);
        if let Some(table) = tables::table(name).filter(|_| !is_test) {
            wanted.extend(table.def().columns.iter().map(|column| Wanted {
                table,
                column: column.name,
                label: format!("{name}.{}", column.name),
                test: None,
            }));
            continue;
        }
        let long = SHORT_NAMES.iter().find(|(short, _)| *short == name).map_or(name, |(_, l)| *l);
        let test = is_test.then(|| Selection::parse(&[operand.as_str()]).ok()).flatten();
        match cell_named(long) {
            Some((table, column)) if is_test == test.is_some() => {
                wanted.push(Wanted { table, column, label: name.to_owned(), test });
            }
            Some(_) | None => {
                answer.error(format!("{long} not a valid table.column description"));
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

fn cell_named(name: &str) -> Option<(TableId, &'static str)> {
    let (table, column) = name.split_once('.')?;
    let table = tables::table(table)?;
    let index = table.def().column(column)?;
    Some((table, table.def().columns[index].name))
}

/// The lines about one node; none when a test fails, only the name when nothing is to be shown.
fn lines(snapshot: &Snapshot, node: &NodeName, wanted: &[Wanted], style: &Style) -> Vec<Item> {
    let passes = |column: &&Wanted| {
        let Some(test) = &column.test else { return true };
        test.holds(|_| value(snapshot, node, column).map(|cell| cell.text))
    };
    if !wanted.iter().all(|column| passes(&column)) {
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    let shown = wanted.iter().filter(|column| column.test.is_none());
    let mut items: Vec<Item> = shown
        .filter(|column| seen.insert((column.table, column.column)))
        .map(|column| line(snapshot, node, column, style))
        .collect();
    if items.is_empty() && !wanted.is_empty() {
        items.push(Item::NodeName(node.to_string()));
    }
    items
}

fn line(snapshot: &Snapshot, node: &NodeName, column: &Wanted, style: &Style) -> Item {
    let cell = value(snapshot, node, column);
    let mut text = cell.as_ref().map_or_else(String::new, |cell| cell.text.to_string());
    if let Some(group) = cell.and_then(|cell| cell.from).filter(|_| style.blame) {
        text = format!("{text} (inherited from group {group})");
    }
    let desc = style.labelled.then(|| column.label.clone());
    Item::Node { name: node.to_string(), desc, text }
}

fn value(snapshot: &Snapshot, node: &NodeName, column: &Wanted) -> Option<Cell> {
    if column.table.def().node_column == Some(column.column) {
        let known = !snapshot.node_rows(column.table, node.as_str()).is_empty();
        return known.then(|| Cell { text: node.as_str().into(), from: None });
    }
    snapshot.node_value(column.table, column.column, node.as_str())
}
