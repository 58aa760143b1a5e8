//! Tests of cells as `tabdump -w` has them: SQL comparisons of texts. A cell that is not set passes
//! none of them; `=~` is LIKE, so `%` and `_` are wildcards and letters match in either case.

use base::{ErrorKind, Failure};
use tables::{Row, TableId};

/// One comparison.
#[derive(Clone, Debug)]
pub(crate) struct SqlTest {
    column: String,
    operator: Operator,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Like,
    NotLike,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The operators in the order in which they are looked for at one place.
const OPERATORS: &[(&str, Operator)] = &[
    ("==", Operator::Equal),
    ("=~", Operator::Like),
    ("!=", Operator::NotEqual),
    ("!~", Operator::NotLike),
    ("<=", Operator::LessOrEqual),
    ("<", Operator::Less),
    (">=", Operator::GreaterOrEqual),
    (">", Operator::Greater),
];

impl SqlTest {
    /// Reads `column==value`.
    pub(crate) fn parse(table: TableId, text: &str) -> Result<Self, Failure> {
        let found = text.char_indices().find_map(|(at, _)| {
            let rest = &text[at..];
            let (sign, operator) = OPERATORS.iter().find(|(sign, _)| rest.starts_with(sign))?;
            Some((&text[..at], *operator, &rest[sign.len()..]))
        });
        let Some((column, operator, value)) = found else {
            let text = format!("Unsupported operator:{text} on -w flag input");
            return Err(Failure::new(ErrorKind::NotFound, text));
        };
        if table.def().column(column).is_none() {
            let text = format!("No column \"{column}\" in table \"{table}\"");
            return Err(Failure::new(ErrorKind::NotFound, text));
        }
        let pattern = matches!(operator, Operator::Like | Operator::NotLike);
        let value = if pattern { bare(value) } else { value };
        Ok(Self { column: column.to_owned(), operator, value: value.to_owned() })
    }

    /// Whether a row passes.
    pub(crate) fn holds(&self, row: &Row) -> bool {
        let Some(cell) = row.get(&self.column) else { return false };
        let value = self.value.as_str();
        match self.operator {
            Operator::Equal => cell == value,
            Operator::NotEqual => cell != value,
            Operator::Like => like(value, cell),
            Operator::NotLike => !like(value, cell),
            Operator::Less => cell < value,
            Operator::LessOrEqual => cell <= value,
            Operator::Greater => cell > value,
            Operator::GreaterOrEqual => cell >= value,
        }
    }
}

fn bare(pattern: &str) -> &str {
    let pattern = pattern.strip_prefix('/').unwrap_or(pattern);
    pattern.strip_suffix('/').unwrap_or(pattern)
}

/// SQL's LIKE: the place of the last `%` is remembered, so that the work is at most the product of
/// the lengths.
fn like(pattern: &str, text: &str) -> bool {
    let fold = |text: &str| text.chars().map(|c| c.to_ascii_lowercase()).collect::<Vec<_>>();
    let (pattern, text) = (fold(pattern), fold(text));
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('%') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '_' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            Some(_) | None => {
                let Some((after, start)) = retry else { return false };
                retry = Some((after, start + 1));
                p = after;
                t = start + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_has_two_wildcards_and_no_case() {
        for (pattern, text, expected) in [
            ("gpu", "rack,gpu", false),
            ("%gpu%", "rack,GPU,all", true),
            ("n_1", "n01", true),
            ("n_1", "n011", false),
            ("%", "", true),
            ("a%b%c", "axbxbc", true),
            ("a%b%c", "axc", false),
        ] {
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_cell_that_is_not_set_passes_nothing() {
        let table = tables::ids::NODEHM;
        let row = Row::new(table, [("node", "n1"), ("mgt", "ipmi")]).unwrap();
        let holds = |test: &str| SqlTest::parse(table, test).unwrap().holds(&row);
        assert!(holds("mgt==ipmi") && holds("node>=n0") && holds("mgt!~x%"));
        assert!(!holds("power!=x") && !holds("power==") && !holds("node<n1"));
        assert!(
            SqlTest::parse(table, "nosuch==1").is_err() && SqlTest::parse(table, "mgt").is_err()
        );
    }
}
