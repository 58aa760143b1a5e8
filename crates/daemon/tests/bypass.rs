//! Commands with `XCATBYPASS`: they work while the daemon is stopped, and never beside one that runs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::process::{Place, Process};
use support::{Said, run};

async fn bypass(place: &Place, words: &[&str], stdin: &str) -> Said {
    run(place.client().env("XCATBYPASS", "1").args(words).stdin(stdin)).await
}

/// Whether this user may do without the daemon; says so when not.
#[expect(clippy::print_stdout, reason = "a test that is left out says so")]
fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        println!("NOT TESTED: only root can bypass the daemon");
    }
    root
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_work_while_the_daemon_is_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    let daemon = Process::start(&place);
    let made =
        place.xcat(&["mkdef", "-t", "node", "n[1-3]", "groups=all", "usercomment=old"]).await;
    assert_eq!(made.status, 0, "{}", made.err);
    assert!(daemon.stop().0.success());
    assert_ne!(place.xcat(&["nodels"]).await.status, 0, "nobody serves");
    if !is_root() {
        let refused = bypass(&place, &["nodels"], "").await;
        let told = (refused.status, &*refused.err);
        assert_eq!(told, (1, "Error: XCATBYPASS is for root only\n"));
        return;
    }

    let audited = &["chdef", "-t", "site", "clustersite", "auditskipcmds="];
    assert_eq!(bypass(&place, audited, "").await.status, 0);
    let shown = bypass(&place, &["lsdef", "n1", "-i", "usercomment"], "").await;
    assert_eq!(shown.out, "Object name: n1\n    usercomment=old\n", "{}", shown.err);
    let changed = bypass(&place, &["chdef", "n2", "usercomment=new"], "").await;
    assert_eq!((changed.status, &*changed.err), (0, ""));
    let stanza = "n9:\n    objtype=node\n    groups=fresh\n";
    let made = bypass(&place, &["mkdef", "-z"], stanza).await;
    assert_eq!((made.status, &*made.err), (0, ""));
    let dumped = bypass(&place, &["tabdump", "nodelist"], "").await;
    assert!(dumped.out.contains("\"n2\"") && dumped.out.contains("\"n9\",\"fresh\""));
    let listed = bypass(&place, &["nodels", "all,-n2"], "").await;
    assert_eq!(listed.out, "n1\nn3\n");
    let refused = bypass(&place, &["chdef", "nosuch", "usercomment=new"], "").await;
    let told = "Error: [";
    assert!(refused.status == 1 && refused.err.starts_with(told), "{}", refused.err);
    assert!(refused.err.contains("'nosuch'"), "{}", refused.err);
    let unknown = bypass(&place, &["nodels", "n[1-3"], "").await;
    assert_ne!((unknown.status, unknown.err.lines().count()), (0, 0));

    let daemon = Process::start(&place);
    let after = place.xcat(&["lsdef", "n1,n2,n9", "-i", "usercomment,groups", "-c"]).await;
    for line in ["n1: usercomment=old", "n2: usercomment=new", "n9: groups=fresh"] {
        assert!(after.out.contains(line), "{}", after.out);
    }
    let history = place.xcat(&["xcat-history", "n2"]).await;
    assert!(history.out.contains("root") && history.out.contains("chdef n2"), "{}", history.out);
    let audit = place.xcat(&["tabdump", "auditlog"]).await;
    let noted = |line: &str| line.contains("\"chdef\"") && line.contains("\"root\"");
    assert!(audit.out.lines().any(noted), "{}", audit.out);
    assert!(place.log("commands.log").contains("[Request]    chdef n2 usercomment=new"));
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_running_daemon_nothing_is_done() {
    if !is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    let daemon = Process::start(&place);
    place.xcat(&["mkdef", "-t", "node", "n1", "groups=all"]).await;
    let refused = bypass(&place, &["chdef", "n1", "usercomment=new"], "").await;
    assert_eq!(refused.status, 1);
    assert_eq!(
        refused.err,
        "Error: xcatd is running and has the tables open; hint: run the command without XCATBYPASS, or stop xcatd first\n"
    );
    let shown = place.xcat(&["lsdef", "n1", "-i", "usercomment"]).await;
    assert!(shown.out.contains("    usercomment=\n"), "{}", shown.out);
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_are_not_there_are_not_made() {
    if !is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    let refused = bypass(&place, &["nodels"], "").await;
    assert_eq!(refused.status, 1);
    assert!(refused.err.starts_with("Error: there are no tables at "), "{}", refused.err);
    assert!(!dir.path().join("state").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn root_who_is_locked_out_by_the_policy_gets_in_again() {
    if !is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    let daemon = Process::start(&place);
    let locked = place.xcat(&["chtab", "priority=0", "policy.name=root", "policy.rule=deny"]).await;
    assert_eq!(locked.status, 0, "{}", locked.err);
    let denied = place.xcat(&["nodels"]).await;
    assert_eq!((denied.status, &*denied.err), (1, "Error: Permission denied for request\n"));
    daemon.stop();
    let mended = bypass(&place, &["chtab", "-d", "priority=0", "policy"], "").await;
    assert_eq!((mended.status, &*mended.err), (0, ""));
    let daemon = Process::start(&place);
    assert_eq!(place.xcat(&["nodels"]).await.status, 0);
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_without_the_daemon_wait_for_each_other() {
    if !is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "");
    Process::start(&place).stop();
    let make = |name: &'static str| async {
        bypass(&place, &["mkdef", "-t", "node", name, "groups=all"], "").await
    };
    let all = tokio::join!(make("a1"), make("a2"), make("a3"), make("a4"));
    for said in [all.0, all.1, all.2, all.3] {
        assert_eq!((said.status, &*said.err), (0, ""));
    }
    assert_eq!(bypass(&place, &["nodels"], "").await.out, "a1\na2\na3\na4\n");
}
