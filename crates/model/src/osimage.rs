//! An operating system image as tables `osimage` and `linuximage` describe it.

use std::path::PathBuf;

use base::NodeName;
use tables::Snapshot;

use crate::cell::{cell, field, row};

/// An osimage; what is empty is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OsImage {
    /// Its name.
    pub name: String,
    /// `install`, `netboot`, `statelite`, ...
    pub provmethod: Option<String>,
    /// The operating system and version, such as `debian12`.
    pub osvers: Option<String>,
    /// The architecture.
    pub osarch: Option<String>,
    /// The profile.
    pub profile: Option<String>,
    /// Postscripts for nodes with this image.
    pub postscripts: Option<String>,
    /// Postbootscripts for nodes with this image.
    pub postbootscripts: Option<String>,
    /// Synchronisation lists.
    pub synclists: Option<String>,
    /// `NAME=value` pairs for scripts.
    pub environvar: Option<String>,
    /// Package lists.
    pub pkglist: Option<String>,
    /// Package directories or mirrors.
    pub pkgdir: Option<String>,
    /// Further package lists.
    pub otherpkglist: Option<String>,
    /// Further package directories.
    pub otherpkgdir: Option<String>,
    /// What packing leaves out.
    pub exlist: Option<String>,
    /// Scripts run after the packages are installed.
    pub postinstall: Option<String>,
    /// Further kernel arguments.
    pub addkcmdline: Option<String>,
    /// The directory of the image.
    pub rootimgdir: Option<PathBuf>,
    /// The wanted kernel version.
    pub kernelver: Option<String>,
    /// Network drivers for the initramfs.
    pub netdrivers: Option<String>,
}

/// The image of `node` and its lists of files that are kept the same on nodes, if it has such lists.
pub fn synclists(snapshot: &Snapshot, node: &NodeName) -> Option<(String, String)> {
    let image = cell(snapshot, "nodetype", "provmethod", node.as_str())?;
    let image = OsImage::read(snapshot, &image)?;
    Some((image.name, image.synclists?))
}

impl OsImage {
    /// Reads the image `name`; none when there is no such image.
    pub fn read(snapshot: &Snapshot, name: &str) -> Option<Self> {
        let image = row(snapshot, "osimage", name)?;
        let linux = row(snapshot, "linuximage", name);
        let of_image = |column| field(image, column).map(str::to_owned);
        let of_linux = |column| linux.and_then(|row| field(row, column)).map(str::to_owned);
        Some(Self {
            name: name.to_owned(),
            provmethod: of_image("provmethod"),
            osvers: of_image("osvers"),
            osarch: of_image("osarch"),
            profile: of_image("profile"),
            postscripts: of_image("postscripts"),
            postbootscripts: of_image("postbootscripts"),
            synclists: of_image("synclists"),
            environvar: of_image("environvar"),
            pkglist: of_linux("pkglist"),
            pkgdir: of_linux("pkgdir"),
            otherpkglist: of_linux("otherpkglist"),
            otherpkgdir: of_linux("otherpkgdir"),
            exlist: of_linux("exlist"),
            postinstall: of_linux("postinstall"),
            addkcmdline: of_linux("addkcmdline"),
            rootimgdir: of_linux("rootimgdir").map(PathBuf::from),
            kernelver: of_linux("kernelver"),
            netdrivers: of_linux("netdrivers"),
        })
    }

    /// Names of the attributes that nodeset needs and that are empty.
    pub fn missing(&self) -> Vec<&'static str> {
        let needed = [
            ("provmethod", &self.provmethod),
            ("osvers", &self.osvers),
            ("osarch", &self.osarch),
            ("profile", &self.profile),
        ];
        needed.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect()
    }

    /// The directory of the image: as set, else `<installdir>/netboot/<osvers>/<arch>/<profile>`.
    pub fn image_dir(&self, install_dir: &std::path::Path) -> PathBuf {
        let part = |value: &Option<String>| value.clone().unwrap_or_default();
        self.rootimgdir.clone().unwrap_or_else(|| {
            let parts = [part(&self.osvers), part(&self.osarch), part(&self.profile)];
            install_dir.join("netboot").join(parts.iter().collect::<PathBuf>())
        })
    }
}
