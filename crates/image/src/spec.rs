//! What an image is to be, what tools make it, and where progress is said.

use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

/// The definition of a diskless image, as the caller read it from the tables.
#[derive(Clone, Debug, Default)]
pub struct OsImageSpec {
    /// osimage.imagename.
    pub name: String,
    /// osimage.osvers, like `debian13`.
    pub osvers: String,
    /// osimage.osarch, like `x86_64`.
    pub osarch: String,
    /// osimage.profile.
    pub profile: String,
    /// linuximage.rootimgdir.
    pub rootimgdir: PathBuf,
    /// The entries of linuximage.pkgdir: mirrors by URL, or directories with a repository. The public
    /// mirror of the distribution when there is none.
    pub pkgdirs: Vec<String>,
    /// The files of linuximage.pkglist; looked up by profile, system and architecture when empty.
    pub pkglists: Vec<PathBuf>,
    /// The entries of linuximage.otherpkgdir: further repositories.
    pub otherpkgdirs: Vec<String>,
    /// The files of linuximage.otherpkglist.
    pub otherpkglists: Vec<PathBuf>,
    /// linuximage.postinstall: scripts with arguments; looked up like package lists when empty.
    pub postinstall: Vec<String>,
    /// The files of linuximage.exlist; looked up like package lists when empty.
    pub exlists: Vec<PathBuf>,
    /// linuximage.netdrivers: kernel modules the initramfs loads besides ours.
    pub netdrivers: Vec<String>,
    /// osimage.environvar, as names and values.
    pub environment: Vec<(String, String)>,
}

impl OsImageSpec {
    /// The tree of the image.
    pub fn tree(&self) -> PathBuf {
        self.rootimgdir.join("rootimg")
    }

    /// The kernel `genimage` leaves.
    pub fn kernel(&self) -> PathBuf {
        self.rootimgdir.join("kernel")
    }

    /// The initramfs `genimage` leaves; the name is xCAT's, the compression is zstd.
    pub fn initrd(&self) -> PathBuf {
        self.rootimgdir.join("initrd-stateless.gz")
    }
}

/// The programs and directories that images are made with.
#[derive(Clone, Debug)]
pub struct Tools {
    /// mmdebstrap.
    pub mmdebstrap: PathBuf,
    /// mksquashfs.
    pub mksquashfs: PathBuf,
    /// The static `xcat-node` that goes into images for this machine's architecture; for others
    /// it is the file beside it with the architecture after its name, as `xcat-node.aarch64`.
    pub node_program: PathBuf,
    /// Where lists are looked up, first hit wins: directories with one directory per platform.
    pub list_dirs: Vec<PathBuf>,
    /// Where images are published.
    pub published: PathBuf,
    /// A mirror of Debian to use in place of the public one.
    pub mirror: Option<String>,
}

impl Tools {
    /// The tools as they lie in the container.
    pub fn installed(install: &Path, mirror: Option<String>) -> Self {
        Self {
            mmdebstrap: "mmdebstrap".into(),
            mksquashfs: "mksquashfs".into(),
            node_program: "/opt/xcat/share/xcat/node/xcat-node".into(),
            list_dirs: vec![install.join("custom/netboot"), "/opt/xcat/share/xcat/netboot".into()],
            published: install.join("published"),
            mirror,
        }
    }
}

impl Tools {
    /// The agent for images of the architecture `osarch`.
    pub(crate) fn agent_for(&self, osarch: &str) -> PathBuf {
        let here = match std::env::consts::ARCH {
            "powerpc64" => "ppc64le",
            here => here,
        };
        if osarch == here {
            return self.node_program.clone();
        }
        let mut other = self.node_program.clone().into_os_string();
        other.push(".");
        other.push(osarch);
        other.into()
    }
}

/// Where progress lines go. Nobody listening is fine.
#[derive(Clone, Debug)]
pub struct Sink(Option<mpsc::Sender<String>>);

impl Sink {
    /// Sends lines into `lines`, and waits when that is full.
    pub fn to(lines: mpsc::Sender<String>) -> Self {
        Self(Some(lines))
    }

    /// Says nothing to nobody.
    pub fn nowhere() -> Self {
        Self(None)
    }

    /// Says one line.
    pub(crate) async fn say(&self, line: impl Into<String>) {
        if let Some(lines) = &self.0 {
            // a listener that left does not stop the work
            lines.send(line.into()).await.unwrap_or(());
        }
    }
}
