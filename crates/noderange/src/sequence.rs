//! The numbers between two digit strings, with the zero padding of the first.
//!
//! The rules are those of string increment in the language of the original (design: a range in
//! somebody's script must mean the same nodes here): without a leading zero it counts as numbers;
//! with one it increments the text until it equals the end or outgrows its width.

/// Counts from `from` to `to`, both made of digits; an empty `from` yields itself once.
pub(crate) fn between<'a>(from: &str, to: &'a str) -> Box<dyn Iterator<Item = String> + 'a> {
    if from.is_empty() {
        return Box::new(std::iter::once(String::new()));
    }
    if !from.starts_with('0')
        && let (Ok(from), Ok(to)) = (from.parse::<u64>(), to.parse::<u64>())
    {
        return Box::new((from..=to).map(|number| number.to_string()));
    }
    Box::new(Padded { next: Some(from.to_owned()), to })
}

struct Padded<'a> {
    next: Option<String>,
    to: &'a str,
}

impl Iterator for Padded<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let current = self.next.take().filter(|text| text.len() <= self.to.len())?;
        if current != self.to {
            self.next = Some(increment(&current));
        }
        Some(current)
    }
}

fn increment(digits: &str) -> String {
    let kept = digits.trim_end_matches('9');
    let nines = digits.len() - kept.len();
    let mut text = match kept.as_bytes().split_last() {
        None => "1".to_owned(),
        Some((last, head)) => {
            let mut text = String::from_utf8_lossy(head).into_owned();
            text.push(char::from(last + 1));
            text
        }
    };
    text.extend(std::iter::repeat_n('0', nines));
    text
}

/// Where counting `by` further from `from` ends, padded to the width of `from`; `None` when the
/// numbers are too long to count.
pub(crate) fn end_of_count(from: &str, by: &str) -> Option<String> {
    let start: u64 = if from.is_empty() { 0 } else { from.parse().ok()? };
    let digits = by.len() - by.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let steps: u64 = if digits == 0 { 0 } else { by.get(..digits)?.parse().ok()? };
    let end = start.checked_add(steps)?;
    Some(format!("{end:0width$}", width = from.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(from: &str, to: &str) -> (usize, Option<String>, Option<String>) {
        let all: Vec<String> = between(from, to).collect();
        (all.len(), all.first().cloned(), all.last().cloned())
    }

    #[test]
    fn counting_follows_the_width_of_the_start() {
        let some = |text: &str| Some(text.to_owned());
        for (from, to, count, first, last) in [
            ("8", "10", 3, "8", "10"),
            ("08", "10", 3, "08", "10"),
            ("1", "03", 3, "1", "3"),
            ("008", "010", 3, "008", "010"),
            ("98", "101", 4, "98", "101"),
            ("0", "10", 11, "0", "10"),
            ("03", "01", 97, "03", "99"),
            ("098", "0102", 9902, "098", "9999"),
        ] {
            assert_eq!(ends(from, to), (count, some(first), some(last)), "{from}..{to}");
        }
        assert_eq!(ends("3", "1").0, 0);
        assert_eq!(ends("01", "2").0, 0);
    }

    #[test]
    fn a_count_keeps_the_padding_and_refuses_to_overflow() {
        assert_eq!(end_of_count("09", "1"), Some("10".to_owned()));
        assert_eq!(end_of_count("007", "2"), Some("009".to_owned()));
        assert_eq!(end_of_count("", "1"), Some("1".to_owned()));
        assert_eq!(end_of_count("18446744073709551615", "1"), None);
    }
}
