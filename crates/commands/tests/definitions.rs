//! What the recording of the original does not show of lsdef, mkdef, chdef and rmdef: stanzas,
//! groups, renaming, replacing, and what is refused.

mod common;

use common::{Cluster, printed};
use tables::Patch;

/// Runs command lines one after the other, each with what it must print on standard output,
/// standard error and return.
async fn check(cluster: &Cluster, steps: &[(&str, &str, &str, u8)]) {
    for (line, stdout, stderr, code) in steps {
        let actual = printed(&cluster.answer(line).await);
        assert_eq!(actual.stdout.trim_end_matches('\n'), *stdout, "$ {line}\n{}", actual.stderr);
        assert_eq!(actual.stderr.trim_end_matches('\n'), *stderr, "$ {line}");
        assert_eq!(actual.code, *code, "$ {line}");
    }
}

async fn three_nodes() -> Cluster {
    let cluster = Cluster::with(Patch::new()).await;
    let made = "3 object definitions have been created or modified.";
    check(&cluster, &[("mkdef -t node -o n[1-3] groups=all mgt=ipmi", made, "", 0)]).await;
    cluster
}

const ONE: &str = "1 object definitions have been created or modified.";
const FAILED: &str = "Error: [xcatmn]: One or more errors occured when attempting to create or \
                      modify xCAT object definitions.";
const NOTHING: &str = "Error: [xcatmn]: Nothing is changed, not even what could be.";

#[tokio::test]
async fn static_groups_follow_their_members() {
    let cluster = three_nodes().await;
    let new = format!("{ONE}\nNew object definitions 'g2' have been created.");
    check(
        &cluster,
        &[
            ("mkdef -t group -o g members=n1,n2", ONE, "", 0),
            ("nodels g", "n1\nn2", "", 0),
            ("chdef -t group -o g -p members=n3", ONE, "", 0),
            ("nodels g", "n1\nn2\nn3", "", 0),
            ("chdef -t group -o g -m members=n1", ONE, "", 0),
            ("nodels g", "n2\nn3", "", 0),
            ("chdef -t group -o g members=n1", ONE, "", 0),
            ("nodels g", "n1", "", 0),
            (
                "lsdef -t group -o g -i members,mgt",
                "Object name: g\n    members=n1\n    mgt=",
                "",
                0,
            ),
            ("chdef -t group -o g2 members=n2", &new, "", 0),
            ("nodels g2", "n2", "", 0),
            ("chdef -t group -o g2 -n g3", "Changed the object name from g2 to g3.", "", 0),
            ("nodels g3", "n2", "", 0),
            ("nodels n2 groups", "n2: all,g3", "", 0),
            ("rmdef -t group -o g3", "1 object definitions have been removed.", "", 0),
            ("nodels n2 groups", "n2: all", "", 0),
        ],
    )
    .await;
}

#[tokio::test]
async fn dynamic_groups_need_tests_and_have_no_attributes() {
    let cluster = three_nodes().await;
    let no_tests = "Error: [xcatmn]: The 'where' attributes and values were not provided for \
                    dynamic group 'd'.\nError: [xcatmn]: Skipping to the next group.\n";
    let attributes = "Error: [xcatmn]: Can not assign attributes to dynamic node group 'd'.\n";
    check(
        &cluster,
        &[
            ("mkdef -t group -o d -d", "", &format!("{no_tests}{FAILED}"), 1),
            ("mkdef -t group -o d -d -w mgt==ipmi arch=x", "", &format!("{attributes}{FAILED}"), 1),
            ("mkdef -t group -o d -d -w mgt==ipmi -w node!=n2", ONE, "", 0),
            ("nodels d", "n1\nn3", "", 0),
            ("chdef -t group -o d arch=x", "", &format!("{attributes}{FAILED}\n{NOTHING}"), 1),
            ("chdef -t group -o d -d -w node==n2", ONE, "", 0),
        ],
    )
    .await;
}

#[tokio::test]
async fn stanzas_are_written_and_read_again() {
    let cluster = three_nodes().await;
    check(&cluster, &[("chdef n2 nicips.eth1=11.1.0.5 usercomment='a b=c'", ONE, "", 0)]).await;
    let stanza = printed(&cluster.answer("lsdef -t node -o n2 -z").await).stdout;
    check(&cluster, &[("rmdef n2", "1 object definitions have been removed.", "", 0)]).await;
    let made = printed(&cluster.answer_to("mkdef -z", Some(&stanza)).await);
    assert_eq!((made.stdout.trim_end(), made.code), (ONE, 0));
    assert_eq!(printed(&cluster.answer("lsdef -t node -o n2 -z").await).stdout, stanza);
    let changed =
        "# comment\nn2:\n  objtype=node\n  arch=x86_64\n\nn9:\n  objtype=node\n  mgt=ipmi\n";
    let changed = printed(&cluster.answer_to("chdef -z", Some(changed)).await);
    let missing = "Error: [xcatmn]: Attribute 'groups' is not specified for node 'n9', skipping to \
                   the next node.";
    assert_eq!(changed.stderr.trim_end(), format!("{missing}\n{FAILED}\n{NOTHING}"));
    check(&cluster, &[("lsdef n2 -i arch", "Object name: n2\n    arch=", "", 0)]).await;
}

#[tokio::test]
async fn nodes_are_replaced_renamed_and_removed() {
    let cluster = three_nodes().await;
    let dotted = "Error: [xcatmn]: The object name 'a.b' is invalid, Cannot use '.' in node name.";
    let capital = "Warning: [xcatmn]: The node name 'Nx' contains capital letters which may not be \
                   resolved correctly by the dns server.";
    let unless = "Error: [xcatmn]: Cannot set the attr='bmc' attribute unless mgt value is";
    check(
        &cluster,
        &[
            ("mkdef -f -t node -o n1 groups=all arch=x86_64", ONE, "", 0),
            ("lsdef n1", "Object name: n1\n    arch=x86_64\n    groups=all", "", 0),
            ("chdef -t node -o n1 -n n7", "Changed the object name from n1 to n7.", "", 0),
            ("lsdef n7", "Object name: n7\n    arch=x86_64\n    groups=all", "", 0),
            ("nodels all", "n2\nn3\nn7", "", 0),
            ("rmdef n[2-3]", "2 object definitions have been removed.", "", 0),
            ("mkdef -t node -o a.b groups=all", "", dotted, 1),
            ("mkdef -t node -o Nx groups=all", ONE, capital, 0),
        ],
    )
    .await;
    let refused = printed(&cluster.answer("mkdef -t node -o y1 groups=all bmc=10.0.0.1").await);
    assert!(refused.stderr.starts_with(unless), "{}", refused.stderr);
    assert_eq!(refused.code, 1);
    check(&cluster, &[("lsdef -s", "Nx  (node)\nn7  (node)", "", 0)]).await;
}

#[tokio::test]
async fn command_lines_that_contradict_themselves_change_nothing() {
    let cluster = three_nodes().await;
    let before = cluster.services.store.snapshot().generation();
    for (line, error) in [
        ("lsdef -a -t node", "The flags '-a' and '-t' cannot be used together."),
        ("lsdef -c n1", "The flags '-c' and '-i' must be used together."),
        ("lsdef -x -z", "The flags '-x' and '-z' cannot be used together."),
        ("lsdef -u", "Option '-u' can not work with lsdef."),
        ("mkdef -u -t node -o n9 groups=a", "Option '-u' only work for objtype 'osimage'."),
        ("chdef --template n1 n2 arch=x", "The option '--template' can not be used with 'chdef'."),
        ("mkdef n9 --template", "no object definition template specified for mkdef --template!"),
        ("mkdef -t node n9 groups", "Attribute 'groups' has no value: write groups=VALUE."),
        (
            "rmdef -t auditlog -o 1",
            "'auditlog' is a log: tabprune removes entries of it, and nothing else changes it.",
        ),
        ("lsdef n1 n2", "noderange can not contain spaces."),
        ("lsdef -w nonsense", "Incorrect selection string specified with -w flag."),
        (
            "mkdef -p -t node -o n9 groups=a",
            "The '-p' and '-m' options are not valid for the mkdef command.",
        ),
        ("chdef -t node", "No object names were provided."),
        ("chdef -f n1 arch=x", "The '-f' option is not valid for the chdef command."),
        (
            "chdef -t node,group -o n1 arch=x",
            "Cannot combine multiple types with 'att=val' pairs on the command line.",
        ),
        (
            "chdef n1 -p nicips.eth0=1.1.1.1",
            "chdef does not support to change the nic related attributes with -m or -p flag.",
        ),
        ("rmdef -t node -d", "Invalid flag specified, see rmdef manpage for details."),
        ("rmdef -a", "You must use the '-f' option when using the '-a' option."),
        ("rmdef -t node", "No object names were provided."),
    ] {
        let actual = printed(&cluster.answer(line).await);
        assert_eq!(actual.stderr, format!("Error: [xcatmn]: {error}\n"), "$ {line}");
        assert_eq!(actual.code, 1, "$ {line}");
    }
    assert_eq!(cluster.services.store.snapshot().generation(), before);
}

#[tokio::test]
async fn help_lists_usage_or_the_attributes_of_a_type() {
    let cluster = three_nodes().await;
    let usage = printed(&cluster.answer("lsdef -h").await);
    assert!(usage.stdout.starts_with("Usage: lsdef "), "{}", usage.stdout);
    assert!(usage.stdout.contains("\nTypes: auditlog boottarget "));
    let attributes = printed(&cluster.answer("mkdef -t network -h").await);
    assert!(attributes.stdout.contains("\ndynamicrange:\t"), "{}", attributes.stdout);
    let nodels = printed(&cluster.answer("nodels --help").await);
    assert!(nodels.stdout.starts_with("Usage: nodels ") && nodels.code == 0);
    let version = printed(&cluster.answer("nodels -v").await);
    assert!(version.stdout.starts_with("nodels - Version "), "{}", version.stdout);
}

#[tokio::test]
async fn lists_grow_and_shrink_and_say_where_they_are_from() {
    let cluster = three_nodes().await;
    let from_group = "Error: [xcatmn]: n1 has 'rack' from group 'all' and not by itself: \
                      change it there, with chdef -t group -o all -m rack=a,b, or give the \
                      node a value of its own.";
    let rest = "Warning: [xcatmn]: n1: 'rack' was inherited from group 'all'; the rest of it \
                is the node's own now.";
    check(
        &cluster,
        &[
            ("chdef n1 -p groups=", ONE, "", 0),
            ("nodels n1 groups", "n1: all", "", 0),
            ("chdef n1 -p groups=x,,y", ONE, "", 0),
            ("nodels n1 groups", "n1: all,x,y", "", 0),
            ("chdef -t group -o all rack=a,b", ONE, "", 0),
            (
                "chdef n1 -m rack=a,b",
                "No object definitions have been created or modified.",
                from_group,
                1,
            ),
            ("chdef n1 -m rack=a", ONE, rest, 0),
            ("lsdef n1 -i rack", "Object name: n1\n    rack=b", "", 0),
            ("lsdef n2 -i rack", "Object name: n2\n    rack=a,b", "", 0),
        ],
    )
    .await;
}

#[tokio::test]
async fn standard_input_is_taken_whole_or_not_at_all() {
    let cluster = three_nodes().await;
    let before = cluster.services.store.snapshot().generation();
    let broken = "n5:\n  objtype=node\n  groups=all\nn6\n  objtype=node\n";
    let refused = printed(&cluster.answer_to("mkdef -z", Some(broken)).await);
    let text = "Error: [xcatmn]: standard input, line 4: 'n6' is neither NAME: nor \
                ATTRIBUTE=VALUE; nothing is changed\n";
    assert_eq!((refused.stderr.as_str(), refused.code), (text, 1));
    assert_eq!(cluster.services.store.snapshot().generation(), before);
}

#[tokio::test]
async fn a_dump_as_stanzas_makes_the_same_objects() {
    let cluster = three_nodes().await;
    for line in [
        "mkdef -t group -o g members=n1,n2 arch=x86_64",
        "mkdef -t group -o d -d -w mgt==ipmi",
        "mkdef -t network -o net1 net=10.1.0.0 mask=255.255.0.0",
        "mkdef -t osimage -o img imagetype=linux provmethod=netboot profile=compute",
        "chdef n1 nicips.eth1=11.1.0.5 nicips.eth2=12.1.0.5",
    ] {
        let made = printed(&cluster.answer(line).await);
        assert_eq!((made.code, made.stderr.as_str()), (0, ""), "{line}");
    }
    let all = "lsdef -t group,network,node,osimage -z";
    let dump = printed(&cluster.answer(all).await).stdout;
    for line in [
        "rmdef -t group -o all,g,d",
        "rmdef n1,n2,n3",
        "rmdef -t network -o net1",
        "rmdef -t osimage -o img",
    ] {
        assert_eq!(printed(&cluster.answer(line).await).code, 0, "{line}");
    }
    let made = printed(&cluster.answer_to("mkdef -z", Some(&dump)).await);
    assert_eq!((made.code, made.stderr.as_str()), (0, ""), "{}", made.stdout);
    let again = printed(&cluster.answer(all).await).stdout;
    let without = |text: &str| text.replace("    grouptype=static\n", "");
    assert_eq!(without(&again), without(&dump));
}

#[tokio::test]
async fn types_that_look_like_one_are_followed_by_all() {
    let cluster = three_nodes().await;
    let near = printed(&cluster.answer("lsdef -t nod").await);
    assert_eq!(near.stderr, "Error: [xcatmn]: \nType 'nod' is not a valid xCAT object type.\n");
    assert!(near.stdout.starts_with("did you mean node? The types are: auditlog "), "{near:?}");
}

#[tokio::test]
async fn many_missing_names_are_counted() {
    let cluster = three_nodes().await;
    let refused = printed(&cluster.answer("nodels m03-m01").await);
    let text = refused.stderr;
    assert!(
        text.starts_with("Error: Invalid nodes and/or groups in noderange: m03,m04,"),
        "{text}"
    );
    assert!(text.ends_with(",m22 and 77 more\n"), "{text}");
}

#[tokio::test]
async fn many_nodes_come_from_one_file() {
    let cluster = Cluster::with(Patch::new()).await;
    let stanza = |number: u32| {
        format!(
            "n{number:05}:\n  objtype=node\n  groups=all,rack{}\n  arch=x86_64\n  mgt=ipmi\n  \
             bmc=10.1.{}.{}\n  mac=02:00:00:00:{:02x}:{:02x}\n\n",
            number / 40,
            number / 250,
            number % 250 + 1,
            number / 256,
            number % 256
        )
    };
    let file: String = (0..1_000).map(stanza).collect();
    let made = printed(&cluster.answer_to("mkdef -z", Some(&file)).await);
    assert_eq!(made.stdout, "1000 object definitions have been created or modified.\n");
    let changed = printed(&cluster.answer_to("chdef -z", Some(&file)).await);
    assert_eq!((changed.code, changed.stderr.as_str()), (0, ""));
    let xml = printed(&cluster.answer("lsdef -t node -l -x").await).stdout;
    assert_eq!(xml.matches("<objname>").count(), 1_000);
    let changed = printed(&cluster.answer_to("chdef -x", Some(&xml)).await);
    assert_eq!((changed.code, changed.stderr.as_str()), (0, ""));
}

#[tokio::test]
async fn many_nodes_are_changed_or_none_is() {
    let cluster = three_nodes().await;
    let before = cluster.services.store.snapshot().generation();
    for line in ["chdef n1-n4 arch=x86_64", "chdef n[1-3],n9 -m groups=all"] {
        let refused = printed(&cluster.answer(line).await);
        let last = refused.stderr.lines().last();
        assert_eq!((refused.code, last), (1, Some(NOTHING)), "$ {line}\n{}", refused.stderr);
    }
    assert_eq!(cluster.services.store.snapshot().generation(), before);
}
