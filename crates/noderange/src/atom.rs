//! What a single word of a noderange can mean once it is neither a node nor a group.

use crate::sequence;

/// How the text of a word reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape<'a> {
    /// `table.column==value`; `None` when the left side names no column.
    Selection(Option<Selection<'a>>),
    /// Only digits: the default prefix goes before it.
    Number,
    /// `/regex`.
    Regex(&'a str),
    /// `before[inside]after`, the first pair of brackets.
    Brackets { before: &'a str, inside: &'a str, after: &'a str },
    /// `before7.after+3`; `start` is empty when there is no number.
    Count { before: &'a str, start: &'a str, after: &'a str, by: &'a str },
    /// `left-right` or `left:right`.
    Between { left: &'a str, right: &'a str },
    /// Anything else: a name.
    Plain,
}

/// The comparison of a selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// `==` or `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Matches,
    /// `!~`
    MatchesNot,
}

/// `table.column op value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection<'a> {
    /// The table.
    pub table: &'a str,
    /// The column.
    pub column: &'a str,
    /// The comparison.
    pub compare: Compare,
    /// The text or regular expression to compare with.
    pub value: &'a str,
}

impl<'a> Shape<'a> {
    /// Reads `text`, which is not the name of anything.
    pub(crate) fn of(text: &'a str) -> Self {
        if text.contains(['=', '~']) {
            return Self::Selection(Selection::parse(text));
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::Number;
        }
        if let Some(pattern) = text.strip_prefix('/') {
            return Self::Regex(pattern);
        }
        brackets(text)
            .or_else(|| text.split_once('+').map(|(front, by)| count(front, by)))
            .or_else(|| between(text))
            .unwrap_or(Self::Plain)
    }
}

/// The first pair of brackets that has something before it and something inside.
fn brackets(text: &str) -> Option<Shape<'_>> {
    text.match_indices('[').filter(|(open, _)| *open > 0).find_map(|(open, _)| {
        let (before, rest) = (&text[..open], &text[open + 1..]);
        let first = rest.chars().next()?;
        let close = first.len_utf8() + rest[first.len_utf8()..].find(']')?;
        Some(Shape::Brackets { before, inside: &rest[..close], after: &rest[close + 1..] })
    })
}

/// The first number of `front` that ends it or is followed by a dot and more.
fn count<'a>(front: &'a str, by: &'a str) -> Shape<'a> {
    let mut at = 0;
    while let Some(offset) = front[at..].find(|c: char| c.is_ascii_digit()) {
        let start = at + offset;
        let end = front[start..]
            .find(|c: char| !c.is_ascii_digit())
            .map_or(front.len(), |length| start + length);
        let after = &front[end..];
        if after.is_empty() || (after.starts_with('.') && after.len() > 1) {
            return Shape::Count { before: &front[..start], start: &front[start..end], after, by };
        }
        at = end;
    }
    Shape::Count { before: "", start: "", after: "", by }
}

/// Splits at the first colon, or at the middle one of an odd number of dashes.
fn between(text: &str) -> Option<Shape<'_>> {
    if let Some((left, right)) = text.split_once(':') {
        return Some(Shape::Between { left, right });
    }
    let dashes: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
    if dashes.len().is_multiple_of(2) {
        return None;
    }
    let middle = dashes[dashes.len() / 2];
    Some(Shape::Between { left: &text[..middle], right: &text[middle + 1..] })
}

impl<'a> Selection<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (name, compare, value) = operator(text)?;
        let (table, column) = match name {
            "groups" | "tags" => ("nodelist", "groups"),
            "mgt" => ("nodehm", "mgt"),
            _ => name.split_once('.')?,
        };
        let value = match compare {
            Compare::Equal | Compare::NotEqual => value,
            Compare::Matches | Compare::MatchesNot => {
                let value = value.strip_prefix('/').unwrap_or(value);
                value.strip_suffix('/').unwrap_or(value)
            }
        };
        Some(Self { table, column, compare, value })
    }
}

/// Finds the operator in the order in which the original looks for them.
fn operator(text: &str) -> Option<(&str, Compare, &str)> {
    let first_equal = text.find('=');
    let before_equal = |operator: &str, width: usize| {
        let at = text.find(operator)?;
        (first_equal == Some(at + width)).then_some(at)
    };
    if let Some(at) = before_equal("!=", 1) {
        return Some((&text[..at], Compare::NotEqual, &text[at + 2..]));
    }
    if let Some(at) = before_equal("=~", 0) {
        return Some((&text[..at], Compare::Matches, &text[at + 2..]));
    }
    for (operator, compare) in
        [("==", Compare::Equal), ("=", Compare::Equal), ("!~", Compare::MatchesNot)]
    {
        if let Some((name, value)) = text.split_once(operator) {
            return Some((name, compare, value));
        }
    }
    None
}

/// One element of the inside of brackets, with the text around it: `n[1-3]` gives `n1-n3`. `None` when an element would be
/// longer than `limit` bytes: brackets in what is around grow with every turn.
pub(crate) fn bracket_elements(
    (before, inside, after): (&str, &str, &str),
    limit: usize,
) -> Option<Vec<String>> {
    inside.split(',').map(|part| element((before, part, after), limit)).collect()
}

fn element((before, part, after): (&str, &str, &str), limit: usize) -> Option<String> {
    let mut element = String::new();
    let mut rest = part;
    loop {
        let end = rest.find(['-', ':']);
        let (token, joint) = end.map_or((rest, ""), |at| (&rest[..at], &rest[at..=at]));
        let longer = element.len() + before.len() + token.len() + after.len() + joint.len();
        if longer > limit {
            return None;
        }
        for text in [before, token, after, joint] {
            element.push_str(text);
        }
        let Some(at) = end else { return Some(element) };
        rest = &rest[at + 1..];
    }
}

/// The names from `left` to `right`: one numeric field may differ. `None` when they are not the
/// ends of a range.
pub(crate) fn names_between<'a>(
    left: &'a str,
    right: &'a str,
) -> Option<Box<dyn Iterator<Item = String> + 'a>> {
    let (lefts, rights) = (fields(left), fields(right));
    if lefts.len() != rights.len() {
        return None;
    }
    let at = lefts.iter().zip(&rights).position(|(left, right)| left != right)?;
    let numeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (from, to) = (lefts[at], rights[at]);
    if !numeric(from) || !numeric(to) || lefts[at + 1..] != rights[at + 1..] {
        return None;
    }
    let before = lefts[..at].concat();
    let after = lefts[at + 1..].concat();
    Some(Box::new(
        sequence::between(from, to).map(move |number| format!("{before}{number}{after}")),
    ))
}

/// Cuts a name into fields of digits and of other characters.
fn fields(text: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let digit = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digit).unwrap_or(rest.len());
        fields.push(&rest[..end]);
        rest = &rest[end..];
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operators_are_found_in_the_order_of_the_original() {
        for (text, compare, value) in [
            ("a.b==c", Compare::Equal, "c"),
            ("a.b=c", Compare::Equal, "c"),
            ("a.b!=c", Compare::NotEqual, "c"),
            ("a.b=~/c/", Compare::Matches, "c"),
            ("a.b!~c", Compare::MatchesNot, "c"),
            ("a.b==c!=d", Compare::Equal, "c!=d"),
        ] {
            let expected = Selection { table: "a", column: "b", compare, value };
            assert_eq!(Shape::of(text), Shape::Selection(Some(expected)), "{text}");
        }
        assert_eq!(Shape::of("~n1"), Shape::Selection(None));
    }

    #[test]
    fn counts_take_the_number_that_ends_the_name() {
        let count = |text| match Shape::of(text) {
            Shape::Count { before, start, after, .. } => (before, start, after),
            other => panic!("{text} reads as {other:?}"),
        };
        assert_eq!(count("r1n2+1"), ("r1n", "2", ""));
        assert_eq!(count("host5.cl+1"), ("host", "5", ".cl"));
        assert_eq!(count("web-a-+1"), ("", "", ""));
    }

    #[test]
    fn brackets_need_text_before_and_inside() {
        assert_eq!(
            Shape::of("a[1]b[2]"),
            Shape::Brackets { before: "a", inside: "1", after: "b[2]" }
        );
        assert_eq!(Shape::of("a[1"), Shape::Plain);
        assert_eq!(Shape::of("[1]"), Shape::Plain);
    }
}
