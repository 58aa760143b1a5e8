//! The content of all tables at one generation: immutable, cheap to clone, indexed for reading.
//!
//! Persistent maps share what did not change, so that the next generation costs what the change
//! costs. The set of nodes and the members of each group are kept beside the rows and are never
//! anything but a function of the enabled rows of `nodelist`.

use std::ops::Bound;
use std::sync::Arc;

use base::NodeName;
use imbl::{OrdMap, OrdSet};

use crate::row::{Row, Text, join_key};
use crate::schema::{TableId, ids};

/// The rows of one table by their key.
pub(crate) type Rows = OrdMap<Text, Row>;

/// The members of a group, sorted by byte.
pub type Members = OrdSet<NodeName>;

/// All tables as they are at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot(pub(crate) Arc<State>);

#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) generation: u64,
    pub(crate) tables: Vec<TableState>,
    pub(crate) nodes: OrdSet<NodeName>,
    pub(crate) groups: OrdMap<Text, Members>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct TableState {
    pub(crate) rows: Rows,
    /// The generation in which the table changed last.
    pub(crate) generation: u64,
}

impl Snapshot {
    /// Tables without a row, generation 0.
    pub fn empty() -> Self {
        Self(Arc::new(State {
            generation: 0,
            tables: vec![TableState::default(); TableId::COUNT],
            nodes: OrdSet::new(),
            groups: OrdMap::new(),
        }))
    }

    /// The number of changes that led here.
    pub fn generation(&self) -> u64 {
        self.0.generation
    }

    /// The generation in which `table` changed last.
    pub fn table_generation(&self, table: TableId) -> u64 {
        self.0.tables[table.index()].generation
    }

    /// Whether `other`, an earlier or later state of these tables, surely has the same nodes in the
    /// same groups in the same order; cheap, and `false` when that is not known.
    pub fn same_membership(&self, other: &Self) -> bool {
        self.0.nodes.ptr_eq(&other.0.nodes) && self.0.groups.ptr_eq(&other.0.groups)
    }

    /// The rows of `table` sorted by key, those that are disabled too.
    pub fn rows(&self, table: TableId) -> impl Iterator<Item = &Row> + Clone {
        self.table_rows(table).iter().map(|(_, row)| row)
    }

    /// The rows of `table` that count, sorted by key.
    pub fn enabled_rows(&self, table: TableId) -> impl Iterator<Item = &Row> + Clone {
        self.rows(table).filter(|row| row.enabled())
    }

    /// How many rows `table` has.
    pub fn row_count(&self, table: TableId) -> usize {
        self.table_rows(table).len()
    }

    /// The row of `table` with this key.
    pub fn row(&self, table: TableId, key: &[&str]) -> Option<&Row> {
        match key {
            [only] => self.table_rows(table).get(*only),
            _ => self.table_rows(table).get(&*join_key(key.iter().copied())),
        }
    }

    /// The rows of `table` whose first key column is `first`, sorted by key.
    pub fn rows_of<'a>(
        &'a self,
        table: TableId,
        first: &str,
    ) -> impl Iterator<Item = &'a Row> + use<'a> {
        let rows = self.table_rows(table);
        let single = table.def().key_columns().nth(1).is_none();
        let only = single.then(|| rows.get(first)).flatten();
        let several = (!single).then(|| range_of(rows, first));
        only.into_iter().chain(several.into_iter().flatten())
    }

    /// The value of a key of the `site` table; none when it is empty or the row is disabled.
    pub fn site(&self, key: &str) -> Option<&str> {
        let row = self.row(ids::SITE, &[key]).filter(|row| row.enabled())?;
        row.get("value").filter(|value| !value.is_empty())
    }

    /// The names of all nodes, sorted by byte.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeName> + Clone {
        self.0.nodes.iter()
    }

    /// How many nodes there are.
    pub fn node_count(&self) -> usize {
        self.0.nodes.len()
    }

    /// The node called `name` as the shared name.
    pub fn node(&self, name: &str) -> Option<&NodeName> {
        self.0.nodes.get(name)
    }

    /// Whether there is a node called `name`.
    pub fn has_node(&self, name: &str) -> bool {
        self.node(name).is_some()
    }

    /// The groups of a node in the order of `nodelist.groups`.
    pub fn groups_of(&self, node: &str) -> Vec<Text> {
        let groups = &self.0.groups;
        let shared = |name| {
            groups.get_key_value(name).map_or_else(|| Text::from(name), |(key, _)| key.clone())
        };
        self.group_names(node).map(shared).collect()
    }

    /// The members of a static group; none when no node is in it.
    pub fn group_members(&self, group: &str) -> Option<&Members> {
        self.0.groups.get(group)
    }

    /// The static groups that have a member, with the members, sorted by name.
    pub fn groups(&self) -> impl Iterator<Item = (&Text, &Members)> + Clone {
        self.0.groups.iter()
    }

    pub(crate) fn group_names<'a>(&'a self, node: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let row = self.row(ids::NODELIST, &[node]).filter(|row| row.enabled());
        split_groups(row.and_then(|row| row.get("groups")).unwrap_or_default())
    }

    pub(crate) fn table_rows(&self, table: TableId) -> &Rows {
        &self.0.tables[table.index()].rows
    }
}

/// The rows whose joined key begins with the key cell `first`.
fn range_of<'a>(rows: &'a Rows, first: &str) -> impl Iterator<Item = &'a Row> + use<'a> {
    let (low, high) = (format!("{first}\0"), format!("{first}\u{1}"));
    let bounds = (Bound::Included(low.as_str()), Bound::Excluded(high.as_str()));
    rows.range::<_, str>(bounds).map(|(_, row)| row)
}

/// The names in a comma list of groups.
pub(crate) fn split_groups(groups: &str) -> impl Iterator<Item = &str> {
    groups.split(',').filter(|group| !group.is_empty())
}
