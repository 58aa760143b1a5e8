//! The order in which commands work on nodes.

use base::NodeName;

/// Sorts nodes as commands get them: by the first number in the name, then by name; those without
/// a number come first.
pub fn by_number(nodes: &mut [NodeName]) {
    nodes.sort_by_cached_key(|node| (first_number(node.as_str()), node.clone()));
}

fn first_number(name: &str) -> Option<u128> {
    let start = name.find(|c: char| c.is_ascii_digit())?;
    let digits = &name[start..];
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    Some(digits[..end].parse().unwrap_or(u128::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_counts() {
        let mut nodes: Vec<NodeName> =
            ["n10", "n9", "x", "b1", "a2"].iter().map(|name| name.parse().unwrap()).collect();
        by_number(&mut nodes);
        let names: Vec<&str> = nodes.iter().map(NodeName::as_str).collect();
        assert_eq!(names, ["x", "b1", "a2", "n9", "n10"]);
    }
}
