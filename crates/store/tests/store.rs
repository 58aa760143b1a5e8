//! The store from outside: what is committed, when it is visible, and what survives.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use base::{Failure, ManualClock, Timestamp};
use store::{
    BootRecord, BootSubject, HistoryQuery, LogCut, LogEdit, LogPage, Origin, Store, StoreError,
    UpdateError,
};
use tables::{Patch, Row, Snapshot, ids};
use tokio::task::JoinSet;

fn open(dir: &Path) -> Store {
    let clock = ManualClock::starting_at(Timestamp::from_unix_millis(1_000));
    Store::open(dir, Arc::new(clock)).unwrap()
}

fn origin(command: &str) -> Origin {
    Origin::new("root", command)
}

async fn set_site(store: &Store, key: &str, value: &str) -> Result<Snapshot, UpdateError<Failure>> {
    let mut patch = Patch::new();
    patch.set(ids::SITE, &[key], &[("value", Some(value))]);
    store.update(origin(&format!("chtab key={key}")), move |_| Ok(patch)).await
}

#[tokio::test]
async fn an_update_is_visible_announced_and_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut generations = store.watch();
    assert_eq!(*generations.borrow_and_update(), 0);
    let answered = set_site(&store, "domain", "cluster.test, \"quoted\"\nline").await.unwrap();
    assert_eq!(answered.generation(), 1);
    assert_eq!(*generations.borrow_and_update(), 1);
    assert_eq!(store.snapshot().site("domain"), Some("cluster.test, \"quoted\"\nline"));
    let mut patch = Patch::new();
    patch.set(ids::SWITCH, &["n1", "sw1", "2"], &[("vlan", Some(""))]);
    patch.set(ids::SWITCH, &["n1", "sw1", "3"], &[]);
    store.update::<Failure>(origin("chtab"), move |_| Ok(patch)).await.unwrap();
    let mut patch = Patch::new();
    patch.delete(ids::SWITCH, &["n1", "sw1", "3"]);
    store.update::<Failure>(origin("chtab -d"), move |_| Ok(patch)).await.unwrap();
    store.close().await;
    let again = open(dir.path()).snapshot();
    assert_eq!(again.generation(), 3);
    assert_eq!(again.site("domain"), Some("cluster.test, \"quoted\"\nline"));
    let ports: Vec<_> = again.rows(ids::SWITCH).collect();
    assert_eq!(ports.len(), 1);
    assert_eq!(ports[0].get("vlan"), Some(""));
    assert_eq!(ports[0].get("comments"), None);
}

#[tokio::test]
async fn a_refusal_a_bad_patch_and_a_panic_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let refused = store.update(origin("x"), |_| Err::<Patch, _>("no")).await;
    assert_eq!(refused.unwrap_err(), UpdateError::Rejected("no"));
    let mut patch = Patch::new();
    patch.set(ids::SITE, &["a"], &[("value", Some("1"))]);
    patch.set(ids::SITE, &["a"], &[("nosuch", Some("1"))]);
    let bad = store.update::<Failure>(origin("x"), move |_| Ok(patch)).await;
    assert!(matches!(bad, Err(UpdateError::Apply(_))), "{bad:?}");
    let panicked = store.update::<Failure>(origin("x"), |_| panic!("a defect")).await;
    let expected = StoreError::Panicked("a defect".to_owned());
    assert_eq!(panicked.unwrap_err(), UpdateError::Store(expected));
    let unchanged = store.update::<Failure>(origin("x"), |_| Ok(Patch::new())).await.unwrap();
    assert_eq!(unchanged.generation(), 0);
    assert_eq!(store.commits(), 0);
    assert!(store.history(HistoryQuery::default()).await.unwrap().is_empty());
    set_site(&store, "still", "works").await.unwrap();
}

#[tokio::test]
async fn updates_that_wait_together_share_a_transaction_and_see_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (started, has_started) = mpsc::channel();
    let (release, released) = mpsc::channel();
    let mut updates = JoinSet::new();
    let first = store.clone();
    updates.spawn(async move {
        let hold = move |_: &Snapshot| {
            started.send(()).unwrap();
            released.recv_timeout(Duration::from_secs(10)).unwrap();
            let mut patch = Patch::new();
            patch.set(ids::SITE, &["count"], &[("value", Some("0"))]);
            Ok::<_, Failure>(patch)
        };
        first.update(origin("first"), hold).await.unwrap()
    });
    tokio::task::yield_now().await;
    has_started.recv_timeout(Duration::from_secs(10)).unwrap();
    for index in 0..50 {
        let store = store.clone();
        updates.spawn(async move {
            let add = move |snapshot: &Snapshot| {
                let count: u32 = snapshot.site("count").unwrap().parse().unwrap();
                let mut patch = Patch::new();
                patch.set(ids::SITE, &["count"], &[("value", Some(&(count + 1).to_string()))]);
                Ok::<_, Failure>(patch)
            };
            store.update(origin(&format!("add {index}")), add).await.unwrap()
        });
    }
    tokio::task::yield_now().await;
    release.send(()).unwrap();
    let seen: HashSet<_> = updates
        .join_all()
        .await
        .iter()
        .map(|snapshot| snapshot.site("count").unwrap().to_owned())
        .collect();
    assert_eq!(seen.len(), 51, "each answer has its own change and those before it");
    assert_eq!(store.snapshot().site("count"), Some("50"));
    assert_eq!(store.commits(), 2);
    assert_eq!(store.history(HistoryQuery::default()).await.unwrap().len(), 51);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_writers_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let store = store.clone();
        writers.spawn(async move {
            for index in 0..25 {
                set_site(&store, &format!("k{writer}-{index}"), "v").await.unwrap();
            }
        });
    }
    writers.join_all().await;
    assert_eq!(store.snapshot().generation(), 200);
    store.close().await;
    assert_eq!(open(dir.path()).snapshot().row_count(ids::SITE), 200);
}

#[tokio::test]
async fn the_history_tells_who_changed_what_and_can_be_undone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut patch = Patch::new();
    patch.set(ids::NODELIST, &["n1"], &[("groups", Some("all")), ("comments", Some("c"))]);
    patch.set(ids::NODEHM, &["n1"], &[("mgt", Some("ipmi"))]);
    store.update::<Failure>(origin("mkdef n1"), move |_| Ok(patch)).await.unwrap();
    let mut patch = Patch::new();
    patch.set(ids::NODELIST, &["n1"], &[("groups", Some("all,x")), ("comments", None)]);
    store.update::<Failure>(origin("chdef n1"), move |_| Ok(patch)).await.unwrap();
    let mut patch = Patch::new();
    patch.delete(ids::NODEHM, &["n1"]);
    store.update::<Failure>(origin("rmdef n1"), move |_| Ok(patch)).await.unwrap();
    set_site(&store, "other", "1").await.unwrap();

    let query = HistoryQuery { name: Some("n1".to_owned()), ..HistoryQuery::default() };
    let entries = store.history(query.clone()).await.unwrap();
    let commands: Vec<_> = entries.iter().map(|entry| entry.command.as_str()).collect();
    assert_eq!(commands, ["rmdef n1", "chdef n1", "mkdef n1"]);
    let changed = &entries[1];
    assert_eq!((changed.generation, changed.row_count), (2, 1));
    assert_eq!((changed.user.as_str(), changed.time.unix_millis()), ("root", 1_000));
    let text = |text: &str| Some(text.to_owned());
    let cells: Vec<_> = changed.rows[0].cells.clone().into_iter().collect();
    assert_eq!(
        cells,
        [
            ("comments".to_owned(), (text("c"), None)),
            ("groups".to_owned(), (text("all"), text("all,x"))),
        ]
    );
    let table = Some("nodehm".to_owned());
    let page = HistoryQuery { table, before: Some(entries[0].id), ..query };
    assert_eq!(store.history(page).await.unwrap().len(), 1);

    for entry in &entries {
        let undo = entry.undo().unwrap();
        store.update::<Failure>(origin("undo"), move |_| Ok(undo)).await.unwrap();
        if entry.command == "chdef n1" {
            let snapshot = store.snapshot();
            let row = snapshot.row(ids::NODELIST, &["n1"]).unwrap();
            assert_eq!((row.get("groups"), row.get("comments")), (Some("all"), Some("c")));
            let row = snapshot.row(ids::NODEHM, &["n1"]).unwrap();
            assert_eq!(row.get("mgt"), Some("ipmi"));
        }
    }
    assert!(!store.snapshot().has_node("n1"));
    assert_eq!(store.snapshot().row_count(ids::NODEHM), 0);
}

#[tokio::test]
async fn what_machines_report_is_durable_and_leaves_the_history_to_people() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    set_site(&store, "domain", "a").await.unwrap();
    let mut patch = Patch::new();
    patch.set(ids::NODELIST, &["n1"], &[("status", Some("booted"))]);
    let report = Origin::report("n1", "install monitor: installstatus booted");
    store.update::<Failure>(report, move |_| Ok(patch)).await.unwrap();
    let commands: Vec<_> = store.history(HistoryQuery::default()).await.unwrap();
    assert_eq!(
        commands.iter().map(|entry| &*entry.command).collect::<Vec<_>>(),
        ["chtab key=domain"]
    );
    store.close().await;
    let again = open(dir.path()).snapshot();
    assert_eq!(again.row(ids::NODELIST, &["n1"]).unwrap().get("status"), Some("booted"));
}

#[tokio::test]
async fn the_history_can_put_secrets_back_and_does_not_print_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for (table, key) in [(ids::PASSWD, ["ipmi", "ADMIN"].as_slice()), (ids::TOKEN, &["hunter2"])] {
        let mut patch = Patch::new();
        let column = if table == ids::PASSWD { "password" } else { "username" };
        patch.set(table, key, &[(column, Some("hunter2"))]);
        store.update::<Failure>(origin("chtab"), move |_| Ok(patch)).await.unwrap();
    }
    let entries = store.history(HistoryQuery::default()).await.unwrap();
    assert!(format!("{:?}", entries[1]).contains("ADMIN"));
    assert!(!format!("{:?}", entries[1]).contains("hunter2"));
    assert_eq!(entries[0].rows[0].masked().key, ["***"]);
    assert_eq!(entries[1].rows[0].cells["password"].1.as_deref(), Some("hunter2"));
}

#[tokio::test]
async fn logs_are_numbered_paged_and_cut() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let row = |index: u32| {
        Row::new(ids::AUDITLOG, [("userid", "root"), ("args", index.to_string().as_str())]).unwrap()
    };
    store.append_log((1..=5).map(row).collect()).await.unwrap();
    store.append_log(vec![row(6)]).await.unwrap();
    let numbers = |rows: Vec<Row>| -> Vec<String> {
        rows.iter().map(|row| row.get("recid").unwrap().to_owned()).collect()
    };
    let read = |page| store.read_log(ids::AUDITLOG, page);
    let newest = read(LogPage::Newest { limit: 2 }).await.unwrap();
    assert_eq!(newest[1].get("args"), Some("6"));
    assert_eq!(numbers(newest), ["5", "6"]);
    assert_eq!(numbers(read(LogPage::After { recid: 2, limit: 2 }).await.unwrap()), ["3", "4"]);
    assert_eq!(store.cut_log(ids::AUDITLOG, LogCut::Oldest { count: 2 }).await.unwrap(), 2);
    assert_eq!(store.cut_log(ids::AUDITLOG, LogCut::Before { recid: 5 }).await.unwrap(), 2);
    assert_eq!(numbers(read(LogPage::After { recid: 0, limit: 9 }).await.unwrap()), ["5", "6"]);
    assert_eq!(store.cut_log(ids::AUDITLOG, LogCut::All).await.unwrap(), 2);
    store.append_log(vec![row(7)]).await.unwrap();
    let rest = numbers(read(LogPage::After { recid: 0, limit: 9 }).await.unwrap());
    assert_eq!(rest, ["7"], "numbers are not used again");
    assert_eq!(store.snapshot().generation(), 0);
}

#[tokio::test]
async fn rows_of_logs_come_with_a_change_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let row = |time: &str| Row::new(ids::AUDITLOG, [("audittime", time)]).unwrap();
    let edit = |clear, times: [&str; 2]| LogEdit {
        table: ids::AUDITLOG,
        clear,
        rows: times.map(row).into(),
    };
    let restore = |logs: Vec<LogEdit>, refuse: bool| {
        store.update_with_logs(origin("restore"), move |_| {
            if refuse {
                return Err(Failure::new(base::ErrorKind::Usage, "no"));
            }
            Ok((Patch::new(), logs, ()))
        })
    };
    let count = async || {
        store.read_log(ids::AUDITLOG, LogPage::After { recid: 0, limit: 9 }).await.unwrap().len()
    };
    restore(vec![edit(false, ["2026-01-01 00:00:00", "2026-01-02 00:00:00"])], false)
        .await
        .unwrap();
    assert_eq!(count().await, 2);
    restore(vec![edit(true, ["x", "y"])], true).await.unwrap_err();
    assert_eq!(count().await, 2);
    restore(vec![edit(false, ["2026-01-03 00:00:00", "2026-01-04 00:00:00"])], false)
        .await
        .unwrap();
    let earlier = LogCut::Earlier { time: "2026-01-03 00:00:00".to_owned() };
    assert_eq!(store.cut_log(ids::AUDITLOG, earlier).await.unwrap(), 2);
    restore(vec![edit(true, ["a", "b"])], false).await.unwrap();
    assert_eq!(count().await, 2);
}

#[tokio::test]
async fn one_change_is_read_with_all_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut patch = Patch::new();
    for number in 0..12_000 {
        patch.set(ids::SITE, &[&format!("k{number}")], &[("value", Some("v"))]);
    }
    store.update::<Failure>(origin("many"), move |_| Ok(patch)).await.unwrap();
    set_site(&store, "other", "1").await.unwrap();
    let change = store.change(1).await.unwrap().unwrap();
    assert_eq!((change.rows.len(), change.row_count, &*change.command), (12_000, 12_000, "many"));
    assert_eq!(store.change(3).await.unwrap(), None);
    assert_eq!(store.change(i64::MAX).await.unwrap(), None);
}

#[tokio::test]
async fn boot_records_are_kept_a_bounded_number_for_each_node() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let record = |node: Option<&str>, index: u32| BootRecord {
        time: Timestamp::from_unix_millis(i64::from(index)),
        node: node.map(str::to_owned),
        mac: Some("02:00:00:00:00:01".to_owned()),
        attempt: 1,
        step: "dhcp".to_owned(),
        text: index.to_string(),
    };
    let named = |name: &str| BootSubject::Named(name.to_owned());
    store.record_boot(vec![record(Some("quiet"), 1), record(None, 2)]).await.unwrap();
    for round in 0..5 {
        let records = (0..1_000).map(|index| record(Some("busy"), round * 1_000 + index));
        store.record_boot(records.collect()).await.unwrap();
    }
    let busy = store.boot_records(named("busy"), 10_000).await.unwrap();
    assert!((2_000..=2_201).contains(&busy.len()), "{}", busy.len());
    assert_eq!(busy.last().unwrap().text, "4999");
    assert_eq!(busy[0].text, (5_000 - busy.len()).to_string());
    let quiet = store.boot_records(named("quiet"), 10).await.unwrap();
    assert_eq!(quiet, [record(Some("quiet"), 1)]);
    let stranger = store.boot_records(named("02:00:00:00:00:01"), 10).await.unwrap();
    assert_eq!(stranger, [record(None, 2)]);
    let strangers = store.boot_records(BootSubject::Strangers, 3).await.unwrap();
    assert_eq!(strangers, [record(None, 2)], "however busy the nodes were since");
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.close().await;
    store.close().await;
    let update = set_site(&store, "a", "b").await;
    assert_eq!(update.unwrap_err(), UpdateError::Store(StoreError::Closed));
    let history = store.history(HistoryQuery::default()).await;
    assert_eq!(history.unwrap_err(), StoreError::Closed);
}
