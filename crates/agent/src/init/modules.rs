//! Kernel modules: the ones every boot needs, and the drivers of the devices that are there.
//!
//! The initramfs carries, made when it was assembled: `/modules/NAME.ko` (not compressed), the list
//! `/modules/load` (names, in order), `/modules/depends` (`NAME: DEPENDENCY..`, all of them, the one
//! needed most first at the end, as modules.dep has it) and `/modules/aliases` (`PATTERN NAME`).

use std::collections::HashSet;
use std::fs::{self, File};

use nix::errno::Errno;
use nix::kmod::{ModuleInitFlags, finit_module};

use crate::console::say;

const DIR: &str = "/modules";
/// Buses whose devices tell what driver they want.
const BUSES: [&str; 5] = ["pci", "virtio", "vmbus", "xen", "platform"];
/// A driver can reveal another bus (PCI, then virtio): how deep that goes.
const ROUNDS: usize = 3;

/// Loads the listed modules and those of the devices found. What does not load is said: a missing
/// driver shows as a missing interface later.
pub(super) fn load_all() {
    let mut loader = Loader::read();
    for name in lines_of("load") {
        loader.load(&name);
    }
    for _ in 0..ROUNDS {
        let wanted = loader.aliases.wanted_by(&device_aliases());
        let fresh = wanted.iter().filter(|name| !loader.loaded.contains(*name)).count();
        for name in &wanted {
            loader.load(name);
        }
        if fresh == 0 {
            break;
        }
    }
    say(&format!("{} kernel modules are loaded", loader.loaded.len()));
}

struct Loader {
    depends: Vec<String>,
    aliases: Aliases,
    loaded: HashSet<String>,
}

impl Loader {
    fn read() -> Self {
        let aliases = Aliases::parse(&lines_of("aliases"));
        Self { depends: lines_of("depends"), aliases, loaded: HashSet::new() }
    }

    fn load(&mut self, name: &str) {
        let mut order = dependencies(&self.depends, name);
        order.push(name.to_owned());
        for module in order {
            if self.loaded.contains(&module) {
                continue;
            }
            match insert(&module) {
                Ok(()) => drop(self.loaded.insert(module)),
                Err(error) => {
                    return say(&format!("kernel module {module} does not load: {error}"));
                }
            }
        }
    }
}

fn insert(name: &str) -> std::io::Result<()> {
    let file = File::open(format!("{DIR}/{name}.ko"))?;
    match finit_module(&file, c"", ModuleInitFlags::empty()) {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What must be loaded before `name`, in the order to load it.
fn dependencies(depends: &[String], name: &str) -> Vec<String> {
    let line = depends.iter().filter_map(|line| line.split_once(':')).find(|(n, _)| *n == name);
    let mut order: Vec<_> =
        line.map_or("", |(_, names)| names).split(' ').map(str::to_owned).collect();
    order.retain(|name| !name.is_empty());
    order.reverse();
    order
}

/// Which module drives devices of which kind.
struct Aliases(Vec<(String, String)>);

impl Aliases {
    fn parse(lines: &[String]) -> Self {
        let pairs = lines.iter().filter_map(|line| line.split_once(' '));
        Self(pairs.map(|(pattern, name)| (pattern.to_owned(), name.to_owned())).collect())
    }

    /// The modules for these devices, each once.
    fn wanted_by(&self, devices: &[String]) -> Vec<String> {
        let mut wanted: Vec<String> = Vec::new();
        for (pattern, name) in &self.0 {
            if !wanted.contains(name) && devices.iter().any(|device| matches(pattern, device)) {
                wanted.push(name.clone());
            }
        }
        wanted
    }
}

/// Whether `text` has the shape of the alias `pattern`: `*`, `?` and `[..]` as in file names.
fn matches(pattern: &str, text: &str) -> bool {
    matches_bytes(pattern.as_bytes(), text.as_bytes())
}

fn matches_bytes(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|skip| matches_bytes(rest, &text[skip..])),
        ([b'[', rest @ ..], [first, text @ ..]) => {
            let Some(end) = rest.iter().position(|byte| *byte == b']') else { return false };
            in_class(&rest[..end], *first) && matches_bytes(&rest[end + 1..], text)
        }
        ([b'?', pattern @ ..], [_, text @ ..]) => matches_bytes(pattern, text),
        ([p, pattern @ ..], [t, text @ ..]) => p == t && matches_bytes(pattern, text),
        _ => false,
    }
}

fn in_class(class: &[u8], byte: u8) -> bool {
    match class {
        [low, b'-', high, rest @ ..] => (*low..=*high).contains(&byte) || in_class(rest, byte),
        [one, rest @ ..] => *one == byte || in_class(rest, byte),
        [] => false,
    }
}

fn device_aliases() -> Vec<String> {
    let mut found = Vec::new();
    for bus in BUSES {
        let devices =
            fs::read_dir(format!("/sys/bus/{bus}/devices")).into_iter().flatten().flatten();
        let texts =
            devices.filter_map(|device| fs::read_to_string(device.path().join("modalias")).ok());
        found.extend(texts.map(|text| text.trim().to_owned()));
    }
    found
}

fn lines_of(file: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("{DIR}/{file}")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_match_as_file_names_do() {
        let virtio = "virtio:d00000001v00001AF4";
        for (pattern, text, fits) in [
            ("virtio:d00000001v*", virtio, true),
            ("virtio:d00000002v*", virtio, false),
            ("pci:v00008086d0000105[0-5]sv*", "pci:v00008086d00001053sv0", true),
            ("pci:v00008086d0000105[0-5]sv*", "pci:v00008086d0000105Esv0", false),
            ("a[0-5b]c", "a5c", true),
            ("a[0-5b]c", "abc", true),
            ("a[0-5b]c", "a6c", false),
            ("a?c", "axc", true),
            ("a[", "a[", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn dependencies_come_before_what_needs_them() {
        let depends = ["virtio_net: net_failover failover".to_owned(), "loop:".to_owned()];
        assert_eq!(dependencies(&depends, "virtio_net"), ["failover", "net_failover"]);
        assert!(dependencies(&depends, "loop").is_empty());
        assert!(dependencies(&depends, "other").is_empty());
    }

    #[test]
    fn each_module_is_wanted_once() {
        let aliases = Aliases::parse(&["a* x".to_owned(), "ab* x".to_owned(), "q* y".to_owned()]);
        assert_eq!(aliases.wanted_by(&["abc".to_owned()]), ["x"]);
    }
}
