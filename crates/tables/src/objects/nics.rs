//! The attributes of the `nics` table: one cell holds the values of every interface, as in
//! `eth0!10.0.0.1|10.0.0.2,eth1!11.0.0.1`, and one attribute of it is written `nicips.eth0`.

use crate::cells;

/// The attribute and the interface in a name such as `nicips.eth0`.
pub fn split_name(name: &str) -> Option<(&str, &str)> {
    let (attribute, interface) = name.split_once('.')?;
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_nics = attribute.len() > 3 && attribute.starts_with("nic");
    (is_nics && attribute.chars().all(is_word) && !interface.is_empty())
        .then_some((attribute, interface))
}

/// The interfaces in a cell with their values, as the attributes of `node` show them; for a group,
/// which has no node, the text of a computed cell is shown as it is written.
pub fn expand(cell: &str, node: Option<&str>) -> Vec<(String, String)> {
    let entries = written_text(cell).split(',');
    let values = entries.filter_map(|entry| {
        let (interface, value) = split_entry(entry)?;
        let value = match node {
            Some(node) => cells::evaluate(value, node)?.into_owned(),
            None => value.to_owned(),
        };
        Some((interface.to_owned(), value))
    });
    values.filter(|(_, value)| !value.is_empty()).collect()
}

/// The cell with the values of some interfaces replaced, or removed where they are empty.
pub fn merge<'a>(cell: &str, changes: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut values: Vec<_> = cell.split(',').filter_map(split_entry).collect();
    for (interface, value) in changes {
        match values.iter_mut().find(|(known, _)| *known == interface) {
            Some(known) => known.1 = value,
            None => values.push((interface, value)),
        }
    }
    let filled = values.iter().filter(|(_, value)| !value.is_empty());
    filled.map(|(interface, value)| format!("{interface}!{value}")).collect::<Vec<_>>().join(",")
}

/// The text of a computed cell without its marks and its regex.
fn written_text(cell: &str) -> &str {
    let Some(inner) = cell.strip_prefix('|').and_then(|rest| rest.strip_suffix('|')) else {
        return cell;
    };
    inner.split('|').nth(1).unwrap_or(inner)
}

fn split_entry(entry: &str) -> Option<(&str, &str)> {
    let mut parts = entry.split('!');
    let interface = parts.next().filter(|interface| !interface.is_empty())?;
    Some((interface, parts.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_attributes_of_interfaces_are_told_apart() {
        assert_eq!(split_name("nicips.eth0"), Some(("nicips", "eth0")));
        assert_eq!(split_name("nicips.eth0.5"), Some(("nicips", "eth0.5")));
        assert_eq!(split_name("passwd.HMC"), None);
        assert_eq!(split_name("nicips"), None);
        assert_eq!(split_name("nic.x"), None);
    }

    #[test]
    fn one_interface_changes_and_the_others_stay() {
        let cell = "eth0!1.1.1.1|2.1.1.1,eth1!3.1.1.1";
        assert_eq!(merge(cell, [("eth1", "4.1.1.1")]), "eth0!1.1.1.1|2.1.1.1,eth1!4.1.1.1");
        assert_eq!(merge(cell, [("eth0", ""), ("ib0", "9.1.1.1")]), "eth1!3.1.1.1,ib0!9.1.1.1");
        assert_eq!(merge("", [("eth0", "")]), "");
    }

    #[test]
    fn cells_expand_for_nodes_and_groups() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            expand("eth0!1.1.1.1|2.1.1.1,eth1!,bad", Some("n1")),
            [pair("eth0", "1.1.1.1|2.1.1.1")]
        );
        let computed = r"|node(\d+)|eth0!192.1.1.($1+10),ib0!10.1.1.($1)|";
        assert_eq!(
            expand(computed, None),
            [pair("eth0", "192.1.1.($1+10)"), pair("ib0", "10.1.1.($1)")]
        );
    }
}
