//! The architectures of the image: what each is called by Debian, by Rust, by the compiler, by the kernel and by engines.

use serde_json::{Value, json};

/// An architecture that the management node runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arch {
    Amd64,
    Arm64,
    Ppc64le,
}

impl Arch {
    pub(crate) const ALL: [Self; 3] = [Self::Amd64, Self::Arm64, Self::Ppc64le];

    /// Reads the name that engines use.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|arch| arch.name() == name)
    }

    /// The name in image configurations, and in ours.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::Ppc64le => "ppc64le",
        }
    }

    /// How an index tells engines which machines an image is for.
    pub(crate) fn platform(self) -> Value {
        let mut platform = json!({ "architecture": self.name(), "os": "linux" });
        if self == Self::Arm64 {
            platform["variant"] = json!("v8");
        }
        platform
    }

    pub(crate) const fn debian(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::Ppc64le => "ppc64el",
        }
    }

    /// The target of the Rust compiler.
    pub(crate) const fn target(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::Ppc64le => "powerpc64le-unknown-linux-gnu",
        }
    }

    /// The C compiler that also links.
    pub(crate) const fn compiler(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu-gcc",
            Self::Arm64 => "aarch64-linux-gnu-gcc",
            Self::Ppc64le => "powerpc64le-linux-gnu-gcc",
        }
    }

    /// The entry of the kernel's binfmt_misc that runs its programs elsewhere.
    pub(crate) const fn emulator(self) -> &'static str {
        match self {
            Self::Amd64 => "qemu-x86_64",
            Self::Arm64 => "qemu-aarch64",
            Self::Ppc64le => "qemu-ppc64le",
        }
    }

    /// The name that the original project's image of this architecture had.
    pub(crate) const fn original_image(self) -> Option<&'static str> {
        match self {
            Self::Amd64 => Some("xcat/xcat-ubuntu-x86_64"),
            Self::Arm64 => None,
            Self::Ppc64le => Some("xcat/xcat-ubuntu-ppc64le"),
        }
    }

    /// Tells whether this machine runs its programs by itself.
    pub(crate) fn is_native(self) -> bool {
        self.target().split('-').next() == Some(std::env::consts::ARCH)
    }

    /// Debian's package suites for it. On ppc64el the lists of the others are at times not the ones that were signed.
    pub(crate) const fn suites(self) -> &'static [&'static str] {
        match self {
            Self::Amd64 | Self::Arm64 => &["trixie", "trixie-updates", "trixie-security"],
            Self::Ppc64le => &["trixie"],
        }
    }
}
