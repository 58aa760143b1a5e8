//! `cargo xtask image`: the container image for every architecture, made on an amd64 machine without an engine, as an archive
//! that docker, podman and containerd load. Needs root, for mmdebstrap and chroot.
//!
//! Two layers: Debian with its packages, and our files. What goes into both is said once, in `container/rootfs/` and
//! `container/stage.sh`, which the Dockerfile of `./up` uses too; how the image is run is read from that Dockerfile.

mod arch;
mod archive;
mod check;
mod emulation;
mod files;
mod names;
mod programs;
mod settings;
mod system;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::MetadataCommand;

use crate::image::arch::Arch;
use crate::image::archive::{Image, Release};
use crate::image::names::Names;
use crate::run::{captured, succeeds, top};
use crate::say::say;

/// What the menu says about it.
pub(crate) const USAGE: &str = "\
  image [--arch amd64,arm64,ppc64le] [--tag TAG] [--output FILE] [--programs FOLDER] [--check]
                  container images as one archive that docker and podman load; --check starts each, emulated where needed, and
                  makes everything but the programs a second time: the same bytes;
                  --programs: those of one architecture, built before";

/// Nothing that runs for a moment takes longer.
const SHORT: Duration = Duration::from_mins(2);
/// Installing packages, emulated.
const BUILD: Duration = Duration::from_mins(40);

/// What an architecture needs and this machine has not. In a check that skips the architecture, and says so.
#[derive(Debug)]
struct Unavailable(String);

impl Unavailable {
    fn because(reason: String) -> anyhow::Error {
        anyhow::Error::new(Self(reason))
    }
}

impl std::fmt::Display for Unavailable {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Build,
    Check,
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    architectures: Vec<Arch>,
    tag: String,
    output: Option<PathBuf>,
    /// Programs that were built before, of the one architecture that is asked for.
    programs: Option<PathBuf>,
    mode: Mode,
}

impl Request {
    fn parse(arguments: &[&str]) -> Result<Self> {
        let mut request = Self {
            architectures: Arch::ALL.to_vec(),
            tag: "latest".to_owned(),
            output: None,
            programs: None,
            mode: Mode::Build,
        };
        let mut arguments = arguments.iter();
        while let Some(&option) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{option} needs a value"));
            match option {
                "--arch" => request.architectures = architectures(value()?)?,
                "--tag" => request.tag = tag(value()?)?,
                "--output" => request.output = Some(std::path::absolute(value()?)?),
                "--programs" => request.programs = Some(std::path::absolute(value()?)?),
                "--check" => request.mode = Mode::Check,
                _ => bail!("unknown option {option}\n{USAGE}"),
            }
        }
        let one = request.architectures.len() == 1;
        ensure!(one || request.programs.is_none(), "--programs needs one --arch");
        Ok(request)
    }
}

fn architectures(list: &str) -> Result<Vec<Arch>> {
    let mut found = Vec::new();
    for name in list.split(',') {
        let arch = Arch::parse(name)
            .with_context(|| format!("no architecture {name}: amd64, arm64, ppc64le"))?;
        ensure!(!found.contains(&arch), "{name} is there twice");
        found.push(arch);
    }
    Ok(found)
}

fn tag(text: &str) -> Result<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    ensure!(
        begins && text.len() <= 128 && text.chars().all(word),
        "{text:?} is no tag of an image"
    );
    Ok(text.to_owned())
}

/// Builds the images and their archive; with `--check` starts each image, and makes layers and archive again to compare.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let request = Request::parse(arguments)?;
    requirements()?;
    let release = release(&request.tag)?;
    let mut images = Vec::new();
    for arch in &request.architectures {
        match build(*arch, &request, &release) {
            Ok(image) => images.push(image),
            Err(error) if request.mode == Mode::Check && error.is::<Unavailable>() => {
                say(&format!("SKIPPED: the image of {} was NOT TESTED: {error:#}", arch.name()));
            }
            Err(error) => return Err(error.context(arch.name())),
        }
    }
    if images.is_empty() {
        return Ok(());
    }
    let name = file_name(&images, &request.tag);
    let layout = place("layouts")?.join(&name);
    let tar = match request.output {
        Some(file) => file,
        None => place("")?.join(format!("{name}.tar")),
    };
    archive::write(&images, &release, &layout, &tar)?;
    report(&images, &tar)?;
    if request.mode == Mode::Check {
        reproduce(&images, &release, &layout, &tar)?;
    }
    Ok(fs::remove_dir_all(&layout)?)
}

fn build(arch: Arch, request: &Request, release: &Release) -> Result<Image> {
    emulation::ensure(arch)?;
    let programs = match &request.programs {
        Some(built) => built.clone(),
        None => programs::build(arch)?,
    };
    let system = match system::ensure(arch) {
        Err(error) if request.mode == Mode::Check && error.is::<Unavailable>() => {
            check_programs(arch, programs, release)?;
            return Err(error);
        }
        system => system?,
    };
    if request.mode == Mode::Check {
        system::compare(arch)?;
    }
    let files = files::make(arch, &system, &programs, &release.epoch)?;
    let image = Image { arch, programs, layers: vec![system, files] };
    if request.mode == Mode::Check {
        check::starts(&image, &release.settings)?;
    }
    Ok(image)
}

/// Starts programs in amd64's system, where packages of their own architecture cannot be had.
fn check_programs(arch: Arch, programs: PathBuf, release: &Release) -> Result<()> {
    let system = system::ensure(Arch::Amd64)?;
    let files = files::make(arch, &system, &programs, &release.epoch)?;
    say(&format!("== the programs of {} alone, in amd64's system", arch.name()));
    check::starts(&Image { arch, programs, layers: vec![system, files] }, &release.settings)
}

fn requirements() -> Result<()> {
    let id = captured(&["id", "-u"], SHORT)?;
    ensure!(id.stdout.trim() == "0", "needs root, for mmdebstrap and chroot");
    ensure!(Arch::Amd64.is_native(), "the cross-compilers are those of an amd64 machine");
    for program in ["mmdebstrap", "unshare", "gzip", "ip"] {
        ensure!(
            succeeds(&["sh", "-c", &format!("command -v {program}")]),
            "{program} is missing: apt-get install mmdebstrap arch-test qemu-user-static iproute2"
        );
    }
    Ok(())
}

fn release(tag: &str) -> Result<Release> {
    let metadata = MetadataCommand::new().no_deps().exec().context("cargo metadata")?;
    let version = metadata.workspace_packages().first().context("a package")?.version.to_string();
    let revision = captured(&["git", "rev-parse", "HEAD"], SHORT)?.stdout.trim().to_owned();
    let dockerfile = fs::read_to_string(top().join("container/Dockerfile"))?;
    Ok(Release {
        names: Names::new(tag, &version),
        version,
        revision,
        epoch: epoch(None)?,
        settings: settings::read(&dockerfile)?,
    })
}

fn file_name(images: &[Image], tag: &str) -> String {
    match images {
        [image] => format!("xcat-rs-{tag}-{}", image.arch.name()),
        _ => format!("xcat-rs-{tag}"),
    }
}

fn report(images: &[Image], tar: &Path) -> Result<()> {
    const MB: u64 = 1_000_000;
    for image in images {
        let (mut unpacked, mut packed) = (0, 0);
        for layer in &image.layers {
            unpacked += fs::metadata(layer)?.len();
            packed += fs::metadata(format!("{}.gz", text(layer)?))?.len();
        }
        let (unpacked, packed) = (unpacked / MB, packed / MB);
        say(&format!("{}: {unpacked} MB unpacked, {packed} MB compressed", image.arch.name()));
    }
    say(&format!("{}  sha256:{}", tar.display(), digest(tar)?));
    Ok(())
}

/// Makes the upper layers and the archive again from the same programs: nothing may differ.
fn reproduce(images: &[Image], release: &Release, layout: &Path, tar: &Path) -> Result<()> {
    let before = digest(tar)?;
    for image in images {
        files::make(image.arch, &image.layers[0], &image.programs, &release.epoch)?;
    }
    archive::write(images, release, layout, tar)?;
    let after = digest(tar)?;
    ensure!(before == after, "{}: written twice, sha256 {before} and {after}", tar.display());
    say("ok written again with the same bytes");
    Ok(())
}

/// The folder of that name among what this command keeps.
fn place(name: &str) -> Result<PathBuf> {
    let folder = top().join("target/image").join(name);
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}

/// An empty folder for a root, whatever an earlier run left there.
fn fresh(arch: Arch, name: &str) -> Result<PathBuf> {
    let folder = place(arch.name())?.join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir(&folder)?;
    Ok(folder)
}

/// The date of everything in the image, in seconds since 1970: that of the last commit, or of the last to some path.
fn epoch(path: Option<&str>) -> Result<String> {
    if let Ok(given) = std::env::var("SOURCE_DATE_EPOCH") {
        return Ok(given);
    }
    let mut line = vec!["git", "log", "-1", "--format=%ct", "--"];
    line.extend(path);
    let date = captured(&line, SHORT)?.stdout.trim().to_owned();
    ensure!(!date.is_empty(), "no commit here: set SOURCE_DATE_EPOCH");
    Ok(date)
}

/// The mirror that `./up` would use.
fn mirror() -> Result<String> {
    let output = captured(&["bash", "-c", ". container/lib.sh && debian_mirror"], SHORT)?;
    ensure!(output.status == 0, "{}", output.text());
    Ok(output.stdout.trim().to_owned())
}

/// A line of package sources. The mirror of security updates lies beside that of Debian.
fn source(mirror: &str, suite: &str) -> String {
    let beside = if suite.ends_with("-security") { "-security" } else { "" };
    let key = "/usr/share/keyrings/debian-archive-keyring.gpg";
    format!("deb [signed-by={key}] {mirror}{beside} {suite} main")
}

fn digest(file: &Path) -> Result<String> {
    let output = captured(&["sha256sum", "--", text(file)?], SHORT)?;
    let digest = output.stdout.split_whitespace().next().context(output.stderr)?;
    Ok(digest.to_owned())
}

/// Runs mmdebstrap with these arguments and variables; packages that cannot be fetched are [`Unavailable`].
fn mmdebstrap(arguments: &[&str], variables: &[&str]) -> Result<()> {
    let line = [&["env"], variables, &["mmdebstrap", "--mode=root"], arguments].concat();
    let output = captured(&line, BUILD)?;
    let said = output.text();
    let lost: Vec<_> = said.lines().filter(|line| line.starts_with("E: Failed to fetch")).collect();
    ensure!(output.status == 0 || !lost.is_empty(), "`mmdebstrap` failed:\n{}", tail(&said));
    match lost.first() {
        Some(first) if output.status != 0 => {
            Err(Unavailable::because(format!("{} packages: {first}", lost.len())))
        }
        _ => Ok(()),
    }
}

/// Runs a program whose output matters only when it fails.
fn quietly(line: &[&str], deadline: Duration) -> Result<()> {
    let output = captured(line, deadline)?;
    ensure!(
        output.status == 0,
        "`{}` failed:\n{}",
        line[..2.min(line.len())].join(" "),
        tail(&output.text())
    );
    Ok(())
}

fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read() {
        let request = Request::parse(&["--arch", "ppc64le,amd64", "--tag", "dev", "--check"]);
        let expected = Request {
            architectures: vec![Arch::Ppc64le, Arch::Amd64],
            tag: "dev".to_owned(),
            output: None,
            programs: None,
            mode: Mode::Check,
        };
        assert_eq!(request.unwrap(), expected);
        for wrong in [
            &["--arch"][..],
            &["--arch", "s390x"],
            &["--arch", "amd64,amd64"],
            &["--tag", ""],
            &["--tag", "a/b"],
            &["--tag", ".a"],
            &["--programs", "target/up/bin"],
            &["--fast"],
        ] {
            assert!(Request::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn security_updates_lie_beside_the_mirror() {
        assert!(
            source("http://m/debian", "trixie-security")
                .contains(" http://m/debian-security trixie-security ")
        );
        assert!(source("http://m/debian", "trixie").ends_with(" http://m/debian trixie main"));
    }
}
