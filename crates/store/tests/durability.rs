//! A process that is killed loses nothing that it was told is stored.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use base::{Failure, SystemClock};
use store::{HistoryQuery, Origin, Store};
use tables::{Patch, ids};

const DIRECTORY: &str = "STORE_TEST_DIRECTORY";

fn open(dir: &Path) -> Store {
    Store::open(dir, Arc::new(SystemClock)).unwrap()
}

/// The child's part: changes two rows at a time and says each number once it is stored. Does
/// nothing when it is run as a test.
#[tokio::test]
async fn writes_until_killed() {
    let Some(dir) = std::env::var_os(DIRECTORY) else { return };
    let store = open(Path::new(&dir));
    for number in 0_u32.. {
        let decide = move |_: &tables::Snapshot| {
            let text = number.to_string();
            let mut patch = Patch::new();
            patch.set(ids::SITE, &["newest"], &[("value", Some(&text))]);
            patch.set(ids::SITE, &[&format!("key{number}")], &[("value", Some(&text))]);
            Ok::<_, Failure>(patch)
        };
        store.update(Origin::new("root", "write"), decide).await.unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "stored {number}").unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test kills a process of its own")]
async fn killing_the_process_loses_nothing_that_was_answered() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writes_until_killed", "--nocapture"])
            .env(DIRECTORY, dir.path().join(round.to_string()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut stored = lines.filter_map(|line| {
            line.unwrap().strip_prefix("stored ").map(|number| number.parse::<u64>().unwrap())
        });
        assert!(stored.by_ref().any(|number| number >= 20 + round * 7), "the child ended early");
        child.kill().unwrap();
        let answered = stored.last().unwrap_or(20 + round * 7);
        child.wait().unwrap();

        let store = open(&dir.path().join(round.to_string()));
        let snapshot = store.snapshot();
        let newest: u64 = snapshot.site("newest").unwrap().parse().unwrap();
        assert!(newest >= answered, "{newest} is stored, {answered} was answered");
        assert_eq!(snapshot.generation(), newest + 1);
        assert_eq!(snapshot.row_count(ids::SITE) as u64, newest + 2, "no update is half there");
        let last = HistoryQuery { limit: Some(1), ..HistoryQuery::default() };
        let last = store.history(last).await.unwrap();
        assert_eq!(last[0].generation, newest + 1);
        store.close().await;
    }
}
