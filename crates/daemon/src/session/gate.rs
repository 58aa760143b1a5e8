//! What happens to a request before a command sees it: its nodes are settled, the policy table decides, the audit notes.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use base::NodeName;
use command::Item;
use model::policy::{self, Verdict};
use model::universe;
use tables::Snapshot;
use wire::xml::Element;

use crate::audit;
use crate::commands_log::Entry;
use crate::session::answer::refusal;
use crate::session::builtin::builtin;
use crate::session::node;
use crate::session::peer::{Door, Peer};
use crate::session::request::Request;
use crate::session::server::Server;

/// What becomes of a request.
pub(crate) enum Admitted {
    /// It is denied.
    Refused(Element),
    /// The daemon answers it by itself.
    Answered(Element),
    /// A command is to run.
    Command(Box<Run>),
}

/// A command that is to run.
pub(crate) struct Run {
    pub(crate) request: commands::Request,
    /// The text that is echoed in the closing document.
    pub(crate) transaction: Option<String>,
    /// What is written down about it at its end.
    pub(crate) entry: Option<Entry>,
}

impl Server {
    /// Decides what becomes of `request`.
    pub(crate) async fn admit(self: Arc<Self>, request: Request, peer: &Peer) -> Admitted {
        let snapshot = self.services.store.snapshot();
        let asker = peer.clone();
        let decided = tokio::task::spawn_blocking(move || {
            let mut request = request;
            let nodes = settle(&snapshot, &mut request, &asker);
            let (verdict, count) = decide(&snapshot, &request, nodes.as_deref(), &asker);
            (snapshot, request, nodes, verdict, count)
        });
        let Ok((snapshot, request, nodes, verdict, count)) = decided.await else {
            return Admitted::Refused(refusal("the request could not be decided"));
        };
        let mut entry = None;
        if !peer.checks_health(&request) {
            self.note(&snapshot, &request, &verdict, peer).await;
            entry = Entry::new(&request, count, self.clock.now());
        }
        if !verdict.allowed {
            let denied = "Permission denied for request";
            self.write_down(entry, &[Item::error(denied)]);
            return Admitted::Refused(refusal(denied));
        }
        if let Some(document) = builtin(&snapshot, &request, peer) {
            self.write_down(entry, &[]);
            return Admitted::Answered(document);
        }
        if let Some(document) = node::answer(&self, &request, peer).await {
            self.write_down(entry, &[]);
            return Admitted::Answered(document);
        }
        let transaction = request.transaction.clone();
        let call = request.into_call(verdict.username, self.clock.now());
        let request = commands::Request { nodes, ..call };
        Admitted::Command(Box::new(Run { request, transaction, entry }))
    }

    /// Completes a request's entry in the command log with its last answers.
    pub(crate) fn write_down(&self, entry: Option<Entry>, answers: &[Item]) {
        let Some(mut entry) = entry else { return };
        entry.hear(answers);
        if self.log.try_send(entry.finish(self.clock.now())).is_err() {
            tracing::debug!("the command log does not keep up");
        }
    }

    /// Writes the decision into the logs.
    async fn note(&self, snapshot: &Snapshot, request: &Request, verdict: &Verdict, peer: &Peer) {
        let now = self.clock.now();
        tracing::info!(
            command = request.command,
            noderange = request.shown_noderange(),
            peer = %peer,
            allowed = verdict.allowed,
            rule = verdict.rule.as_deref().unwrap_or_default(),
            "request"
        );
        if !verdict.allowed {
            self.counts.deny(&request.command);
        }
        if let Some(row) = audit::row(snapshot, request, verdict, peer, now)
            && let Err(error) = self.services.store.append_log(vec![row]).await
        {
            tracing::error!(%error, "the audit log cannot be written");
        }
    }
}

/// Fixes the nodes of a request where its noderange does not: a client may send nodes beside it, and
/// a file of names can change between the decision and the command. What is decided here is what the
/// command gets. A noderange that cannot be expanded names no nodes; the command says why.
fn settle(snapshot: &Snapshot, request: &mut Request, peer: &Peer) -> Option<Vec<String>> {
    if !request.nodes.is_empty() {
        request.noderange = Some(request.nodes.join(","));
        return Some(std::mem::take(&mut request.nodes));
    }
    let noderange = request.noderange.as_deref().filter(|noderange| noderange.contains('^'))?;
    let user = peer.identity.as_deref().unwrap_or_default();
    let mut names = Vec::new();
    match commands::expand_noderange(noderange, snapshot, user) {
        Ok(expansion) => {
            names.extend(expansion.names.iter().map(|name| name.as_str().to_owned()));
            names.extend(expansion.missing);
        }
        Err(error) => names.push(format!("{noderange} ({error})")),
    }
    Some(names)
}

/// The verdict, and how many nodes the request is about.
fn decide(
    snapshot: &Snapshot,
    request: &Request,
    settled: Option<&[String]>,
    peer: &Peer,
) -> (Verdict, usize) {
    let asked = policy::Request {
        identity: peer.identity.as_deref(),
        host: &peer.host,
        remote_client: request.remote_client.as_deref(),
        command: &request.command,
        noderange: request.noderange.as_deref(),
        arguments: &request.arguments,
        username: request.username.as_deref(),
    };
    let count = Cell::new(0);
    let expand = |noderange: &str| {
        let own = request.noderange.as_deref() == Some(noderange);
        let nodes: BTreeSet<NodeName> = match settled {
            Some(names) if own => {
                names.iter().filter_map(|name| snapshot.node(name)).cloned().collect()
            }
            _ => nodes_of(snapshot, noderange),
        };
        if own {
            count.set(nodes.len());
        }
        nodes
    };
    if peer.door == Door::Bypass {
        // Whoever may open the file of the tables may do everything: the policy table adds nothing (ADR 0047).
        request.noderange.as_deref().map(&expand);
        let username = peer.identity.clone().unwrap_or_default();
        return (Verdict { allowed: true, rule: None, username }, count.get());
    }
    (policy::validate(snapshot, &asked, &expand), count.get())
}

fn nodes_of(snapshot: &Snapshot, noderange: &str) -> BTreeSet<NodeName> {
    let expansion = universe::expand(noderange, snapshot);
    expansion.map(|expansion| expansion.nodes().into_iter().collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use tables::{Patch, ids};

    use super::*;

    /// Bob may do anything but with n1; eve only what is in rack1.
    fn cluster() -> Snapshot {
        let mut patch = Patch::new();
        for (node, group) in [("n1", "rack0"), ("n2", "rack1"), ("n3", "rack1")] {
            patch.set(ids::NODELIST, &[node], &[("groups", Some(group))]);
        }
        let mut rule = |priority: &str, cells: [(&str, &str); 3]| {
            patch.set(ids::POLICY, &[priority], &cells.map(|(name, text)| (name, Some(text))));
        };
        rule("1", [("name", "bob"), ("noderange", "n1"), ("rule", "deny")]);
        rule("2", [("name", "bob"), ("noderange", ""), ("rule", "allow")]);
        rule("3", [("name", "eve"), ("noderange", "rack1"), ("rule", "allow")]);
        Snapshot::empty().apply(&patch).unwrap().0
    }

    fn allowed(user: &str, noderange: Option<&str>, nodes: &[&str]) -> (bool, Option<Vec<String>>) {
        let snapshot = cluster();
        let mut request = Request {
            command: "rpower".to_owned(),
            noderange: noderange.map(str::to_owned),
            nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
            ..Request::default()
        };
        let peer =
            Peer { identity: Some(user.to_owned()), host: "h".to_owned(), door: Door::Local };
        let settled = settle(&snapshot, &mut request, &peer);
        (decide(&snapshot, &request, settled.as_deref(), &peer).0.allowed, settled)
    }

    #[test]
    fn nodes_beside_the_noderange_are_the_ones_that_are_decided_on() {
        assert_eq!(allowed("eve", Some("rack1"), &[]), (true, None));
        assert!(!allowed("eve", Some("rack1"), &["n1"]).0);
        assert!(!allowed("bob", Some("n2"), &["n1"]).0);
        let both = Some(vec!["n2".to_owned(), "n3".to_owned()]);
        assert_eq!(allowed("eve", None, &["n2", "n3"]), (true, both));
    }

    #[test]
    fn files_of_names_are_read_once_and_for_the_policy_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("names");
        std::fs::write(&path, "n1\n").unwrap();
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        let file = format!("n2,^{}", path.display());
        assert!(!allowed("bob", Some(&file), &[]).0);
        assert!(!allowed("eve", Some(&file), &[]).0);
        std::fs::write(&path, "n3\nnosuch\n").unwrap();
        let settled = ["n2", "n3", "nosuch"].map(str::to_owned).to_vec();
        assert_eq!(allowed("eve", Some(&file), &[]), (true, Some(settled)));
    }
}
