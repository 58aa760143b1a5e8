//! nodeset: what nodes do at their next network boot.
//!
//! The decision is pure ([`decide`]); around it the command looks up what is published of the images
//! and commits the patch. The publication is written into `bootparams`, so a node boots the very
//! files that it was given here.

use base::{ErrorKind, Failure, NodeName};
use command::{Answer, Item};
use image::{Current, Publication, Rebuilt};
use model::OsImage;
use tables::{Patch, Snapshot, ids};

use crate::call::Call;
use crate::future::BoxFuture;
use crate::publication::{Published, boot_params, published};
use crate::run::commit;
use crate::services::Services;
use crate::shape::{Behaviour, Command};
use crate::sink::Sink;

pub(crate) static COMMAND: Command = Command::new("nodeset", Behaviour::Procedure(nodeset));

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ask {
    /// The state in force is to be shown.
    Stat,
    /// The state is to be set.
    Set(Wanted),
}

/// The state that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    /// Boot from disk.
    Boot,
    /// Answer no boot request.
    Offline,
    /// The image that the node has.
    OwnImage,
    /// This image.
    Image(String),
}

fn nodeset(call: Call, services: Services, sink: Sink) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        call.required_nodes()?;
        let wanted = match asked(call.options.operands())? {
            Ask::Stat => {
                let items = call.nodes.iter().map(|node| stat(&call.snapshot, node));
                sink.send_all(items.collect::<Vec<_>>()).await;
                return Ok(());
            }
            Ask::Set(wanted) => wanted,
        };
        let images = images_of(&call, &wanted);
        let found = published(&call.snapshot, images).await?;
        let nodes = call.nodes.clone();
        let decide = move |snapshot: &Snapshot| decide(snapshot, &nodes, &wanted, &found);
        commit(&call, "nodeset", &services, &sink, decide).await;
        Ok(())
    })
}

/// Reads the state; of a comma list only the first state exists so far.
fn asked(operands: &[String]) -> Result<Ask, Failure> {
    let invalid = |text: String| Failure::new(ErrorKind::NotFound, text);
    let Some(word) = operands.first().map(String::as_str).filter(|word| !word.is_empty()) else {
        return Err(Failure::new(ErrorKind::Usage, "Invalid argument: ''"));
    };
    if let Some(text) = operands.get(1) {
        return Err(invalid(format!("Invalid argument: '{text}'")));
    }
    let (name, value) = word.split_once('=').unwrap_or((word, ""));
    match (name, word.contains('='), value) {
        ("stat", false, _) => Ok(Ask::Stat),
        ("boot", false, _) => Ok(Ask::Set(Wanted::Boot)),
        ("offline" | "shutdown", false, _) => Ok(Ask::Set(Wanted::Offline)),
        ("osimage", false, _) => Ok(Ask::Set(Wanted::OwnImage)),
        ("osimage", true, "") => Err(invalid(format!("invalid argument: \"{word}\""))),
        ("osimage", true, image) => {
            let image = image.split(':').next().unwrap_or(image);
            Ok(Ask::Set(Wanted::Image(image.to_owned())))
        }
        ("install" | "netboot" | "statelite", ..) => Err(invalid(
            "The options \"install\", \"netboot\", and \"statelite\" have been deprecated, use \
             \"osimage=<osimage_name>\" instead."
                .to_owned(),
        )),
        (
            "shell" | "standby" | "runcmd" | "runimage" | "next" | "enact" | "iscsiboot"
            | "ondiscover",
            ..,
        ) => Err(invalid(format!(
            "the state {name} is not available yet; use osimage=NAME, boot or offline"
        ))),
        _ => Err(invalid(format!("Unknown state {word} requested"))),
    }
}

fn stat(snapshot: &Snapshot, node: &NodeName) -> Item {
    let state = snapshot.node_cell("chain", "currstate", node.as_str());
    let state = state.map(|cell| cell.text.to_string()).filter(|text| !text.is_empty());
    Item::node(node.as_str(), state.unwrap_or_else(|| "discover".to_owned()))
}

fn images_of(call: &Call, wanted: &Wanted) -> Vec<String> {
    match wanted {
        Wanted::Image(image) => vec![image.clone()],
        Wanted::OwnImage => {
            call.nodes.iter().filter_map(|node| own_image(&call.snapshot, node)).collect()
        }
        Wanted::Boot | Wanted::Offline => Vec::new(),
    }
}

fn own_image(snapshot: &Snapshot, node: &NodeName) -> Option<String> {
    let cell = snapshot.node_cell("nodetype", "provmethod", node.as_str())?;
    let generic = matches!(&*cell.text, "" | "install" | "netboot" | "statelite");
    (!generic).then(|| cell.text.to_string())
}

/// Decides for every node; a node that cannot have the state is left as it is and named.
fn decide(
    snapshot: &Snapshot,
    nodes: &[NodeName],
    wanted: &Wanted,
    published: &Published,
) -> Result<(Patch, Answer), Answer> {
    let (mut patch, mut answer) = (Patch::new(), Answer::new());
    if let Wanted::Image(image) = wanted
        && let Err(text) = checked(snapshot, image, published)
    {
        answer.error(text);
        return Err(answer);
    }
    answer.0.extend(published.iter().filter_map(|(image, found)| older(image, found)));
    for node in nodes.iter().filter(|node| snapshot.has_node(node.as_str())) {
        match decide_one(snapshot, node, wanted, published, &mut patch) {
            Ok(state) => answer.push(Item::node(node.as_str(), state)),
            Err(text) => answer.push(Item::node_error(node.as_str(), text)),
        };
    }
    Ok((patch, answer))
}

/// What is said of an image that was built again and not packed.
fn older(image: &str, found: &Result<Option<Current>, String>) -> Option<Item> {
    let Ok(Some(Current { rebuilt: Some(Rebuilt { generated, packed }), .. })) = found else {
        return None;
    };
    Some(Item::Warning(format!(
        "osimage {image} was generated at {generated} after it was packed at {packed}: run \
         packimage {image}"
    )))
}

fn decide_one(
    snapshot: &Snapshot,
    node: &NodeName,
    wanted: &Wanted,
    published: &Published,
    patch: &mut Patch,
) -> Result<String, String> {
    let image = match wanted {
        Wanted::Boot => {
            forget_kind(snapshot, node, patch);
            return Ok(local(snapshot, node, "boot", patch));
        }
        Wanted::Offline => return Ok(local(snapshot, node, "offline", patch)),
        Wanted::OwnImage => own_image(snapshot, node)
            .ok_or("OS image name must be specified in nodetype.provmethod")?,
        Wanted::Image(image) => image.clone(),
    };
    let (os, current) = checked(snapshot, &image, published)?;
    if snapshot.node_cell("mac", "mac", node.as_str()).is_none() {
        return Err("No MAC address available for this node".to_owned());
    }
    let state = diskless(snapshot, node, &os, &current.publication, patch);
    Ok(state)
}

/// The image with what is published of it, or the reason why nodes cannot boot it.
fn checked<'a>(
    snapshot: &Snapshot,
    name: &str,
    published: &'a Published,
) -> Result<(OsImage, &'a Current), String> {
    let image = OsImage::read(snapshot, name)
        .ok_or_else(|| format!("Cannot find the OS image {name} in the osimage table."))?;
    if let [missing, ..] = image.missing()[..] {
        return Err(format!("osimage.{missing} for {name} must be set."));
    }
    if image.provmethod.as_deref() != Some("netboot") {
        let method = image.provmethod.as_deref().unwrap_or_default();
        return Err(format!(
            "{name} has provmethod {method}, which is not available yet; only netboot is"
        ));
    }
    match published.get(name) {
        Some(Ok(Some(current))) => Ok((image, current)),
        Some(Err(error)) => Err(error.clone()),
        Some(Ok(None)) | None => Err(format!(
            "the image {name} is not packed; run genimage {name} and packimage {name} first"
        )),
    }
}

/// There is nothing to load any more.
fn local(snapshot: &Snapshot, node: &NodeName, state: &str, patch: &mut Patch) -> String {
    let node = node.as_str();
    patch.set(ids::CHAIN, &[node], &[("currstate", Some(state)), ("currchain", None)]);
    if snapshot.row(ids::BOOTPARAMS, &[node]).is_some() {
        let nothing = [("kernel", None), ("initrd", None), ("kcmdline", None)];
        patch.set(ids::BOOTPARAMS, &[node], &nothing);
    }
    state.to_owned()
}

/// A node that boots from its disk has no image of its own.
fn forget_kind(snapshot: &Snapshot, node: &NodeName, patch: &mut Patch) {
    if snapshot.row(ids::NODETYPE, &[node.as_str()]).is_some() {
        patch.set(ids::NODETYPE, &[node.as_str()], &[("provmethod", None)]);
    }
}

fn diskless(
    snapshot: &Snapshot,
    node: &NodeName,
    image: &OsImage,
    publication: &Publication,
    patch: &mut Patch,
) -> String {
    let part = |value: &Option<String>| value.clone().unwrap_or_default();
    let (os, arch, profile) = (part(&image.osvers), part(&image.osarch), part(&image.profile));
    let state = format!("netboot {os}-{arch}-{profile}");
    let name = node.as_str();
    let kind = [
        ("provmethod", Some(image.name.as_str())),
        ("os", Some(os.as_str())),
        ("arch", Some(arch.as_str())),
        ("profile", Some(profile.as_str())),
    ];
    patch.set(ids::NODETYPE, &[name], &kind);
    patch.set(ids::CHAIN, &[name], &[("currstate", Some(&state)), ("currchain", None)]);
    patch.extend(boot_params(snapshot, node, &image.name, publication));
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> Snapshot {
        let mut patch = Patch::new();
        let mut row = |table, key: &str, cells: &[(&str, &str)]| {
            let cells: Vec<_> = cells.iter().map(|(name, text)| (*name, Some(*text))).collect();
            patch.set(table, &[key], &cells);
        };
        row(ids::NODELIST, "n1", &[("groups", "all")]);
        row(ids::NODELIST, "n2", &[("groups", "all")]);
        row(ids::MAC, "n1", &[("mac", "02:00:00:00:00:01")]);
        row(ids::NODEHM, "all", &[("serialport", "0")]);
        let facts = [("osvers", "debian13"), ("osarch", "x86_64"), ("profile", "compute")];
        row(ids::OSIMAGE, "img", &facts);
        row(ids::OSIMAGE, "img", &[("provmethod", "netboot")]);
        row(ids::OSIMAGE, "bare", &[("osvers", "debian13")]);
        Snapshot::empty().apply(&patch).unwrap().0
    }

    fn publication() -> Publication {
        let file = |name: &str| image::Published {
            name: name.to_owned(),
            sha256: "ab".repeat(32),
            bytes: 1,
        };
        let (kernel, initrd) = (file("kernel"), file("initrd-stateless.gz"));
        Publication { id: "cd".repeat(32), kernel, initrd, rootimg: file("rootimg.sfs") }
    }

    fn current(rebuilt: Option<Rebuilt>) -> Published {
        let current = Current { publication: publication(), rebuilt };
        Published::from([("img".to_owned(), Ok(Some(current)))])
    }

    #[test]
    fn an_image_that_was_built_again_and_not_packed_is_told() {
        let time = |seconds: i64| base::Timestamp::from_unix_millis(seconds * 1000);
        let rebuilt = Rebuilt { generated: time(7200), packed: time(3600) };
        let wanted = Wanted::Image("img".to_owned());
        let (_, answer) = decide(&cluster(), &nodes(), &wanted, &current(Some(rebuilt))).unwrap();
        let text = format!(
            "osimage img was generated at {} after it was packed at {}: run packimage img",
            time(7200),
            time(3600)
        );
        assert_eq!(answer.0[0], Item::Warning(text));
        assert_eq!(answer.0.len(), 3);
    }

    fn nodes() -> Vec<NodeName> {
        ["n1", "n2"].map(|name| NodeName::parse(name).unwrap()).to_vec()
    }

    #[test]
    fn words_are_read_and_refused_in_the_words_of_the_original() {
        let read = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            asked(&words).map_err(|failure| failure.message)
        };
        let image = Wanted::Image("a".to_owned());
        assert_eq!(read(&["osimage=a:reboot4deploy"]), Ok(Ask::Set(image)));
        assert_eq!(read(&["osimage"]), Ok(Ask::Set(Wanted::OwnImage)));
        assert_eq!(read(&[]).unwrap_err(), "Invalid argument: ''");
        assert_eq!(read(&["boot", "x"]).unwrap_err(), "Invalid argument: 'x'");
        assert_eq!(read(&["bogus"]).unwrap_err(), "Unknown state bogus requested");
        assert_eq!(read(&["osimage="]).unwrap_err(), "invalid argument: \"osimage=\"");
        assert!(read(&["netboot"]).unwrap_err().contains("deprecated"));
    }

    #[test]
    fn a_packed_image_is_pinned_and_a_node_without_mac_is_named() {
        let published = current(None);
        let wanted = Wanted::Image("img".to_owned());
        let (patch, answer) = decide(&cluster(), &nodes(), &wanted, &published).unwrap();
        assert_eq!(
            answer.0,
            [
                Item::node("n1", "netboot debian13-x86_64-compute"),
                Item::node_error("n2", "No MAC address available for this node"),
            ]
        );
        let after = cluster().apply(&patch).unwrap().0;
        let hash = "cd".repeat(32);
        let cell = |table: &str, column: &str| {
            after.node_cell(table, column, "n1").map(|cell| cell.text.to_string())
        };
        assert_eq!(
            cell("bootparams", "kernel").unwrap(),
            format!("xcat/osimage/img/{hash}/kernel")
        );
        let sum = "ab".repeat(32);
        assert_eq!(
            cell("bootparams", "kcmdline").unwrap(),
            format!(
                "imgurl=http://!myipfn!:80/install/published/{hash}/rootimg.sfs \
                 imgsum=sha256:{sum} XCAT=!myipfn!:3001 NODE=n1 FC=0 XCATHTTPPORT=80 \
                 console=tty0 console=ttyS0,115200"
            )
        );
        assert_eq!(cell("nodetype", "provmethod").unwrap(), "img");
        let (patch, _) = decide(&after, &nodes(), &Wanted::Boot, &published).unwrap();
        let after = after.apply(&patch).unwrap().0;
        assert_eq!(stat(&after, &nodes()[0]), Item::node("n1", "boot"));
        assert!(after.node_cell("bootparams", "kernel", "n1").is_none());
    }

    #[test]
    fn images_that_cannot_be_booted_change_nothing() {
        let none = Published::new();
        for (image, text) in [
            ("nosuch", "Cannot find the OS image nosuch in the osimage table."),
            ("bare", "osimage.provmethod for bare must be set."),
            ("img", "the image img is not packed; run genimage img and packimage img first"),
        ] {
            let wanted = Wanted::Image(image.to_owned());
            let refused = decide(&cluster(), &nodes(), &wanted, &none).unwrap_err();
            assert_eq!(refused.0, [Item::error(text)]);
        }
        let (patch, answer) = decide(&cluster(), &nodes(), &Wanted::OwnImage, &none).unwrap();
        assert!(patch.is_empty());
        assert_eq!(answer.code(), 1);
    }
}
