//! `xcat complete`: the names of one kind that begin with a word, for completion in shells. Answers a bounded number of them.

use base::{ErrorKind, Failure};
use command::{Answer, Item};
use tables::{ObjectType, Snapshot, TableId};

use crate::call::Call;
use crate::shape::{Behaviour, Command};

pub(crate) static COMMAND: Command = Command::new("xcat-complete", Behaviour::Query(complete));

/// The most names that are answered: more help nobody who reads them.
const MOST: usize = 2000;

fn complete(call: &Call) -> Result<Answer, Failure> {
    let unknown = |text: String| Failure::new(ErrorKind::NotFound, text);
    let (kind, word, of) = match call.options.operands() {
        [kind] => (kind.as_str(), "", "node"),
        [kind, word] => (kind.as_str(), word.as_str(), "node"),
        [kind, word, of] => (kind.as_str(), word.as_str(), of.as_str()),
        _ => return Err(Failure::new(ErrorKind::Usage, "a kind and a word are required")),
    };
    let of =
        ObjectType::named(of).ok_or_else(|| unknown(format!("'{of}' is no type of objects")))?;
    let names = names(&call.snapshot, kind, word, of);
    let mut names = names.ok_or_else(|| unknown(format!("'{kind}' is no kind of names")))?;
    names.sort_unstable();
    names.dedup();
    names.truncate(MOST);
    Ok(names.into_iter().map(Item::data).collect())
}

/// The names of a kind that begin with `word`; none when there is no such kind.
fn names(snapshot: &Snapshot, kind: &str, word: &str, of: ObjectType) -> Option<Vec<String>> {
    let matching = |name: &str| name.starts_with(word).then(|| name.to_owned());
    Some(match kind {
        "noderange" => {
            let nodes = snapshot.nodes().filter_map(|node| matching(node.as_str()));
            // Nodes are sorted, so that the first of them are enough.
            nodes
                .take(MOST)
                .chain(objects(snapshot, ObjectType::Group).filter_map(|name| matching(&name)))
                .collect()
        }
        "table" => TableId::all().filter_map(|table| matching(table.name())).collect(),
        "column" => columns().filter_map(|name| matching(&name)).collect(),
        "type" => ObjectType::ALL.iter().filter_map(|kind| matching(kind.name())).collect(),
        "attributes" => of.attributes().iter().filter_map(|it| matching(it.name)).collect(),
        "attribute" => {
            let names = of.attributes().iter().map(|it| format!("{}=", it.name));
            names.filter_map(|name| matching(&name)).collect()
        }
        "object" => objects(snapshot, of).filter_map(|name| matching(&name)).collect(),
        other => {
            objects(snapshot, ObjectType::named(other)?).filter_map(|n| matching(&n)).collect()
        }
    })
}

fn columns() -> impl Iterator<Item = String> {
    let of = |table: TableId| {
        let columns = table.def().columns.iter();
        columns.map(move |column| format!("{table}.{}", column.name))
    };
    TableId::all().flat_map(of)
}

fn objects(snapshot: &Snapshot, kind: ObjectType) -> impl Iterator<Item = String> {
    tables::objects::names(snapshot, kind).into_iter().map(|name| name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tables::{Patch, ids};

    fn cluster() -> Snapshot {
        let mut patch = Patch::new();
        for (node, groups) in [("n1", "all,compute"), ("n2", "all"), ("net", "all")] {
            patch.set(ids::NODELIST, &[node], &[("groups", Some(groups))]);
        }
        patch.set(ids::NODEGROUP, &["newest"], &[("grouptype", Some("dynamic"))]);
        Snapshot::empty().apply(&patch).unwrap().0
    }

    #[test]
    fn names_of_each_kind_are_found_by_their_beginning() {
        let cluster = cluster();
        let found = |kind: &str, word: &str, of: ObjectType| {
            let mut names = names(&cluster, kind, word, of).unwrap();
            names.sort_unstable();
            names.join(" ")
        };
        let node = ObjectType::Node;
        assert_eq!(found("noderange", "n", node), "n1 n2 net newest");
        assert_eq!(found("noderange", "co", node), "compute");
        assert_eq!(found("group", "", node), "all compute newest");
        assert_eq!(found("node", "n1", node), "n1");
        assert_eq!(found("object", "c", ObjectType::Group), "compute");
        assert_eq!(found("table", "noder", node), "noderes");
        assert_eq!(found("column", "site.v", node), "site.value");
        assert_eq!(found("type", "osi", node), "osimage");
        assert_eq!(found("attribute", "gat", ObjectType::Network), "gateway=");
        assert_eq!(found("attributes", "gat", ObjectType::Network), "gateway");
        assert!(names(&cluster, "nonsense", "", node).is_none());
    }
}
