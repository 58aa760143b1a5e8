//! What is published of images: looked up for those who give it to nodes, and written into the boot
//! parameters of a node.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use base::{ErrorKind, Failure, NodeName};
use image::{Current, Publication};
use model::{OsImage, Site};
use tables::{Patch, Snapshot, ids};

/// What is published of images, by their names.
pub(crate) type Published = BTreeMap<String, Result<Option<Current>, String>>;

/// Looks up what is published of `images`.
pub(crate) async fn published(
    snapshot: &Snapshot,
    images: Vec<String>,
) -> Result<Published, Failure> {
    let images: BTreeSet<String> = images.into_iter().collect();
    let dirs: Vec<(String, PathBuf)> = images
        .into_iter()
        .filter_map(|name| image_dir(snapshot, &name).map(|dir| (name, dir)))
        .collect();
    let look = move || {
        let one = |(name, dir): (String, PathBuf)| {
            let found = image::publication(&dir).map_err(|error| base::chain(&error));
            (name, found)
        };
        dirs.into_iter().map(one).collect()
    };
    let gone = |_| Failure::new(ErrorKind::Internal, "looking for published images was ended");
    tokio::task::spawn_blocking(look).await.map_err(gone)
}

fn image_dir(snapshot: &Snapshot, name: &str) -> Option<PathBuf> {
    let install = Site::read(snapshot).install_dir;
    OsImage::read(snapshot, name).map(|image| image.image_dir(&install))
}

/// The boot parameters that make `node` load this publication.
pub(crate) fn boot_params(
    snapshot: &Snapshot,
    node: &NodeName,
    image: &str,
    publication: &Publication,
) -> Patch {
    let kernel = publication.boot_path(image, &publication.kernel);
    let initrd = publication.boot_path(image, &publication.initrd);
    let kcmdline = kernel_arguments(snapshot, node, publication);
    let mut patch = Patch::new();
    let cells =
        [("kernel", Some(&*kernel)), ("initrd", Some(&*initrd)), ("kcmdline", Some(&*kcmdline))];
    patch.set(ids::BOOTPARAMS, &[node.as_str()], &cells);
    patch
}

/// The arguments of a diskless boot (spec/provision.md section 5.1); `!myipfn!` becomes the address
/// that the node reaches us by.
fn kernel_arguments(snapshot: &Snapshot, node: &NodeName, publication: &Publication) -> String {
    let site = Site::read(snapshot);
    let port = site.http_port;
    let xcatd = snapshot.site("xcatdport").unwrap_or("3001");
    let flow = u8::from(matches!(snapshot.site("useflowcontrol"), Some("1" | "yes")));
    let path = publication.url_path(&publication.rootimg);
    let sum = publication.image_sum();
    let mut text = format!(
        "imgurl=http://!myipfn!:{port}{path} imgsum={sum} XCAT=!myipfn!:{xcatd} NODE={node} \
         FC={flow} XCATHTTPPORT={port}"
    );
    if matches!(snapshot.site("nodestatus"), Some("n" | "N" | "0")) {
        text.push_str(" nonodestatus");
    }
    text + &console(snapshot, node)
}

/// The serial console of table `nodehm`.
fn console(snapshot: &Snapshot, node: &NodeName) -> String {
    let cell = |column| {
        snapshot.node_cell("nodehm", column, node.as_str()).map(|cell| cell.text.to_string())
    };
    let Some(port) = cell("serialport").filter(|port| port.bytes().all(|b| b.is_ascii_digit()))
    else {
        return String::new();
    };
    let speed = cell("serialspeed").unwrap_or_else(|| "115200".to_owned());
    let flow = cell("serialflow").map_or("", |flow| if flow.contains("hard") { "n8r" } else { "" });
    format!(" console=tty0 console=ttyS{port},{speed}{flow}")
}
