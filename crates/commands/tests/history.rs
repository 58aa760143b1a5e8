//! Changes are shown with who made them, and one is taken back unless a later one has changed the same;
//! logs are pruned.

mod common;

use common::{Cluster, printed};
use store::{LogPage, Origin};
use tables::{Patch, Row, ids};

async fn cluster() -> Cluster {
    let cluster = Cluster::with(Patch::new()).await;
    for line in [
        "mkdef -t node -o n1,n2 groups=all mgt=ipmi bmcpassword=hunter2",
        "chdef -t node -o n1 mgt=openbmc",
        "chtab key=k site.value=1",
    ] {
        let said = printed(&cluster.answer(line).await);
        assert_eq!(said.code, 0, "{line}: {said:?}");
    }
    cluster
}

#[tokio::test]
async fn changes_are_shown_newest_first_without_secrets() {
    let cluster = cluster().await;
    let all = printed(&cluster.answer("xcat-history").await).stdout;
    let heads: Vec<&str> = all.lines().filter(|line| !line.starts_with(' ')).collect();
    assert!(heads[0].starts_with("3  ") && heads[0].ends_with("  root  chtab key=k site.value=1"));
    assert!(heads[2].starts_with("1  ") && heads[2].contains("bmcpassword=xxxxxxxx"), "{all}");
    assert!(all.contains("\n    site k added: value '1'\n"), "{all}");
    assert!(all.contains("\n    nodehm n1 changed: mgt 'ipmi' -> 'openbmc'\n"), "{all}");
    assert!(all.contains("other rows; -l shows more"), "{all}");
    let long = printed(&cluster.answer("xcat-history -l").await).stdout;
    assert!(long.contains("    ipmi n1 added: password '***'\n"), "{long}");
    assert!(!long.contains("hunter2") && !long.contains("other rows"), "{long}");

    let heads = async |line: &str| {
        let said = printed(&cluster.answer(line).await);
        assert_eq!((said.code, &*said.stderr), (0, ""), "{line}");
        let numbers = said.stdout.lines().filter(|line| line.starts_with(char::is_numeric));
        numbers
            .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(heads("xcat-history n1").await, ["2", "1"]);
    assert_eq!(heads("xcat-history all").await, ["2", "1"]);
    assert_eq!(heads("xcat-history site").await, ["3"]);
    assert_eq!(heads("xcat-history -n 1").await, ["3"]);
    cluster.answer("noderm n2").await;
    assert_eq!(heads("xcat-history n2").await, ["4", "1"], "what is gone has a history");
    let nothing = printed(&cluster.answer("xcat-history nosuch").await);
    assert_eq!(nothing.stdout, "There is no change to show.\n");
}

#[tokio::test]
async fn a_change_is_taken_back_and_that_too() {
    let cluster = cluster().await;
    let mgt = || {
        let snapshot = cluster.services.store.snapshot();
        snapshot.row(ids::NODEHM, &["n1"]).and_then(|row| row.get("mgt").map(str::to_owned))
    };
    let said = printed(&cluster.answer("xcat-undo 2").await);
    assert_eq!(&*said.stdout, "change 2 is undone: 1 rows are as they were before\n", "{said:?}");
    assert_eq!(mgt().as_deref(), Some("ipmi"));
    assert_eq!(printed(&cluster.answer("xcat-undo 4").await).code, 0);
    assert_eq!(mgt().as_deref(), Some("openbmc"));
    cluster.answer("noderm n1,n2").await;
    assert_eq!(printed(&cluster.answer("xcat-undo 6").await).code, 0);
    let snapshot = cluster.services.store.snapshot();
    assert_eq!(snapshot.nodes().count(), 2);
    assert_eq!(snapshot.row(ids::IPMI, &["n2"]).unwrap().get("password"), Some("hunter2"));
}

#[tokio::test]
async fn what_a_node_says_of_itself_does_not_stand_in_the_way() {
    let cluster = cluster().await;
    let mut patch = Patch::new();
    patch.set(ids::NODELIST, &["n1"], &[("status", Some("booted"))]);
    let report = Origin::report("n1", "installstatus booted");
    cluster.services.store.update::<base::Failure>(report, move |_| Ok(patch)).await.unwrap();
    for id in ["2", "1"] {
        let said = printed(&cluster.answer(&format!("xcat-undo {id}")).await);
        assert_eq!(said.code, 0, "{said:?}");
    }
    assert_eq!(cluster.services.store.snapshot().nodes().count(), 0);
}

#[tokio::test]
async fn a_change_that_others_build_on_is_not_taken_back() {
    let cluster = cluster().await;
    let refused = async |line: &str| {
        let said = printed(&cluster.answer(line).await);
        assert_eq!((said.code, &*said.stdout), (1, ""), "{line}");
        said.stderr.trim_end().trim_start_matches("Error: [xcatmn]: ").to_owned()
    };
    let generation = cluster.services.store.snapshot().generation();
    assert_eq!(
        refused("xcat-undo 1").await,
        "change 1 cannot be undone: column 'mgt' in row 'n1' of table 'nodehm' was changed since, by \
         change 2 (root: chdef -t node -o n1 mgt=openbmc); hint: undo change 2 first"
    );
    assert_eq!(
        refused("xcat-undo 99").await,
        "there is no change 99; hint: xcat history lists them"
    );
    assert_eq!(cluster.services.store.snapshot().generation(), generation);
    assert!(printed(&cluster.answer("xcat-undo x").await).stderr.contains("'x' is not the number"));
    // Another column of a row that was there before does not stand in the way.
    cluster.answer("chdef -t node -o n1 cons=ipmi").await;
    assert_eq!(printed(&cluster.answer("xcat-undo 2").await).code, 0);
    // In a row that the change has made, it does.
    let refusal = refused("xcat-undo 1").await;
    assert!(refusal.contains("'cons' in row 'n1' of table 'nodehm'"), "{refusal}");
    cluster.answer("chtab -d key=k site").await;
    let refusal = refused("xcat-undo 3").await;
    assert!(
        refusal.contains("row 'k' of table 'site' was removed since, by change 6"),
        "{refusal}"
    );
    cluster.answer("chtab key=k site.value=1").await;
    let refusal = refused("xcat-undo 6").await;
    assert!(refusal.contains("was made again since, by change 7"), "{refusal}");
}

#[tokio::test]
async fn purged_nodes_are_nowhere_any_more() {
    let cluster = cluster().await;
    cluster.answer("chtab key=domain site.value=example.org").await;
    cluster.answer("nodech n1 hosts.ip=10.0.0.1").await;
    cluster.answer("nodech n2 hosts.ip=10.0.0.2").await;
    cluster.answer("makehosts n1,n2").await;
    let hosts = async || {
        let path = cluster.services.hosts_file.lock().await;
        std::fs::read_to_string(&*path).unwrap()
    };
    assert!(hosts().await.contains("10.0.0.1") && hosts().await.contains("10.0.0.2"));
    let said = printed(&cluster.answer("nodepurge n1").await);
    assert_eq!((said.code, &*said.stdout, &*said.stderr), (0, "", ""));
    assert!(!hosts().await.contains("10.0.0.1") && hosts().await.contains("10.0.0.2"));
    let snapshot = cluster.services.store.snapshot();
    assert_eq!((snapshot.nodes().count(), snapshot.row_count(ids::IPMI)), (1, 1));
    assert_eq!(printed(&cluster.answer("nodepurge").await).code, 1);
    assert_eq!(printed(&cluster.answer("nodepurge n1").await).code, 1);
}

#[tokio::test]
async fn logs_are_pruned_from_their_old_end() {
    let cluster = Cluster::with(Patch::new()).await;
    let store = &cluster.services.store;
    let row = |time: &str| Row::new(ids::EVENTLOG, [("eventtime", time)]).unwrap();
    let fill = async |count: usize| {
        let rows = (0..count).map(|_| row("2020-01-01 00:00:00")).collect();
        store.append_log(rows).await.unwrap();
    };
    let left = async || {
        let page = LogPage::After { recid: 0, limit: 100 };
        store.read_log(ids::EVENTLOG, page).await.unwrap().len()
    };
    fill(10).await;
    for (line, rest) in [
        ("tabprune eventlog -i 3", 8),
        ("tabprune eventlog -n 2", 6),
        ("tabprune eventlog -p 50", 3),
        ("tabprune eventlog -n 0", 3),
    ] {
        let said = printed(&cluster.answer(line).await);
        assert_eq!((said.code, &*said.stdout), (0, "tabprune of eventlog complete.\n"), "{line}");
        assert_eq!(left().await, rest, "{line}");
    }
    store
        .append_log(vec![row(&base::Timestamp::from_unix_millis(i64::MAX / 2_000).local())])
        .await
        .unwrap();
    let said = printed(&cluster.answer("tabprune eventlog -V -d 5").await).stdout;
    assert_eq!((said.lines().count(), left().await), (4, 1), "{said}");
    assert!(said.starts_with("#recid,eventtime,"), "{said}");
    assert_eq!(printed(&cluster.answer("tabprune eventlog -a").await).code, 0);
    assert_eq!(left().await, 0);
}

#[tokio::test]
async fn a_table_is_emptied_and_mistakes_are_named_as_the_original_does() {
    let cluster = cluster().await;
    let said = printed(&cluster.answer("tabprune nodehm -V -a").await);
    assert_eq!((said.code, said.stdout.lines().count()), (0, 3), "{said:?}");
    assert_eq!(cluster.services.store.snapshot().row_count(ids::NODEHM), 0);
    for (line, expected) in [
        ("tabprune", "Table name required.\n"),
        ("tabprune site -n 3", "Table site not supported, see tabprune -h for supported tables.\n"),
        ("tabprune auditlog", "One option -p or -i or -n or -a or -d must be supplied.\n"),
        (
            "tabprune auditlog -a -n 1",
            "Only one option -p or -i or -n or -a maybe used at a time.\n",
        ),
    ] {
        let said = printed(&cluster.answer(line).await);
        assert_eq!((&*said.stdout, said.code), (expected, 1), "{line}");
    }
    let said = printed(&cluster.answer("tabprune nosuch -a").await);
    assert_eq!((&*said.stderr, said.code), ("Error: [xcatmn]: Unable to open  nosuch\n", 1));
    assert_eq!(printed(&cluster.answer("tabprune auditlog -n x").await).code, 1);
}
