//! Finding the kernel in the tree of an image.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::ImageError;

/// A kernel with its modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kernel {
    pub(crate) version: String,
    pub(crate) file: PathBuf,
    pub(crate) modules: PathBuf,
}

/// The newest kernel of the tree that has modules.
pub(crate) fn find(image: &str, tree: &Path) -> Result<Kernel, ImageError> {
    let none = || ImageError::NoKernel { image: image.to_owned() };
    let entries = fs::read_dir(tree.join("boot")).map_err(|_| none())?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let kernels = names.filter_map(|name| kernel_of(tree, &name));
    kernels.max_by(|a, b| by_version(&a.version, &b.version)).ok_or_else(none)
}

fn kernel_of(tree: &Path, name: &str) -> Option<Kernel> {
    let version = name.strip_prefix("vmlinuz-").or_else(|| name.strip_prefix("vmlinux-"))?;
    let modules = ["usr/lib/modules", "lib/modules"].map(|dir| tree.join(dir).join(version));
    let modules = modules.into_iter().find(|dir| dir.join("modules.dep").is_file())?;
    Some(Kernel { version: version.to_owned(), file: tree.join("boot").join(name), modules })
}

/// Numbers count as numbers: 6.12 comes after 6.9.
fn by_version(a: &str, b: &str) -> Ordering {
    let parts = |text: &str| -> Vec<(u64, String)> {
        let pieces = text.split(['.', '-', '+', '~']);
        pieces.map(|piece| (piece.parse().unwrap_or(0), piece.to_owned())).collect()
    };
    parts(a).cmp(&parts(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_kernel_with_modules_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let boot = dir.path().join("boot");
        fs::create_dir(&boot).unwrap();
        assert!(find("i", dir.path()).is_err());
        for version in ["6.9.1-amd64", "6.12.3-amd64", "6.13.0-amd64"] {
            fs::write(boot.join(format!("vmlinuz-{version}")), "").unwrap();
        }
        for version in ["6.9.1-amd64", "6.12.3-amd64"] {
            let modules = dir.path().join("usr/lib/modules").join(version);
            fs::create_dir_all(&modules).unwrap();
            fs::write(modules.join("modules.dep"), "").unwrap();
        }
        assert_eq!(find("i", dir.path()).unwrap().version, "6.12.3-amd64");
    }
}
