//! Reading objects: their names and the attributes that they have.

use std::collections::BTreeSet;

use super::def::{AttributeDef, Is, ObjectType};
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
    source: String,
}

impl Attribute {
    /// Where the value is stored, as `lsdef -V` prints it.
    pub fn source(&self) -> &str {
        &self.source
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
    let holds = |definition: &&AttributeDef| applies(snapshot, kind, name, definition);
    let definitions = kind.definitions(attribute).filter(holds);
    definitions.filter_map(|definition| stored(snapshot, kind, name, definition)).last()
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
    let mut found: Vec<Attribute> = Vec::new();
    for definition in kind.attributes().iter().filter(|definition| definition.name != kind.key()) {
        let holds = definition.only_if.is_none_or(|(on, word)| {
            found.iter().any(|known| *known.name == *on && has_word(&known.value, word))
        });
        let Some(attribute) = holds.then(|| stored(snapshot, kind, name, definition)).flatten()
        else {
            continue;
        };
        match found.iter_mut().find(|known| known.name == attribute.name) {
            Some(known) => *known = attribute,
            None => found.push(attribute),
        }
    }
    found
}

fn applies(snapshot: &Snapshot, kind: ObjectType, name: &str, definition: &AttributeDef) -> bool {
    definition.only_if.is_none_or(|(on, word)| {
        let unconditional = kind.definitions(on).filter(|on| on.only_if.is_none());
        let mut values = unconditional.filter_map(|on| stored(snapshot, kind, name, on));
        values.any(|on| has_word(&on.value, word))
    })
}

/// What the cell of a definition says, whether or not its condition holds.
fn stored(
    snapshot: &Snapshot,
    kind: ObjectType,
    name: &str,
    definition: &AttributeDef,
) -> Option<Attribute> {
    let column = definition.table.def().column(definition.column)?;
    let by_node = by_node(kind, definition);
    let (value, from) = if by_node && kind == ObjectType::Node {
        let cell = snapshot.node_value(definition.table, definition.column, name)?;
        (cell.text, cell.from)
    } else {
        let rows = snapshot.rows_where(definition.table, &definition.conditions(name)).ok()?;
        let filled = |row: &&Row| row.cell(column).is_some_and(|text| !text.is_empty());
        let mut rows = rows.into_iter().filter(|row| row.enabled()).filter(filled);
        let row = if by_node { rows.next() } else { rows.next_back() };
        (row?.cell(column)?.clone(), None)
    };
    let keys: Vec<_> = definition.row.iter().map(|condition| condition.column).collect();
    let blank = if by_node { "" } else { " " };
    let source = format!(
        "(Table:{} - Key:{blank}{} - Column:{})",
        definition.table,
        keys.join(" "),
        definition.column
    );
    Some(Attribute { name: definition.name.into(), value, table: definition.table, from, source })
}

/// Whether the cell is looked up as one of a node or group, and not by the row's own key.
fn by_node(kind: ObjectType, definition: &AttributeDef) -> bool {
    let of_node = matches!(kind, ObjectType::Node | ObjectType::Group);
    let only_name = matches!(definition.row, [only] if only.is == Is::Name);
    of_node && only_name && definition.table.def().node_column.is_some()
}

/// The rows of a table of keys and values as attributes.
fn settings(snapshot: &Snapshot, table: TableId, name: Option<&str>) -> Vec<Attribute> {
    let rows = snapshot.enabled_rows(table).filter(|row| name.is_none() || row.get("name") == name);
    let attribute = |row: &Row| {
        let key = row.text("key").filter(|key| !key.is_empty())?;
        let value = row.text("value").filter(|value| !value.is_empty())?.clone();
        let source = match name {
            Some(_) => format!("(Table:{table})"),
            None => format!("(Table:{table} - Key:{key})"),
        };
        Some(Attribute { name: key.clone(), value, table, from: None, source })
    };
    rows.filter_map(attribute).collect()
}
