//! Snapshots, patches and inheritance from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use tables::{ApplyError, Patch, Row, Snapshot, TableId, ids};

fn after(snapshot: &Snapshot, edit: impl FnOnce(&mut Patch)) -> Snapshot {
    let mut patch = Patch::new();
    edit(&mut patch);
    snapshot.apply(&patch).unwrap().0
}

fn cluster() -> Snapshot {
    after(&Snapshot::empty(), |patch| {
        patch.set(ids::NODELIST, &["n1"], &[("groups", Some("rack1,compute,all"))]);
        patch.set(ids::NODELIST, &["n2"], &[("groups", Some("compute,all"))]);
        patch.set(ids::NODELIST, &["off"], &[("groups", Some("all")), ("disable", Some("1"))]);
    })
}

fn value(snapshot: &Snapshot, table: &str, column: &str, node: &str) -> Option<String> {
    snapshot.node_cell(table, column, node).map(|cell| cell.text.to_string())
}

fn from(snapshot: &Snapshot, table: &str, column: &str, node: &str) -> Option<String> {
    snapshot.node_cell(table, column, node).unwrap().from.map(|from| from.to_string())
}

fn names<'a>(nodes: impl IntoIterator<Item = &'a base::NodeName>) -> Vec<&'a str> {
    nodes.into_iter().map(base::NodeName::as_str).collect()
}

#[test]
fn nodes_and_groups_follow_the_rows_of_nodelist() {
    let first = cluster();
    assert_eq!(names(first.nodes()), ["n1", "n2"]);
    assert_eq!(names(first.group_members("all").unwrap()), ["n1", "n2"]);
    assert_eq!(names(first.group_members("rack1").unwrap()), ["n1"]);
    let groups = first.groups_of("n1");
    assert_eq!(
        groups.iter().map(|group| &**group).collect::<Vec<_>>(),
        ["rack1", "compute", "all"]
    );
    assert!(first.groups_of("off").is_empty() && !first.has_node("off"));
    let second = after(&first, |patch| {
        patch.set(ids::NODELIST, &["n1"], &[("groups", Some("compute"))]);
        patch.set(ids::NODELIST, &["off"], &[("disable", Some("no"))]);
        patch.delete(ids::NODELIST, &["n2"]);
        patch.set(ids::NODELIST, &["not a name"], &[("groups", Some("all"))]);
    });
    assert_eq!(names(second.nodes()), ["n1", "off"]);
    assert!(second.group_members("rack1").is_none());
    assert_eq!(names(second.group_members("all").unwrap()), ["off"]);
    assert_eq!(names(first.group_members("all").unwrap()), ["n1", "n2"], "snapshots do not change");
}

#[test]
fn a_patch_merges_replaces_deletes_and_tells_what_differs() {
    let first = cluster();
    let mut patch = Patch::new();
    patch.set(ids::SITE, &["a"], &[("value", Some("1")), ("comments", Some("c"))]);
    patch.set(ids::SITE, &["a"], &[("value", Some("2"))]);
    patch.set(ids::NODELIST, &["n1"], &[("groups", Some("rack1,compute,all"))]);
    patch.set(ids::NODEHM, &["x"], &[("mgt", Some("ipmi"))]).delete(ids::NODEHM, &["x"]);
    let (second, changes) = first.apply(&patch).unwrap();
    assert_eq!(second.generation(), 2);
    assert_eq!(changes.len(), 1, "a row that is as before is no change");
    assert_eq!((changes[0].table, &*changes[0].key[0], &changes[0].old), (ids::SITE, "a", &None));
    let row = second.row(ids::SITE, &["a"]).unwrap();
    assert_eq!((row.get("value"), row.get("comments")), (Some("2"), Some("c")));
    assert_eq!(second.table_generation(ids::SITE), 2);
    assert_eq!(second.table_generation(ids::NODELIST), 1);

    let mut patch = Patch::new();
    patch.replace(Row::new(ids::SITE, [("key", "a"), ("value", "3")]).unwrap());
    let (third, changes) = second.apply(&patch).unwrap();
    assert_eq!(third.row(ids::SITE, &["a"]).unwrap().get("comments"), None);
    assert_eq!(changes[0].old.as_ref(), Some(row));

    let mut patch = Patch::new();
    patch.clear(ids::SITE).clear(ids::NODELIST).set(ids::NODELIST, &["n2"], &[]);
    let (fourth, changes) = third.apply(&patch).unwrap();
    assert_eq!((fourth.row_count(ids::SITE), fourth.node_count()), (0, 1));
    assert_eq!(changes.len(), 4);

    let same = fourth.apply(&Patch::new()).unwrap();
    assert_eq!((same.0.generation(), same.1.len()), (fourth.generation(), 0));
}

#[test]
fn a_patch_that_does_not_fit_is_refused() {
    let refused = |table, key: &[&str], cells: &[(&str, Option<&str>)]| {
        let mut patch = Patch::new();
        patch.set(table, key, cells);
        Snapshot::empty().apply(&patch).unwrap_err().to_string()
    };
    assert_eq!(
        refused(ids::SITE, &["a"], &[("vlaue", None)]),
        "table 'site' has no column 'vlaue'"
    );
    assert_eq!(
        refused(ids::NETWORKS, &["10.0.0.0"], &[]),
        "a key of table 'networks' has 2 columns, not 1"
    );
    assert_eq!(
        refused(ids::SITE, &["a"], &[("key", Some("b"))]),
        "column 'key' of table 'site' is part of the key of the row"
    );
    assert_eq!(
        refused(ids::LITETREE, &["1"], &[]),
        "row '1' of table 'litetree' needs a value in column 'directory'"
    );
    assert_eq!(
        refused(ids::SITE, &["a"], &[("value", Some("\0"))]),
        "the text for column 'value' of table 'site' cannot be stored: it has a NUL character"
    );
    let mut patch = Patch::new();
    patch.clear(ids::AUDITLOG);
    assert_eq!(Snapshot::empty().apply(&patch).unwrap_err(), ApplyError::Log(ids::AUDITLOG));
}

#[test]
fn cells_come_from_the_node_then_from_its_groups_in_order() {
    let snapshot = after(&cluster(), |patch| {
        patch.set(ids::NODEHM, &["n1"], &[("mgt", Some("")), ("cons", Some("own"))]);
        patch.set(ids::NODEHM, &["all"], &[("mgt", Some("all")), ("power", Some("all"))]);
        patch.set(ids::NODEHM, &["compute"], &[("mgt", Some("ipmi"))]);
        patch.set(ids::NODEHM, &["rack1"], &[("mgt", Some("off")), ("disable", Some("yes"))]);
        patch.set(ids::NODELIST, &["all"], &[("status", Some("of the group"))]);
        patch.set(ids::IPMI, &["compute"], &[("bmc", Some(r"|\D+(\d+)|10.2.0.($1+0)|"))]);
        patch.set(ids::IPMI, &["n2"], &[("bmc", Some("|^.*$||"))]);
        patch.set(ids::MPA, &["compute", "USERID"], &[("password", Some("p"))]);
    });
    assert_eq!(value(&snapshot, "nodehm", "mgt", "n1").as_deref(), Some("ipmi"));
    assert_eq!(from(&snapshot, "nodehm", "mgt", "n1").as_deref(), Some("compute"));
    assert_eq!(from(&snapshot, "nodehm", "cons", "n1"), None);
    assert_eq!(value(&snapshot, "nodehm", "power", "n2").as_deref(), Some("all"));
    assert_eq!(value(&snapshot, "nodelist", "status", "n1"), None);
    assert_eq!(value(&snapshot, "ipmi", "bmc", "n1").as_deref(), Some("10.2.0.1"));
    assert_eq!(value(&snapshot, "ipmi", "bmc", "n2"), None);
    assert_eq!(value(&snapshot, "mpa", "password", "n1").as_deref(), Some("p"));
    assert_eq!(value(&snapshot, "nodehm", "mgt", "unknown"), None);
    assert_eq!(value(&snapshot, "site", "value", "n1"), None);
    assert_eq!(value(&snapshot, "nosuch", "mgt", "n1"), None);
}

#[test]
fn texts_are_continued_along_the_groups() {
    let with = |own: &str| {
        after(&cluster(), |patch| {
            patch.set(ids::POSTSCRIPTS, &["n1"], &[("postscripts", Some(own))]);
            patch.set(ids::POSTSCRIPTS, &["rack1"], &[("postscripts", Some("b,+=NEXTRECORD"))]);
            patch.set(ids::POSTSCRIPTS, &["compute"], &[("postscripts", Some("c"))]);
            patch.set(ids::POSTSCRIPTS, &["all"], &[("postscripts", Some("a"))]);
        })
    };
    let scripts = |snapshot: &Snapshot| value(snapshot, "postscripts", "postscripts", "n1");
    let snapshot = with("a,+=NEXTRECORD");
    assert_eq!(scripts(&snapshot).as_deref(), Some("a,b,c"));
    let origin = from(&snapshot, "postscripts", "postscripts", "n1");
    assert_eq!(origin.as_deref(), Some("n1,rack1,compute"));
    assert_eq!(scripts(&with("a")).as_deref(), Some("a"));
    let joined = after(&with("a"), |patch| {
        let listed = Some("postscripts, postbootscripts:|");
        patch.set(ids::SITE, &["hierarchicalattrs"], &[("value", listed)]);
        patch.set(ids::POSTSCRIPTS, &["rack1"], &[("postscripts", Some("b,a"))]);
    });
    assert_eq!(scripts(&joined).as_deref(), Some("a,b,c"));
}

#[test]
fn rows_are_found_by_node_and_by_any_column() {
    let snapshot = after(&cluster(), |patch| {
        for (node, switch, port) in
            [("n1", "sw1", "1"), ("n1", "sw1", "2"), ("n10", "sw1", "3"), ("all", "sw9", "9")]
        {
            patch.set(ids::SWITCH, &[node, switch, port], &[]);
        }
        patch.set(ids::NETWORKS, &["10.0.0.0", "255.0.0.0"], &[("netname", Some("mgt"))]);
    });
    assert_eq!(snapshot.rows_of(ids::SWITCH, "n1").count(), 2);
    assert_eq!(snapshot.node_rows(ids::SWITCH, "n1").len(), 2);
    assert_eq!(snapshot.node_rows(ids::SWITCH, "n2")[0].get("switch"), Some("sw9"));
    let edit = snapshot.set_where(
        ids::NETWORKS,
        &[("netname", "mgt")],
        &[("mask", Some("255.255.0.0")), ("gateway", Some("10.0.0.1"))],
    );
    let (next, changes) = snapshot.apply(&edit.unwrap()).unwrap();
    assert_eq!(changes.len(), 2, "a row with another key is another row");
    let row = next.row(ids::NETWORKS, &["10.0.0.0", "255.255.0.0"]).unwrap();
    assert_eq!((row.get("netname"), row.get("gateway")), (Some("mgt"), Some("10.0.0.1")));
    let edit = next.set_where(ids::NETWORKS, &[("netname", "svc")], &[("net", Some("10.2.0.0"))]);
    let (next, _) = next.apply(&edit.unwrap()).unwrap();
    assert_eq!(next.row_count(ids::NETWORKS), 2);
    let edit = next.delete_where(ids::SWITCH, &[("switch", "sw1")]).unwrap();
    assert_eq!(next.apply(&edit).unwrap().0.row_count(ids::SWITCH), 1);
    assert!(next.rows_where(ids::SITE, &[("nosuch", "")]).is_err());
}

#[test]
fn loading_gives_the_same_tables() {
    let snapshot = after(&cluster(), |patch| {
        patch.set(ids::SITE, &["domain"], &[("value", Some("cluster.test"))]);
    });
    let rows: Vec<Row> = TableId::all().flat_map(|table| snapshot.rows(table).cloned()).collect();
    let loaded = Snapshot::load(7, rows.clone()).unwrap();
    assert_eq!((loaded.generation(), loaded.site("domain")), (7, Some("cluster.test")));
    let again: Vec<Row> = TableId::all().flat_map(|table| loaded.rows(table).cloned()).collect();
    assert_eq!(rows, again);
    assert_eq!(names(loaded.nodes()), names(snapshot.nodes()));
}

#[test]
fn a_row_that_comes_back_as_it_was_is_the_same_in_memory() {
    let first = cluster();
    let second = after(&first, |patch| {
        patch.clear(ids::NODELIST);
        patch
            .replace(Row::new(ids::NODELIST, [("node", "n2"), ("groups", "compute,all")]).unwrap());
        patch.replace(Row::new(ids::NODELIST, [("node", "n1"), ("groups", "other")]).unwrap());
    });
    let text = |snapshot: &Snapshot, node| {
        snapshot.row(ids::NODELIST, &[node]).unwrap().text("groups").unwrap().clone()
    };
    assert!(std::sync::Arc::ptr_eq(&text(&first, "n2"), &text(&second, "n2")));
    assert_eq!(&*text(&second, "n1"), "other");
}
