//! The syntax tree: lists, intersections, groups in parentheses, files and words.
//!
//! ```text
//! noderange = item { "," item }
//! item      = [ "-" | "@" ] operand { "@" operand }
//! operand   = "(" noderange ")" | "^" file | word
//! ```
//! The first parenthesized group splits a noderange in three: what stands before it is a noderange
//! of its own, combined with the group; the items after it apply to the outcome. What a word means
//! depends on which nodes and groups exist, so words stay text here (`atom` reads them).

use std::fmt;

use crate::Error;

/// How deep parentheses may nest.
pub(crate) const MAX_DEPTH: usize = 100;

/// Bytes of the text without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// A parsed noderange with the text that its spans refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// The text without quotes, to which the spans refer.
    pub text: String,
    /// The tree.
    pub range: Range,
}

/// A list of items, after at most one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// The first parenthesized group and what precedes it.
    pub group: Option<Box<Group>>,
    /// The items that follow, from left to right.
    pub items: Vec<Item>,
    joined_by_at: bool,
}

/// `before op (inside)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What precedes the group.
    pub before: Range,
    /// How the group is combined with it.
    pub combine: Combine,
    /// What the parentheses enclose.
    pub inside: Range,
    /// The parentheses.
    pub span: Span,
}

/// How an item changes the set to its left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// Its nodes are added.
    Add,
    /// Only the common nodes stay.
    Keep,
    /// Its nodes are removed, after all items.
    Remove,
}

/// One element of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// How it changes the set.
    pub combine: Combine,
    /// What it names.
    pub operand: Operand,
    /// Where it stands.
    pub span: Span,
}

/// What an item names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// `(noderange)`
    Parenthesized(Box<Range>),
    /// `a@b` as one item of a list.
    Chain(Box<Range>),
    /// `^path`
    File(String),
    /// A node, group, range, selection or regular expression.
    Word(String),
}

impl Expression {
    /// Reads `text`. Quotes are removed wherever they stand.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text: String = text.chars().filter(|c| !matches!(c, '\'' | '"')).collect();
        let range = Parser { text: &text }.range(0, text.len(), 0)?;
        Ok(Self { text, range })
    }
}

struct Parser<'a> {
    text: &'a str,
}

impl Parser<'_> {
    fn range(&self, start: usize, end: usize, depth: usize) -> Result<Range, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep { limit: MAX_DEPTH });
        }
        let Some(open) = self.text[start..end].find('(').map(|at| start + at) else {
            return self.items(start, end, depth);
        };
        if let Some(at) = self.text[start..open].find(')') {
            return Err(Error::Unbalanced { at: start + at });
        }
        let close = self.closing(open, end).ok_or(Error::Unbalanced { at: open })?;
        let (before, combine) = before_group(&self.text[start..open]);
        let group = Group {
            before: self.items(start, start + before.len(), depth + 1)?,
            combine,
            inside: self.range(open + 1, close, depth + 1)?,
            span: Span { start: open, end: close + 1 },
        };
        let rest = self.items(close + 1, end, depth)?;
        Ok(Range { group: Some(Box::new(group)), ..rest })
    }

    /// The parenthesis that closes the one at `open`.
    fn closing(&self, open: usize, end: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for (at, byte) in self.text[open..end].bytes().enumerate() {
            match byte {
                b'(' => depth += 1,
                b')' if depth == 1 => return Some(open + at),
                b')' => depth -= 1,
                _ => {}
            }
        }
        None
    }

    fn items(&self, start: usize, end: usize, depth: usize) -> Result<Range, Error> {
        let pieces = self.split(start, end, b',');
        if let [only] = pieces.as_slice() {
            let pieces = self.split(only.start, only.end, b'@');
            return self.chain(&pieces, depth);
        }
        let mut range = Range::default();
        let mut pending = Combine::Add;
        for piece in pieces {
            let text = &self.text[piece.start..piece.end];
            let (combine, skip) = match text.as_bytes().first() {
                Some(b'-') => (Combine::Remove, 1),
                Some(b'@') => (Combine::Keep, 1),
                _ => (pending, 0),
            };
            pending = combine;
            if piece.start + skip < piece.end {
                range.items.push(self.item(combine, piece.start + skip, piece.end, depth)?);
                pending = Combine::Add;
            }
        }
        Ok(range)
    }

    /// Reads the pieces of `a@b@c`.
    fn chain(&self, pieces: &[Span], depth: usize) -> Result<Range, Error> {
        let mut range = Range::default();
        for (index, piece) in pieces.iter().enumerate() {
            let minus = self.text[piece.start..piece.end].starts_with('-');
            let combine = match (index, minus) {
                (0, true) => Combine::Remove,
                (0, false) => Combine::Add,
                _ => Combine::Keep,
            };
            let start = piece.start + usize::from(minus);
            if start < piece.end {
                range.items.push(self.item(combine, start, piece.end, depth)?);
            }
        }
        range.joined_by_at = range.items.len() > 1;
        Ok(range)
    }

    fn item(
        &self,
        combine: Combine,
        start: usize,
        end: usize,
        depth: usize,
    ) -> Result<Item, Error> {
        let text = &self.text[start..end];
        let operand = if let Some(path) = text.strip_prefix('^') {
            Operand::File(path.to_owned())
        } else if text.starts_with('(') && self.closing(start, end) == Some(end - 1) {
            Operand::Parenthesized(Box::new(self.range(start + 1, end - 1, depth + 1)?))
        } else if text.contains('@') {
            Operand::Chain(Box::new(self.range(start, end, depth + 1)?))
        } else {
            Operand::Word(text.to_owned())
        };
        Ok(Item { combine, operand, span: Span { start, end } })
    }

    /// Cuts at `separator` outside of parentheses and closed brackets.
    fn split(&self, start: usize, end: usize, separator: u8) -> Vec<Span> {
        let bytes = &self.text.as_bytes()[start..end];
        let mut pieces = Vec::new();
        let (mut from, mut parentheses, mut bracket_end) = (0, 0_usize, 0);
        for (at, &byte) in bytes.iter().enumerate() {
            match byte {
                b'(' => parentheses += 1,
                b')' => parentheses = parentheses.saturating_sub(1),
                b'[' if separator == b',' && at >= bracket_end => {
                    bracket_end = closing_bracket(bytes, at).unwrap_or(bracket_end);
                }
                _ if byte == separator && parentheses == 0 && at >= bracket_end => {
                    pieces.push(Span { start: start + from, end: start + at });
                    from = at + 1;
                }
                _ => {}
            }
        }
        pieces.push(Span { start: start + from, end });
        pieces
    }
}

/// Where the bracket opened at `open` closes, unless another opens before.
fn closing_bracket(bytes: &[u8], open: usize) -> Option<usize> {
    let next = bytes[open + 1..].iter().position(|byte| matches!(byte, b'[' | b']'))?;
    let at = open + 1 + next;
    (bytes[at] == b']').then_some(at)
}

/// Cuts the operator off the text before a group.
fn before_group(text: &str) -> (&str, Combine) {
    let combine = match text.as_bytes().last() {
        Some(b'-') => Combine::Remove,
        Some(b'@') => Combine::Keep,
        _ => Combine::Add,
    };
    let text = text.strip_suffix(",-").unwrap_or(text);
    let text = text.strip_suffix(',').unwrap_or(text);
    (text.strip_suffix('@').unwrap_or(text), combine)
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.range.fmt(f)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(group) = &self.group {
            group.fmt(f)?;
        }
        for (index, item) in self.items.iter().enumerate() {
            let follows = index > 0 || self.group.is_some();
            let empty = matches!(&item.operand, Operand::Chain(range) if range.items.is_empty());
            if empty && !follows {
                // only behind a comma is it an item
                f.write_str(",")?;
            }
            f.write_str(match (self.joined_by_at, item.combine) {
                (true, Combine::Add) => "",
                (true, Combine::Keep) => "@",
                (true | false, Combine::Remove) if !follows || self.joined_by_at => "-",
                (_, Combine::Remove) => ",-",
                (false, Combine::Add) => [",", ""][usize::from(!follows)],
                (false, Combine::Keep) => [",@", "@"][usize::from(index == 0)],
            })?;
            item.operand.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.before.fmt(f)?;
        let empty = self.before.items.is_empty() && self.before.group.is_none();
        f.write_str(match (self.combine, empty) {
            (Combine::Add, true) => "",
            (Combine::Add, false) => ",",
            (Combine::Keep, _) => "@",
            (Combine::Remove, _) => ",-",
        })?;
        write!(f, "({})", self.inside)
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parenthesized(range) => write!(f, "({range})"),
            Self::Chain(range) if range.items.is_empty() => f.write_str("@"),
            Self::Chain(range) => range.fmt(f),
            Self::File(path) => write!(f, "^{path}"),
            Self::Word(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_point_into_the_text_without_quotes() {
        let parsed = Expression::parse("'a',-(b,c),d@e").unwrap();
        let group = parsed.range.group.as_ref().unwrap();
        assert_eq!(&parsed.text[group.span.start..group.span.end], "(b,c)");
        assert_eq!(group.combine, Combine::Remove);
        let spans: Vec<&str> = parsed
            .range
            .items
            .iter()
            .map(|item| &parsed.text[item.span.start..item.span.end])
            .collect();
        assert_eq!(spans, ["d@e"]);
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = format!("{}a{}", "(".repeat(5_000), ")".repeat(5_000));
        assert_eq!(Expression::parse(&deep), Err(Error::TooDeep { limit: MAX_DEPTH }));
        assert_eq!(Expression::parse("a,)b("), Err(Error::Unbalanced { at: 2 }));
    }

    #[test]
    fn printing_keeps_the_meaning() {
        for text in [
            "a,@@",
            ",@@",
            ",-@",
            "a,b@c,-d",
            "(a,b)@c",
            "a,-(b)@c,d",
            "@a",
            "-a",
            "a,(b,(c))@d",
            "^/x,n[1,2]",
        ] {
            let parsed = Expression::parse(text).unwrap();
            assert_eq!(parsed.to_string(), text);
        }
    }
}
