//! nodech, nodeadd, nodegrpch, noderm: the cells of nodes and groups, column by column.

use std::collections::BTreeMap;

use base::{ErrorKind, Failure, NodeName};
use command::{Answer, Item};
use model::selection::Selection;
use model::universe::group_members;
use noderange::Mode;
use tables::{Patch, Snapshot, TableId, ids};

use crate::call::Call;
use crate::chtab::apply;
use crate::column::Column;
use crate::shape::{Behaviour, Command};

pub(crate) static NODECH: Command = Command::new("nodech", Behaviour::Edit(nodech));
pub(crate) static NODEADD: Command = Command::new("nodeadd", Behaviour::Edit(nodeadd));
pub(crate) static NODEGRPCH: Command = Command::new("nodegrpch", Behaviour::Edit(nodegrpch));
pub(crate) static NODERM: Command = Command::new("noderm", Behaviour::Edit(noderm));

/// An empty value is stored as an expression that is always empty, so that it hides what the groups
/// say.
const NOTHING: &str = "|^.*$||";

/// How a column changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Assign,
    /// The words that are not in the list are put in front.
    Join,
    /// The words are removed from the list.
    Leave,
}

/// One change of a column.
#[derive(Clone, Debug)]
struct Assignment {
    column: Column,
    operator: Operator,
    value: String,
}

/// What the operands ask for.
#[derive(Default)]
struct Asked {
    assignments: Vec<Assignment>,
    tests: Vec<(Column, Selection)>,
}

fn nodech(call: &Call) -> Result<(Patch, Answer), Failure> {
    let nodes = call.required_nodes()?;
    if call.options.operands().is_empty() {
        return Err(Failure::new(ErrorKind::Usage, "nothing to change is given"));
    }
    let mut answer = Answer::new();
    if call.options.has("delete") {
        let patch = delete(call, nodes, &mut answer)?;
        return Ok((patch, answer));
    }
    let asked = Asked::read(call.options.operands(), &mut answer)?;
    let passes = |node: &&NodeName| asked.holds_for(&call.snapshot, node.as_str());
    let names = nodes.iter().filter(passes).map(NodeName::as_str);
    let patch = change(&call.snapshot, names, &asked.assignments)?;
    Ok((patch, answer))
}

fn nodeadd(call: &Call) -> Result<(Patch, Answer), Failure> {
    let [noderange, operands @ ..] = call.options.operands() else {
        return Err(Failure::new(ErrorKind::Usage, "no nodes are given"));
    };
    if operands.is_empty() {
        return Err(Failure::new(ErrorKind::Usage, "no groups are given"));
    }
    let names = call.expand(noderange, Mode::NoVerify)?.names;
    let mut answer = Answer::new();
    let mut asked = Asked::read(operands, &mut answer)?;
    let groups = Column { table: ids::NODELIST, name: "groups" };
    if !asked.assignments.iter().any(|assignment| assignment.column == groups) {
        return Err(Failure::new(ErrorKind::Usage, "no groups are given"));
    }
    // Rows of other tables say nothing about a name that is no node yet.
    asked.assignments.sort_by_key(|assignment| assignment.column.table != ids::NODELIST);
    let mut invalid = names.iter().filter(|name| NodeName::parse(name.as_str()).is_err());
    if let Some(name) = invalid.next() {
        let text = format!("'{name}' cannot be the name of a node");
        return Err(Failure::new(ErrorKind::Usage, text));
    }
    let patch =
        change(&call.snapshot, names.iter().map(noderange::Name::as_str), &asked.assignments)?;
    Ok((patch, answer))
}

fn noderm(call: &Call) -> Result<(Patch, Answer), Failure> {
    removal(&call.snapshot, call.required_nodes()?)
}

/// Removes nodes from every table.
pub(crate) fn removal(snapshot: &Snapshot, nodes: &[NodeName]) -> Result<(Patch, Answer), Failure> {
    let mut patch = Patch::new();
    let tables = TableId::all()
        .filter(|table| table.def().column("node").is_some() && !table.def().is_log());
    for table in tables {
        for node in nodes {
            let rows = snapshot.delete_where(table, &[("node", node.as_str())]);
            patch.extend(rows.map_err(|error| apply(&error))?);
        }
    }
    Ok((patch, Answer::new()))
}

/// Sets columns of groups; their members give up what they say themselves.
fn nodegrpch(call: &Call) -> Result<(Patch, Answer), Failure> {
    let [groups, operands @ ..] = call.options.operands() else {
        return Err(Failure::new(ErrorKind::Usage, "no groups are given"));
    };
    let refuse = |text: &str| Err(Failure::new(ErrorKind::Conflict, text));
    let mut answer = Answer::new();
    let asked = Asked::read(operands, &mut answer)?;
    if asked.assignments.iter().any(|assignment| assignment.operator != Operator::Assign) {
        return refuse(",= and ^= are not supported by nodegrpch");
    }
    if asked.assignments.iter().any(|assignment| assignment.column.name == "groups") {
        return refuse("Group membership is not changeable via nodegrpch");
    }
    let mut patch = Patch::new();
    for group in groups.split(',').filter(|group| !group.is_empty()) {
        patch.extend(change(&call.snapshot, std::iter::once(group), &asked.assignments)?);
        for node in group_members(&call.snapshot, group).unwrap_or_default() {
            for Assignment { column, .. } in &asked.assignments {
                let key = node_key(*column, node.as_str());
                let rows = call.snapshot.rows_where(column.table, &key).map_err(|e| apply(&e))?;
                if rows.iter().any(|row| row.get(column.name).is_some()) {
                    let cells = [(column.name, None)];
                    let cleared = call.snapshot.set_where(column.table, &key, &cells);
                    patch.extend(cleared.map_err(|e| apply(&e))?);
                }
            }
        }
    }
    Ok((patch, answer))
}

fn delete(call: &Call, nodes: &[NodeName], answer: &mut Answer) -> Result<Patch, Failure> {
    let mut patch = Patch::new();
    for name in call.options.operands() {
        if name.contains(['=', '.']) {
            answer.error(". and = not valid in delete mode.");
            continue;
        }
        let table = tables::table(name).filter(|table| table.def().node_column.is_some());
        let Some(table) = table else {
            answer.error(format!("ERROR: Unable to open table {name} in configuration"));
            continue;
        };
        for node in nodes {
            let column = Column { table, name: "" };
            let rows = call.snapshot.delete_where(table, &node_key(column, node.as_str()));
            patch.extend(rows.map_err(|error| apply(&error))?);
        }
    }
    Ok(patch)
}

impl Asked {
    fn read(operands: &[String], answer: &mut Answer) -> Result<Self, Failure> {
        let mut asked = Self::default();
        for operand in operands {
            if !operand.contains('=') && !operand.contains("!~") {
                answer.push(Item::error(format!("Malformed argument {operand} ignored.")));
                continue;
            }
            match test_name(operand) {
                Some(name) => {
                    let test = Selection::parse(&[operand.as_str()])
                        .map_err(|error| Failure::from_error(ErrorKind::Usage, &error))?;
                    asked.tests.push((column(name)?, test));
                }
                None => asked.assignments.push(Assignment::read(operand)?),
            }
        }
        Ok(asked)
    }

    fn holds_for(&self, snapshot: &Snapshot, node: &str) -> bool {
        self.tests.iter().all(|(column, test)| {
            let cell = column.value(snapshot, node);
            test.holds(|_| Some(cell.as_ref().map_or("", |cell| &*cell.text)))
        })
    }
}

/// The column that an operand compares, when it is no assignment: the operator stands at its first
/// equals sign, or is `!~`.
fn test_name(operand: &str) -> Option<&str> {
    let at = operand.find('=').unwrap_or(operand.len());
    let (before, after) = (&operand[..at], &operand[at..]);
    if after.starts_with("==") || after.starts_with("=~") {
        return Some(before);
    }
    if let Some(name) = before.strip_suffix('!').filter(|_| !after.is_empty()) {
        return Some(name);
    }
    before.find("!~").map(|at| &before[..at])
}

impl Assignment {
    fn read(operand: &str) -> Result<Self, Failure> {
        let (name, value) = operand.split_once('=').unwrap_or((operand, ""));
        let value = value.strip_prefix('@').unwrap_or(value);
        let value = if value.is_empty() { NOTHING } else { value };
        let (name, operator) = if let Some(name) = name.strip_suffix(',') {
            (name, Operator::Join)
        } else if let Some(name) = name.strip_suffix('^') {
            (name, Operator::Leave)
        } else {
            (name, Operator::Assign)
        };
        Ok(Self { column: column(name)?, operator, value: value.to_owned() })
    }

    /// The next value, when there is one that differs by the operator's own rule.
    fn next(&self, present: Option<&str>) -> Option<String> {
        let list: Vec<&str> =
            present.unwrap_or_default().split(',').filter(|w| !w.is_empty()).collect();
        match self.operator {
            Operator::Assign => Some(self.value.clone()),
            Operator::Join if list.is_empty() => Some(self.value.clone()),
            Operator::Join => {
                let mut list = list;
                for word in self.value.split(',') {
                    if !list.contains(&word) {
                        list.insert(0, word);
                    }
                }
                Some(list.join(","))
            }
            Operator::Leave => {
                let unwanted: Vec<&str> = self.value.split(',').collect();
                let kept: Vec<&str> =
                    list.iter().copied().filter(|word| !unwanted.contains(word)).collect();
                (kept.len() < list.len()).then(|| kept.join(","))
            }
        }
    }
}

fn column(name: &str) -> Result<Column, Failure> {
    let unknown = |name: &str| {
        let text = format!("{name} not a valid table.column description");
        Failure::new(ErrorKind::NotFound, text)
    };
    let column = Column::named(name).map_err(unknown)?;
    if column.table.def().node_column.is_none() {
        return Err(unknown(name));
    }
    Ok(column)
}

/// The condition for the rows of a node in the table of `column`.
fn node_key(column: Column, name: &str) -> Vec<(&'static str, &str)> {
    column.table.def().node_column.map(|key| (key, name)).into_iter().collect()
}

/// Changes the cells of names, table by table so that new rows are complete.
fn change<'a>(
    snapshot: &Snapshot,
    names: impl Iterator<Item = &'a str>,
    assignments: &[Assignment],
) -> Result<Patch, Failure> {
    let mut patch = Patch::new();
    for name in names {
        let mut cells: BTreeMap<Column, String> = BTreeMap::new();
        for assignment in assignments {
            let column = assignment.column;
            let stored = column.value(snapshot, name);
            let present =
                cells.get(&column).map(String::as_str).or(stored.as_ref().map(|cell| &*cell.text));
            if let Some(next) = assignment.next(present) {
                cells.insert(column, next);
            }
        }
        let mut tables: BTreeMap<TableId, Vec<(&str, Option<&str>)>> = BTreeMap::new();
        for (column, value) in &cells {
            tables.entry(column.table).or_default().push((column.name, Some(value)));
        }
        for (table, cells) in &tables {
            let key = node_key(Column { table: *table, name: "" }, name);
            let rows = snapshot.set_where(*table, &key, cells);
            patch.extend(rows.map_err(|error| apply(&error))?);
        }
    }
    Ok(patch)
}
