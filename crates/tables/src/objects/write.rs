//! Changing objects: the patch that sets attributes or removes an object.

use std::collections::{BTreeMap, BTreeSet};

use super::def::{AttributeDef, ObjectType};
use super::nics;
use super::read::{has_word, read, value};
use crate::patch::{ApplyError, Patch};
use crate::schema::{TableId, ids};
use crate::snapshot::Snapshot;

/// A change of an object, and what its author should be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The change.
    pub patch: Patch,
    /// What was left out, one sentence each.
    pub warnings: Vec<String>,
}

/// Why attributes cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// The type has no such attribute.
    #[error("'{attribute}' is not a valid attribute for type '{kind}'.")]
    UnknownAttribute {
        /// The attribute.
        attribute: String,
        /// The type.
        kind: ObjectType,
    },
    /// Another attribute does not have a value for which this one is defined.
    #[error(
        "Cannot set the attr='{attribute}' attribute unless {condition} value is {}.",
        values.join(" or ")
    )]
    Condition {
        /// The attribute.
        attribute: String,
        /// The attribute that it depends on.
        condition: &'static str,
        /// The values of that attribute for which it is defined, sorted.
        values: Vec<&'static str>,
    },
    /// The tables cannot hold the value.
    #[error("cannot store the attributes")]
    Apply(#[from] ApplyError),
}

/// The change that gives attributes of an object these values, and adds the object when there is
/// none. An empty value is stored as such, but removes a key of `site` and one interface of a `nic*`
/// attribute.
pub fn set(
    snapshot: &Snapshot,
    kind: ObjectType,
    name: &str,
    attributes: &[(&str, &str)],
) -> Result<Change, Vec<SetError>> {
    let patch = match kind {
        ObjectType::Site => Ok(set_site(attributes)),
        ObjectType::Monitoring => set_monitoring(snapshot, name, attributes),
        _ => return set_attributes(snapshot, kind, name, attributes),
    };
    patch.map(|patch| Change { patch, warnings: Vec::new() }).map_err(|error| vec![error.into()])
}

/// The change that removes an object: all its rows, and a group also from the lists of its members.
pub fn remove(snapshot: &Snapshot, kind: ObjectType, name: &str) -> Result<Patch, ApplyError> {
    let mut patch = Patch::new();
    if kind == ObjectType::Site {
        patch.clear(ids::SITE);
        return Ok(patch);
    }
    let places: BTreeSet<(TableId, Vec<(&str, &str)>)> = kind
        .attributes()
        .iter()
        .map(|definition| (definition.table, definition.conditions(name)))
        .collect();
    for (table, conditions) in &places {
        patch.extend(snapshot.delete_where(*table, conditions)?);
    }
    if kind == ObjectType::Group {
        leave_group(snapshot, name, &mut patch);
    }
    Ok(patch)
}

fn leave_group(snapshot: &Snapshot, group: &str, patch: &mut Patch) {
    for node in snapshot.group_members(group).into_iter().flatten() {
        let rest: Vec<_> =
            snapshot.group_names(node.as_str()).filter(|name| *name != group).collect();
        let groups = rest.join(",");
        patch.set(ids::NODELIST, &[node.as_str()], &[("groups", Some(groups.as_str()))]);
    }
}

fn set_site(attributes: &[(&str, &str)]) -> Patch {
    let mut patch = Patch::new();
    for (key, value) in attributes {
        match *value {
            "" => patch.delete(ids::SITE, &[key]),
            value => patch.set(ids::SITE, &[key], &[("value", Some(value))]),
        };
    }
    patch
}

/// The table's own columns are attributes of `monitoring`, everything else is one of `monsetting`.
fn set_monitoring(
    snapshot: &Snapshot,
    name: &str,
    attributes: &[(&str, &str)],
) -> Result<Patch, ApplyError> {
    let mut patch = Patch::new();
    for (attribute, value) in attributes {
        let cells = |column| [(column, Some(*value))];
        let (table, conditions, cells) = match ObjectType::Monitoring.definitions(attribute).next()
        {
            Some(own) if own.name == ObjectType::Monitoring.key() => continue,
            Some(own) => (ids::MONITORING, vec![("name", name)], cells(own.column)),
            None => (ids::MONSETTING, vec![("name", name), ("key", *attribute)], cells("value")),
        };
        patch.extend(snapshot.set_where(table, &conditions, &cells)?);
    }
    Ok(patch)
}

fn set_attributes(
    snapshot: &Snapshot,
    kind: ObjectType,
    name: &str,
    attributes: &[(&str, &str)],
) -> Result<Change, Vec<SetError>> {
    let asked = Asked::new(snapshot, kind, name, attributes)?;
    asked.check()?;
    let mut rows: Vec<RowEdit> = Vec::new();
    for definition in asked.definitions().filter(|definition| asked.applies(definition)) {
        let value = asked.values.get(definition.name).map(String::as_str);
        let conditions = definition.conditions(name);
        let table = definition.table;
        let cell = (definition.column, value);
        match rows.iter_mut().find(|row| row.table == table && row.conditions == conditions) {
            Some(row) => row.cells.push(cell),
            None => rows.push(RowEdit { table, conditions, cells: vec![cell] }),
        }
    }
    let mut patch = Patch::new();
    for row in &rows {
        let edits = snapshot.set_where(row.table, &row.conditions, &row.cells);
        patch.extend(edits.map_err(|error| vec![error.into()])?);
    }
    Ok(Change { patch, warnings: asked.warnings })
}

/// What is set in one row.
struct RowEdit<'a> {
    table: TableId,
    conditions: Vec<(&'static str, &'a str)>,
    cells: Vec<(&'static str, Option<&'a str>)>,
}

/// The attributes that are asked for, by name, with what is known about the object.
struct Asked<'a> {
    snapshot: &'a Snapshot,
    kind: ObjectType,
    values: BTreeMap<String, String>,
    /// What the object has now.
    present: BTreeMap<String, String>,
    warnings: Vec<String>,
}

impl<'a> Asked<'a> {
    fn new(
        snapshot: &'a Snapshot,
        kind: ObjectType,
        name: &str,
        attributes: &[(&str, &str)],
    ) -> Result<Self, Vec<SetError>> {
        let unknown = attributes.iter().filter(|(attribute, _)| !kind.has_attribute(attribute));
        let unknown: Vec<_> = unknown
            .map(|(attribute, _)| SetError::UnknownAttribute {
                attribute: attribute.escape_debug().to_string(),
                kind,
            })
            .collect();
        if !unknown.is_empty() {
            return Err(unknown);
        }
        let present = read(snapshot, kind, name).into_iter();
        let present = present.map(|found| (found.name.to_string(), found.value.to_string()));
        let mut asked = Self {
            snapshot,
            kind,
            values: BTreeMap::new(),
            present: present.collect(),
            warnings: Vec::new(),
        };
        asked.fold_interfaces(attributes);
        asked.leave_out_defaults(name);
        Ok(asked)
    }

    /// Joins `nicips.eth0`, `nicips.eth1`, ... into the cell that has them all.
    fn fold_interfaces(&mut self, attributes: &[(&str, &str)]) {
        let mut interfaces: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for (attribute, value) in attributes {
            match nics::split_name(attribute) {
                Some((attribute, interface)) => {
                    interfaces.entry(attribute).or_default().push((interface, value));
                }
                None => {
                    self.values.insert((*attribute).to_owned(), (*value).to_owned());
                }
            }
        }
        for (attribute, changes) in interfaces {
            let present = self.present.get(attribute).map_or("", String::as_str);
            self.values.insert(attribute.to_owned(), nics::merge(present, changes));
        }
    }

    /// Drops the scripts that every node runs anyway.
    fn leave_out_defaults(&mut self, name: &str) {
        let defaults = self.snapshot.row(ids::POSTSCRIPTS, &["xcatdefaults"]);
        let Some(defaults) = defaults.filter(|row| row.enabled() && name != "xcatdefaults") else {
            return;
        };
        if !matches!(self.kind, ObjectType::Node | ObjectType::Group) {
            return;
        }
        for column in ["postscripts", "postbootscripts"] {
            let Some(value) = self.values.get_mut(column) else { continue };
            let known: Vec<_> = defaults.get(column).unwrap_or_default().split(',').collect();
            let (dropped, kept): (Vec<_>, Vec<_>) = value
                .split(',')
                .map(str::to_owned)
                .partition(|script| !script.is_empty() && known.contains(&script.as_str()));
            self.warnings.extend(dropped.iter().map(|script| {
                format!("{name}: {column} '{script}' is already included in the 'xcatdefaults'.")
            }));
            *value = kept.join(",");
        }
    }

    /// The definitions of what is asked for, without the name of the object.
    fn definitions(&self) -> impl Iterator<Item = &'static AttributeDef> {
        let key = self.kind.key();
        let asked = |definition: &&AttributeDef| self.values.contains_key(definition.name);
        let all = self.kind.attributes().iter();
        all.filter(move |definition| definition.name != key).filter(asked)
    }

    fn applies(&self, definition: &AttributeDef) -> bool {
        definition.only_if.is_none_or(|(on, word)| self.condition_holds(on, word))
    }

    /// Whether the attribute has the word: as asked for, as it is, or in a group that is asked for.
    fn condition_holds(&self, on: &str, word: &str) -> bool {
        let own = [self.values.get(on), self.present.get(on)].into_iter().flatten();
        if own.into_iter().any(|value| has_word(value, word)) {
            return true;
        }
        let groups = self.values.get("groups").map_or("", String::as_str).split(',');
        let of_group = |group| value(self.snapshot, ObjectType::Group, group, on);
        groups.filter_map(of_group).any(|found| has_word(&found.value, word))
    }

    /// The attributes none of whose definitions applies.
    fn check(&self) -> Result<(), Vec<SetError>> {
        let valid: BTreeSet<_> = self
            .definitions()
            .filter(|definition| self.applies(definition))
            .map(|definition| definition.name)
            .collect();
        let mut conditions: BTreeMap<&str, &'static str> = BTreeMap::new();
        let mut values: BTreeMap<&str, BTreeSet<&'static str>> = BTreeMap::new();
        for definition in self.definitions().filter(|definition| !valid.contains(definition.name)) {
            let Some((on, word)) = definition.only_if else { continue };
            conditions.insert(definition.name, on);
            values.entry(on).or_default().insert(word);
        }
        let errors = conditions.into_iter().map(|(attribute, condition)| SetError::Condition {
            attribute: attribute.to_owned(),
            condition,
            values: values.get(condition).into_iter().flatten().copied().collect(),
        });
        let errors: Vec<_> = errors.collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}
