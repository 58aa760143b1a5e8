//! Building the tree of a Debian or Ubuntu image with mmdebstrap, and reading its complaints.
//!
//! Runs as root without the right to mount anything (`--mode=root` skips what it may not do), and
//! makes no initramfs of the distribution: ours replaces it.

use std::path::{Path, PathBuf};

use remote::{Output, Program};

use crate::error::ImageError;
use crate::packages::PackageList;
use crate::spec::{OsImageSpec, Tools};

/// A distribution that mmdebstrap builds.
#[derive(Debug)]
struct Release {
    osvers: &'static str,
    suite: &'static str,
    family: &'static Family,
}

#[derive(Debug)]
struct Family {
    mirror: &'static str,
    components: &'static str,
    security: Option<&'static str>,
    security_suffix: &'static str,
    /// Whether the site's mirror, which is one of Debian, has it.
    on_site_mirror: bool,
}

static DEBIAN: Family = Family {
    mirror: "http://deb.debian.org/debian",
    components: "main",
    security: Some("http://deb.debian.org/debian-security"),
    security_suffix: "-security",
    on_site_mirror: true,
};

static UBUNTU: Family = Family {
    mirror: "http://archive.ubuntu.com/ubuntu",
    components: "main universe",
    security: Some("http://security.ubuntu.com/ubuntu"),
    security_suffix: "-security",
    on_site_mirror: false,
};

/// Found by the longest name that begins the image's osvers.
static RELEASES: [Release; 6] = [
    Release { osvers: "debian11", suite: "bullseye", family: &DEBIAN },
    Release { osvers: "debian12", suite: "bookworm", family: &DEBIAN },
    Release { osvers: "debian13", suite: "trixie", family: &DEBIAN },
    Release { osvers: "ubuntu20.04", suite: "focal", family: &UBUNTU },
    Release { osvers: "ubuntu22.04", suite: "jammy", family: &UBUNTU },
    Release { osvers: "ubuntu24.04", suite: "noble", family: &UBUNTU },
];

/// xCAT's names of architectures and Debian's.
const ARCHITECTURES: [(&str, &str); 3] =
    [("x86_64", "amd64"), ("aarch64", "arm64"), ("ppc64le", "ppc64el")];

/// What nodes do not read: half of a small image.
const LEFT_OUT: [&str; 5] = [
    "/usr/share/man/*",
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/lintian/*",
];

/// How to build the tree of one image.
#[derive(Debug)]
pub(crate) struct Bootstrap {
    image: String,
    suite: &'static str,
    architecture: &'static str,
    sources: Vec<String>,
    mirror: String,
    packages: PackageList,
}

impl Bootstrap {
    /// Decides how to build the image.
    pub(crate) fn plan(
        spec: &OsImageSpec,
        tools: &Tools,
        packages: PackageList,
    ) -> Result<Self, ImageError> {
        let unknown = || ImageError::UnknownOs {
            image: spec.name.clone(),
            osvers: spec.osvers.clone(),
            osarch: spec.osarch.clone(),
        };
        let known = |release: &&Release| spec.osvers.starts_with(release.osvers);
        let release = RELEASES.iter().find(known).ok_or_else(unknown)?;
        let architecture = ARCHITECTURES.iter().find(|(ours, _)| *ours == spec.osarch);
        let (_, architecture) = architecture.ok_or_else(unknown)?;
        let sources = sources(release, &spec.pkgdirs, tools.mirror.as_deref());
        let mirror = mirror_of(&sources);
        let mut all = sources;
        all.extend(spec.otherpkgdirs.iter().filter(|dir| is_repository(dir)).map(|dir| flat(dir)));
        Ok(Self {
            image: spec.name.clone(),
            suite: release.suite,
            architecture,
            sources: all,
            mirror,
            packages,
        })
    }

    /// The mirror, for messages.
    pub(crate) fn mirror(&self) -> &str {
        &self.mirror
    }

    /// The program that builds the tree in `tree`.
    pub(crate) fn program(&self, tools: &Tools, tree: &Path) -> Program {
        let mut program = Program::new(&tools.mmdebstrap)
            .args(["--mode=root", "--variant=minbase", "--format=directory"])
            .arg(format!("--architectures={}", self.architecture));
        for option in [
            r#"Apt::Install-Recommends "false""#,
            r#"Acquire::Languages "none""#,
            r#"Acquire::Retries "2""#,
            r#"Acquire::http::Timeout "20""#,
            r#"Dir::Cache::pkgcache """#,
            r#"Dir::Cache::srcpkgcache """#,
        ] {
            program = program.arg(format!("--aptopt={option}"));
        }
        for option in ["force-confold", "force-unsafe-io"] {
            program = program.arg(format!("--dpkgopt={option}"));
        }
        for path in LEFT_OUT {
            program = program.arg(format!("--dpkgopt=path-exclude={path}"));
        }
        program = program.arg(format!("--setup-hook={NO_INITRAMFS}"));
        program = program.arg(format!("--include={}", self.packages.install.join(",")));
        for (name, value) in &self.packages.environment {
            program = program.env(name, value);
        }
        program
            .env("INITRD", "No")
            .env("LC_ALL", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .arg(self.suite)
            .arg(tree)
            .args(&self.sources)
    }

    /// What mmdebstrap's failure means.
    pub(crate) fn failure(&self, output: &Output, dir: &Path) -> ImageError {
        let text = format!("{}\n{}", output.stdout, output.stderr);
        let image = self.image.clone();
        let mirror = self.mirror.clone();
        if SPACE_IS_OUT.iter().any(|words| text.contains(words)) {
            return ImageError::DiskFull { image, path: PathBuf::from(dir) };
        }
        if let Some(package) = text.lines().find_map(absent_package) {
            return ImageError::NoPackage { image, mirror, package };
        }
        if let Some(reason) = text.lines().find_map(unreachable_mirror) {
            return ImageError::Mirror { image, mirror, reason };
        }
        let reason = complaint(&text).unwrap_or(output.last_line()).to_owned();
        ImageError::Step { image, step: "mmdebstrap".into(), exit: output.exit, reason }
    }
}

/// What apt, dpkg and tar say when the disk is full; the last is all that tar says when the last file is cut.
const SPACE_IS_OUT: [&str; 3] = ["No space left on device", "enough free space", ": Wrote only "];

/// Keeps initramfs-tools, which kernel packages bring along, from making an initramfs nobody loads.
const NO_INITRAMFS: &str = "mkdir -p \"$1/etc/initramfs-tools\" && \
    echo update_initramfs=no > \"$1/etc/initramfs-tools/update-initramfs.conf\"";

/// The lines for apt. A mirror that was named replaces all public ones: it may be there because the
/// public ones cannot be reached.
fn sources(release: &Release, pkgdirs: &[String], mirror: Option<&str>) -> Vec<String> {
    let Release { suite, family, .. } = release;
    // naming the public mirror asks for nothing else than naming none
    let is_public = |mirror: &&str| mirror.trim_end_matches('/') == family.mirror;
    let mirror = mirror.filter(|mirror| family.on_site_mirror && !is_public(mirror));
    let named: Vec<&str> = match (pkgdirs, mirror) {
        ([], None) => Vec::new(),
        ([], Some(mirror)) => vec![mirror],
        (dirs, _) => dirs.iter().map(String::as_str).collect(),
    };
    let Some((first, others)) = named.split_first() else {
        let mut lines = vec![
            format!("deb {} {suite} {}", family.mirror, family.components),
            format!("deb {} {suite}-updates {}", family.mirror, family.components),
        ];
        lines.extend(family.security.map(|security| {
            format!("deb {security} {suite}{} {}", family.security_suffix, family.components)
        }));
        return lines;
    };
    let mut lines = vec![source(first, suite, family)];
    lines.extend(others.iter().map(|other| {
        if other.contains("security") && !other.starts_with("deb ") {
            return format!("deb {other} {suite}{} {}", family.security_suffix, family.components);
        }
        source(other, suite, family)
    }));
    lines
}

/// A whole line for apt is taken as it is; a directory is trusted, since it is ours.
fn source(place: &str, suite: &str, family: &Family) -> String {
    if place.starts_with("deb ") {
        return place.to_owned();
    }
    if place.starts_with('/') {
        return format!("deb [trusted=yes] copy:{place} {suite} {}", family.components);
    }
    format!("deb {place} {suite} {}", family.components)
}

fn is_repository(place: &str) -> bool {
    place.starts_with("deb ") || place.contains("://") || Path::new(place).join("Packages").exists()
}

/// A repository without suites.
fn flat(place: &str) -> String {
    if place.starts_with("deb ") {
        return place.to_owned();
    }
    let scheme = if place.contains("://") { "" } else { "copy:" };
    format!("deb [trusted=yes] {scheme}{place} ./")
}

fn mirror_of(sources: &[String]) -> String {
    let first = sources.first().map_or("", String::as_str);
    let place = first.split(' ').find(|word| word.contains(":/"));
    place.unwrap_or(first).trim_start_matches("copy:").to_owned()
}

/// `E: Unable to locate package NAME`, `E: Package 'NAME' has no installation candidate`.
fn absent_package(line: &str) -> Option<String> {
    let line = line.trim().trim_start_matches("E: ").trim_start_matches("Error: ");
    let name = line.strip_prefix("Unable to locate package ").or_else(|| {
        line.strip_prefix("Package '")?
            .split_once("' has no installation candidate")
            .map(|(name, _)| name)
    })?;
    Some(name.trim().to_owned())
}

/// The reason when the line is apt's about a mirror that cannot be reached or is none.
fn unreachable_mirror(line: &str) -> Option<String> {
    const SIGNS: [&str; 12] = [
        "Could not resolve",
        "Temporary failure resolving",
        "Could not connect",
        "Unable to connect",
        "Connection refused",
        "Connection timed out",
        "Connection failed",
        "Network is unreachable",
        "does not have a Release file",
        "404  Not Found",
        "is not signed",
        "502  Bad Gateway",
    ];
    let line = line.trim();
    SIGNS.iter().any(|sign| line.contains(sign)).then(|| {
        let start =
            ["E: ", "W: ", "Err: ", "Error: "].iter().fold(line, |l, p| l.trim_start_matches(*p));
        start.to_owned()
    })
}

/// The first complaint that says something; mmdebstrap ends with general ones.
fn complaint(text: &str) -> Option<&str> {
    let complaints = || text.lines().map(str::trim).filter(|line| line.starts_with("E: "));
    complaints().find(|line| !line.contains("failed to run")).or_else(|| complaints().next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use remote::Exit;

    fn spec(osvers: &str, pkgdirs: &[&str]) -> OsImageSpec {
        OsImageSpec {
            name: "img".into(),
            osvers: osvers.into(),
            osarch: "x86_64".into(),
            pkgdirs: pkgdirs.iter().map(|dir| (*dir).to_owned()).collect(),
            ..OsImageSpec::default()
        }
    }

    fn plan(osvers: &str, pkgdirs: &[&str], mirror: Option<&str>) -> Bootstrap {
        let tools = Tools::installed(Path::new("/install"), mirror.map(str::to_owned));
        let packages =
            PackageList { install: vec!["kmod".into(), "udev".into()], ..PackageList::default() };
        Bootstrap::plan(&spec(osvers, pkgdirs), &tools, packages).unwrap()
    }

    #[test]
    fn the_public_mirrors_are_the_default_and_a_named_one_replaces_them() {
        let public = plan("debian13", &[], None);
        assert_eq!(public.sources.len(), 3);
        assert_eq!(
            public.sources[2],
            "deb http://deb.debian.org/debian-security trixie-security main"
        );
        let site = plan("debian12", &[], Some("http://10.0.0.1/debian"));
        assert_eq!(site.sources, ["deb http://10.0.0.1/debian bookworm main"]);
        assert_eq!(plan("debian13", &[], Some("http://deb.debian.org/debian/")).sources.len(), 3);
        let other = plan("ubuntu22.04", &[], Some("http://10.0.0.1/debian"));
        assert_eq!(other.mirror(), "http://archive.ubuntu.com/ubuntu");
        let named = plan(
            "ubuntu24.04",
            &["/install/noble", "deb http://x y z"],
            Some("http://10.0.0.1/debian"),
        );
        assert_eq!(
            named.sources,
            ["deb [trusted=yes] copy:/install/noble noble main universe", "deb http://x y z"]
        );
        assert_eq!(named.mirror(), "/install/noble");
    }

    #[test]
    fn the_program_gets_packages_suite_tree_and_sources_in_this_order() {
        let bootstrap = plan("debian13", &[], Some("http://m/d"));
        let tools = Tools::installed(Path::new("/install"), None);
        let program = bootstrap.program(&tools, Path::new("/t"));
        let words: Vec<_> =
            program.arguments().map(|arg| arg.to_string_lossy().into_owned()).collect();
        assert!(words.contains(&"--include=kmod,udev".to_owned()));
        assert_eq!(words[words.len() - 3..], ["trixie", "/t", "deb http://m/d trixie main"]);
    }

    #[test]
    fn unknown_systems_are_refused_by_name() {
        let tools = Tools::installed(Path::new("/install"), None);
        let error =
            Bootstrap::plan(&spec("rhels9", &[]), &tools, PackageList::default()).unwrap_err();
        assert_eq!(error.to_string(), "osimage img: cannot build rhels9 for x86_64");
    }

    #[test]
    fn complaints_become_reasons() {
        let bootstrap = plan("debian13", &[], Some("http://m/d"));
        for (complaint, words) in [
            ("E: Unable to locate package nosuch", "http://m/d has no package nosuch"),
            (
                "W: Failed to fetch http://m/d/x  Could not resolve 'm'\nE: apt-get failed",
                "mirror http://m/d cannot be used",
            ),
            ("dpkg: error: cannot write: No space left on device", "no space left in /i"),
            ("tar: ./usr/bin/a: Wrote only 4608 of 10240 bytes", "no space left in /i"),
            ("E: odd thing\nE: run_chroot failed", "mmdebstrap failed (exit code 1): E: odd thing"),
        ] {
            let output =
                Output { exit: Exit::Code(1), stdout: String::new(), stderr: complaint.into() };
            let error = bootstrap.failure(&output, Path::new("/i"));
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
