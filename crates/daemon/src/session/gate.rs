//! What happens to a request before a command sees it: the policy table, the audit, and the few requests that the daemon
//! answers itself.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use base::NodeName;
use model::policy::{self, Verdict};
use model::universe;
use tables::Snapshot;
use wire::xml::Element;

use crate::audit;
use crate::commands_log::Entry;
use crate::session::answer::{done, refusal};
use crate::session::request::Request;
use crate::session::server::Server;

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The proven name: a certificate's, or the kernel's for a local user.
    pub(crate) identity: Option<String>,
    /// The short host name.
    pub(crate) host: String,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identity {
            Some(identity) => write!(f, "{identity}@{}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

/// What becomes of a request.
pub(crate) enum Admitted {
    /// It is denied.
    Refused(Element),
    /// The daemon answers it by itself.
    Answered(Element),
    /// A command is to run; the text is echoed in the closing document.
    Command(commands::Request, Option<String>),
}

impl Server {
    /// Decides what becomes of `request`.
    pub(crate) async fn admit(self: Arc<Self>, request: Request, peer: &Peer) -> Admitted {
        let snapshot = self.services.store.snapshot();
        let asker = peer.clone();
        let decided = tokio::task::spawn_blocking(move || {
            let verdict = decide(&snapshot, &request, &asker);
            (snapshot, request, verdict)
        });
        let Ok((snapshot, request, verdict)) = decided.await else {
            return Admitted::Refused(refusal("the request could not be decided"));
        };
        self.note(&snapshot, &request, &verdict, peer).await;
        if !verdict.allowed {
            return Admitted::Refused(refusal("Permission denied for request"));
        }
        if let Some(document) = builtin(&snapshot, &request, peer) {
            return Admitted::Answered(document);
        }
        let transaction = request.transaction.clone();
        Admitted::Command(request.into_call(verdict.username, self.clock.now()), transaction)
    }

    /// Writes the decision into the logs.
    async fn note(&self, snapshot: &Snapshot, request: &Request, verdict: &Verdict, peer: &Peer) {
        let now = self.clock.now();
        tracing::info!(
            command = request.command,
            noderange = request.noderange.as_deref().unwrap_or_default(),
            peer = %peer,
            allowed = verdict.allowed,
            rule = verdict.rule.as_deref().unwrap_or_default(),
            "request"
        );
        if let Some(row) = audit::row(snapshot, request, verdict, peer, now)
            && let Err(error) = self.services.store.append_log(vec![row]).await
        {
            tracing::error!(%error, "the audit log cannot be written");
        }
        let entry = Entry::new(request, now);
        if self.log.try_send(entry).is_err() {
            tracing::debug!("the command log does not keep up");
        }
    }
}

fn decide(snapshot: &Snapshot, request: &Request, peer: &Peer) -> Verdict {
    let asked = policy::Request {
        identity: peer.identity.as_deref(),
        host: &peer.host,
        remote_client: request.remote_client.as_deref(),
        command: &request.command,
        noderange: request.noderange.as_deref(),
        arguments: &request.arguments,
        username: request.username.as_deref(),
    };
    policy::validate(snapshot, &asked, &|noderange| nodes_of(snapshot, noderange))
}

fn nodes_of(snapshot: &Snapshot, noderange: &str) -> BTreeSet<NodeName> {
    let expansion = universe::expand(noderange, snapshot);
    expansion.map(|expansion| expansion.nodes().into_iter().collect()).unwrap_or_default()
}

/// The answer to a request that no command serves.
fn builtin(snapshot: &Snapshot, request: &Request, peer: &Peer) -> Option<Element> {
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
            Some(expanded(snapshot, noderange, done(transaction)))
        }
        _ => None,
    }
}

fn expanded(snapshot: &Snapshot, noderange: &str, answer: Element) -> Element {
    let expansion = match universe::expand(noderange, snapshot) {
        Ok(expansion) => expansion,
        Err(error) => {
            return answer.with_leaf("error", error.to_string()).with_leaf("errorcode", "1");
        }
    };
    let missing = expansion.missing.join(",");
    let mut answer = answer;
    if !missing.is_empty() {
        answer = answer.with_leaf("warning", format!("Invalid nodes in noderange:{missing}"));
    }
    for node in expansion.nodes() {
        answer.push(Element::leaf("node", node.as_str()));
    }
    answer
}
