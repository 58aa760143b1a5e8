//! What nodes ask for over TLS (spec/protocol.md section 7), mostly without a certificate.
//!
//! The policy table has allowed the request when it arrives here. A node is who its source address belongs to in the live
//! view; with `site.nodeauthentication`, for its script, who its certificate says. Whoever is no node gets an answer
//! without data, as in the original. Secrets are given only when root of the node says that it has asked for them.

mod callback;
mod credentials;

use std::net::IpAddr;

use base::{ErrorKind, Failure, NodeName, Secret};
use model::destiny::{Destiny, destiny};
use model::osimage::synclists;
use model::{BootView, postscript};
use wire::xml::Element;

use crate::session::answer::done;
use crate::session::peer::{Door, Peer};
use crate::session::request::Request;
use crate::session::server::Server;
use crate::setup;
use credentials::Source;

/// The highest port that only root can listen on.
const PRIVILEGED: u16 = 1023;
/// Credentials that one request may name: each costs a file or a hash.
const CREDENTIALS: usize = 16;

/// What a node asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    /// Its script.
    Script,
    /// What to do.
    Destiny,
    /// Secrets.
    Credentials,
    /// The files that are kept the same on all nodes.
    SyncFiles,
    /// Something that is not served.
    NotYet,
}

impl Ask {
    fn read(command: &str) -> Option<Self> {
        Some(match command {
            "getpostscript" => Self::Script,
            "getdestiny" => Self::Destiny,
            "getcredentials" => Self::Credentials,
            "syncfiles" => Self::SyncFiles,
            "nextdestiny" | "getbmcconfig" | "remoteimmsetup" | "getadapter" => Self::NotYet,
            _ => return None,
        })
    }
}

/// The answer to a request of a node; none when the request is not of that kind.
pub(crate) async fn answer(server: &Server, request: &Request, peer: &Peer) -> Option<Element> {
    let ask = Ask::read(&request.command)?;
    let end = done(request.transaction.as_deref());
    let view = server.view.load();
    let Some((node, address)) = asker(&view, ask, peer) else {
        tracing::info!(%peer, command = request.command, "a request of a node from where no node is");
        let lost = ask == Ask::Destiny;
        return Some(if lost { end.with_leaf("destiny", "discover") } else { end });
    };
    let answered = match ask {
        Ask::Script => script(&view, &node, address, &request.arguments),
        Ask::Destiny => destiny(&view, &node).map(|told| vec![destiny_of(&node, &told)]),
        Ask::Credentials => secrets(server, &view, request, &node, address).await,
        Ask::SyncFiles => sync_files(&view, &node),
        Ask::NotYet => Err(format!("{} is not available yet", request.command)),
    };
    Some(match answered {
        Ok(elements) => elements.into_iter().fold(end, Element::with),
        Err(text) => end.with_leaf("error", text).with_leaf("errorcode", "1"),
    })
}

/// The node that asks, and from where.
fn asker(view: &BootView, ask: Ask, peer: &Peer) -> Option<(NodeName, IpAddr)> {
    let Door::Tls(address) = peer.door else { return None };
    let proves =
        matches!(view.snapshot().site("nodeauthentication"), Some(text) if !text.is_empty());
    let node = if ask == Ask::Script && proves {
        view.snapshot().node(peer.identity.as_deref()?)
    } else {
        view.node_at(address)
    };
    Some((node?.clone(), address.to_canonical()))
}

/// The lines of the node's script. What asks for a file finds it under /tftpboot without that it is written first.
fn script(
    view: &BootView,
    node: &NodeName,
    address: IpAddr,
    arguments: &[String],
) -> Result<Vec<Element>, String> {
    let text = postscript::render(view, node, address)?;
    if arguments.iter().any(|argument| argument.contains("version2")) {
        return Ok(Vec::new());
    }
    Ok(text.split_inclusive('\n').map(|line| Element::leaf("data", line)).collect())
}

fn destiny_of(node: &NodeName, told: &Destiny) -> Element {
    let boot = &told.boot;
    let further = [
        ("imgserver", told.image_server.as_deref()),
        ("kernel", boot.kernel.as_deref()),
        ("initrd", boot.initrd.as_deref()),
        ("kcmdline", boot.kcmdline.as_deref()),
    ];
    let mut element = Element::new("node")
        .with_leaf("name", node.as_str())
        .with_leaf("data", &told.state)
        .with_leaf("destiny", &told.state);
    let further = further.into_iter().filter_map(|(name, text)| Some((name, text?)));
    for (name, text) in further {
        element.push(Element::leaf(name, text));
    }
    element
}

/// Nothing to do for a node without a list of files; with one, the node must not believe that it has them.
fn sync_files(view: &BootView, node: &NodeName) -> Result<Vec<Element>, String> {
    match synclists(view.snapshot(), node) {
        None => Ok(Vec::new()),
        Some((image, lists)) => Err(format!(
            "node {node}: synclists of osimage {image} ({lists}) cannot be sent: synchronising \
             files is not available yet"
        )),
    }
}

/// The secrets that are asked for by name, if root of the node has asked.
async fn secrets(
    server: &Server,
    view: &BootView,
    request: &Request,
    node: &NodeName,
    address: IpAddr,
) -> Result<Vec<Element>, String> {
    let Some(port) = request.callback.filter(|port| (1..=PRIVILEGED).contains(port)) else {
        tracing::warn!(%node, "credentials are asked for without a port that only root of the node has");
        return Ok(Vec::new());
    };
    if !callback::approves(address, port).await {
        tracing::warn!(%node, port, "root of the node does not say that it asks for credentials");
        return Ok(Vec::new());
    }
    let (mut given, mut refused) = (Vec::new(), Vec::new());
    if request.arguments.len() > CREDENTIALS {
        return Err(format!("more than {CREDENTIALS} credentials are asked for at once"));
    }
    for name in &request.arguments {
        match secret(server, view, node, name).await {
            Ok(text) => {
                tracing::info!(%node, credential = name, "a credential is given to a node");
                let data = Element::new("data").with_leaf("content", text.expose());
                given.push(data.with_leaf("desc", name));
            }
            Err(text) => {
                tracing::warn!(%node, credential = name, reason = text, "a credential is not given");
                refused.push(text);
            }
        }
    }
    if given.is_empty() && !refused.is_empty() {
        return Err(refused.join("; "));
    }
    given.extend(refused.iter().map(|text| Element::leaf("error", text)));
    Ok(given)
}

/// One secret as nodes read it: files between two ends of lines, because they drop lines with a `<`.
async fn secret(
    server: &Server,
    view: &BootView,
    node: &NodeName,
    name: &str,
) -> Result<Secret<String>, String> {
    let (files, missing) = match credentials::source(view.snapshot(), node, name, &server.places)? {
        Source::File(files, missing) => (files, missing),
        Source::RootPassword => {
            let password = credentials::root_password(view.snapshot());
            let password = password.ok_or("table passwd has no row system,root")?;
            return blocking(move || crypted(password)).await?;
        }
    };
    let text = blocking(move || credentials::read(&files)).await?.ok_or(missing)?;
    Ok(Secret::new(format!("\n{}\n", text.expose().trim_end_matches('\n'))))
}

/// The password as `/etc/shadow` has it.
fn crypted(password: Secret<String>) -> Result<Secret<String>, String> {
    if password.expose().starts_with('$') {
        return Ok(password);
    }
    setup::crypted(&password).map_err(|failure| failure.to_string())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let ended = |_| Failure::new(ErrorKind::Internal, "the credential was not read: a defect");
    tokio::task::spawn_blocking(work).await.map_err(ended).map_err(|failure| failure.to_string())
}
