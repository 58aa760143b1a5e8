//! Whole tables through the client program: files that it sends, the editor, dumps on the daemon's side, and the
//! commands that do not exist here.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use remote::Program;
use support::{Said, TestDaemon, client, run};

/// Runs a shell script in which `$XCAT` is the client.
async fn shell(daemon: &TestDaemon, script: &str, environment: &[(&str, &str)]) -> Said {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(Path::parent).unwrap();
    let program = Program::new("/bin/sh")
        .args(["-c", script])
        .cwd(daemon.dir.path())
        .env("XCAT", target.join("examples/xcat").display().to_string())
        .env("XCATSOCKET", daemon.config.socket.display().to_string());
    run(environment.iter().fold(program, |program, (name, value)| program.env(*name, *value))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_replaces_a_table_and_a_dump_brings_everything_back() {
    let daemon = TestDaemon::start().await;
    let file = daemon.dir.path().join("hosts.csv");
    std::fs::write(&file, "#node,ip,comments\n\"n1\",\"10.0.0.1\",\"ü \"\"x\"\"\n\nlast\"\n")
        .unwrap();
    let path = file.display().to_string();
    let said = daemon.xcat(&["tabrestore", &path]).await;
    assert_eq!((said.status, &*said.out, &*said.err), (0, "", ""));
    std::fs::write(&file, "#node,ip\nn2,10.0.0.2\n").unwrap();
    assert_eq!(daemon.xcat(&["tabrestore", "-a", &path]).await.status, 0);

    let said = shell(&daemon, "$XCAT dumpxCATdb -p dump", &[("XCAT_SKIPTABLES", "mac,site")]).await;
    assert_eq!((said.status, &*said.err), (0, ""), "{}", said.out);
    assert!(said.out.ends_with(" for database dump\nBackup Complete.\n"), "{}", said.out);
    let dumped = |name: &str| std::fs::read_to_string(daemon.dir.path().join("dump").join(name));
    let hosts = dumped("hosts.csv").unwrap();
    assert!(hosts.contains("\"n1\",\"10.0.0.1\",,,\"ü \"\"x\"\"\n\nlast\",\n\"n2\""), "{hosts}");
    assert!(dumped("site.csv").is_err() && dumped("auditlog.csv").is_err());
    assert_eq!(daemon.xcat(&["tabprune", "hosts", "-a"]).await.status, 0);
    let script = "$XCAT chtab key=skiptables site.value=mac,site && \
                  $XCAT restorexCATdb -p dump && $XCAT dumpxCATdb -p again";
    let said = shell(&daemon, script, &[]).await;
    assert_eq!(said.status, 0, "{}", said.err);
    let again = std::fs::read_to_string(daemon.dir.path().join("again/hosts.csv")).unwrap();
    assert_eq!(again, hosts);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_sent_are_named() {
    let daemon = TestDaemon::start().await;
    let site = daemon.dir.path().join("site.csv");
    let path = site.display().to_string();
    let missing = daemon.xcat(&["tabrestore", &path]).await;
    assert_eq!(missing.status, 3);
    assert!(missing.out.starts_with(&format!("Error: Unable to open {path} for reading: No such")));
    std::fs::write(&site, b"#key,value\nk,\xff\n").unwrap();
    let binary = daemon.xcat(&["tabrestore", &path]).await;
    assert_eq!((binary.status, binary.out.contains("byte 14 is not UTF-8")), (3, true));
    std::fs::write(&site, format!("#key,value\nk,{}\n", "\"".repeat(6_000_000))).unwrap();
    let large = daemon.xcat(&["tabrestore", &path]).await;
    assert_eq!((large.status, large.out.contains("restorexCATdb -p")), (3, true), "{}", large.out);
    std::fs::write(&site, "#key,valeu\nk,v\n").unwrap();
    let wrong = daemon.xcat(&["tabrestore", &path]).await;
    assert_eq!((wrong.status, wrong.err.contains("column 'valeu'")), (1, true), "{}", wrong.err);
    assert_eq!(daemon.xcat(&["tabrestore"]).await.status, 1);
    assert_eq!(daemon.xcat(&["tabrestore", "-h"]).await.status, 0);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_edited_in_the_callers_editor_and_no_edit_is_lost() {
    let daemon = TestDaemon::start().await;
    daemon.xcat(&["chtab", "key=mine", "site.value=müller"]).await;
    let edit = |editor: &'static str| {
        let daemon = &daemon;
        async move {
            shell(
                daemon,
                "$XCAT tabedit site </dev/null",
                &[("TABEDITOR", editor), ("EDITOR", "false")],
            )
            .await
        }
    };
    let said = edit("true").await;
    assert_eq!((said.status, &*said.out), (0, "No file modifications detected, not restoring.\n"));
    let said = edit("sed -i s/müller/meier-ß/").await;
    assert_eq!((said.status, &*said.err), (0, ""));
    let value = || async { daemon.xcat(&["gettab", "key=mine", "site.comments"]).await.out };
    assert_eq!(value().await, "");
    let dump = shell(&daemon, "$XCAT dumpxCATdb -p d && grep mine d/site.csv", &[]).await.out;
    assert!(dump.contains("\"mine\",\"meier-ß\",,"), "{dump}");

    let kept = |said: &Said, reason: &str| {
        assert_eq!(said.status, 1, "{}", said.err);
        assert!(said.err.contains(reason), "{}", said.err);
        let path = said.err.trim_end().rsplit(' ').next().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_dir_all(Path::new(&path).parent().unwrap()).unwrap();
        text
    };
    let text = kept(&edit("sed -i '$ s/$/,x,y,z,\"/'").await, "site is as it was");
    assert!(text.ends_with(",x,y,z,\"\n"), "{text}");
    kept(&edit("false").await, "the editor ended with");
    kept(
        &edit("edit() { sed -i s/mine/yours/ \"$1\"; $XCAT chtab key=other site.value=1; }; edit")
            .await,
        "changed by somebody else",
    );
    let site = daemon.xcat(&["tabdump", "site"]).await.out;
    assert!(site.contains("\"mine\"") && site.contains("\"other\""), "{site}");

    let log = daemon.xcat(&["tabedit", "auditlog"]).await;
    assert_eq!((log.status, log.err.contains("tabprune")), (1, true));
    assert_eq!(daemon.xcat(&["tabedit", "nosuch"]).await.status, 1);
    assert_eq!(daemon.xcat(&["tabedit"]).await.status, 1);
    assert_eq!(daemon.xcat(&["tabedit", "-h"]).await.status, 0);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_the_original_that_is_not_here_says_so() {
    let daemon = TestDaemon::start().await;
    let retired = daemon.xcat(&["mkdsklsnode", "-i", "image", "n1"]).await;
    assert_eq!((retired.status, &*retired.out), (1, ""));
    assert_eq!(retired.err, "Error: mkdsklsnode is retired: it set up diskless nodes of AIX\n");
    let link = daemon.dir.path().join("nimnodeset");
    let script = format!("ln -s $XCAT {0} && {0} -h", link.display());
    let linked = shell(&daemon, &script, &[]).await;
    assert_eq!(
        (linked.status, linked.err.starts_with("Error: nimnodeset is retired: ")),
        (1, true)
    );
    let without_daemon = run(client().args(["psh"]).env("XCATSOCKET", "/nonexistent")).await;
    assert_eq!(without_daemon.status, 1);
    assert!(without_daemon.err.starts_with("Error: psh is not available in this release: "));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_listed_and_taken_back() {
    let daemon = TestDaemon::start().await;
    daemon.xcat(&["mkdef", "-t", "node", "n1", "groups=all", "mgt=ipmi"]).await;
    let history = daemon.xcat(&["history", "n1"]).await.out;
    assert!(history.contains("  root  mkdef -t node n1 groups=all mgt=ipmi\n"), "{history}");
    let number = history.split(' ').next().unwrap();
    let undone = daemon.xcat(&["undo", number]).await;
    assert_eq!((undone.status, &*undone.err), (0, ""));
    assert_eq!(daemon.xcat(&["nodels"]).await.out, "");
    let again = daemon.xcat(&["undo", number]).await;
    assert_eq!(again.status, 1);
    assert!(again.err.contains("was removed since, by change") && again.err.contains("xcat undo"));
    daemon.stop().await;
}
