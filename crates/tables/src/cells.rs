//! Cells that compute a value from the name of the node (spec/provision.md section 16).
//!
//! `/regex/text/` puts the text in the place of the first match in the name. `|regex|text|` does the
//! same after every outermost parenthesis of the text was evaluated as integer arithmetic on what
//! the groups of the regex matched; `|text|` has a regex made for it that captures every number of
//! the name. Where the regex does not match, the value is the name. Regexes are backtracking ones
//! because sites use look-around, so their work is bounded; one that is malformed or exceeds the
//! bound gives no value. Compiled regexes are kept for the next node, a bounded number a thread.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use fancy_regex::{Regex, RegexBuilder};

use crate::arithmetic;

const MAX_REGEX: usize = 4096;
const MAX_STEPS: usize = 100_000;
const MAX_PROGRAM: usize = 1 << 20;
const MAX_EVALUATIONS: usize = 64;
const MAX_VALUE: usize = 1 << 16;
const MAX_KEPT: usize = 256;

/// The value of the cell `cell` for `node`; none when the value is empty.
pub fn evaluate<'a>(cell: &'a str, node: &str) -> Option<Cow<'a, str>> {
    let value = match Form::of(cell) {
        Form::Plain => Cow::Borrowed(cell),
        Form::Replace { regex, text } => Cow::Owned(replace(regex, text, node)?),
        Form::Compute { regex: Some(regex), text } => Cow::Owned(compute(regex, text, node)?),
        Form::Compute { regex: None, text } => {
            Cow::Owned(compute(&regex_of_numbers(node), text, node)?)
        }
    };
    (!value.is_empty()).then_some(value)
}

/// What is wrong with the regex of the cell, when it has one that cannot be used.
pub fn check(cell: &str) -> Result<(), String> {
    match Form::of(cell) {
        Form::Plain | Form::Compute { regex: None, .. } => Ok(()),
        Form::Replace { regex, .. } | Form::Compute { regex: Some(regex), .. } => {
            compile(regex).map(|_| ())
        }
    }
}

/// How a cell is written.
enum Form<'a> {
    Plain,
    Replace { regex: &'a str, text: &'a str },
    Compute { regex: Option<&'a str>, text: &'a str },
}

impl<'a> Form<'a> {
    fn of(cell: &'a str) -> Self {
        if let Some(inner) = within(cell, '/') {
            return match inner.split_once('/') {
                Some((regex, text)) if !text.contains('/') => Form::Replace { regex, text },
                _ => Form::Plain,
            };
        }
        match within(cell, '|') {
            Some(inner) if !inner.contains('\n') => match inner.split_once('|') {
                Some((regex, text)) => Form::Compute { regex: Some(regex), text },
                None => Form::Compute { regex: None, text: inner },
            },
            _ => Form::Plain,
        }
    }
}

fn within(cell: &str, mark: char) -> Option<&str> {
    cell.strip_prefix(mark)?.strip_suffix(mark)
}

fn replace(regex: &str, text: &str, node: &str) -> Option<String> {
    let Some(captures) = find(regex, node).ok()? else { return Some(node.to_owned()) };
    Some(captures.splice(node, text))
}

fn compute(regex: &str, text: &str, node: &str) -> Option<String> {
    let Some(captures) = find(regex, node).ok()? else { return Some(node.to_owned()) };
    let mut value = text.to_owned();
    for _ in 0..MAX_EVALUATIONS {
        let Some(place) = first_parenthesis(&value) else { break };
        let expression = captures.splice(node, &value[place.clone()]);
        let result = arithmetic::evaluate(&expression, &captures.groups).unwrap_or_default();
        value.replace_range(place, &result);
        if value.len() > MAX_VALUE {
            return None;
        }
    }
    Some(captures.splice(node, &value))
}

/// The match of a regex in the name of a node.
struct Captures {
    place: Range<usize>,
    /// The texts of the groups, the first one at index 0.
    groups: Vec<String>,
}

impl Captures {
    /// The name with `text` in the place of the match.
    fn splice(&self, node: &str, text: &str) -> String {
        [&node[..self.place.start], text, &node[self.place.end..]].concat()
    }
}

/// The regex is malformed, or takes more work than it may.
struct Unusable;

/// The first match.
fn find(regex: &str, node: &str) -> Result<Option<Captures>, Unusable> {
    let regex = KEPT.with_borrow_mut(|kept| kept.get(regex)).ok_or(Unusable)?;
    let Some(found) = regex.captures(node).map_err(|_| Unusable)? else { return Ok(None) };
    let text = |index| found.get(index).map(|group| group.as_str().to_owned()).unwrap_or_default();
    let groups = (1..found.len()).map(text).collect();
    Ok(found.get(0).map(|all| Captures { place: all.range(), groups }))
}

/// The place of the first balanced parenthesis; none when a closing one comes before it or it is
/// not closed. A backslash takes the next character out of the count.
fn first_parenthesis(text: &str) -> Option<Range<usize>> {
    let start = text.find(['(', ')']).filter(|at| text[*at..].starts_with('('))?;
    let mut depth = 0_usize;
    let mut escaped = false;
    for (offset, character) in text[start..].char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(start..start + offset + 1);
        }
    }
    None
}

/// A regex that captures each number of the name without its leading zeros, and takes the rest.
fn regex_of_numbers(node: &str) -> String {
    let digits = |part: &&str| !part.is_empty();
    let numbers = node.split(|c: char| !c.is_ascii_digit()).filter(digits).count();
    [&r"[\D0]*(\d+)".repeat(numbers), ".*$"].concat()
}

fn compile(regex: &str) -> Result<Regex, String> {
    if regex.len() > MAX_REGEX {
        return Err(format!("the regex is longer than {MAX_REGEX} bytes"));
    }
    let mut builder = RegexBuilder::new(regex);
    builder.backtrack_limit(MAX_STEPS).delegate_size_limit(MAX_PROGRAM);
    builder.build().map_err(|error| error.to_string().replace('\n', " "))
}

thread_local! {
    static KEPT: RefCell<Kept> = RefCell::default();
}

/// Regexes that were compiled before, and those that could not be.
#[derive(Default)]
struct Kept(HashMap<String, Option<Rc<Regex>>>);

impl Kept {
    fn get(&mut self, regex: &str) -> Option<Rc<Regex>> {
        if let Some(known) = self.0.get(regex) {
            return known.clone();
        }
        if self.0.len() >= MAX_KEPT {
            self.0.clear();
        }
        let compiled = compile(regex).ok().map(Rc::new);
        self.0.insert(regex.to_owned(), compiled.clone());
        compiled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Node, cell, value; what the original computes.
    const CASES: &[(&str, &str, Option<&str>)] = &[
        ("node7", "/node/ip/", Some("ip7")),
        ("node7", r"/\z/-bmc/", Some("node7-bmc")),
        ("node7", r"/node(\d+)/10.0.0.$1/", Some("10.0.0.$1")),
        ("node7", "/nomatch/x/", Some("node7")),
        ("node7", r"|node(\d+)|10.0.0.($1+100)|", Some("10.0.0.107")),
        ("node7", r"|node(\d+)|10.0.(($1-1)/4).(($1-1)%4+1)|", Some("10.0.1.3")),
        ("node12", r"|node(\d+)|10.0.($1/10).($1)|", Some("10.0.1.12")),
        ("node007", r"|node(\d+)|192.168.1.($1+0)|", Some("192.168.1.7")),
        ("node007", r"|node(\d+)|192.168.1.$1|", Some("192.168.1.$1")),
        ("n7", r"|\D+(\d+)|bmc$1|", Some("bmc$1")),
        ("n7", r"|\D+(\d+).*$|10.1.1.($1*2)|", Some("10.1.1.14")),
        ("rack2node15", r"|\D+(\d+)\D+(\d+)|10.($1).0.($2)|", Some("10.2.0.15")),
        ("rack2node15", "|10.$1.0.($2+1)|", Some("10.$1.0.16")),
        ("node15", "|10.0.0.($1+10)|", Some("10.0.0.25")),
        ("r1u03", "|10.$1.0.($2+0)|", Some("10.$1.0.3")),
        ("node15", r"|node(\d+)|sw(($1-1)/48+1)|", Some("sw1")),
        ("node15", r"|node(\d+)|(($1-1)%48+1)|", Some("15")),
        ("node96", r"|node(\d+)|sw(($1-1)/48+1)|", Some("sw2")),
        ("node7", r"|node(\d+)|10.0.0.($1+100)", Some(r"|node(\d+)|10.0.0.($1+100)")),
        ("node7", "plain", Some("plain")),
        ("node7", "/a/b/c/", Some("/a/b/c/")),
        ("node7", "|^.*$||", None),
        ("node7", "", None),
        ("node7", r"|x(\d+)|10.0.0.($1+1)|", Some("node7")),
        ("node10", r#"|node(\d+)|(sprintf("%03d",$1+1))|"#, Some("011")),
        ("node7", r"|\D+(\d+)|(24-$1)|", Some("17")),
        ("node7", r"|\D+(\d+)|10.0.0.($1+300)|", Some("10.0.0.307")),
        ("node-3-4", r"|\D+(\d+)\D+(\d+)|10.$1.($1*$2).$2|", Some("10.$1.12.$2")),
        ("web01.dom", r"/\..*/-bmc/", Some("web01-bmc")),
    ];

    #[test]
    fn cells_compute_what_the_original_computes() {
        for (node, cell, value) in CASES {
            assert_eq!(evaluate(cell, node).as_deref(), *value, "{node} {cell}");
        }
    }

    #[test]
    fn broken_and_runaway_expressions_end_without_a_value() {
        assert_eq!(evaluate("|(|x|", "n1"), None);
        assert!(check("|(|x|").is_err());
        let runaway = r"|^(?:(?=a)(a|aa)\1?)+[xy]{2}(?<=z)|x|";
        assert_eq!(evaluate(runaway, &("a".repeat(200) + "xy")), None);
        let deep = format!("|(\\D+)\\d+|x{}$1{}|", "(".repeat(5000), ")".repeat(5000));
        assert_eq!(evaluate(&deep, "n1").as_deref(), Some("x"));
        assert_eq!(evaluate("|n|)x(|", "n1").as_deref(), Some(")x(1"));
    }

    #[test]
    fn what_the_regex_leaves_of_the_name_stays() {
        assert_eq!(evaluate(r"|n(\d)|x($1+1)|", "n1-ib").as_deref(), Some("x-ib"));
        assert_eq!(evaluate(r"/n/x/", "n1-ib").as_deref(), Some("x1-ib"));
    }
}
