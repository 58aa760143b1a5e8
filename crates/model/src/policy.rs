//! Who may do what: the policy table (spec/protocol.md section 6).
//!
//! Rows are looked at by ascending priority; the first that fits decides, and without one the request is denied. A
//! permitting row that covers only some of the nodes takes those away and leaves the rest to the rows after it. A row
//! whose pattern cannot be evaluated never permits anything.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use base::NodeName;
use tables::{Row, Snapshot, ids};

/// How many steps a pattern may take.
const BACKTRACKS: usize = 100_000;
/// Commands that nodes and consoles ask for all the time; their user name is left alone.
const UNLOGGED: &[&str] =
    &["getdestiny", "getbladecons", "getipmicons", "getopenbmccons", "getcons"];

/// What is asked, and by whom.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// The proven identity of the peer.
    pub identity: Option<&'a str>,
    /// The short host name of the peer.
    pub host: &'a str,
    /// The hosts that stand for the peer's, separated by commas.
    pub remote_client: Option<&'a str>,
    /// The command.
    pub command: &'a str,
    /// The noderange, when there is one.
    pub noderange: Option<&'a str>,
    /// The arguments.
    pub arguments: &'a [String],
    /// The user name that the request claims.
    pub username: Option<&'a str>,
}

/// The answer of the policy table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the request may go on.
    pub allowed: bool,
    /// The priority of the row that decided.
    pub rule: Option<String>,
    /// The user name that the request goes on with.
    pub username: String,
}

/// Decides on `request`; `expand` gives the nodes of a noderange.
pub fn validate(
    snapshot: &Snapshot,
    request: &Request<'_>,
    expand: &dyn Fn(&str) -> BTreeSet<NodeName>,
) -> Verdict {
    let mut rows: Vec<&Row> = snapshot.enabled_rows(ids::POLICY).collect();
    rows.sort_by(|a, b| priority(a).partial_cmp(&priority(b)).unwrap_or(Ordering::Equal));
    let claimed = request.username.unwrap_or_default().to_owned();
    let mut left = request.noderange.map(expand).unwrap_or_default();
    for row in &rows {
        if fits(row, request) && covers(row, &mut left, expand) {
            return Verdict {
                allowed: permits(row),
                rule: row.get("priority").map(str::to_owned),
                username: username(&rows, request, claimed),
            };
        }
    }
    Verdict { allowed: false, rule: None, username: claimed }
}

/// Whether the row speaks about this peer and this command.
fn fits(row: &Row, request: &Request<'_>) -> bool {
    let name = match cell(row, "name") {
        None => true,
        Some("*") => request.identity.is_some(),
        Some(name) => request.identity == Some(name),
    };
    let host = restricted(row, "host").is_none_or(|host| match request.remote_client {
        Some(clients) if !clients.is_empty() => clients.split(',').any(|client| client == host),
        _ => request.host == host,
    });
    let command = restricted(row, "commands")
        .is_none_or(|commands| commands.split(',').any(|command| command == request.command));
    name && host && command && fits_parameters(row, request.arguments)
}

fn fits_parameters(row: &Row, arguments: &[String]) -> bool {
    restricted(row, "parameters").is_none_or(|pattern| {
        let regex = fancy_regex::RegexBuilder::new(pattern).backtrack_limit(BACKTRACKS).build();
        let found = regex.and_then(|regex| regex.is_match(&arguments.join(" ")));
        found.unwrap_or(!permits(row))
    })
}

/// Whether the row decides about the nodes that are left; a permitting row takes the ones it covers off them.
fn covers(
    row: &Row,
    left: &mut BTreeSet<NodeName>,
    expand: &dyn Fn(&str) -> BTreeSet<NodeName>,
) -> bool {
    let Some(noderange) = restricted(row, "noderange") else { return true };
    let covered = expand(noderange);
    let rest: BTreeSet<NodeName> = left.difference(&covered).cloned().collect();
    if rest.len() == left.len() {
        return false;
    }
    if !rest.is_empty() && permits(row) {
        *left = rest;
        return false;
    }
    true
}

/// A trusted peer speaks for others; everybody else is who they are.
fn username(rows: &[&Row], request: &Request<'_>, claimed: String) -> String {
    if UNLOGGED.contains(&request.command) {
        return claimed;
    }
    let trusted = request.identity.is_some_and(|identity| {
        rows.iter().any(|row| cell(row, "name") == Some(identity) && rule_says(row, &["trusted"]))
    });
    if trusted && request.username.is_some() {
        return claimed;
    }
    request.identity.unwrap_or_default().to_owned()
}

fn permits(row: &Row) -> bool {
    rule_says(row, &["allow", "accept", "trusted"])
}

fn rule_says(row: &Row, words: &[&str]) -> bool {
    let rule = row.get("rule").unwrap_or_default().to_ascii_lowercase();
    words.iter().any(|word| rule.contains(word))
}

fn cell<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
    row.get(column).filter(|text| !text.is_empty())
}

/// A cell that restricts: neither empty nor `*`.
fn restricted<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
    cell(row, column).filter(|text| *text != "*")
}

/// The number at the beginning of the cell, 0 when there is none.
fn priority(row: &Row) -> f64 {
    let text = row.get("priority").unwrap_or_default().trim();
    let mut ends = text.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
    ends.find_map(|end| text[..end].parse::<f64>().ok().filter(|n| n.is_finite())).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tables::Patch;

    type Cells = &'static [(&'static str, &'static str)];

    const SETS: &[(&str, &str, Cells)] = &[
        ("P1", "1", &[("name", "root"), ("rule", "allow")]),
        ("P1", "1.2", &[("name", "mn1"), ("rule", "trusted")]),
        ("P1", "2.3", &[("commands", "lsxcatd"), ("rule", "allow")]),
        ("P1", "4.4", &[("commands", "getpostscript"), ("rule", "allow")]),
        ("P2", "1", &[("name", "root"), ("rule", "allow")]),
        (
            "P2",
            "5",
            &[
                ("name", "bob"),
                ("commands", "rpower,nodestat"),
                ("noderange", "rack1"),
                ("rule", "allow"),
            ],
        ),
        (
            "P2",
            "6",
            &[("name", "bob"), ("commands", "rpower"), ("noderange", "node7"), ("rule", "allow")],
        ),
        ("P2", "7", &[("name", "*"), ("commands", "nodels"), ("rule", "allow")]),
        (
            "P3",
            "10",
            &[("name", "bob"), ("commands", "rpower"), ("noderange", "node1"), ("rule", "deny")],
        ),
        ("P3", "20", &[("name", "bob"), ("rule", "allow")]),
        (
            "P4",
            "1",
            &[("name", "bob"), ("commands", "rpower"), ("parameters", "^stat"), ("rule", "allow")],
        ),
        ("P4", "2", &[("name", "al"), ("host", "adm1"), ("rule", "accept")]),
        ("P4", "3", &[("name", "carl"), ("rule", "Trusted")]),
        ("P4", "4", &[("name", "dan"), ("rule", "foo")]),
        ("P5", "10", &[("name", "bob"), ("rule", "deny")]),
        ("P5", "9", &[("name", "bob"), ("rule", "allow")]),
        ("P5", "9.5", &[("name", "eve"), ("rule", "allow"), ("disable", "1")]),
    ];

    fn snapshot(set: &str) -> Snapshot {
        let mut patch = Patch::new();
        for (_, priority, cells) in SETS.iter().filter(|(name, ..)| *name == set) {
            let cells: Vec<_> = cells.iter().map(|(column, text)| (*column, Some(*text))).collect();
            patch.set(ids::POLICY, &[priority], &cells);
        }
        Snapshot::empty().apply(&patch).unwrap().0
    }

    fn expand(noderange: &str) -> BTreeSet<NodeName> {
        let members = |item: &str| match item {
            "rack1" => (1..7).map(|n| format!("node{n}")).collect(),
            node => vec![node.to_owned()],
        };
        let names = noderange.split(',').flat_map(members);
        names.map(|name| NodeName::parse(&name).unwrap()).collect()
    }

    #[test]
    fn every_case_is_decided_as_the_original_decides_it() {
        let mut cases = 0;
        for row in include_str!("../tests/policy-cases.tsv").lines().skip(1) {
            let columns: Vec<&str> = row.split('\t').collect();
            let [set, identity, host, command, noderange, arguments, decision, username] =
                columns[..]
            else {
                panic!("{row}");
            };
            let arguments: Vec<String> =
                arguments.split_terminator(' ').map(str::to_owned).collect();
            let request = Request {
                identity: Some(identity).filter(|name| *name != "(none)"),
                host,
                remote_client: None,
                command,
                noderange: Some(noderange).filter(|text| !text.is_empty()),
                arguments: &arguments,
                username: Some("claimed"),
            };
            let verdict = validate(&snapshot(set), &request, &expand);
            assert_eq!(
                (verdict.allowed, &*verdict.username),
                (decision == "allow", username),
                "{row}"
            );
            cases += 1;
        }
        assert_eq!(cases, 26);
    }

    #[test]
    fn a_pattern_that_cannot_be_evaluated_never_permits() {
        for (rule, allowed) in [("allow", false), ("deny", false)] {
            let mut patch = Patch::new();
            let cells = [("parameters", Some("(")), ("rule", Some(rule))];
            patch.set(ids::POLICY, &["1"], &cells);
            let snapshot = Snapshot::empty().apply(&patch).unwrap().0;
            let verdict = validate(&snapshot, &Request::default(), &expand);
            assert_eq!((verdict.allowed, verdict.rule.is_some()), (allowed, rule == "deny"));
        }
    }
}
