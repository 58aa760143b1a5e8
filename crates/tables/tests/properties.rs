//! What holds for every patch: it does what a plain map would do, the indexes are what the rows say,
//! the changes lead from one snapshot to the other and back, and dumps come back as they were.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tables::{Patch, Row, RowChange, Snapshot, TableId, cells, csv, ids};

/// The tables that patches are about: one key, several keys, and the one with indexes.
const TABLES: [TableId; 3] = [ids::NODELIST, ids::SWITCH, ids::SITE];

#[derive(Clone, Debug)]
enum Edit {
    Set(TableId, Vec<String>, usize, Option<String>),
    Replace(TableId, Vec<String>, Vec<Option<String>>),
    Delete(TableId, Vec<String>),
    Clear(TableId),
}

/// The cells of each row by table and key.
type Model = BTreeMap<(TableId, Vec<String>), Vec<Option<String>>>;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec!["", "0", "no", "1", "all", "all,rack1", "rack1,,x", "a\"b,c\n"])
            .prop_map(str::to_owned),
        "[ -~é\n]{0,6}",
    ]
}

fn key(table: TableId) -> impl Strategy<Value = Vec<String>> {
    let names = select(vec!["", "n1", "n2", "n10", "not a name"]).prop_map(str::to_owned);
    vec(names, table.def().key_columns().count())
}

fn edit() -> impl Strategy<Value = Edit> {
    select(TABLES.to_vec()).prop_flat_map(|table| {
        let columns = table.def().columns.len();
        let free =
            (0..columns).filter(|column| !table.def().columns[*column].key).collect::<Vec<_>>();
        prop_oneof![
            8 => (key(table), select(free), option::of(text()))
                .prop_map(move |(key, column, text)| Edit::Set(table, key, column, text)),
            3 => (key(table), vec(option::of(text()), columns))
                .prop_map(move |(key, cells)| Edit::Replace(table, key, cells)),
            3 => key(table).prop_map(move |key| Edit::Delete(table, key)),
            1 => Just(Edit::Clear(table)),
        ]
    })
}

fn with_key(table: TableId, key: &[String], mut cells: Vec<Option<String>>) -> Vec<Option<String>> {
    for (column, text) in table.def().key_columns().zip(key) {
        cells[column] = Some(text.clone());
    }
    cells
}

fn row(table: TableId, cells: &[Option<String>]) -> Row {
    Row::from_cells(table, cells.iter().map(Option::as_deref)).unwrap()
}

fn add(patch: &mut Patch, edit: &Edit) {
    let texts = |key: &[String]| key.to_vec();
    match edit {
        Edit::Set(table, key, column, text) => {
            let key = texts(key);
            let key: Vec<_> = key.iter().map(String::as_str).collect();
            patch.set(*table, &key, &[(table.def().columns[*column].name, text.as_deref())]);
        }
        Edit::Replace(table, key, cells) => {
            patch.replace(row(*table, &with_key(*table, key, cells.clone())));
        }
        Edit::Delete(table, key) => {
            patch.delete(*table, &key.iter().map(String::as_str).collect::<Vec<_>>());
        }
        Edit::Clear(table) => {
            patch.clear(*table);
        }
    }
}

fn perform(model: &mut Model, edit: &Edit) {
    match edit.clone() {
        Edit::Set(table, key, column, text) => {
            let empty = with_key(table, &key, vec![None; table.def().columns.len()]);
            model.entry((table, key)).or_insert(empty)[column] = text;
        }
        Edit::Replace(table, key, cells) => {
            let cells = with_key(table, &key, cells);
            model.insert((table, key), cells);
        }
        Edit::Delete(table, key) => {
            model.remove(&(table, key));
        }
        Edit::Clear(table) => model.retain(|(known, _), _| *known != table),
    }
}

fn rows(snapshot: &Snapshot) -> Vec<Row> {
    TABLES.iter().flat_map(|table| snapshot.rows(*table).cloned()).collect()
}

fn rows_of_model(model: &Model) -> Vec<Row> {
    TABLES
        .iter()
        .flat_map(|wanted| model.iter().filter(move |((table, _), _)| table == wanted))
        .map(|((table, _), cells)| row(*table, cells))
        .collect()
}

/// The nodes, and the members of each group, computed from the rows.
fn indexes(snapshot: &Snapshot) -> (BTreeSet<String>, BTreeMap<String, BTreeSet<String>>) {
    let (mut nodes, mut groups) = (BTreeSet::new(), BTreeMap::<_, BTreeSet<_>>::new());
    for row in snapshot.enabled_rows(ids::NODELIST) {
        let Ok(name) = base::NodeName::parse(row.get("node").unwrap()) else { continue };
        nodes.insert(name.to_string());
        for group in row.get("groups").unwrap_or("").split(',').filter(|group| !group.is_empty()) {
            groups.entry(group.to_owned()).or_default().insert(name.to_string());
        }
    }
    (nodes, groups)
}

fn indexes_kept(snapshot: &Snapshot) -> (BTreeSet<String>, BTreeMap<String, BTreeSet<String>>) {
    let nodes = snapshot.nodes().map(ToString::to_string).collect();
    let members = snapshot.groups().map(|(group, members)| {
        (group.to_string(), members.iter().map(ToString::to_string).collect())
    });
    (nodes, members.collect())
}

fn replay(changes: &[RowChange], back: bool) -> Patch {
    let mut patch = Patch::new();
    for change in changes {
        let key: Vec<_> = change.key.iter().map(|text| &**text).collect();
        match if back { &change.old } else { &change.new } {
            Some(row) => patch.replace(row.clone()),
            None => patch.delete(change.table, &key),
        };
    }
    patch
}

proptest! {
    #[test]
    fn patches_do_what_a_plain_map_does(patches in vec(vec(edit(), 0..8), 0..8)) {
        let (mut snapshot, mut model) = (Snapshot::empty(), Model::new());
        for edits in patches {
            let mut patch = Patch::new();
            for edit in &edits {
                add(&mut patch, edit);
                perform(&mut model, edit);
            }
            let before = snapshot.clone();
            let rows_before = rows(&before);
            let (next, changes) = before.apply(&patch).unwrap();
            snapshot = next;
            prop_assert_eq!(rows(&snapshot), rows_of_model(&model));
            prop_assert_eq!(indexes_kept(&snapshot), indexes(&snapshot));
            prop_assert_eq!(rows(&before), rows_before);
            prop_assert!(changes.iter().all(|change| change.old != change.new));
            let step = u64::from(!changes.is_empty());
            prop_assert_eq!(snapshot.generation(), before.generation() + step);
            let (again, _) = before.apply(&replay(&changes, false)).unwrap();
            prop_assert_eq!(rows(&again), rows(&snapshot));
            let (undone, _) = snapshot.apply(&replay(&changes, true)).unwrap();
            prop_assert_eq!(rows(&undone), rows(&before));
            let loaded = Snapshot::load(1, rows(&snapshot)).unwrap();
            prop_assert_eq!(indexes_kept(&loaded), indexes_kept(&snapshot));
        }
    }

    #[test]
    fn dumps_come_back_as_they_were(cells in vec((key(ids::SWITCH), vec(option::of(text()), 7)), 0..6)) {
        let rows: Vec<Row> =
            cells.iter().map(|(key, cells)| row(ids::SWITCH, &with_key(ids::SWITCH, key, cells.clone()))).collect();
        let read = csv::parse(ids::SWITCH, &csv::dump(ids::SWITCH, &rows)).unwrap();
        let filled = |row: &&Row| row.cells().any(|(_, text)| !text.is_empty());
        prop_assert_eq!(read, rows.iter().filter(filled).cloned().collect::<Vec<_>>());
    }

    #[test]
    fn any_text_is_read_or_refused(text in "#?[a-z,]{0,12}\n?[\"a,\n\r ]{0,40}") {
        csv::parse(ids::SITE, &text).map_or_else(|error| drop(error.to_string()), drop);
    }

    #[test]
    fn any_cell_ends(cell in "[|/][ -~]{0,24}[|/]?", node in "[a-z]{0,6}[0-9]{0,4}[a-z-]{0,3}") {
        let value = cells::evaluate(&cell, &node);
        prop_assert!(value.is_none_or(|value| !value.is_empty()));
    }
}
