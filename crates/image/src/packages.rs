//! Finding and reading lists of packages (provision.md sections 1 and 11).

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::ImageError;
use crate::spec::{OsImageSpec, Tools};

/// How deep lists may include lists.
const DEEPEST: usize = 8;

/// What a list asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PackageList {
    /// To install, in order.
    pub(crate) install: Vec<String>,
    /// To leave out, even when another list names them.
    pub(crate) exclude: Vec<String>,
    /// Environment for the installation.
    pub(crate) environment: Vec<(String, String)>,
}

impl PackageList {
    /// Reads the files one after the other as one list.
    pub(crate) fn read(files: &[PathBuf]) -> Result<Self, ImageError> {
        let mut list = Self::default();
        for file in files {
            list.read_file(file, DEEPEST)?;
        }
        list.install.retain(|name| !list.exclude.contains(name));
        Ok(list)
    }

    fn read_file(&mut self, path: &Path, depth: usize) -> Result<(), ImageError> {
        let bad = |reason: String| ImageError::List { path: path.to_owned(), reason };
        let text = fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
        for line in text.lines().map(str::trim) {
            match Entry::parse(line).map_err(bad)? {
                Entry::Nothing => {}
                Entry::Install(name) => push_new(&mut self.install, name),
                Entry::Exclude(name) => push_new(&mut self.exclude, name),
                Entry::Environment(pairs) => self.environment.extend(pairs),
                Entry::Include(_) if depth == 0 => {
                    return Err(bad(format!("includes more than {DEEPEST} levels deep")));
                }
                Entry::Include(file) => {
                    // a relative name is relative to the list that includes it
                    let file = path.parent().unwrap_or(path).join(file);
                    self.read_file(&file, depth - 1)?;
                }
            }
        }
        Ok(())
    }
}

enum Entry {
    Nothing,
    Install(String),
    Exclude(String),
    Include(String),
    Environment(Vec<(String, String)>),
}

impl Entry {
    fn parse(line: &str) -> Result<Self, String> {
        if let Some(file) = marker(line, "#INCLUDE:") {
            return Ok(Self::Include(file.to_owned()));
        }
        if let Some(pairs) = marker(line, "#ENV:") {
            return Ok(Self::Environment(environment(pairs)));
        }
        if line.is_empty() || line.starts_with('#') {
            return Ok(Self::Nothing);
        }
        // of "subdir/name" the name is the package: our repositories know their directories
        let name = line.rsplit('/').next().unwrap_or(line);
        let plain = name.trim_start_matches('-');
        let usable = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.:=~_".contains(&byte);
        if plain.is_empty() || !plain.bytes().all(usable) {
            return Err(format!("'{line}' is not the name of a package"));
        }
        let excluded = line.starts_with('-');
        Ok(if excluded { Self::Exclude(plain.to_owned()) } else { Self::Install(name.to_owned()) })
    }
}

/// What stands between `start` and the closing `#`.
fn marker<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_prefix(start)?.strip_suffix('#').map(str::trim)
}

fn environment(text: &str) -> Vec<(String, String)> {
    let pairs = text.split_ascii_whitespace().filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned())).collect()
}

fn push_new(list: &mut Vec<String>, name: String) {
    if !list.contains(&name) {
        list.push(name);
    }
}

/// The file with the extension that fits the image best, searched as xCAT searches.
pub(crate) fn find(spec: &OsImageSpec, tools: &Tools, extension: &str) -> Option<PathBuf> {
    let platform: String = spec.osvers.chars().take_while(|c| !c.is_ascii_digit()).collect();
    let dirs = tools.list_dirs.iter().map(|dir| dir.join(&platform));
    let names = candidates(spec, extension);
    dirs.flat_map(|dir| names.iter().map(move |name| dir.join(name)).collect::<Vec<_>>())
        .find(|path| path.is_file())
}

/// File names from the most to the least specific.
fn candidates(spec: &OsImageSpec, extension: &str) -> Vec<String> {
    let (profile, arch) = (&spec.profile, &spec.osarch);
    let mut names = Vec::new();
    for os in versions(&spec.osvers) {
        names.push(format!("{profile}.{os}.{arch}.{extension}"));
        names.push(format!("{profile}.{os}.{extension}"));
    }
    names.push(format!("{profile}.{arch}.{extension}"));
    names.push(format!("{profile}.{extension}"));
    names
}

/// `ubuntu24.4` also goes by `ubuntu24.3` ... `ubuntu24`.
fn versions(osvers: &str) -> Vec<String> {
    let mut all = vec![osvers.to_owned()];
    if let Some((major, minor)) = osvers.rsplit_once('.') {
        let last = minor.parse().map_or(0, |minor: u32| minor.min(99));
        all.extend((0..last).rev().map(|minor| format!("{major}.{minor}")));
        all.push(major.to_owned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn lists_include_exclude_and_set_the_environment() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "common", "kmod\n# a remark\n\niproute2\n");
        let list = write(
            dir.path(),
            "compute.pkglist",
            "#ENV:A=1 B='2'#\n#INCLUDE:common#\n openssh-server \n-iproute2\n#NEW_INSTALL_LIST#\nsub/extra\nkmod\n",
        );
        let read = PackageList::read(&[list]).unwrap();
        assert_eq!(read.install, ["kmod", "openssh-server", "extra"]);
        assert_eq!(read.exclude, ["iproute2"]);
        assert_eq!(read.environment, [("A".into(), "1".into()), ("B".into(), "2".into())]);
    }

    #[test]
    fn what_is_not_a_package_is_named_with_its_file() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["a b\n", "$(reboot)\n", "#INCLUDE:nowhere#\n", "#INCLUDE:x#\n"] {
            let list = write(dir.path(), "x", text);
            let error = PackageList::read(&[list]).unwrap_err();
            assert!(matches!(error, ImageError::List { .. }), "{text}");
        }
    }

    #[test]
    fn the_most_specific_file_wins_and_the_site_comes_first() {
        let dir = tempfile::tempdir().unwrap();
        let (site, ours) = (dir.path().join("site"), dir.path().join("ours"));
        let spec = OsImageSpec {
            osvers: "ubuntu24.4".into(),
            osarch: "x86_64".into(),
            profile: "compute".into(),
            ..OsImageSpec::default()
        };
        let mut tools = Tools::installed(dir.path(), None);
        tools.list_dirs = vec![site.clone(), ours.clone()];
        assert_eq!(find(&spec, &tools, "pkglist"), None);
        let general = write(&ours, "ubuntu/compute.pkglist", "");
        assert_eq!(find(&spec, &tools, "pkglist"), Some(general));
        let older = write(&ours, "ubuntu/compute.ubuntu24.2.x86_64.pkglist", "");
        assert_eq!(find(&spec, &tools, "pkglist"), Some(older));
        let custom = write(&site, "ubuntu/compute.pkglist", "");
        assert_eq!(find(&spec, &tools, "pkglist"), Some(custom));
    }
}
