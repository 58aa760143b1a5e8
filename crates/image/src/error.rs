//! Why an image was not made: each variant is something the administrator can act on.

use std::io;
use std::path::{Path, PathBuf};

use base::{ErrorKind, Failure, chain};
use remote::{Exit, RunError};

/// Why an image was not made. Whatever it is, what was there before is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The osimage definition lacks something.
    #[error("osimage {image} has no {attribute}")]
    Missing {
        /// The image.
        image: String,
        /// The attribute.
        attribute: &'static str,
    },
    /// Not an operating system that can be built here.
    #[error("osimage {image}: cannot build {osvers} for {osarch}")]
    UnknownOs {
        /// The image.
        image: String,
        /// Its system.
        osvers: String,
        /// Its architecture.
        osarch: String,
    },
    /// No list of packages was found.
    #[error(
        "osimage {image} has no pkglist, and there is none for profile {profile} of {osvers} {osarch}"
    )]
    NoPkglist {
        /// The image.
        image: String,
        /// Its profile.
        profile: String,
        /// Its system.
        osvers: String,
        /// Its architecture.
        osarch: String,
    },
    /// A list cannot be used.
    #[error("{}: {reason}", path.display())]
    List {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Another command is making this image.
    #[error("osimage {image} is being made by another command")]
    Busy {
        /// The image.
        image: String,
    },
    /// The mirror does not answer.
    #[error("osimage {image}: the mirror {mirror} cannot be used: {reason}")]
    Mirror {
        /// The image.
        image: String,
        /// The mirror.
        mirror: String,
        /// What the package manager said.
        reason: String,
    },
    /// A package is not in the mirror.
    #[error("osimage {image}: {mirror} has no package {package}")]
    NoPackage {
        /// The image.
        image: String,
        /// The mirror.
        mirror: String,
        /// The package.
        package: String,
    },
    /// No space is left.
    #[error("osimage {image}: no space left in {}", path.display())]
    DiskFull {
        /// The image.
        image: String,
        /// Where.
        path: PathBuf,
    },
    /// A tool failed.
    #[error("osimage {image}: {step} failed ({exit}): {reason}")]
    Step {
        /// The image.
        image: String,
        /// What was being done.
        step: String,
        /// How the tool ended.
        exit: Exit,
        /// Its last words.
        reason: String,
    },
    /// The tree has no kernel.
    #[error("osimage {image}: no kernel was installed")]
    NoKernel {
        /// The image.
        image: String,
    },
    /// There is nothing to pack.
    #[error("osimage {image} is not built: there is no {}", path.display())]
    NotBuilt {
        /// The image.
        image: String,
        /// What is missing.
        path: PathBuf,
    },
    /// The tree and the kernel are of two builds.
    #[error("osimage {image}: its kernel is not the one of its tree ({version})")]
    Mixed {
        /// The image.
        image: String,
        /// The kernel in the tree.
        version: String,
    },
    /// The manifest cannot be read.
    #[error("{} is damaged", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A tool did not run.
    #[error("osimage {image}")]
    Run {
        /// The image.
        image: String,
        /// Why.
        source: RunError,
    },
    /// The system refused something.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was being done.
        what: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl ImageError {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { image: image_of(path), path: path.to_owned() }
            }
            _ => Self::Io { what, path: path.to_owned(), source },
        }
    }

    /// What the reader can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoPkglist { .. } | Self::NoPackage { .. } | Self::NotBuilt { .. } => {
                ErrorKind::NotFound
            }
            Self::Missing { .. }
            | Self::UnknownOs { .. }
            | Self::List { .. }
            | Self::Busy { .. }
            | Self::Mixed { .. } => ErrorKind::Conflict,
            Self::Mirror { .. } => ErrorKind::Unreachable,
            Self::Run { source, .. } => source.kind(),
            Self::DiskFull { .. }
            | Self::Step { .. }
            | Self::NoKernel { .. }
            | Self::Manifest { .. }
            | Self::Io { .. } => ErrorKind::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::UnknownOs { .. } => {
                "debian11 to debian13 and ubuntu20.04 to ubuntu24.04 can be built"
            }
            Self::NoPkglist { .. } => "set pkglist with chdef -t osimage",
            Self::Busy { .. } => "wait for it to end",
            Self::Mirror { .. } => {
                "check the network of this container, or name another mirror in the osimage's pkgdir; \
                 nothing was changed"
            }
            Self::NoPackage { .. } => "correct the pkglist; nothing was changed",
            Self::DiskFull { .. } => "free some space or enlarge the volume; nothing was changed",
            Self::NoKernel { .. } => {
                "name a kernel package, like linux-image-amd64, in the pkglist"
            }
            Self::NotBuilt { image, .. } => return Some(format!("run genimage {image} first")),
            Self::Mixed { image, .. } => return Some(format!("run genimage {image} again")),
            Self::Manifest { .. } => "run packimage again",
            Self::Missing { .. }
            | Self::List { .. }
            | Self::Step { .. }
            | Self::Run { .. }
            | Self::Io { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// The error as commands show it.
impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        let failure = Self::new(error.kind(), chain(&error));
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// The image a path belongs to, as far as the path shows it: `.../PROFILE/file`.
fn image_of(path: &Path) -> String {
    let dir = path.parent().unwrap_or(path);
    dir.file_name().unwrap_or(dir.as_os_str()).to_string_lossy().into_owned()
}
