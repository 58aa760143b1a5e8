//! The lower layer: Debian with the packages of `container/rootfs/`, made by mmdebstrap, and kept until one of these changes.
//! The same packages give the same bytes, which `compare` holds it to.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::image::arch::Arch;
use crate::image::{
    BUILD, SHORT, digest, emulation, epoch, mirror, mmdebstrap, place, quietly, source, tail, text,
};
use crate::run::{captured, top};
use crate::say::say;

const ROOTFS: &str = "container/rootfs";

/// Hooks of mmdebstrap: "$1" is the new root. The shipped package sources name Debian's public mirror.
const HOOKS: &[&str] = &[
    "--customize-hook=copy-in container/rootfs/system.sh /tmp",
    "--customize-hook=chroot \"$1\" sh /tmp/system.sh",
    "--customize-hook=rm \"$1/tmp/system.sh\"",
    "--customize-hook=copy-in container/rootfs/sources.list /etc/apt",
];

/// Makes the layer unless it is there, and returns its tar.
pub(crate) fn ensure(arch: Arch) -> Result<PathBuf> {
    let folder = place(arch.name())?;
    let (layer, stamp) = (folder.join("system.tar"), folder.join("system.inputs"));
    let mirror = mirror()?;
    let epoch = epoch(Some(ROOTFS))?;
    let inputs = format!("{mirror}\n{epoch}\n{}", contents(&top().join(ROOTFS))?);
    if layer.exists() && fs::read_to_string(&stamp).is_ok_and(|made| made == inputs) {
        return Ok(layer);
    }
    emulation::ensure(arch)?;
    say(&format!("== system for {} (minutes where it is emulated)", arch.name()));
    if stamp.exists() {
        fs::remove_file(&stamp)?;
    }
    bootstrap(arch, &layer, &mirror, &epoch)?;
    fs::write(&stamp, inputs)?;
    Ok(layer)
}

/// Makes the layer a second time; its bytes may not differ. Where the mirror has newer packages than the kept layer, the newer
/// one takes its place and is made twice.
pub(crate) fn compare(arch: Arch) -> Result<()> {
    let kept = ensure(arch)?;
    let again = kept.with_file_name("system.again.tar");
    let (mirror, epoch) = (mirror()?, epoch(Some(ROOTFS))?);
    say(&format!("== system for {} a second time, to compare", arch.name()));
    bootstrap(arch, &again, &mirror, &epoch)?;
    if digest(&kept)? != digest(&again)? && versions(&kept)? != versions(&again)? {
        say("   the mirror has newer packages than the kept one: taking those, and once more");
        fs::rename(&again, &kept)?;
        bootstrap(arch, &again, &mirror, &epoch)?;
    }
    let (first, second) = (digest(&kept)?, digest(&again)?);
    ensure!(
        first == second,
        "{}: made twice, it differs:\n{}",
        arch.name(),
        differences(&kept, &again)?
    );
    say(&format!(
        "ok {}: the layer of Debian's packages is made again with the same bytes",
        arch.name()
    ));
    Ok(fs::remove_file(&again)?)
}

/// dpkg's list of what is installed in a layer.
fn versions(layer: &Path) -> Result<String> {
    let output = captured(&["tar", "-xOf", text(layer)?, "./var/lib/dpkg/status"], SHORT)?;
    ensure!(output.status == 0, "{}: {}", layer.display(), output.stderr);
    Ok(output.stdout)
}

/// The files of a layer that differ from those in another, by name.
fn differences(one: &Path, other: &Path) -> Result<String> {
    let box_of = |layer: &Path| layer.with_extension("unpacked");
    for layer in [one, other] {
        let folder = box_of(layer);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir(&folder)?;
        quietly(&["tar", "-C", text(&folder)?, "-xpf", text(layer)?], BUILD)?;
    }
    let line = ["diff", "-rq", "--no-dereference"];
    let found =
        captured(&[&line[..], &[text(&box_of(one))?, text(&box_of(other))?]].concat(), BUILD)?;
    for layer in [one, other] {
        fs::remove_dir_all(box_of(layer))?;
    }
    let names = tail(&found.text());
    Ok(if names.is_empty() { "only dates, modes or the order differ".to_owned() } else { names })
}

fn bootstrap(arch: Arch, layer: &Path, mirror: &str, epoch: &str) -> Result<()> {
    let list = fs::read_to_string(top().join(ROOTFS).join("packages"))?;
    let packages = format!("--include={}", packages(&list).join(","));
    ensure!(packages != "--include=", "no package is listed");
    let architecture = format!("--architectures={}", arch.debian());
    let sources: Vec<_> = arch.suites().iter().map(|suite| source(mirror, suite)).collect();
    let mut line = vec!["--variant=minbase", "--dpkgopt=container/rootfs/dpkg.cfg"];
    line.extend(["--aptopt=container/rootfs/apt.conf", &architecture, &packages]);
    line.extend(HOOKS);
    line.extend(["trixie", text(layer)?]);
    line.extend(sources.iter().map(String::as_str));
    mmdebstrap(&line, &[&format!("SOURCE_DATE_EPOCH={epoch}")]).context("the system cannot be made")
}

/// The names in a list with comments.
fn packages(list: &str) -> Vec<&str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// The digests of a folder's files, by name.
fn contents(folder: &Path) -> Result<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        lines.push(format!("{} {}", path.display(), digest(&path)?));
    }
    lines.sort();
    Ok(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_packages_has_comments() {
        assert_eq!(packages("# why\na\n\n  b\n"), ["a", "b"]);
        let ours = packages(include_str!("../../../container/rootfs/packages"));
        assert!(ours.contains(&"mmdebstrap"), "{ours:?}");
        assert!(ours.iter().all(|name| !name.contains(char::is_whitespace)), "{ours:?}");
    }
}
