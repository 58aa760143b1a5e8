//! Whatever is changed, the file has the same rows as the snapshot.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::Arc;

use base::{Failure, SystemClock};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use store::{HistoryQuery, Origin, Store};
use tables::{Patch, Row, TableId, ids};

/// A cell of a row of `switch`, which has three keys: the row, the column, the text; the row goes
/// away when there is no column.
type Edit = (Vec<&'static str>, Option<&'static str>, Option<String>);

fn edit() -> impl Strategy<Value = Edit> {
    let key = vec(select(vec!["", "n1", "n'2", "ä\""]), 3);
    (
        key,
        option::weighted(0.8, select(vec!["vlan", "comments", "disable"])),
        option::of("[ -~é\n]{0,6}"),
    )
}

fn patch_of(edits: &[Edit]) -> Patch {
    let mut patch = Patch::new();
    for (key, column, text) in edits {
        match column {
            Some(column) => patch.set(ids::SWITCH, key, &[(column, text.as_deref())]),
            None => patch.delete(ids::SWITCH, key),
        };
    }
    patch
}

fn rows(store: &Store) -> Vec<Row> {
    let snapshot = store.snapshot();
    TableId::all().flat_map(|table| snapshot.rows(table).cloned().collect::<Vec<_>>()).collect()
}

async fn check(dir: &Path, patches: &[Vec<Edit>]) {
    let store = Store::open(dir, Arc::new(SystemClock)).unwrap();
    let mut seen = vec![rows(&store)];
    for edits in patches {
        let patch = patch_of(edits);
        store.update::<Failure>(Origin::new("root", "edit"), move |_| Ok(patch)).await.unwrap();
        if seen.last() != Some(&rows(&store)) {
            seen.push(rows(&store));
        }
    }
    store.close().await;
    let store = Store::open(dir, Arc::new(SystemClock)).unwrap();
    assert_eq!(seen.last(), Some(&rows(&store)));
    assert_eq!(store.snapshot().generation() + 1, seen.len() as u64);
    for entry in store.history(HistoryQuery::default()).await.unwrap() {
        assert_eq!(seen.pop().unwrap(), rows(&store));
        let undo = entry.undo().unwrap();
        store.update::<Failure>(Origin::new("root", "undo"), move |_| Ok(undo)).await.unwrap();
    }
    assert_eq!(rows(&store), []);
    store.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_file_follows_and_the_history_leads_back(patches in vec(vec(edit(), 1..6), 0..6)) {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(dir.path(), &patches));
    }
}
