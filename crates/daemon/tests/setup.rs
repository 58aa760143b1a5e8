//! What a start puts back of what was lost, what it says about it, and what it leaves as an administrator made it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::process::{Place, Process};

/// What the last start told whoever looks at the container.
fn notices(place: &Place) -> String {
    std::fs::read_to_string(place.dir.join("notices")).unwrap()
}

async fn rows(place: &Place, table: &str) -> Vec<String> {
    let said = place.xcat(&["tabdump", table]).await;
    assert_eq!(said.status, 0, "{}", said.err);
    said.out.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// Leaves nothing of a table.
async fn empty(place: &Place, table: &str) {
    let dump = place.xcat(&["tabdump", table]).await.out;
    let file = place.dir.join(format!("{table}.csv"));
    std::fs::write(&file, format!("{}\n", dump.lines().next().unwrap())).unwrap();
    let said = place.xcat(&["tabrestore", file.to_str().unwrap()]).await;
    assert_eq!(said.status, 0, "{}", said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_were_emptied_stay_empty_and_root_is_not_locked_out_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    let daemon = Process::start(&place);
    assert_eq!(rows(&place, "passwd").await.len(), 1);
    let policy = rows(&place, "policy").await.len();
    let emptied = ["passwd", "networks", "postscripts", "osimage"];
    for table in emptied {
        empty(&place, table).await;
    }
    daemon.stop();
    for _ in 0..2 {
        let daemon = Process::start(&place);
        for table in emptied {
            assert_eq!(rows(&place, table).await, Vec::<String>::new(), "{table}");
        }
        assert_eq!(rows(&place, "policy").await.len(), policy);
        assert!(!notices(&place).contains("policy"), "{}", notices(&place));
        daemon.stop();
    }
    let daemon = Process::start(&place);
    empty(&place, "policy").await;
    assert_ne!(place.xcat(&["nodels"]).await.status, 0, "nobody may");
    daemon.stop();
    let daemon = Process::start(&place);
    let kept = rows(&place, "policy").await;
    assert!(kept.len() == 1 && kept[0].contains("\"root\""), "{kept:?}");
    assert!(
        notices(&place).contains("warning: the policy table was emptied"),
        "{}",
        notices(&place)
    );
    let said = place.xcat(&["xcatconfig", "-u"]).await;
    assert_eq!(said.status, 0, "{}", said.err);
    assert_eq!(rows(&place, "policy").await.len(), policy, "they were asked for");
    assert_eq!(rows(&place, "passwd").await.len(), 1, "it was asked for");
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_was_cut_short_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    let daemon = Process::start(&place);
    empty(&place, "passwd").await;
    daemon.stop();
    // As it is before the first tables are marked.
    std::fs::write(place.dir.join("state/seeded"), "").unwrap();
    let daemon = Process::start(&place);
    assert_eq!(rows(&place, "passwd").await.len(), 1);
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dump_lacks_is_completed_once() {
    let (older, newer) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dump = newer.path().join("dump");
    let place = Place::new(older.path(), "");
    let daemon = Process::start(&place);
    empty(&place, "passwd").await;
    let said = place.xcat(&["dumpxCATdb", "-p", dump.to_str().unwrap()]).await;
    assert_eq!(said.status, 0, "{}", said.err);
    daemon.stop();
    let place = Place::new(newer.path(), "");
    let daemon = Process::start(&place);
    let told = notices(&place);
    assert!(told.contains("restored the dump"), "{told}");
    assert!(told.contains("must get the new ca-cert.pem"), "the nodes know an older one: {told}");
    assert_eq!(rows(&place, "passwd").await.len(), 1);
    empty(&place, "passwd").await;
    daemon.stop();
    let daemon = Process::start(&place);
    assert_eq!(rows(&place, "passwd").await.len(), 0);
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_lost_of_keys_and_certificates_is_made_again_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    Process::start(&place).stop();
    for word in ["was lost", "there was no"] {
        assert!(!notices(&place).contains(word), "{}", notices(&place));
    }
    for (lost, words) in [
        ("pki/ca/ca-cert.pem", "signed again with the key of the authority"),
        ("pki", "nodes and clients must get the new ca-cert.pem"),
        ("ssh/id_ed25519", "the private half of root's ssh key was lost"),
        ("ssh", "there was no ssh key of root"),
    ] {
        let path = place.dir.join("state").join(lost);
        if path.is_dir() {
            std::fs::remove_dir_all(&path).unwrap();
        } else {
            std::fs::remove_file(&path).unwrap();
        }
        let daemon = Process::start(&place);
        let told = notices(&place);
        let is_told = |line: &str| line.starts_with("warning: ") && line.contains(words);
        assert!(told.lines().any(is_told), "{lost}: {told}");
        assert_eq!(place.xcat(&["nodels"]).await.status, 0);
        daemon.stop();
        Process::start(&place).stop();
        assert!(!notices(&place).contains(words), "it is said once: {}", notices(&place));
    }
}
