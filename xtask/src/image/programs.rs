//! The programs of the image, cross-compiled with Debian 13's Rust in a root of its own: fixed compiler, fixed paths, so that
//! the same sources give the same bytes on every machine. This machine's cargo only fetches the sources.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::image::arch::Arch;
use crate::image::{Unavailable, mirror, mmdebstrap, place, source, text};
use crate::run::{shown, top};
use crate::say::say;

const PROGRAMS: &[&str] = &["xcatd", "xcat", "xcat-node"];

/// Debian's Rust that is new enough, and what compiles and links C for every architecture of ours: packages of amd64 all.
const TOOLCHAIN: &[&str] = &[
    "cargo-web",
    "rustc-web",
    "gcc",
    "libc6-dev",
    "gcc-aarch64-linux-gnu",
    "libc6-dev-arm64-cross",
    "gcc-powerpc64le-linux-gnu",
    "libc6-dev-ppc64el-cross",
];

/// Rust's standard library of an architecture: unpacked and not installed, because only its object files are read here,
/// and what it depends on are 500 MB that run nowhere. A hook of mmdebstrap: "$1" is the root, ARCH is Debian's name.
const STANDARD_LIBRARY: &str = r#"
box=$(mktemp -d) && cd "$box" || exit
APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -q -o APT::Sandbox::User=root download libstd-rust-web-dev:ARCH &&
    dpkg-deb -x libstd-rust-web-dev_*.deb "$1" || echo "no standard library of ARCH"
rm -rf "$box"
"#;

/// Runs in a mount namespace of its own: $1 the toolchain's root, $2 our sources, $3 cargo's home, $4 the build folder.
const ENTER: &str = r#"
root=$1
mkdir -p "$root/src" "$root/cargo" "$root/build"
mount --bind "$2" "$root/src" && mount -o remount,bind,ro "$root/src"
mount --bind "$3" "$root/cargo" && mount -o remount,bind,ro "$root/cargo"
mount --bind "$4" "$root/build"
mount -t proc proc "$root/proc"
shift 4
exec chroot "$root" env -i PATH=/usr/bin:/bin HOME=/build CARGO_HOME=/cargo CARGO_TARGET_DIR=/build "$@"
"#;

/// Builds them and returns the folder that holds them.
pub(crate) fn build(arch: Arch) -> Result<PathBuf> {
    let root = ensure_toolchain()?;
    if !standard_library(&root, arch).is_dir() {
        let reason = format!("Debian's libstd-rust-web-dev of {} cannot be had", arch.debian());
        return Err(Unavailable::because(reason));
    }
    shown(&["cargo", "fetch", "--quiet", "--locked"])?;
    say(&format!("== programs for {}", arch.name()));
    let (target, sources, cargo) = (place("programs")?, top(), cargo_home()?);
    let settings = compiler_settings(arch);
    let mut line = vec!["unshare", "--mount", "sh", "-ec", ENTER, "sh", text(&root)?];
    line.extend([text(&sources)?, text(&cargo)?, text(&target)?]);
    line.extend(settings.iter().map(String::as_str));
    line.extend(["cargo", "build", "--manifest-path", "/src/Cargo.toml", "--release", "--frozen"]);
    line.extend(["--target", arch.target()]);
    line.extend(PROGRAMS.iter().flat_map(|name| ["--bin", name]));
    ensure!(shown(&line).is_ok(), "cargo did not build its programs; what it said is above");
    Ok(target.join(arch.target()).join("release"))
}

/// Static programs, as `./up` builds them: they run on the node and in its initramfs too.
fn compiler_settings(arch: Arch) -> [String; 3] {
    let target = arch.target().replace('-', "_");
    let compiler = arch.compiler();
    [
        "RUSTFLAGS=-C target-feature=+crt-static".to_owned(),
        format!("CC_{target}={compiler}"),
        format!("CARGO_TARGET_{}_LINKER={compiler}", target.to_uppercase()),
    ]
}

fn cargo_home() -> Result<PathBuf> {
    let home = std::env::var("CARGO_HOME").map(PathBuf::from);
    home.or_else(|_| std::env::var("HOME").map(|home| Path::new(&home).join(".cargo")))
        .context("neither CARGO_HOME nor HOME is set")
}

/// Where the compiler looks for the standard library of an architecture.
fn standard_library(root: &Path, arch: Arch) -> PathBuf {
    root.join("usr/lib/rustlib").join(arch.target()).join("lib")
}

/// Makes the toolchain's root; one with everything in it is kept.
fn ensure_toolchain() -> Result<PathBuf> {
    let root = place("toolchain")?;
    let stamp = root.join("complete");
    let wanted = format!("{}\n{STANDARD_LIBRARY}", TOOLCHAIN.join(","));
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(root);
    }
    say("== cross-compilers: Debian 13 with its Rust (a minute, 1.4 GB, once)");
    fs::remove_dir_all(&root)?;
    let packages = format!("--include={}", TOOLCHAIN.join(","));
    let architectures = Arch::ALL.map(Arch::debian).join(",");
    let hooks = Arch::ALL.into_iter().filter(|arch| !arch.is_native()).map(|arch| {
        format!("--customize-hook={}", STANDARD_LIBRARY.replace("ARCH", arch.debian()))
    });
    let mut line = vec!["--variant=apt".to_owned(), format!("--architectures={architectures}")];
    line.push("--aptopt=APT::Install-Recommends \"false\"".to_owned());
    line.extend(["--dpkgopt=container/rootfs/dpkg.cfg".to_owned(), packages]);
    line.extend(hooks);
    line.extend(["trixie".to_owned(), text(&root)?.to_owned(), source(&mirror()?, "trixie")]);
    let line: Vec<&str> = line.iter().map(String::as_str).collect();
    mmdebstrap(&line, &[]).context("the cross-compilers cannot be installed")?;
    if Arch::ALL.into_iter().all(|arch| standard_library(&root, arch).is_dir()) {
        fs::write(&stamp, &wanted)?;
    }
    Ok(root)
}
