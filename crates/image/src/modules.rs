//! Kernel modules of an image: what depends on what, which module drives which device, and their
//! content without compression. Reads what depmod left under `lib/modules/VERSION`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The modules of one kernel.
#[derive(Debug)]
pub(crate) struct ModuleTree {
    dir: PathBuf,
    /// By name with `_`: the file and the names of what it needs, as modules.dep has them.
    modules: BTreeMap<String, Module>,
    aliases: Vec<(String, String)>,
}

#[derive(Debug)]
struct Module {
    file: String,
    needs: Vec<String>,
}

/// A choice of modules, with everything they need.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The names, dependencies included.
    pub(crate) names: BTreeSet<String>,
    /// Names that were asked for and that this kernel does not have as modules (they may be built in).
    pub(crate) absent: Vec<String>,
}

impl ModuleTree {
    /// Reads the tree in `dir`, which is `lib/modules/VERSION`.
    pub(crate) fn read(dir: &Path) -> io::Result<Self> {
        let depends = fs::read_to_string(dir.join("modules.dep"))?;
        let aliases = fs::read_to_string(dir.join("modules.alias"))?;
        Ok(Self {
            dir: dir.to_owned(),
            modules: parse_depends(&depends),
            aliases: parse_aliases(&aliases),
        })
    }

    /// Chooses modules by name, and by the directory they are in (`kernel/drivers/net/ethernet`).
    pub(crate) fn choose(&self, names: &[&str], directories: &[&str]) -> Choice {
        let mut choice = Choice::default();
        for name in names {
            match self.modules.get(&canonical(name)) {
                Some(module) => self.add(&canonical(name), module, &mut choice.names),
                None => choice.absent.push((*name).to_owned()),
            }
        }
        for (name, module) in &self.modules {
            if directories.iter().any(|directory| is_under(&module.file, directory)) {
                self.add(name, module, &mut choice.names);
            }
        }
        choice
    }

    fn add(&self, name: &str, module: &Module, chosen: &mut BTreeSet<String>) {
        // the dependencies in modules.dep are complete: no need to follow them
        chosen.insert(name.to_owned());
        chosen.extend(module.needs.iter().filter(|need| self.modules.contains_key(*need)).cloned());
    }

    /// Lines `NAME: NEED..` for the chosen modules that need any.
    pub(crate) fn depends_text(&self, choice: &Choice) -> String {
        let chosen = self.modules.iter().filter(|(name, _)| choice.names.contains(*name));
        let needy = chosen.filter(|(_, module)| !module.needs.is_empty());
        let line = |name: &str, module: &Module| format!("{name}: {}\n", module.needs.join(" "));
        needy.fold(String::new(), |text, (name, module)| text + &line(name, module))
    }

    /// Lines `PATTERN NAME` for the chosen modules.
    pub(crate) fn aliases_text(&self, choice: &Choice) -> String {
        let chosen = self.aliases.iter().filter(|(_, name)| choice.names.contains(name));
        chosen.fold(String::new(), |text, (pattern, name)| text + pattern + " " + name + "\n")
    }

    /// The module's content, decompressed.
    pub(crate) fn content(&self, name: &str) -> io::Result<Vec<u8>> {
        let module = self.modules.get(name).ok_or(io::ErrorKind::NotFound)?;
        let path = self.dir.join(&module.file);
        let with_path =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let bytes = fs::read(&path).map_err(with_path)?;
        decompress(&module.file, bytes).map_err(with_path)
    }
}

fn decompress(file: &str, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    match file.rsplit('.').next() {
        Some("xz") => {
            liblzma::read::XzDecoder::new(&*bytes).read_to_end(&mut plain)?;
        }
        Some("zst") => {
            zstd::Decoder::new(&*bytes)?.read_to_end(&mut plain)?;
        }
        Some("ko") => plain = bytes,
        _ => return Err(io::Error::other("an unknown compression")),
    }
    Ok(plain)
}

fn parse_depends(text: &str) -> BTreeMap<String, Module> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let modules = lines.map(|(file, needs)| {
        let needs = needs.split_ascii_whitespace().map(name_of).collect();
        (name_of(file), Module { file: file.to_owned(), needs })
    });
    modules.collect()
}

fn parse_aliases(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("alias "));
    // a pattern can hold blanks, a name cannot
    let pairs = lines.filter_map(|line| line.rsplit_once(' '));
    pairs.map(|(pattern, name)| (pattern.to_owned(), canonical(name))).collect()
}

/// `kernel/net/core/fail-over.ko.xz` is the module `fail_over`.
fn name_of(file: &str) -> String {
    let base = file.rsplit('/').next().unwrap_or(file);
    canonical(base.split(".ko").next().unwrap_or(base))
}

fn canonical(name: &str) -> String {
    name.replace('-', "_")
}

fn is_under(file: &str, directory: &str) -> bool {
    file.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A tree with a driver that needs two others, each compressed in another way.
    pub(crate) fn sample(dir: &Path) -> ModuleTree {
        let net = dir.join("kernel/drivers/net");
        fs::create_dir_all(&net).unwrap();
        fs::write(net.join("virtio_net.ko"), b"plain").unwrap();
        fs::write(net.join("net_failover.ko.zst"), zstd::encode_all(&b"zstd"[..], 1).unwrap())
            .unwrap();
        let mut xz = Vec::new();
        liblzma::read::XzEncoder::new(&b"xz"[..], 1).read_to_end(&mut xz).unwrap();
        fs::write(net.join("fail-over.ko.xz"), xz).unwrap();
        let depends = "kernel/drivers/net/virtio_net.ko: kernel/drivers/net/net_failover.ko.zst kernel/drivers/net/fail-over.ko.xz\n\
            kernel/drivers/net/net_failover.ko.zst: kernel/drivers/net/fail-over.ko.xz\n\
            kernel/drivers/net/fail-over.ko.xz:\n";
        fs::write(dir.join("modules.dep"), depends).unwrap();
        fs::write(
            dir.join("modules.alias"),
            "# head\nalias virtio:d00000001v* virtio_net\nalias pci:x other\n",
        )
        .unwrap();
        ModuleTree::read(dir).unwrap()
    }

    #[test]
    fn a_choice_brings_what_it_needs() {
        let dir = tempfile::tempdir().unwrap();
        let tree = sample(dir.path());
        let choice = tree.choose(&["virtio-net", "squashfs"], &[]);
        let names: Vec<_> = choice.names.iter().map(String::as_str).collect();
        assert_eq!(names, ["fail_over", "net_failover", "virtio_net"]);
        assert_eq!(choice.absent, ["squashfs"]);
        assert_eq!(
            tree.depends_text(&choice),
            "net_failover: fail_over\nvirtio_net: net_failover fail_over\n"
        );
        assert_eq!(tree.aliases_text(&choice), "virtio:d00000001v* virtio_net\n");
        assert_eq!(tree.choose(&[], &["kernel/drivers/net"]).names.len(), 3);
        assert!(tree.choose(&[], &["kernel/drivers/ne"]).names.is_empty());
    }

    #[test]
    fn contents_are_decompressed() {
        let dir = tempfile::tempdir().unwrap();
        let tree = sample(dir.path());
        for (name, content) in
            [("virtio_net", "plain"), ("net_failover", "zstd"), ("fail_over", "xz")]
        {
            assert_eq!(tree.content(name).unwrap(), content.as_bytes());
        }
        assert!(tree.content("nothing").is_err());
    }
}
