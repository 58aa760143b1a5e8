//! `packimage`: from a tree to a squashfs, published together with its kernel and initramfs.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use remote::Program;
use tokio_util::sync::CancellationToken;

use crate::error::ImageError;
use crate::exclude::Exclusion;
use crate::genimage::check;
use crate::kernel;
use crate::packages;
use crate::publish::{FILES, Publication, publish};
use crate::spec::{OsImageSpec, Sink, Tools};
use crate::work::{Workplace, away, remove_tree};

/// How long mksquashfs may take.
const SQUASH: Duration = Duration::from_hours(1);
/// Fast to pack and quick to read; higher levels gain little.
const LEVEL: &str = "9";

/// The services of `xcat-node` in the booted system.
const UNITS: [(&str, &str); 2] = [
    ("xcat-node-identity.service", include_str!("../units/xcat-node-identity.service")),
    ("xcat-node.service", include_str!("../units/xcat-node.service")),
];

/// The list of what is left out, in the scratch directory.
const LEFT_OUT: &str = "exclude";
/// Where the agent lies in images.
const AGENT: &str = "opt/xcat/bin/xcat-node";
const SYSTEMD: &str = "etc/systemd/system";
/// Makes host keys of every type at boot, slowly; the agent makes the one that is needed.
const MASKED: &str = "sshd-keygen.service";

/// Packs the image `spec` and publishes it.
pub async fn packimage(
    spec: &OsImageSpec,
    tools: &Tools,
    sink: &Sink,
    cancel: &CancellationToken,
) -> Result<Publication, ImageError> {
    check(spec)?;
    let (here, with) = (spec.clone(), tools.clone());
    let (place, made) = away(move || prepare(&here, &with)).await?;
    sink.say(format!("Packing {}", spec.tree().display())).await;
    let list = place.scratch(LEFT_OUT);
    squash(spec, tools, &list, &made.0.join("rootimg.sfs"), cancel).await?;
    let publication = finish(spec, tools, made).await?;
    let names = [&publication.kernel, &publication.initrd, &publication.rootimg];
    let sizes: Vec<_> = names.iter().map(|f| format!("{} {} KiB", f.name, f.bytes >> 10)).collect();
    sink.say(format!("Published {} as {}: {}", spec.name, publication.id, sizes.join(", "))).await;
    Ok(publication)
}

/// Everything before mksquashfs: the agent in the tree, the list of what is left out, and a place
/// that has the kernel and the initramfs already.
fn prepare(spec: &OsImageSpec, tools: &Tools) -> Result<(Workplace, Staging), ImageError> {
    check_built(spec)?;
    let place = Workplace::open(&spec.name, &spec.rootimgdir)?;
    furnish(&spec.tree(), &tools.agent_for(&spec.osarch))?;
    let list = place.scratch(LEFT_OUT);
    let left_out = exclusion(spec, tools)?.paths(&spec.tree())?;
    fs::write(&list, left_out.join("\n") + "\n").map_err(ImageError::io("write", &list))?;
    let made = Staging::open(&tools.published, &spec.name)?;
    for (from, name) in [(spec.kernel(), FILES[0]), (spec.initrd(), FILES[1])] {
        let to = made.0.join(name);
        fs::copy(&from, &to).map_err(ImageError::io("write", &to))?;
    }
    Ok((place, made))
}

fn check_built(spec: &OsImageSpec) -> Result<(), ImageError> {
    for path in [spec.tree(), spec.kernel(), spec.initrd()] {
        if !path.exists() {
            return Err(ImageError::NotBuilt { image: spec.name.clone(), path });
        }
    }
    // a genimage that was killed between its last steps leaves a tree and a kernel of two builds
    let kernel = kernel::find(&spec.name, &spec.tree())?;
    let read = |path: &Path| fs::read(path).map_err(ImageError::io("read", path));
    if read(&kernel.file)? == read(&spec.kernel())? {
        return Ok(());
    }
    Err(ImageError::Mixed { image: spec.name.clone(), version: kernel.version })
}

/// A directory beside the publications, removed unless it became one.
struct Staging(PathBuf);

impl Staging {
    fn open(published: &Path, image: &str) -> Result<Self, ImageError> {
        let dir = published.join(format!(".new-{image}"));
        remove_tree(&dir)?;
        fs::create_dir_all(&dir).map_err(ImageError::io("make the directory", &dir))?;
        Ok(Self(dir))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // the next packimage of this image removes what stays
        remove_tree(&self.0).unwrap_or(());
    }
}

fn exclusion(spec: &OsImageSpec, tools: &Tools) -> Result<Exclusion, ImageError> {
    let found = packages::find(spec, tools, "exlist");
    if spec.exlists.is_empty() {
        return Exclusion::read(&found.into_iter().collect::<Vec<_>>());
    }
    Exclusion::read(&spec.exlists)
}

async fn squash(
    spec: &OsImageSpec,
    tools: &Tools,
    list: &Path,
    target: &Path,
    cancel: &CancellationToken,
) -> Result<(), ImageError> {
    let output = program(tools, &spec.tree(), list, target)
        .run(cancel)
        .await
        .map_err(|source| ImageError::Run { image: spec.name.clone(), source })?;
    if output.success() {
        return Ok(());
    }
    let image = spec.name.clone();
    if format!("{}{}", output.stdout, output.stderr).contains("No space left on device") {
        return Err(ImageError::DiskFull { image, path: tools.published.clone() });
    }
    let reason = output.last_line().to_owned();
    Err(ImageError::Step { image, step: "mksquashfs".into(), exit: output.exit, reason })
}

fn program(tools: &Tools, tree: &Path, list: &Path, target: &Path) -> Program {
    Program::new(&tools.mksquashfs)
        .arg(tree)
        .arg(target)
        .args(["-noappend", "-no-progress", "-quiet"])
        .args(["-comp", "zstd", "-Xcompression-level", LEVEL])
        .arg("-ef")
        .arg(list)
        .deadline(SQUASH)
}

/// Hashes and publishes, and leaves the packed image where xCAT leaves it.
async fn finish(
    spec: &OsImageSpec,
    tools: &Tools,
    made: Staging,
) -> Result<Publication, ImageError> {
    let (image, dir, published) =
        (spec.name.clone(), spec.rootimgdir.clone(), tools.published.clone());
    let work = move || {
        let publication = publish(&image, &dir, &made.0, &published)?;
        let packed = published.join(&publication.id).join("rootimg.sfs");
        link(&packed, &dir.join("rootimg.sfs"))?;
        Ok(publication)
    };
    away(work).await
}

/// Makes `path` a second name of `file`; only a name: the content is there once.
fn link(file: &Path, path: &Path) -> Result<(), ImageError> {
    let fresh = path.with_extension("sfs.new");
    let make = || {
        fs::remove_file(&fresh).or_else(ignore_missing)?;
        if fs::hard_link(file, &fresh).is_err() {
            fs::copy(file, &fresh)?;
        }
        fs::rename(&fresh, path)
    };
    make().map_err(ImageError::io("write", path))
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Puts the agent and its services into the tree.
fn furnish(tree: &Path, agent: &Path) -> Result<(), ImageError> {
    let target = tree.join(AGENT);
    let install = || {
        fs::create_dir_all(target.parent().unwrap_or(tree))?;
        fs::copy(agent, &target)?;
        fs::set_permissions(&target, fs::Permissions::from_mode(0o755))
    };
    if !agent.is_file() {
        return Err(ImageError::Io {
            what: "read",
            path: agent.to_owned(),
            source: io::ErrorKind::NotFound.into(),
        });
    }
    install().map_err(ImageError::io("write", &target))?;
    install_units(&tree.join(SYSTEMD)).map_err(ImageError::io("write units into", tree))
}

fn install_units(systemd: &Path) -> io::Result<()> {
    let wants = systemd.join("multi-user.target.wants");
    fs::create_dir_all(&wants)?;
    for (name, text) in UNITS {
        fs::write(systemd.join(name), text)?;
        relink(Path::new(&format!("../{name}")), &wants.join(name))?;
    }
    relink(Path::new("/dev/null"), &systemd.join(MASKED))
}

fn relink(target: &Path, link: &Path) -> io::Result<()> {
    fs::remove_file(link).or_else(ignore_missing)?;
    symlink(target, link)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(dir: &Path, mksquashfs: &str) -> (OsImageSpec, Tools) {
        let spec = OsImageSpec {
            name: "img".into(),
            osvers: "debian13".into(),
            osarch: "x86_64".into(),
            profile: "lab".into(),
            rootimgdir: dir.join("image"),
            ..OsImageSpec::default()
        };
        let mut tools = Tools::installed(dir, None);
        tools.mksquashfs = dir.join("mksquashfs");
        tools.node_program = dir.join("agent");
        fs::write(&tools.node_program, "agent").unwrap();
        fs::write(&tools.mksquashfs, mksquashfs).unwrap();
        fs::set_permissions(&tools.mksquashfs, fs::Permissions::from_mode(0o755)).unwrap();
        (spec, tools)
    }

    fn build(spec: &OsImageSpec) {
        let tree = spec.tree();
        for path in ["boot", "etc/ssh", "usr/lib/modules/6.1"] {
            fs::create_dir_all(tree.join(path)).unwrap();
        }
        fs::write(tree.join("boot/vmlinuz-6.1"), "kernel").unwrap();
        fs::write(tree.join("usr/lib/modules/6.1/modules.dep"), "").unwrap();
        fs::write(tree.join("etc/ssh/ssh_host_ed25519_key"), "secret").unwrap();
        fs::write(spec.kernel(), "kernel").unwrap();
        fs::write(spec.initrd(), "initrd").unwrap();
    }

    /// Stands in for mksquashfs: the image is the list of what is left out.
    const PACKS: &str = "#!/bin/sh\nfor last; do :; done\ncp \"$last\" \"$2\"\n";

    #[tokio::test]
    async fn packing_publishes_three_files_that_belong_together() {
        let dir = tempfile::tempdir().unwrap();
        let (spec, tools) = fixture(dir.path(), PACKS);
        build(&spec);
        let cancel = CancellationToken::new();
        let publication = packimage(&spec, &tools, &Sink::nowhere(), &cancel).await.unwrap();
        let place = tools.published.join(&publication.id);
        assert_eq!(fs::read_to_string(place.join("kernel")).unwrap(), "kernel");
        assert_eq!(fs::read_to_string(place.join("initrd-stateless.gz")).unwrap(), "initrd");
        let left_out = fs::read_to_string(place.join("rootimg.sfs")).unwrap();
        assert_eq!(left_out, "etc/ssh/ssh_host_ed25519_key\n");
        assert!(spec.rootimgdir.join("rootimg.sfs").is_file());
        assert!(!tools.published.join(".new-img").exists());
        let tree = spec.tree();
        assert!(tree.join("opt/xcat/bin/xcat-node").is_file());
        let wants = tree.join("etc/systemd/system/multi-user.target.wants/xcat-node.service");
        assert!(fs::metadata(wants).is_ok());
        // again: the same publication
        let again = packimage(&spec, &tools, &Sink::nowhere(), &cancel).await.unwrap();
        assert_eq!(again, publication);
    }

    #[tokio::test]
    async fn what_was_not_built_or_does_not_fit_is_refused_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let full = "#!/bin/sh\necho 'Write failed because No space left on device' >&2; exit 1\n";
        let (spec, tools) = fixture(dir.path(), full);
        let cancel = CancellationToken::new();
        let error = packimage(&spec, &tools, &Sink::nowhere(), &cancel).await.unwrap_err();
        let text = base::Failure::from(error).to_string();
        assert!(text.ends_with("; hint: run genimage img first"), "{text}");
        build(&spec);
        let error = packimage(&spec, &tools, &Sink::nowhere(), &cancel).await.unwrap_err();
        assert!(matches!(error, ImageError::DiskFull { .. }), "{error}");
        assert_eq!(fs::read_dir(&tools.published).unwrap().count(), 0);
        fs::write(spec.kernel(), "another").unwrap();
        let error = packimage(&spec, &tools, &Sink::nowhere(), &cancel).await.unwrap_err();
        assert!(matches!(error, ImageError::Mixed { .. }), "{error}");
    }
}
