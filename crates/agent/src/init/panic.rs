//! What the kernel does when it panics while the initramfs is in charge: it restarts the machine, which would else stand
//! still until somebody comes. What it does later is the image's affair, and `panic=` on the command line wins.

use std::fs;
use std::io;
use std::path::Path;

use crate::console::say;

const SETTING: &str = "/proc/sys/kernel/panic";
/// What the kernel begins with: stand still.
const NEVER: &str = "0";
/// Long enough to read the console.
const SECONDS: &str = "30";

/// Lets a panic restart the machine, unless the command line has said what to do.
pub(super) fn restarts() {
    change(NEVER, SECONDS);
}

/// Leaves the setting to the image as it was.
pub(super) fn is_left_to_the_image() {
    change(SECONDS, NEVER);
}

fn change(from: &str, to: &str) {
    if let Err(error) = replace(Path::new(SETTING), from, to) {
        say(&format!("{SETTING} stays as it is: {error}"));
    }
}

/// Replaces a value by another; a third one stays.
fn replace(path: &Path, from: &str, to: &str) -> io::Result<()> {
    if fs::read_to_string(path)?.trim() == from { fs::write(path, to) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_kernels_own_setting_is_changed_and_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("panic");
        for (before, during) in [("0\n", SECONDS), ("5\n", "5\n"), ("-1\n", "-1\n")] {
            fs::write(&path, before).unwrap();
            replace(&path, NEVER, SECONDS).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), during);
            replace(&path, SECONDS, NEVER).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap().trim(), before.trim());
        }
        assert!(replace(&dir.path().join("none"), NEVER, SECONDS).is_err());
    }
}
