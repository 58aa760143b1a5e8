//! What happens to a request before a command sees it: the policy table, the audit, and the few requests that the daemon
//! answers itself.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base::{ErrorKind, Failure, NodeName, Secret, Timestamp};
use command::Item;
use model::policy::{self, Verdict};
use model::universe;
use store::Origin;
use tables::Snapshot;
use wire::xml::Element;

use crate::audit;
use crate::commands_log::Entry;
use crate::session::answer::{done, refusal};
use crate::session::login::{self, Credentials, Login};
use crate::session::request::Request;
use crate::session::server::Server;

/// How long a peer waits after a wrong password.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The proven name: a certificate's, or the kernel's for a local user.
    pub(crate) identity: Option<String>,
    /// The short host name.
    pub(crate) host: String,
    /// How it came in.
    pub(crate) door: Door,
}

/// The way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// TLS.
    Tls,
    /// The Unix socket of this host.
    Local,
}

impl Peer {
    /// Whether `request` is the container's health check: it comes all day long, and only this host's root can send it.
    fn checks_health(&self, request: &Request) -> bool {
        self.door == Door::Local
            && self.identity.as_deref() == Some("root")
            && request.client_type.as_deref() == Some(crate::health::CLIENT_TYPE)
    }
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

/// Who sends a request.
pub(crate) enum Recognized {
    /// This peer.
    Peer(Peer),
    /// The request is answered with that: it was about a login, or the login failed.
    Answered(Element),
}

impl Server {
    /// Finds out who sends `request`: the peer of the connection, or whoever it proves to be by a password or a token.
    pub(crate) async fn recognize(&self, request: &Request, peer: &Peer) -> Recognized {
        let (snapshot, now) = (self.services.store.snapshot(), self.clock.now());
        let failed = || Recognized::Answered(refusal("Authentication failure"));
        let proven = |identity| Recognized::Peer(Peer { identity: Some(identity), ..peer.clone() });
        match request.login.clone() {
            None => Recognized::Peer(peer.clone()),
            Some(Login::Become(credentials)) => match self.proven(credentials, peer).await {
                Some(user) => proven(user),
                None => failed(),
            },
            Some(Login::GetToken(credentials)) => match self.proven(credentials, peer).await {
                Some(user) => self.give_token(user, now).await.map_or_else(
                    |failure| Recognized::Answered(refusal(&failure.to_string())),
                    |token| Recognized::Answered(done(None).with(token)),
                ),
                None => failed(),
            },
            Some(Login::Token(id)) => match login::owner(&snapshot, id.expose(), now) {
                Some((user, _)) => {
                    self.note_use(id, user.clone(), now).await;
                    proven(user)
                }
                None => failed(),
            },
        }
    }

    /// The user, if the password is right; a wrong one costs time, so that guessing is slow.
    async fn proven(&self, credentials: Credentials, peer: &Peer) -> Option<String> {
        let snapshot = self.services.store.snapshot();
        let user = credentials.username.clone();
        let right = tokio::task::spawn_blocking(move || credentials.are_right(&snapshot)).await;
        if right.unwrap_or(false) {
            return Some(user);
        }
        tracing::warn!(%peer, user, "a login failed");
        tokio::time::sleep(AFTER_FAILURE).await;
        None
    }

    async fn give_token(&self, user: String, now: Timestamp) -> Result<Element, Failure> {
        let id =
            login::token_id().map_err(|error| Failure::from_error(ErrorKind::Internal, &error))?;
        let origin = Origin::new(user.clone(), "gettoken");
        let decide = move |snapshot: &Snapshot| {
            Ok::<_, Failure>(login::new_token(snapshot, &user, &id, now))
        };
        Ok(self.services.store.update_with(origin, decide).await?.1)
    }

    async fn note_use(&self, id: Secret<String>, user: String, now: Timestamp) {
        let decide = move |snapshot: &Snapshot| {
            let owner = login::owner(snapshot, id.expose(), now);
            Ok::<_, Failure>(owner.map(|(_, patch)| patch).unwrap_or_default())
        };
        let noted =
            self.services.store.update(Origin::report(user, "use of a token"), decide).await;
        if let Err(error) = noted {
            tracing::error!(error = %Failure::from(error), "the use of a token cannot be noted");
        }
    }

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
            noderange = request.noderange.as_deref().unwrap_or_default(),
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
    let verdict = policy::validate(snapshot, &asked, &|noderange| {
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
    });
    (verdict, count.get())
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
