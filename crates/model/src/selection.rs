//! Tests of attributes as `lsdef -w` and dynamic groups write them: `arch==x86_64`, `os=~/^rhels/`,
//! `mgt!=ipmi`, `groups!~rack`. No test holds for an attribute that is missing.

use std::borrow::Borrow;

use fancy_regex::{Regex, RegexBuilder};
use tables::{ObjectType, Snapshot, objects};

const BACKTRACKS: usize = 100_000;

/// A text that is not a test of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' does not compare an attribute with a value")]
pub struct NotATest(String);

/// Tests that must all hold.
#[derive(Clone, Debug, Default)]
pub struct Selection(Vec<Test>);

#[derive(Clone, Debug)]
struct Test {
    attribute: String,
    expected: Expected,
    /// Whether the comparison is to hold.
    sense: bool,
}

#[derive(Clone, Debug)]
enum Expected {
    Text(String),
    Match(Regex),
}

impl Selection {
    /// Reads tests.
    pub fn parse<S: Borrow<str>>(tests: &[S]) -> Result<Self, NotATest> {
        tests.iter().map(|test| Test::parse(test.borrow())).collect::<Result<_, _>>().map(Self)
    }

    /// Reads the tests of a dynamic group (`nodegroup.wherevals`), joined with `::`.
    pub fn of_group(wherevals: &str) -> Result<Self, NotATest> {
        Self::parse(&wherevals.split("::").collect::<Vec<_>>())
    }

    /// The attributes that are tested.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|test| test.attribute.as_str())
    }

    /// Whether all tests hold for an object with these attributes.
    pub fn holds<T: AsRef<str>>(&self, mut attribute: impl FnMut(&str) -> Option<T>) -> bool {
        self.0
            .iter()
            .all(|test| attribute(&test.attribute).is_some_and(|value| test.holds(value.as_ref())))
    }

    /// Whether all tests hold for an object of the tables.
    pub fn holds_for(&self, snapshot: &Snapshot, kind: ObjectType, name: &str) -> bool {
        self.holds(|attribute| match attribute {
            _ if attribute == kind.key() => Some(name.into()),
            _ => objects::value(snapshot, kind, name, attribute).map(|found| found.value),
        })
    }
}

impl Test {
    fn parse(text: &str) -> Result<Self, NotATest> {
        let invalid = || NotATest(text.to_owned());
        let equal = text.find('=').unwrap_or(text.len());
        let (at, width, is_regex, sense) = match &text[equal..] {
            rest if rest.starts_with("==") => (equal, 2, false, true),
            rest if rest.starts_with("=~") => (equal, 2, true, true),
            _ if text[..equal].ends_with('!') && equal < text.len() => (equal - 1, 2, false, false),
            _ => match text.find("!~") {
                Some(at) => (at, 2, true, false),
                None if equal < text.len() && !text[equal + 1..].is_empty() => {
                    (equal, 1, false, true)
                }
                None => return Err(invalid()),
            },
        };
        let value = &text[at + width..];
        let expected = if is_regex {
            let pattern = value.strip_prefix('/').unwrap_or(value);
            let pattern = pattern.strip_suffix('/').unwrap_or(pattern);
            let regex = RegexBuilder::new(pattern).backtrack_limit(BACKTRACKS).build();
            Expected::Match(regex.map_err(|_| invalid())?)
        } else {
            Expected::Text(value.to_owned())
        };
        Ok(Self { attribute: text[..at].trim().to_owned(), expected, sense })
    }

    /// A regular expression that takes too long matches nothing.
    fn holds(&self, value: &str) -> bool {
        let found = match &self.expected {
            Expected::Text(text) => text == value,
            Expected::Match(regex) => regex.is_match(value).unwrap_or(false),
        };
        found == self.sense
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_compare_texts_and_patterns_both_ways() {
        let holds = |test: &str, value: Option<&str>| {
            Selection::parse(&[test]).unwrap().holds(|name| value.filter(|_| name == "a"))
        };
        for (test, value, expected) in [
            ("a==b", Some("b"), true),
            ("a=b", Some("b"), true),
            ("a!=b", Some("b"), false),
            ("a!=b", Some(""), true),
            ("a!=b", None, false),
            ("a=~/^b/", Some("bc"), true),
            ("a!~^b", Some("bc"), false),
            ("a!~^b", None, false),
            ("a==", Some(""), true),
        ] {
            assert_eq!(holds(test, value), expected, "{test} {value:?}");
        }
        for bad in ["a", "a=", "a=~(", ""] {
            assert!(Selection::parse(&[bad]).is_err(), "{bad}");
        }
    }
}
