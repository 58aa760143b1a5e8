//! Tables out to files and back: every byte comes back, and a command changes everything or nothing.
//!
//! The dump of the original is beside the repository in `../shared/samples/cluster/dump`; without it that
//! part of the comparison is left out, and the test says so.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{Cluster, printed};
use tables::{Patch, TableId, ids};

/// The files of a directory with their texts.
fn files(dir: &Path) -> BTreeMap<String, String> {
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (name(&path), fs::read_to_string(path).unwrap())).collect()
}

fn awkward() -> Patch {
    let mut patch = Patch::new();
    patch.set(ids::SITE, &["quotes"], &[("value", Some("a \"b\", c\nd")), ("comments", Some(""))]);
    patch.set(ids::SITE, &["ümlaut"], &[("value", Some("müller, 東京")), ("disable", Some("1"))]);
    for node in ["n1", "n2"] {
        patch.set(ids::NODELIST, &[node], &[("groups", Some("all,compute"))]);
        patch.set(ids::HOSTS, &["compute"], &[("ip", Some("|n(\\d+)|10.0.0.($1+0)|"))]);
    }
    patch.set(ids::PASSWD, &["system", "root"], &[("password", Some("$6$x,\"y\""))]);
    patch
}

#[tokio::test]
async fn a_dump_restores_into_an_empty_store_and_dumps_identically() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("a/b"), dir.path().join("c"));
    let cluster = Cluster::with(awkward()).await;
    let said = printed(&cluster.answer(&format!("dumpxCATdb -p {}", first.display())).await);
    let creating = format!(" Creating {} for database dump\nBackup Complete.\n", first.display());
    assert_eq!((&*said.stdout, &*said.stderr, said.code), (&*creating, "", 0));
    let dumped = files(&first);
    assert_eq!(dumped.len(), TableId::COUNT - 2, "the logs are left out: {:?}", dumped.keys());
    let site = dumped["site.csv"].clone();
    let shown = printed(&cluster.answer("tabdump passwd").await).stdout;
    assert_eq!(dumped["passwd.csv"], shown, "a dump is what tabdump prints");
    assert!(site.contains("\"quotes\",\"a \"\"b\"\", c\nd\",\"\",\n"), "{site}");
    let mode = fs::metadata(first.join("passwd.csv")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let empty = Cluster::with(Patch::new()).await;
    let said = printed(&empty.answer(&format!("restorexCATdb -p {}", first.display())).await);
    assert_eq!((&*said.stdout, said.code), ("Restore of Database Complete.\n", 0), "{said:?}");
    empty.answer(&format!("dumpxCATdb -p {}", second.display())).await;
    assert_eq!(files(&second), dumped);
    assert_eq!(empty.services.store.snapshot().nodes().count(), 2);
}

#[tokio::test]
async fn the_dump_of_the_original_comes_back_as_it_was() {
    let samples =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples/cluster/dump");
    if !samples.is_dir() {
        eprintln!(
            "NOT TESTED: {} is missing, no dump of the original is restored",
            samples.display()
        );
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::with(awkward()).await;
    let said =
        printed(&cluster.answer(&format!("restorexCATdb -a -p {}", samples.display())).await);
    assert!(said.stdout.ends_with("Restore of Database Complete.\n") && said.code == 0, "{said:?}");
    cluster.answer(&format!("dumpxCATdb -a -p {}", dir.path().display())).await;
    let (ours, theirs) = (files(dir.path()), files(&samples));
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    // The original prints rows in the order of a hash.
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    for (name, text) in &theirs {
        assert_eq!(sorted(&ours[name]), sorted(text), "{name}");
    }
}

#[tokio::test]
async fn what_does_not_fit_restores_nothing_and_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::with(awkward()).await;
    let before = cluster.services.store.snapshot().generation();
    let put = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    let restore = format!("restorexCATdb -p {}", dir.path().display());
    cluster.answer(&format!("dumpxCATdb -p {}", dir.path().display())).await;
    put("hosts.csv", "#node,ip\n\"n9\",\"10.9.9.9\"\n");
    for (name, text, expected) in [
        ("mac.csv", "#node,mac\n\"n1\",\"aa\n", "mac.csv: CSV unmatched \" in record on line 2"),
        ("mac.csv", "", "mac.csv: Data missing header line starting with #"),
        ("mac.csv", "#node,mca\n", "mac.csv: The header line indicates that column 'mca'"),
        ("mac.csv", "#node\nn1\nn1,x\n", "mac.csv: Too many fields on line 3"),
        ("mac.csv", "#node,mac\nn1,aa:b", "mac.csv: its last line does not end"),
        ("nosuch.csv", "#a\n1\n", "nosuch.csv: there is no table 'nosuch' for its 1 rows"),
        ("mac.csv", "#node,mac\nn1,a\nn1,b\n", "row 'n1' of table 'mac' comes twice"),
    ] {
        put(name, text);
        let said = printed(&cluster.answer(&restore).await);
        assert_eq!(said.code, 1, "{expected}: {said:?}");
        assert!(said.stderr.contains(expected), "{expected}: {said:?}");
        fs::remove_file(dir.path().join(name)).unwrap();
    }
    let said = printed(&cluster.answer(&restore).await);
    assert_eq!(said.code, 1);
    let lacks = format!("{} is not a whole dump, it lacks mac.csv", dir.path().display());
    assert!(said.stderr.contains(&lacks) && said.stderr.contains("hint: tabrestore"), "{said:?}");
    assert_eq!(cluster.services.store.snapshot().generation(), before);
    put("mac.csv", "#node,mac\n");
    put("nosuch.csv", "#a\n");
    put(".hidden", "x");
    let said = printed(&cluster.answer(&restore).await);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stderr.starts_with("Warning: [xcatmn]: nosuch.csv is left out"), "{said:?}");
    assert_eq!(cluster.services.store.snapshot().row_count(ids::HOSTS), 1);
}

#[tokio::test]
async fn only_root_has_files_written_and_others_read_only_what_everybody_may() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::with(awkward()).await;
    let path = dir.path().display();
    let said = printed(&cluster.answer_as("bob", &format!("dumpxCATdb -p {path}")).await);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("only root may have files written"), "{said:?}");
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let said = printed(&cluster.answer(&format!("dumpxCATdb -p {}", file.display())).await);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("cannot write") && said.stderr.contains("nothing was dumped"));
    let said = printed(&cluster.answer("dumpxCATdb -b -p /nonexistent").await);
    assert_eq!(said.stderr, "Error: [xcatmn]: Binary dump (-b) is not supported for SQLite\n");
    fs::write(dir.path().join("site.csv"), "#key,value\nsecret,x\"\n").unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(dir.path().join("site.csv"), fs::Permissions::from_mode(0o600)).unwrap();
    let said = printed(&cluster.answer_as("bob", &format!("restorexCATdb -p {path}")).await);
    assert_eq!(said.code, 1);
    assert!(!said.stderr.contains("secret") && said.stderr.contains("site.csv: "), "{said:?}");
}

#[tokio::test]
async fn a_table_is_dumped_into_a_file_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::with(awkward()).await;
    let path = dir.path().join("out.csv");
    std::os::unix::fs::symlink("/nonexistent/target", &path).unwrap();
    let said = cluster.answer(&format!("tabdump -f {} -w node==n1 nodelist", path.display())).await;
    assert_eq!(said.0, [], "nothing is printed");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("#node,groups,") && text.lines().count() == 2, "{text}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing unfinished is left");
    for (line, expected) in [
        (format!("tabdump -f {}", path.display()), "table name missing"),
        (format!("tabdump -f {} site", dir.path().display()), "cannot write"),
        ("tabdump -f /nonexistent/x site".to_owned(), "cannot write /nonexistent/x: No such file"),
        ("tabdump -f x -n 3 auditlog".to_owned(), "the -n and -f flag together"),
    ] {
        let said = printed(&cluster.answer(&line).await);
        assert_eq!((said.code, said.stderr.contains(expected)), (1, true), "{line}: {said:?}");
    }
    let said = printed(&cluster.answer_as("bob", "tabdump -f /tmp/x site").await);
    assert_eq!(said.code, 1);
}

#[tokio::test]
async fn tables_are_left_alone_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::with(awkward()).await;
    cluster.answer("chtab key=skiptables site.value=hosts,passwd").await;
    let dump = format!("dumpxCATdb -a -V -p {}", dir.path().display());
    let said = printed(&cluster.answer(&dump).await).stdout;
    assert!(said.starts_with("Skipping hosts\nSkipping passwd\nDumping auditlog\n"), "{said}");
    assert_eq!(files(dir.path()).len(), TableId::COUNT - 2);
    cluster.answer("chtab key=quotes site.value=new").await;
    fs::write(dir.path().join("hosts.csv"), "#node\n").unwrap();
    let restore = format!("restorexCATdb -V -p {}", dir.path().display());
    let said = printed(&cluster.answer(&restore).await).stdout;
    assert!(said.contains("Skipping auditlog.csv\n") && said.contains("Skipping hosts.csv\n"));
    assert!(said.contains("Restoring site.csv.\n"), "{said}");
    let snapshot = cluster.services.store.snapshot();
    assert_eq!(snapshot.row_count(ids::HOSTS), 1);
    assert_eq!(snapshot.site("quotes"), Some("a \"b\", c\nd"));
}

#[tokio::test]
async fn a_sent_table_replaces_or_adds_rows() {
    let cluster = Cluster::with(awkward()).await;
    let mac = |text: &'static str, add| cluster.restore_table("mac", text, add);
    let ok = printed(&mac("#node,mac\nn1,aa:bb\nn2,cc:dd\n", false).await);
    assert_eq!((ok.code, &*ok.stdout, &*ok.stderr), (0, "", ""));
    assert_eq!(printed(&mac("#node,mac\nn3,ee:ff\nn1,aa:bb\n", true).await).code, 0);
    let count = || cluster.services.store.snapshot().row_count(ids::MAC);
    assert_eq!(count(), 3);
    let said = printed(&mac("#node,mac\nn4,x\nn1,other\n", true).await);
    assert!(said.stderr.contains("row 'n1' of table 'mac' exists already"), "{said:?}");
    assert_eq!((said.code, count()), (1, 3));
    let said = printed(&mac("#node,mac\nn4,x\n\"n5\n", false).await);
    assert_eq!((said.code, count()), (4, 3), "{said:?}");
    let said = printed(&cluster.restore_table("drop table", "#a\n", false).await);
    assert_eq!(said.code, 4);
    assert!(
        said.stderr
            .starts_with("Error: [xcatmn]: Unable to open drop table: there is no such table")
    );
    let said = printed(&cluster.restore_table("nodelst", "#a\n", false).await);
    assert!(said.stderr.ends_with("; did you mean nodelist?\n"), "{said:?}");
    assert_eq!(printed(&mac("#node,mac\n", false).await).code, 0);
    assert_eq!(count(), 0);
}

#[tokio::test]
async fn states_of_nodes_come_back_and_that_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::with(awkward()).await;
    cluster.answer("chdef n1 status=booted").await;
    cluster.answer(&format!("dumpxCATdb -p {}", dir.path().display())).await;
    cluster.answer("chdef n1 status=powering-on").await;
    let said =
        printed(&cluster.answer(&format!("restorexCATdb -p {}", dir.path().display())).await);
    let states = "The status of 1 nodes is the one that the dump has; nodestat tells what is.\n";
    assert_eq!(said.stdout, format!("{states}Restore of Database Complete.\n"));
    assert_eq!(printed(&cluster.answer("nodels n1 nodelist.status").await).stdout, "n1: booted\n");
}
