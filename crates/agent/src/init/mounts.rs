//! The kernel's own file systems, which everything else needs.

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};

use crate::console::say;

/// Mounts proc, sysfs, devtmpfs and a tmpfs on `/run`. What fails is said; the steps that need it
/// will fail with better words.
pub(super) fn early() {
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC | MsFlags::MS_NODEV;
    let dev = MsFlags::MS_NOSUID;
    let run = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    for (kind, target, flags, options) in [
        ("proc", "/proc", quiet, ""),
        ("sysfs", "/sys", quiet, ""),
        ("devtmpfs", "/dev", dev, "mode=0755"),
        ("tmpfs", "/run", run, "mode=0755"),
    ] {
        let made = std::fs::create_dir_all(target);
        let mounted = mount(Some(kind), target, Some(kind), flags, Some(options));
        if let Err(error) = mounted.or_else(ignore_busy) {
            say(&format!("cannot mount {target}: {error} (its directory: {made:?})"));
        }
    }
}

/// A file system that is mounted already is as good as one we mounted.
fn ignore_busy(error: Errno) -> Result<(), Errno> {
    if error == Errno::EBUSY { Ok(()) } else { Err(error) }
}
