//! The upper layer: the programs and files of the management node, with what the programs say about themselves: commands,
//! manual pages, completion. They are run for that in a copy of the lower layer, emulated where that is needed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::image::arch::Arch;
use crate::image::{BUILD, SHORT, emulation, fresh, place, quietly, text};
use crate::run::captured;

/// Makes the layer's tar from the lower layer and the folder of the programs; every file gets the date `epoch`.
pub(crate) fn make(arch: Arch, system: &Path, programs: &Path, epoch: &str) -> Result<PathBuf> {
    emulation::ensure(arch)?;
    let folder = place(arch.name())?;
    let (root, staged, layer) =
        (fresh(arch, "root")?, folder.join("files"), folder.join("files.tar"));
    quietly(&["tar", "-C", text(&root)?, "-xpf", text(system)?], BUILD)?;
    let before = paths(&root)?;
    quietly(&["bash", "container/stage.sh", text(programs)?, text(&staged)?], SHORT)?;
    quietly(&["cp", "-rT", "--preserve=mode,links", text(&staged)?, text(&root)?], SHORT)?;
    quietly(&["cp", "container/rootfs/commands.sh", text(&root.join("tmp"))?], SHORT)?;
    quietly(&["chroot", text(&root)?, "/bin/sh", "/tmp/commands.sh"], BUILD)?;
    fs::remove_file(root.join("tmp/commands.sh"))?;
    let added = added(&before, &paths(&root)?, &paths(&staged)?);
    pack(&root, &added, epoch, &layer)?;
    fs::remove_dir_all(&root)?;
    Ok(layer)
}

/// What the lower layer has not, and what we put over it; folders that it has keep their owners and modes by absence.
fn added(
    before: &BTreeSet<String>,
    after: &BTreeSet<String>,
    ours: &BTreeSet<String>,
) -> Vec<String> {
    after
        .iter()
        .filter(|path| !before.contains(*path) || (ours.contains(*path) && !path.ends_with('/')))
        .cloned()
        .collect()
}

/// Everything below a folder, folders with a slash behind their name.
fn paths(folder: &Path) -> Result<BTreeSet<String>> {
    let line =
        ["find", text(folder)?, "-mindepth", "1", "(", "-type", "d", "-printf", "%P/\\n", "-o"];
    let output = captured(&[&line[..], &["-printf", "%P\\n", ")"]].concat(), SHORT)?;
    anyhow::ensure!(output.status == 0, "{}", output.stderr);
    Ok(output.stdout.lines().map(str::to_owned).collect())
}

/// Writes a tar whose bytes depend on names, modes and contents alone.
pub(crate) fn pack(root: &Path, names: &[String], epoch: &str, tar: &Path) -> Result<()> {
    let list = tar.with_extension("names");
    fs::write(&list, names.join("\n"))?;
    let (date, list) = (format!("--mtime=@{epoch}"), text(&list)?.to_owned());
    let mut line = vec!["tar", "-C", text(root)?, "--format=gnu", "--no-recursion", &date];
    line.extend(["--owner=0", "--group=0", "--numeric-owner"]);
    line.extend(["--verbatim-files-from", "-T", &list, "-cf", text(tar)?]);
    quietly(&line, BUILD)?;
    Ok(fs::remove_file(&list)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(paths: &[&str]) -> BTreeSet<String> {
        paths.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn the_layer_has_what_is_new_and_what_is_ours() {
        let before = set(&["etc/", "etc/kept", "etc/replaced", "opt/"]);
        let ours = set(&["etc/", "etc/replaced", "opt/", "opt/ours"]);
        let after = set(&[
            "etc/",
            "etc/kept",
            "etc/replaced",
            "opt/",
            "opt/ours",
            "opt/made/",
            "opt/made/page",
        ]);
        assert_eq!(
            added(&before, &after, &ours),
            ["etc/replaced", "opt/made/", "opt/made/page", "opt/ours"]
        );
    }

    /// The same names and contents in the folder, written in that order.
    fn folder(order: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in order {
            fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            fs::write(folder.path().join(name), name).unwrap();
        }
        folder
    }

    #[test]
    fn a_tar_depends_on_names_and_contents_alone() {
        let tars = [["b/two", "a", "b/one"], ["b/one", "b/two", "a"]].map(|order| {
            let (root, out) = (folder(&order), tempfile::tempdir().unwrap());
            let names: Vec<_> = paths(root.path()).unwrap().into_iter().collect();
            assert_eq!(names, ["a", "b/", "b/one", "b/two"]);
            pack(root.path(), &names, "1700000000", &out.path().join("out.tar")).unwrap();
            fs::read(out.path().join("out.tar")).unwrap()
        });
        assert!(tars[0].len() > 3 * 512);
        assert!(tars[0] == tars[1], "the bytes differ");
    }
}
