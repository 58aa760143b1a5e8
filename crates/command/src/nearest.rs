//! The names that somebody may have meant who wrote one that does not exist.

/// Of `names` those that differ least from `word`, and only little; three at most.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let lower = word.to_ascii_lowercase();
    let limit = if word.chars().count() < 5 { 1 } else { 2 };
    let mut near: Vec<(usize, &str)> = names
        .into_iter()
        .filter_map(|name| Some((distance(&lower, &name.to_ascii_lowercase(), limit)?, name)))
        .collect();
    near.sort_unstable();
    near.dedup();
    let least = near.first().map_or(0, |(distance, _)| *distance);
    let nearest = near.into_iter().take_while(|(distance, _)| *distance == least);
    nearest.map(|(_, name)| name).take(3).collect()
}

/// A sentence about the names that may be meant, or none.
pub fn did_you_mean<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near = nearest(word, names);
    (!near.is_empty()).then(|| format!("did you mean {}?", near.join(" or ")))
}

/// How many letters must be inserted, deleted, exchanged or swapped to make one word of the other;
/// none when they are more than `limit`.
fn distance(one: &str, other: &str, limit: usize) -> Option<usize> {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > limit || one.len() > 64 {
        return None;
    }
    let mut above: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let exchanged = row[j] + usize::from(a != b);
            let mut least = exchanged.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                least = least.min(above[j - 1] + 1);
            }
            next.push(least);
        }
        above = std::mem::replace(&mut row, next);
    }
    row.last().copied().filter(|distance| *distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_differ_little_are_near() {
        let names = ["lsdef", "mkdef", "nodels", "rpower", "tabdump"];
        for (word, expected) in [
            ("lsdfe", &["lsdef"][..]),
            ("LSDEF", &["lsdef"]),
            ("isdef", &["lsdef"]),
            ("rpwoer", &["rpower"]),
            ("tabdmp", &["tabdump"]),
            ("frobnicate", &[]),
            ("", &[]),
        ] {
            assert_eq!(nearest(word, names), expected, "{word}");
        }
        assert_eq!(nearest("nod", ["node", "rack"]), ["node"]);
        assert_eq!(did_you_mean("rpowr", names).as_deref(), Some("did you mean rpower?"));
        assert_eq!(did_you_mean(&"x".repeat(1000), names), None);
    }
}
