//! The layers of the root file system: the squashfs image below, read-only, and memory above.
//!
//! All of it lives under `/run/xcat`, which moves along into the booted system: `image/` (a tmpfs with
//! the file that arrived), `ro/` (its content), `rw/` (the writable layer).

use std::fs;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::loopdev;

/// Where the image is put when it arrives.
pub(super) const IMAGE: &str = "/run/xcat/image/rootimg.sfs";
/// Where the layers come together.
pub(super) const ROOT: &str = "/sysroot";

const ROOM: &str = "/run/xcat/image";
const BELOW: &str = "/run/xcat/ro";
const ABOVE: &str = "/run/xcat/rw";

/// Why the layers were not stacked.
#[derive(Debug, thiserror::Error)]
pub(super) enum LayerError {
    #[error("cannot make the directory {path}")]
    Directory { path: &'static str, source: std::io::Error },
    #[error("cannot attach the image to a loop device")]
    Loop(#[source] std::io::Error),
    #[error("cannot mount {kind} on {target}")]
    Mount { kind: &'static str, target: &'static str, source: Errno },
}

/// Makes room in memory for the image, throwing away what an earlier attempt left.
pub(super) fn prepare_room() -> Result<(), LayerError> {
    for target in [ROOT, BELOW, ABOVE, ROOM] {
        // not mounted is the usual case
        umount2(target, MntFlags::MNT_DETACH).unwrap_or(());
    }
    // the image is compressed; three quarters of memory is more than a node that then runs can have
    mount_on("tmpfs", "tmpfs", ROOM, MsFlags::empty(), "mode=0700,size=75%")
}

/// Stacks the layers on [`ROOT`]; `limit` is the size of the writable one.
pub(super) fn stack(limit: Option<&str>) -> Result<(), LayerError> {
    let device = loopdev::attach(Path::new(IMAGE)).map_err(LayerError::Loop)?;
    let device = device.to_string_lossy();
    mount_on(&device, "squashfs", BELOW, MsFlags::MS_RDONLY | MsFlags::MS_NODEV, "")?;
    let size = format!("mode=0755,size={}", limit.unwrap_or("50%"));
    mount_on("tmpfs", "tmpfs", ABOVE, MsFlags::empty(), &size)?;
    for path in ["/run/xcat/rw/upper", "/run/xcat/rw/work"] {
        fs::create_dir_all(path).map_err(|source| LayerError::Directory { path, source })?;
    }
    let options = format!("lowerdir={BELOW},upperdir={ABOVE}/upper,workdir={ABOVE}/work");
    mount_on("overlay", "overlay", ROOT, MsFlags::empty(), &options)
}

fn mount_on(
    source: &str,
    kind: &'static str,
    target: &'static str,
    flags: MsFlags,
    options: &str,
) -> Result<(), LayerError> {
    fs::create_dir_all(target).map_err(|source| LayerError::Directory { path: target, source })?;
    mount(Some(source), target, Some(kind), flags, Some(options))
        .map_err(|source| LayerError::Mount { kind, target, source })
}
