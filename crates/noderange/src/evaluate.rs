//! Which nodes an expression means, in a universe of nodes, groups, cells and files.

use std::borrow::Borrow;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

use base::NodeName;
use fancy_regex::{Regex, RegexBuilder};

use crate::Error;
use crate::atom::{self, Compare, Selection, Shape};
use crate::sequence;
use crate::syntax::{Combine, Expression, MAX_DEPTH, Operand, Range};

/// The most names that the ranges of one expression may generate.
pub const MAX_NAMES: usize = 1_000_000;
/// The longest name that a range may generate, in bytes: a range in it may go on, which a node's name is far from.
const MAX_LENGTH: usize = 4096;
/// How long all generated names may be together, in bytes.
const MAX_TEXT: usize = 256 * 1024 * 1024;
/// How much of a part an error shows, in characters.
const SHOWN: usize = 80;
/// The most nodes that the groups and selections of one expression may name, duplicates counted.
const MAX_MEMBERS: usize = 5_000_000;
/// The most files that one expression may read: files may name files.
const MAX_FILES: usize = 100;
const BACKTRACKS: usize = 100_000;

/// What there is to be named.
pub trait Universe {
    /// The node of exactly this name.
    fn node(&self, name: &str) -> Option<NodeName>;
    /// Every node.
    fn nodes(&self) -> Vec<NodeName>;
    /// The members of a dynamic or static group; empty when it is defined without members.
    fn group(&self, name: &str) -> Option<Vec<NodeName>>;
    /// Whether the table exists and has the column.
    fn has_column(&self, table: &str, column: &str) -> bool;
    /// The effective value of a node's cell, empty when it has none.
    fn cell(&self, table: &str, column: &str, node: &NodeName) -> Cow<'_, str>;
    /// The text of a file, `None` when it cannot be read.
    fn read_file(&self, path: &str) -> Option<String>;
    /// The noderange that is taken off every result (`site.excludenodes`).
    fn excluded(&self) -> Option<Cow<'_, str>> {
        None
    }
    /// What goes before and after a bare number.
    fn affixes(&self) -> (&str, &str) {
        ("node", "")
    }
}

/// What becomes of names that are unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are reported as missing.
    Verify,
    /// They are returned as they are: for naming what does not exist yet.
    NoVerify,
    /// Pure text expansion: nodes and groups are not looked up at all.
    Generic,
}

/// One name of a result.
#[derive(Clone)]
pub enum Name {
    /// A node of the universe.
    Node(NodeName),
    /// Text that [`Mode::NoVerify`] or [`Mode::Generic`] let through.
    Literal(Box<str>),
}

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Node(node) => node.as_str(),
            Self::Literal(text) => text,
        }
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}
impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}
impl Eq for Name {}
impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// The outcome: what is known, and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expansion {
    /// The names, sorted by bytes, without duplicates.
    pub names: Vec<Name>,
    /// Unknown names in the order in which they were met ([`Mode::Verify`] only).
    pub missing: Vec<String>,
}

impl Expansion {
    /// The names that are nodes; in [`Mode::Verify`] all of them.
    pub fn nodes(self) -> Vec<NodeName> {
        let node = |name| match name {
            Name::Node(node) => Some(node),
            Name::Literal(_) => None,
        };
        self.names.into_iter().filter_map(node).collect()
    }
}

/// Expands `text`.
pub fn expand(text: &str, universe: &dyn Universe, mode: Mode) -> Result<Expansion, Error> {
    let mut evaluator = Evaluator {
        universe,
        missing: Vec::new(),
        names: 0,
        text: 0,
        members: 0,
        files: 0,
        depth: 0,
    };
    let mut names = evaluator.range(&Expression::parse(text)?.range, mode)?;
    if mode != Mode::Generic
        && let Some(excluded) = universe.excluded()
    {
        let excluded = evaluator.range(&Expression::parse(&excluded)?.range, Mode::Verify)?;
        names.retain(|name| !excluded.contains(name));
    }
    Ok(Expansion { names: names.into_iter().collect(), missing: evaluator.missing })
}

struct Evaluator<'a> {
    universe: &'a dyn Universe,
    missing: Vec<String>,
    names: usize,
    /// The bytes of all generated names.
    text: usize,
    members: usize,
    files: usize,
    depth: usize,
}

type Set = BTreeSet<Name>;

impl Evaluator<'_> {
    fn range(&mut self, range: &Range, mode: Mode) -> Result<Set, Error> {
        let mut set = Set::new();
        if let Some(group) = &range.group {
            set = self.range(&group.before, mode)?;
            let inside = self.range(&group.inside, mode)?;
            match group.combine {
                Combine::Add => set.extend(inside),
                Combine::Keep => set.retain(|name| inside.contains(name)),
                Combine::Remove => set.retain(|name| !inside.contains(name)),
            }
        }
        let mut removed = Set::new();
        for item in &range.items {
            let members = self.operand(&item.operand, mode)?;
            match item.combine {
                Combine::Add if set.is_empty() => set = members,
                Combine::Add => set.extend(members),
                Combine::Keep => set.retain(|name| members.contains(name)),
                Combine::Remove => removed.extend(members),
            }
        }
        if !removed.is_empty() {
            set.retain(|name| !removed.contains(name));
        }
        Ok(set)
    }

    fn operand(&mut self, operand: &Operand, mode: Mode) -> Result<Set, Error> {
        match operand {
            Operand::Parenthesized(range) | Operand::Chain(range) => self.range(range, mode),
            Operand::File(path) => self.nested(|this| this.file(path, mode)),
            Operand::Word(text) => {
                let mut names = Vec::new();
                self.word(text, mode, &mut names)?;
                Ok(names.into_iter().collect())
            }
        }
    }

    /// Runs a step that may lead back to itself.
    fn nested<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth >= MAX_DEPTH {
            return Err(Error::TooDeep { limit: MAX_DEPTH });
        }
        self.depth += 1;
        let outcome = step(self);
        self.depth -= 1;
        outcome
    }

    /// Every line is a noderange of its own; exclusions do not reach beyond their line.
    fn file(&mut self, path: &str, mode: Mode) -> Result<Set, Error> {
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(Error::TooManyFiles { limit: MAX_FILES });
        }
        let mut set = Set::new();
        let Some(text) = self.universe.read_file(path) else { return Ok(set) };
        for line in text.lines().filter(|line| !line.starts_with(['#', '^'])) {
            let range = line.split([':', '\t', ' ']).next().unwrap_or_default();
            set.extend(self.range(&Expression::parse(range)?.range, mode)?);
        }
        Ok(set)
    }

    fn word(&mut self, text: &str, mode: Mode, out: &mut Vec<Name>) -> Result<(), Error> {
        if mode != Mode::Generic {
            if let Some(node) = self.universe.node(text) {
                out.push(Name::Node(node));
                return Ok(());
            }
            if let Some(members) = self.universe.group(text) {
                self.charge_members(members.len(), text)?;
                out.extend(members.into_iter().map(Name::Node));
                return Ok(());
            }
        }
        match Shape::of(text) {
            Shape::Selection(selection) => self.select(selection.as_ref(), text, mode, out),
            Shape::Number => {
                let (before, after) = self.universe.affixes();
                self.generated([format!("{before}{text}{after}")], text, mode, out)
            }
            Shape::Regex(pattern) if mode == Mode::Verify => self.matching(pattern, out),
            Shape::Brackets { before, inside, after } => {
                self.brackets((before, inside, after), mode, out)
            }
            Shape::Count { before, start, after, by } => {
                self.count((before, start, after), by, text, mode, out)
            }
            Shape::Between { left, right } if left == right => {
                self.generated([left.to_owned()], text, mode, out)
            }
            Shape::Between { left, right } => {
                if let Some(names) = atom::names_between(left, right) {
                    return self.generated(names, text, mode, out);
                }
                self.unknown(text, mode, out);
                Ok(())
            }
            Shape::Regex(_) | Shape::Plain => {
                self.unknown(text, mode, out);
                Ok(())
            }
        }
    }

    fn unknown(&mut self, text: &str, mode: Mode, out: &mut Vec<Name>) {
        match mode {
            Mode::Verify => self.missing.push(text.to_owned()),
            Mode::NoVerify | Mode::Generic => out.push(Name::Literal(text.into())),
        }
    }

    /// Evaluates each generated name as a word of its own, because it may be a group.
    fn generated(
        &mut self,
        names: impl IntoIterator<Item = String>,
        part: &str,
        mode: Mode,
        out: &mut Vec<Name>,
    ) -> Result<(), Error> {
        let too_many = || Error::TooMany { part: beginning(part), limit: MAX_NAMES };
        let names = names.into_iter();
        // what is known to be too long is refused before the first name costs anything
        if names.size_hint().0 > MAX_NAMES {
            return Err(too_many());
        }
        for name in names {
            self.names += 1;
            self.text += name.len();
            if self.names > MAX_NAMES || self.text > MAX_TEXT {
                return Err(too_many());
            }
            if name.len() > MAX_LENGTH {
                return Err(too_long(part));
            }
            self.nested(|this| this.word(&name, mode, out))?;
        }
        Ok(())
    }

    /// Expands the first brackets; further ones follow by recursion, with the first as plain text.
    fn brackets(
        &mut self,
        (before, inside, after): (&str, &str, &str),
        mode: Mode,
        out: &mut Vec<Name>,
    ) -> Result<(), Error> {
        let another = after
            .find('[')
            .and_then(|open| after.get(open + 2..))
            .is_some_and(|rest| rest.contains(']'));
        if !another {
            let elements = atom::bracket_elements((before, inside, after), MAX_LENGTH)
                .ok_or_else(|| too_long(before))?;
            return self.generated(elements, before, mode, out);
        }
        let mut heads = Vec::new();
        let elements = atom::bracket_elements((before, inside, ""), MAX_LENGTH)
            .ok_or_else(|| too_long(before))?;
        self.generated(elements, before, Mode::Generic, &mut heads)?;
        let names = heads.iter().map(|head| format!("{head}{after}"));
        self.generated(names, before, mode, out)
    }

    fn count(
        &mut self,
        (before, start, after): (&str, &str, &str),
        by: &str,
        text: &str,
        mode: Mode,
        out: &mut Vec<Name>,
    ) -> Result<(), Error> {
        let too_many = || Error::TooMany { part: beginning(text), limit: MAX_NAMES };
        let end = sequence::end_of_count(start, by).ok_or_else(too_many)?;
        let universe = self.universe;
        let (before, after) = if before.is_empty() && after.is_empty() {
            universe.affixes()
        } else {
            (before, after)
        };
        let names = sequence::between(start, &end).map(|number| format!("{before}{number}{after}"));
        self.generated(names, text, mode, out)
    }

    fn matching(&mut self, pattern: &str, out: &mut Vec<Name>) -> Result<(), Error> {
        let regex = compile(&format!("^{pattern}$"), pattern)?;
        let nodes = self.universe.nodes();
        self.charge_members(nodes.len(), pattern)?;
        for node in nodes {
            if is_match(&regex, pattern, node.as_str())? {
                out.push(Name::Node(node));
            }
        }
        Ok(())
    }

    fn select(
        &mut self,
        selection: Option<&Selection<'_>>,
        text: &str,
        mode: Mode,
        out: &mut Vec<Name>,
    ) -> Result<(), Error> {
        let Some(selection) = selection else { return Ok(()) };
        let Selection { table, column, value, .. } = *selection;
        if mode == Mode::Generic || !self.universe.has_column(table, column) {
            return Ok(());
        }
        let comparison = Test::new(selection.compare, value)?;
        let nodes = self.universe.nodes();
        self.charge_members(nodes.len(), text)?;
        for node in nodes {
            if comparison.holds(&self.universe.cell(table, column, &node))? {
                out.push(Name::Node(node));
            }
        }
        Ok(())
    }

    fn charge_members(&mut self, count: usize, part: &str) -> Result<(), Error> {
        self.members += count;
        if self.members > MAX_MEMBERS {
            return Err(Error::TooMany { part: beginning(part), limit: MAX_MEMBERS });
        }
        Ok(())
    }
}

fn too_long(part: &str) -> Error {
    Error::TooLong { part: beginning(part), limit: MAX_LENGTH }
}

/// Enough of a part to find it by.
fn beginning(part: &str) -> String {
    let mut text: String = part.chars().take(SHOWN).collect();
    if text.len() < part.len() {
        text.push_str("...");
    }
    text
}

/// A comparison with its regular expression compiled.
enum Test<'a> {
    Text {
        value: &'a str,
        equal: bool,
    },
    Pattern {
        regex: Regex,
        pattern: &'a str,
        matches: bool,
    },
    /// An empty regular expression means "the last one that matched" in the original's language,
    /// which in effect is one that matches no value.
    Never {
        matches: bool,
    },
}

impl<'a> Test<'a> {
    fn new(compare: Compare, value: &'a str) -> Result<Self, Error> {
        let matches = compare == Compare::Matches;
        Ok(match compare {
            Compare::Equal => Self::Text { value, equal: true },
            Compare::NotEqual => Self::Text { value, equal: false },
            Compare::Matches | Compare::MatchesNot if value.is_empty() => Self::Never { matches },
            Compare::Matches | Compare::MatchesNot => {
                Self::Pattern { regex: compile(value, value)?, pattern: value, matches }
            }
        })
    }

    fn holds(&self, cell: &str) -> Result<bool, Error> {
        Ok(match self {
            Self::Text { value, equal } => (cell == *value) == *equal,
            Self::Pattern { regex, pattern, matches } => {
                is_match(regex, pattern, cell)? == *matches
            }
            Self::Never { matches } => !*matches,
        })
    }
}

fn compile(regex: &str, pattern: &str) -> Result<Regex, Error> {
    RegexBuilder::new(regex).backtrack_limit(BACKTRACKS).build().map_err(|e| invalid(pattern, &e))
}

fn is_match(regex: &Regex, pattern: &str, text: &str) -> Result<bool, Error> {
    regex.is_match(text).map_err(|e| invalid(pattern, &e))
}

fn invalid(pattern: &str, error: &fancy_regex::Error) -> Error {
    Error::Regex { pattern: pattern.to_owned(), reason: base::chain(error) }
}
