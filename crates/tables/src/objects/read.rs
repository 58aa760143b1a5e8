//! Reading objects: their names and the attributes that they have.

use std::collections::{BTreeSet, HashMap};

use super::def::{AttributeDef, Is, ObjectType};
use crate::inherit::{Cell, Source, evaluated, joined};
use crate::row::{Row, Text};
use crate::schema::{TableId, ids};
use crate::snapshot::Snapshot;

/// The object that the whole `site` table is.
const SITE_NAME: &str = "clustersite";

/// An attribute that an object has, and where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The name of the attribute.
    pub name: Text,
    /// The value; never empty.
    pub value: Text,
    /// The table it is in.
    pub table: TableId,
    /// The group that it is inherited from.
    pub from: Option<Text>,
    place: Place,
}

/// How the cell of an attribute was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// As a cell of a node or group.
    OfNode(&'static AttributeDef),
    /// By the keys of its row.
    OfRow(&'static AttributeDef),
    /// As the key of the same name of `site`.
    Setting,
    /// As one of the settings of a monitor.
    MonitorSetting,
}

impl Attribute {
    /// Where the value is stored, as `lsdef -V` prints it.
    pub fn source(&self) -> String {
        let cell = |blank, definition: &AttributeDef| {
            let keys: Vec<_> = definition.row.iter().map(|condition| condition.column).collect();
            let (table, keys, column) = (definition.table, keys.join(" "), definition.column);
            format!("(Table:{table} - Key:{blank}{keys} - Column:{column})")
        };
        match self.place {
            Place::OfNode(definition) => cell("", definition),
            Place::OfRow(definition) => cell(" ", definition),
            Place::Setting => format!("(Table:{} - Key:{})", self.table, self.name),
            Place::MonitorSetting => format!("(Table:{})", self.table),
        }
    }
}

/// The names of all objects of a type, sorted.
pub fn names(snapshot: &Snapshot, kind: ObjectType) -> Vec<Text> {
    if kind == ObjectType::Site {
        return vec![SITE_NAME.into()];
    }
    let mut names = BTreeSet::new();
    if let Some(key) = key_cell(kind) {
        let rows = snapshot.enabled_rows(key.table);
        names.extend(rows.filter_map(|row| row.text(key.column).cloned()));
    }
    if kind == ObjectType::Group {
        names.extend(snapshot.groups().map(|(name, _)| name.clone()));
    }
    names.into_iter().filter(|name| !name.is_empty()).collect()
}

/// Whether there is an object of a type with this name.
pub fn exists(snapshot: &Snapshot, kind: ObjectType, name: &str) -> bool {
    if kind == ObjectType::Site {
        return name == SITE_NAME;
    }
    if kind == ObjectType::Group && snapshot.group_members(name).is_some() {
        return true;
    }
    let Some(key) = key_cell(kind) else { return false };
    let rows = snapshot.rows_where(key.table, &[(key.column, name)]).unwrap_or_default();
    !name.is_empty() && rows.iter().any(|row| row.enabled())
}

/// The attributes of an object that have a value, in the order of their definitions, without the
/// one that is its name.
pub fn read(snapshot: &Snapshot, kind: ObjectType, name: &str) -> Vec<Attribute> {
    match kind {
        ObjectType::Site => settings(snapshot, ids::SITE, None),
        ObjectType::Monitoring => settings(snapshot, ids::MONSETTING, Some(name)),
        _ => attributes(snapshot, kind, name),
    }
}

/// The value of one attribute of an object.
pub fn value(
    snapshot: &Snapshot,
    kind: ObjectType,
    name: &str,
    attribute: &str,
) -> Option<Attribute> {
    if matches!(kind, ObjectType::Site | ObjectType::Monitoring) {
        return read(snapshot, kind, name).into_iter().find(|found| *found.name == *attribute);
    }
    let mut object = Object::new(snapshot, kind, name);
    let mut found = None;
    for definition in kind.definitions(attribute) {
        if object.applies(definition) {
            found = object.stored(definition).or(found);
        }
    }
    found
}

/// Whether `text` has `word` between word boundaries.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

fn key_cell(kind: ObjectType) -> Option<&'static AttributeDef> {
    kind.definitions(kind.key()).next().filter(|key| !key.table.def().is_log())
}

fn attributes(snapshot: &Snapshot, kind: ObjectType, name: &str) -> Vec<Attribute> {
    let mut object = Object::new(snapshot, kind, name);
    let mut found: Vec<Attribute> = Vec::new();
    for definition in kind.attributes().iter().filter(|definition| definition.name != kind.key()) {
        let holds = definition.only_if.is_none_or(|(on, word)| {
            found.iter().any(|known| *known.name == *on && has_word(&known.value, word))
        });
        let Some(attribute) = holds.then(|| object.stored(definition)).flatten() else { continue };
        match found.iter_mut().find(|known| known.name == attribute.name) {
            Some(known) => *known = attribute,
            None => found.push(attribute),
        }
    }
    found
}

/// An object with the rows that were looked up for it.
struct Object<'a> {
    snapshot: &'a Snapshot,
    kind: ObjectType,
    name: &'a str,
    /// The rows of a node or group in each table that was looked at.
    rows: HashMap<TableId, Vec<Source<'a>>>,
}

impl<'a> Object<'a> {
    fn new(snapshot: &'a Snapshot, kind: ObjectType, name: &'a str) -> Self {
        Self { snapshot, kind, name, rows: HashMap::new() }
    }

    fn applies(&mut self, definition: &AttributeDef) -> bool {
        let Some((on, word)) = definition.only_if else { return true };
        let mut unconditional = self.kind.definitions(on).filter(|on| on.only_if.is_none());
        unconditional.any(|on| self.stored(on).is_some_and(|on| has_word(&on.value, word)))
    }

    /// What the cell of a definition says, whether or not its condition holds.
    fn stored(&mut self, definition: &'static AttributeDef) -> Option<Attribute> {
        let column = definition.table.def().column(definition.column)?;
        let (cell, place) = if self.is_cell_of_node(definition) {
            (self.cell_of_node(definition, column)?, Place::OfNode(definition))
        } else {
            (self.cell_of_row(definition, column)?, Place::OfRow(definition))
        };
        let Cell { text: value, from } = cell;
        let (name, table) = (definition.name.into(), definition.table);
        Some(Attribute { name, value, table, from, place })
    }

    /// Whether the cell is looked up as one of a node or group, and not by the row's own key.
    fn is_cell_of_node(&self, definition: &AttributeDef) -> bool {
        let of_node = matches!(self.kind, ObjectType::Node | ObjectType::Group);
        let only_name = matches!(definition.row, [only] if only.is == Is::Name);
        of_node && only_name && definition.table.def().node_column.is_some()
    }

    /// A node's cell inherits and is evaluated, a group's is as it is written.
    fn cell_of_node(&mut self, definition: &AttributeDef, column: usize) -> Option<Cell> {
        let (snapshot, table, name) = (self.snapshot, definition.table, self.name);
        let rows =
            self.rows.entry(table).or_insert_with(|| snapshot.sources(table, name).collect());
        if self.kind == ObjectType::Group {
            let text = rows.first()?.own_text(column)?.clone();
            return Some(Cell { text, from: None });
        }
        let delimiter = snapshot.delimiter(definition.column);
        evaluated(joined(rows.iter().copied(), column, name, delimiter)?, name)
    }

    fn cell_of_row(&self, definition: &AttributeDef, column: usize) -> Option<Cell> {
        let conditions = definition.conditions(self.name);
        let rows = self.snapshot.rows_where(definition.table, &conditions).ok()?;
        let rows = rows.into_iter().filter(|row| row.enabled());
        let mut texts = rows.filter_map(|row| row.cell(column)).filter(|text| !text.is_empty());
        texts.next_back().map(|text| Cell { text: text.clone(), from: None })
    }
}

/// The rows of a table of keys and values as attributes.
fn settings(snapshot: &Snapshot, table: TableId, name: Option<&str>) -> Vec<Attribute> {
    let rows = snapshot.enabled_rows(table).filter(|row| name.is_none() || row.get("name") == name);
    let attribute = |row: &Row| {
        let key = row.text("key").filter(|key| !key.is_empty())?;
        let value = row.text("value").filter(|value| !value.is_empty())?.clone();
        let place = if name.is_some() { Place::MonitorSetting } else { Place::Setting };
        Some(Attribute { name: key.clone(), value, table, from: None, place })
    };
    rows.filter_map(attribute).collect()
}
