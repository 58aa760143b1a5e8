//! From one snapshot to the next: performs the edits of a patch on a copy that shares everything,
//! notes which rows they touched, and brings the indexes up to date with the rows that differ.

use std::collections::HashMap;
use std::sync::Arc;

use base::NodeName;
use imbl::OrdMap;

use crate::patch::{ApplyError, Edit, Patch, RowChange};
use crate::row::{Interner, Row, RowDraft, Text, column_index, join_key};
use crate::schema::{TableId, ids};
use crate::snapshot::{Snapshot, State, TableState, split_groups};

impl Snapshot {
    /// The tables after `patch`, and the rows that it changed in the order in which it touched them
    /// first. The generation is one higher, or the same when no row differs.
    pub fn apply(&self, patch: &Patch) -> Result<(Self, Vec<RowChange>), ApplyError> {
        let mut draft = Draft::from(self);
        for edit in patch.edits() {
            draft.perform(edit)?;
        }
        Ok(draft.finish())
    }

    /// The tables with exactly these rows, as generation `generation`; a later row replaces an
    /// earlier one with the same key.
    pub fn load(generation: u64, rows: impl IntoIterator<Item = Row>) -> Result<Self, ApplyError> {
        let mut draft = Draft::from(&Self::empty());
        for row in rows {
            check(&row)?;
            let row = row.shared(&mut draft.interner);
            let state = &mut draft.state;
            let index = row.index();
            let before = state.tables[row.table().index()].rows.insert(index, row.clone());
            state.reindex(before.as_ref(), Some(&row));
            state.tables[row.table().index()].generation = generation;
        }
        draft.state.generation = generation;
        Ok(Self(Arc::new(draft.state)))
    }
}

struct Draft {
    state: State,
    /// What the touched rows were before, and in which order they were touched first.
    touched: HashMap<(TableId, Text), usize>,
    before: Vec<(TableId, Text, Option<Row>)>,
    interner: Interner,
}

impl Draft {
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            state: State::clone(&snapshot.0),
            touched: HashMap::new(),
            before: Vec::new(),
            interner: Interner::default(),
        }
    }

    fn perform(&mut self, edit: &Edit) -> Result<(), ApplyError> {
        match edit {
            Edit::Set { table, key, cells } => self.merge(*table, key, cells),
            Edit::Replace(row) => {
                check(row)?;
                let row = row.shared(&mut self.interner);
                self.put(row);
                Ok(())
            }
            Edit::Delete { table, key } => self.delete(*table, key),
            Edit::Clear(table) => self.clear(*table),
        }
    }

    fn merge(
        &mut self,
        table: TableId,
        key: &[String],
        cells: &[(String, Option<String>)],
    ) -> Result<(), ApplyError> {
        let index = index_of(table, key)?;
        let mut row = match self.rows(table).get(&index) {
            Some(row) => RowDraft::from(row),
            None => self.with_key(table, key)?,
        };
        for (name, text) in cells {
            let at = column_index(table, name)?;
            if let Some(part) = table.def().key_columns().position(|column| column == at) {
                if text.as_deref().unwrap_or_default() != key[part] {
                    return Err(ApplyError::KeyChange { table, column: name.clone() });
                }
                continue;
            }
            row.set(at, text.as_deref().map(Into::into))?;
        }
        let row = row.finish(&mut self.interner);
        check(&row)?;
        self.put(row);
        Ok(())
    }

    fn with_key(&self, table: TableId, key: &[String]) -> Result<RowDraft, ApplyError> {
        let mut row = RowDraft::new(table);
        for (column, text) in table.def().key_columns().zip(key) {
            row.set(column, Some(self.node_text(text)))?;
        }
        Ok(row)
    }

    /// The text of the node called `text` when there is one, so that its rows share it.
    fn node_text(&self, text: &str) -> Text {
        let nodes = &self.state.tables[ids::NODELIST.index()].rows;
        nodes.get_key_value(text).map_or_else(|| text.into(), |(name, _)| name.clone())
    }

    /// A row that comes back as it was keeps its memory: most rows of a restored dump do.
    fn put(&mut self, row: Row) {
        let table = row.table();
        let known = self.known(table, row.index()).filter(|known| **known == row);
        let row = known.cloned().unwrap_or(row);
        let index = row.index();
        let old = self.rows_mut(table).insert(index.clone(), row);
        self.touch(table, index, old);
    }

    /// The row as it is, or as it was before it was removed.
    fn known(&self, table: TableId, index: Text) -> Option<&Row> {
        self.rows(table).get(&index).or_else(|| {
            let place = self.touched.get(&(table, index))?;
            self.before.get(*place)?.2.as_ref()
        })
    }

    fn delete(&mut self, table: TableId, key: &[String]) -> Result<(), ApplyError> {
        let index = index_of(table, key)?;
        if let Some((index, old)) = self.rows_mut(table).remove_with_key(&index) {
            self.touch(table, index, Some(old));
        }
        Ok(())
    }

    fn clear(&mut self, table: TableId) -> Result<(), ApplyError> {
        if table.def().is_log() {
            return Err(ApplyError::Log(table));
        }
        for (index, old) in std::mem::take(self.rows_mut(table)) {
            self.touch(table, index, Some(old));
        }
        Ok(())
    }

    fn touch(&mut self, table: TableId, index: Text, old: Option<Row>) {
        let next = self.before.len();
        let place = *self.touched.entry((table, index.clone())).or_insert(next);
        if place == next {
            self.before.push((table, index, old));
        }
    }

    fn finish(mut self) -> (Snapshot, Vec<RowChange>) {
        let generation = self.state.generation + 1;
        let mut changes = Vec::new();
        for (table, index, old) in std::mem::take(&mut self.before) {
            let new = self.rows(table).get(&index).cloned();
            if old == new {
                continue;
            }
            self.state.reindex(old.as_ref(), new.as_ref());
            self.state.tables[table.index()].generation = generation;
            let key = old.as_ref().or(new.as_ref()).map(key_texts).unwrap_or_default();
            changes.push(RowChange { table, key, old, new });
        }
        if !changes.is_empty() {
            self.state.generation = generation;
        }
        (Snapshot(Arc::new(self.state)), changes)
    }

    fn rows(&self, table: TableId) -> &OrdMap<Text, Row> {
        &self.state.tables[table.index()].rows
    }

    fn rows_mut(&mut self, table: TableId) -> &mut OrdMap<Text, Row> {
        let TableState { rows, .. } = &mut self.state.tables[table.index()];
        rows
    }
}

impl State {
    /// Follows the change of one row into the set of nodes and the members of groups.
    fn reindex(&mut self, old: Option<&Row>, new: Option<&Row>) {
        if old.or(new).is_none_or(|row| row.table() != ids::NODELIST) {
            return;
        }
        let (old, new) = (old.and_then(membership), new.and_then(membership));
        if old == new {
            return;
        }
        if let Some((name, groups)) = old {
            self.nodes.remove(&name);
            for group in split_groups(groups) {
                self.leave(group, &name);
            }
        }
        if let Some((name, groups)) = new {
            for group in split_groups(groups) {
                self.join(group, &name);
            }
            self.nodes.insert(name);
        }
    }

    fn leave(&mut self, group: &str, node: &NodeName) {
        let Some(members) = self.groups.get_mut(group) else { return };
        members.remove(node);
        if members.is_empty() {
            self.groups.remove(group);
        }
    }

    fn join(&mut self, group: &str, node: &NodeName) {
        match self.groups.get_mut(group) {
            Some(members) => {
                members.insert(node.clone());
            }
            None => {
                self.groups.insert(group.into(), [node.clone()].into_iter().collect());
            }
        }
    }
}

/// The node that a row of `nodelist` defines, with its groups; none when the row does not count.
fn membership(row: &Row) -> Option<(NodeName, &str)> {
    if !row.enabled() {
        return None;
    }
    let name = NodeName::parse(row.get("node")?).ok()?;
    Some((name, row.get("groups").unwrap_or_default()))
}

/// Refuses a row of a log, and one that lacks a cell that it must have.
fn check(row: &Row) -> Result<(), ApplyError> {
    let (table, def) = (row.table(), row.table().def());
    if def.is_log() {
        return Err(ApplyError::Log(table));
    }
    for (index, column) in def.columns.iter().enumerate() {
        if column.required && row.cell(index).is_none() {
            let key = row.key().collect::<Vec<_>>().join(",");
            return Err(ApplyError::Required { table, key, column: column.name });
        }
    }
    Ok(())
}

fn index_of(table: TableId, key: &[String]) -> Result<Text, ApplyError> {
    let def = table.def();
    if def.is_log() {
        return Err(ApplyError::Log(table));
    }
    let expected = def.key_columns().count();
    if key.len() != expected {
        return Err(ApplyError::KeyLength { table, expected, found: key.len() });
    }
    if let Some((column, _)) = def.key_columns().zip(key).find(|(_, text)| text.contains('\0')) {
        let column = def.columns[column].name;
        return Err(ApplyError::InvalidCell { table, column, reason: "it has a NUL character" });
    }
    Ok(join_key(key.iter().map(String::as_str)))
}

fn key_texts(row: &Row) -> Vec<Text> {
    row.table()
        .def()
        .key_columns()
        .map(|index| row.cell(index).cloned().unwrap_or_default())
        .collect()
}
