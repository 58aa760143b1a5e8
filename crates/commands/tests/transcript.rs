//! Replays what was recorded from the original: the commands that defined a small cluster, and then
//! the commands of the transcript, with what they printed and returned.
//!
//! The recording is beside the repository in `../shared/samples/cluster`; without it there is nothing to
//! compare with, and the test says so.
#![expect(clippy::print_stderr, reason = "a test that compares nothing must say so")]

mod common;

use std::path::{Path, PathBuf};

use command::Item;
use commands::find;
use common::{Cluster, printed, words};
use tables::{Patch, csv, table};

/// Tables that the original fills when it is installed.
const SEEDED: &[&str] = &["site", "policy", "postscripts", "passwd", "notification"];
/// Keys that `setup.txt` adds to them.
const ADDED: &[&str] = &["domain", "mykey", "system", "ipmi", "7.1"];
/// Commands whose lines the original prints in the order of a hash.
const UNORDERED: &[&str] = &["tabdump", "gettab", "tabgrep", "nodels n10 noderes"];

fn samples() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples/cluster");
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("NOT TESTED: {} is missing, nothing is compared with the original", path.display());
    None
}

/// What the original's installation puts into the tables, taken from its dump.
fn seed(samples: &Path) -> Patch {
    let mut patch = Patch::new();
    for name in SEEDED {
        let dump = samples.join("dump").join(format!("{name}.csv"));
        let text = std::fs::read_to_string(dump).expect("a dump");
        for row in csv::parse(table(name).expect("a table"), &text).expect("a dump") {
            if !row.key().any(|key| ADDED.contains(&key)) {
                patch.replace(row);
            }
        }
    }
    let network = [
        ("netname", Some("10_1_0_0-255_255_0_0")),
        ("mgtifname", Some("eth0")),
        ("gateway", Some("<xcatmaster>")),
    ];
    patch.set(tables::ids::NETWORKS, &["10.1.0.0", "255.255.0.0"], &network);
    patch
}

/// The text with what comes from hashes sorted.
fn comparable(command: &str, text: &str) -> String {
    let members = |line: &str| match line.split_once("members=") {
        Some((before, list)) => {
            let mut list: Vec<&str> = list.split(',').collect();
            list.sort_unstable();
            format!("{before}members={}", list.join(","))
        }
        None => line.to_owned(),
    };
    let mut lines: Vec<String> = text.split('\n').map(members).collect();
    if UNORDERED.iter().any(|name| command.starts_with(name)) {
        lines.sort();
    }
    lines.join("\n")
}

#[tokio::test]
async fn commands_print_what_the_original_printed() {
    let Some(samples) = samples() else { return };
    let cluster = Cluster::with(seed(&samples)).await;
    let setup = std::fs::read_to_string(samples.join("setup.txt")).unwrap();
    for line in setup.lines().filter(|line| !line.trim().is_empty()) {
        let answer = cluster.answer(line).await;
        let errors: Vec<&Item> = answer.0.iter().filter(|item| item.code() != 0).collect();
        assert!(errors.is_empty(), "{line}\n{errors:?}");
    }
    let transcript = std::fs::read_to_string(samples.join("transcript.jsonl")).unwrap();
    let (mut compared, mut skipped, mut wrong) = (0, Vec::new(), Vec::new());
    for line in transcript.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let command = record["cmd"].as_str().unwrap();
        let words = words(command);
        if find(&words[0]).is_none() {
            skipped.push(command.to_owned());
            continue;
        }
        let actual = printed(&cluster.answer(command).await);
        let stdout = record["stdout"].as_str().unwrap_or(&actual.stdout);
        let text = |text: &str| comparable(command, text);
        let same = text(&actual.stdout) == text(stdout)
            && actual.stderr == record["stderr"].as_str().unwrap()
            && u64::from(actual.code) == record["rc"].as_u64().unwrap();
        compared += 1;
        if !same {
            wrong.push(format!("$ {command}\n  expected {line}\n  got {actual:?}"));
        }
    }
    eprintln!("{compared} commands compared; not commands of ours: {skipped:?}");
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn the_setup_leaves_the_tables_of_the_original() {
    let Some(samples) = samples() else { return };
    let cluster = Cluster::with(seed(&samples)).await;
    let setup = std::fs::read_to_string(samples.join("setup.txt")).unwrap();
    for line in setup.lines() {
        cluster.answer(line).await;
    }
    let snapshot = cluster.services.store.snapshot();
    let mut wrong = Vec::new();
    for id in tables::TableId::all().filter(|id| !id.def().is_log()) {
        let path = samples.join("dump").join(format!("{id}.csv"));
        let expected = std::fs::read_to_string(&path).unwrap();
        let actual = csv::dump(id, snapshot.rows(id));
        let sorted = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let (expected, actual) = (sorted(&expected), sorted(&actual));
        for line in expected.iter().filter(|line| !actual.contains(line)) {
            wrong.push(format!("{id}: missing {line}"));
        }
        for line in actual.iter().filter(|line| !expected.contains(line)) {
            wrong.push(format!("{id}: surplus {line}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
