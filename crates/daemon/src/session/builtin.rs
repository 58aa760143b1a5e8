//! The few requests that the daemon answers itself: who am I, and which nodes a noderange names. Pure.

use std::collections::BTreeSet;

use base::NodeName;
use tables::Snapshot;
use wire::xml::Element;

use crate::session::answer::done;
use crate::session::peer::Peer;
use crate::session::request::Request;

/// The answer to a request that no command serves.
pub(crate) fn builtin(snapshot: &Snapshot, request: &Request, peer: &Peer) -> Option<Element> {
    let transaction = request.transaction.as_deref();
    match &*request.command {
        "authcheck" => Some(match &peer.identity {
            Some(identity) => {
                done(None).with_leaf("username", identity).with_leaf("data", "Authenticated")
            }
            None => done(None).with_leaf("data", "Unauthenticated"),
        }),
        "noderange" => {
            let noderange = request.noderange.as_deref()?;
            let user = peer.identity.as_deref().unwrap_or_default();
            Some(expanded(snapshot, noderange, user, done(transaction)).0)
        }
        "extnoderange" => {
            let noderange = request.noderange.as_deref()?;
            let user = peer.identity.as_deref().unwrap_or_default();
            let (mut answer, nodes) = expanded(snapshot, noderange, user, done(transaction));
            if request.arguments.iter().any(|argument| argument.contains("subgroups")) {
                let groups = nodes.iter().flat_map(|node| snapshot.groups_of(node.as_str()));
                for group in groups.collect::<BTreeSet<_>>() {
                    answer.push(Element::leaf("intersectinggroups", &*group));
                }
            }
            Some(answer)
        }
        _ => None,
    }
}

/// Adds the nodes of `noderange` to `answer`; they are returned too.
fn expanded(
    snapshot: &Snapshot,
    noderange: &str,
    user: &str,
    answer: Element,
) -> (Element, Vec<NodeName>) {
    let expansion = match commands::expand_noderange(noderange, snapshot, user) {
        Ok(expansion) => expansion,
        Err(error) => {
            let answer = answer.with_leaf("error", error.to_string());
            return (answer.with_leaf("errorcode", "1"), Vec::new());
        }
    };
    let missing = expansion.missing.join(",");
    let mut answer = answer;
    if !missing.is_empty() {
        answer = answer.with_leaf("warning", format!("Invalid nodes in noderange:{missing}"));
    }
    let nodes: Vec<NodeName> = expansion.nodes();
    for node in &nodes {
        answer.push(Element::leaf("node", node.as_str()));
    }
    (answer, nodes)
}

#[cfg(test)]
mod tests {
    use tables::{Patch, ids};

    use super::*;
    use crate::session::peer::Door;

    fn cluster() -> Snapshot {
        let mut patch = Patch::new();
        for (node, group) in [("n1", "rack0"), ("n2", "rack1"), ("n3", "rack1")] {
            patch.set(ids::NODELIST, &[node], &[("groups", Some(group))]);
        }
        Snapshot::empty().apply(&patch).unwrap().0
    }

    #[test]
    fn trees_of_groups_can_be_asked_for() {
        let peer =
            Peer { identity: Some("root".to_owned()), host: "h".to_owned(), door: Door::Local };
        let answer = |arguments: &[&str]| {
            let request = Request {
                command: "extnoderange".to_owned(),
                noderange: Some("n3,n1,n2".to_owned()),
                arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
                ..Request::default()
            };
            let answer = builtin(&cluster(), &request, &peer).unwrap();
            assert!(answer.has("serverdone"));
            let texts = |name| answer.all(name).map(|e| e.text.clone()).collect::<Vec<_>>();
            (texts("node"), texts("intersectinggroups"))
        };
        let nodes = ["n1", "n2", "n3"].map(str::to_owned).to_vec();
        assert_eq!(answer(&[]), (nodes.clone(), vec![]));
        let groups = ["rack0", "rack1"].map(str::to_owned).to_vec();
        assert_eq!(answer(&["subgroups"]), (nodes, groups));
    }
}
