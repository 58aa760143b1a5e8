//! Every row of `cases.tsv` (expression, context, whether names are verified, nodes, error), in a
//! small cluster that the rows call C1.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base::NodeName;
use noderange::{Error, Mode, Universe, expand};

const MEMBERSHIP: &[(&str, &str)] = &[
    ("node1 node2 node3 node4 node5 node6", "compute,rack1,all"),
    ("node7 node8 node9 node10 node11 node12", "compute,rack2,all"),
    ("node01 node02 node03 node09", "pad,all"),
    ("r1n1 r1n2 r2n1 r2n2", "bladed,all"),
    ("web-a-01 web-a-02 web-a-03", "web,all"),
    ("sn1", "service,sn2,all"),
    ("sn2", "service,all"),
    ("host5.cl host6.cl host7.cl", "dotted,all"),
    ("node1-ib", "ib,all"),
    ("lone", "solo"),
];

const FILES: &[(&str, &str)] = &[
    (
        "/tmp/nr1",
        "# comment line\n^/tmp/other  ignored line\nnode2:trailing words\nnode1\ttabbed\nnode5-node6\n-node5\nrack2@ib\n",
    ),
    ("/tmp/nr2", "all\n-node1\n"),
    ("/tmp/self", "x,^/tmp/self\n"),
];

struct Cluster {
    nodes: BTreeMap<NodeName, &'static str>,
    groups: BTreeMap<&'static str, Vec<NodeName>>,
    excluded: Option<String>,
    prefix: String,
}

impl Cluster {
    fn in_context(context: &str) -> Self {
        let nodes: BTreeMap<NodeName, &str> = MEMBERSHIP
            .iter()
            .flat_map(|(names, groups)| {
                names.split(' ').map(|name| (name.parse().expect("a valid name"), *groups))
            })
            .collect();
        let mut groups: BTreeMap<_, Vec<NodeName>> = BTreeMap::new();
        for (node, list) in &nodes {
            for group in list.split(',') {
                groups.entry(group).or_default().push(node.clone());
            }
        }
        let excluded = context.split_once("site.excludenodes=").map(|(_, value)| value.to_owned());
        let prefix = context
            .split_once("XCAT_NODE_PREFIX=")
            .map_or("node", |(_, value)| value.split(' ').next().unwrap_or_default());
        Self { nodes, groups, excluded, prefix: prefix.to_owned() }
    }

    fn where_cell(&self, tests: &[(&str, &str, &str)]) -> Vec<NodeName> {
        let holds = |node: &NodeName| {
            tests
                .iter()
                .all(|(table, column, start)| self.cell(table, column, node).starts_with(start))
        };
        self.nodes.keys().filter(|node| holds(node)).cloned().collect()
    }
}

impl Universe for Cluster {
    fn node(&self, name: &str) -> Option<NodeName> {
        self.nodes.get_key_value(name).map(|(node, _)| node.clone())
    }

    fn nodes(&self) -> Vec<NodeName> {
        self.nodes.keys().cloned().collect()
    }

    fn group(&self, name: &str) -> Option<Vec<NodeName>> {
        match name {
            "emptygrp" | "dynnone" => return Some(Vec::new()),
            "dynipmi" => return Some(self.where_cell(&[("nodehm", "mgt", "ipmi")])),
            "dynrh" => {
                return Some(
                    self.where_cell(&[("nodetype", "os", "rhels"), ("nodehm", "mgt", "ipmi")]),
                );
            }
            "million" => return Some(vec![self.nodes.keys().next()?.clone(); 1_000_000]),
            _ => {}
        }
        self.groups.get(name).cloned()
    }

    fn has_column(&self, table: &str, column: &str) -> bool {
        let columns = [
            ("nodelist", "node groups status"),
            ("nodehm", "node mgt cons"),
            ("nodetype", "node os arch"),
        ];
        columns.iter().any(|(name, list)| *name == table && list.split(' ').any(|c| c == column))
    }

    fn cell(&self, table: &str, column: &str, node: &NodeName) -> Cow<'_, str> {
        let groups = self.nodes[node];
        let within = |group: &str| groups.split(',').any(|g| g == group);
        let text = match (table, column, node.as_str()) {
            (_, "node", name) => return Cow::Owned(name.to_owned()),
            ("nodelist", "groups", _) => groups,
            ("nodehm", "mgt", "node4" | "node5") => "openbmc",
            ("nodehm", "mgt" | "cons", "node1" | "node2" | "node3") => "ipmi",
            ("nodehm", "mgt", _) if within("bladed") => "blade",
            ("nodetype", "os", "node12") => "rhels8.10",
            ("nodetype", "os", _) if within("rack1") => "rhels9.4",
            ("nodetype", "os", _) if within("rack2") => "ubuntu24.04",
            ("nodetype", "arch", _) if within("rack1") => "x86_64",
            ("nodetype", "arch", _) if within("rack2") => "ppc64le",
            _ => "",
        };
        Cow::Borrowed(text)
    }

    fn read_file(&self, path: &str) -> Option<String> {
        FILES.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned())
    }

    fn excluded(&self) -> Option<Cow<'_, str>> {
        self.excluded.as_deref().map(Cow::Borrowed)
    }

    fn affixes(&self) -> (&str, &str) {
        (&self.prefix, "")
    }
}

/// The outcome in the words of the last two columns.
fn outcome(expression: &str, context: &str, verify: &str) -> (String, String) {
    let mode = match (verify, context.contains("generic")) {
        (_, true) => Mode::Generic,
        ("yes", false) => Mode::Verify,
        _ => Mode::NoVerify,
    };
    match expand(expression, &Cluster::in_context(context), mode) {
        Err(error) => (String::new(), format!("ERROR {error}")),
        Ok(expansion) => {
            let names: Vec<&str> = expansion.names.iter().map(noderange::Name::as_str).collect();
            let missing = match expansion.missing.as_slice() {
                [] => String::new(),
                names => format!("MISSING {}", names.join(",")),
            };
            (names.join(","), missing)
        }
    }
}

#[test]
fn all_cases_expand_as_the_original_did() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for line in include_str!("cases.tsv").lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [expression, context, verify, nodes, error, ..] = fields[..] else { panic!("{line}") };
        let actual = outcome(expression, context, verify);
        if actual != (nodes.to_owned(), error.to_owned()) {
            wrong.push(format!("{line}\n    got {actual:?}"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(count, 187);
}

#[test]
fn explosions_and_loops_end_in_an_error() {
    let cluster = Cluster::in_context("C1");
    for (text, mode) in [
        ("n[1-999999999]", Mode::NoVerify),
        ("n[1-999]m[1-999]k[1-999]", Mode::NoVerify),
        ("n1+18446744073709551615", Mode::Verify),
        ("n0-n00000000000000000000000", Mode::Generic),
    ] {
        assert!(matches!(expand(text, &cluster, mode), Err(Error::TooMany { .. })), "{text}");
    }
    // a range whose text is a longer range again, and one that is as long as its text squared
    let long = format!("{}[{}1]", "a".repeat(2000), "1-".repeat(2000));
    for text in ["[/:.[b:]]n[", "a[/:.[b:]]n[", &*long] {
        for mode in [Mode::Verify, Mode::NoVerify, Mode::Generic] {
            let growing = expand(text, &cluster, mode);
            assert!(matches!(growing, Err(Error::TooLong { .. })), "{text}: {growing:?}");
        }
    }
    let looping = expand("^/tmp/self", &cluster, Mode::Verify);
    assert!(matches!(looping, Err(Error::TooDeep { .. })), "{looping:?}");
    let files = ["^/none"; 101].join(",");
    let files = expand(&files, &cluster, Mode::Verify);
    assert!(matches!(files, Err(Error::TooManyFiles { .. })), "{files:?}");
    let unclosed = expand("/n[", &cluster, Mode::Verify);
    assert!(matches!(unclosed, Err(Error::Regex { .. })), "{unclosed:?}");
    let everything = ["million"; 6].join(",");
    assert!(matches!(expand(&everything, &cluster, Mode::Verify), Err(Error::TooMany { .. })));
}

#[test]
fn a_file_can_be_excluded() {
    let (nodes, _) = outcome("rack1,-^/tmp/nr1", "C1", "yes");
    assert_eq!(nodes, "node3,node4");
}
