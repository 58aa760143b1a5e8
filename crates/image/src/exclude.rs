//! What packing leaves out: the lines of an exlist (provision.md section 6), decided here, because
//! mksquashfs knows no "but keep this".

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::ImageError;

const DEEPEST: usize = 8;

/// What no image may carry, whatever the lists say: secrets of the building machine and facts that
/// belong to one node.
const ALWAYS: [&str; 8] = [
    "./etc/ssh/ssh_host_*_key*",
    "./etc/hostname",
    "./etc/machine-id",
    "./etc/resolv.conf",
    "./var/lib/dbus/machine-id",
    "./var/lib/systemd/random-seed",
    "./var/cache/apt/*",
    "./var/lib/apt/lists/*",
];

/// The rules in order; the last that fits decides.
#[derive(Debug, Default)]
pub(crate) struct Exclusion {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    pattern: String,
    leave_out: bool,
}

impl Exclusion {
    /// Reads the lists; what no image may carry is added.
    pub(crate) fn read(files: &[PathBuf]) -> Result<Self, ImageError> {
        let mut exclusion = Self::default();
        for file in files {
            exclusion.read_file(file, DEEPEST)?;
        }
        for pattern in ALWAYS {
            exclusion.rules.push(Rule { pattern: pattern.to_owned(), leave_out: true });
        }
        Ok(exclusion)
    }

    fn read_file(&mut self, path: &Path, depth: usize) -> Result<(), ImageError> {
        let bad = |reason: String| ImageError::List { path: path.to_owned(), reason };
        let text = fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
        for line in text.lines().map(str::trim) {
            let include = line.strip_prefix("#INCLUDE:").and_then(|rest| rest.strip_suffix('#'));
            match include {
                Some(_) if depth == 0 => return Err(bad("includes too deep".to_owned())),
                Some(file) => {
                    self.read_file(&path.parent().unwrap_or(path).join(file.trim()), depth - 1)?;
                }
                None if line.is_empty() || line.starts_with('#') => {}
                None => self.rules.push(Rule::parse(line)),
            }
        }
        Ok(())
    }

    /// The paths below `tree` to leave out, relative to it, as few as possible.
    pub(crate) fn paths(&self, tree: &Path) -> Result<Vec<String>, ImageError> {
        let mut out = Vec::new();
        self.walk(tree, "", &mut out)?;
        Ok(out)
    }

    /// Decides below the directory `relative`; says whether anything there is kept although a rule
    /// leaves out what surrounds it.
    fn walk(&self, tree: &Path, relative: &str, out: &mut Vec<String>) -> Result<(), ImageError> {
        let dir = tree.join(relative);
        let entries = fs::read_dir(&dir).map_err(ImageError::io("read", &dir))?;
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = if relative.is_empty() { name } else { format!("{relative}/{name}") };
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let left_out = self.leaves_out(&path);
            if left_out && !(is_dir && self.keeps_below(&path)) {
                out.push(path);
            } else if is_dir {
                self.walk(tree, &path, out)?;
            }
        }
        Ok(())
    }

    fn leaves_out(&self, path: &str) -> bool {
        let text = format!("./{path}");
        let last = self.rules.iter().rev().find(|rule| matches(&rule.pattern, &text));
        last.is_some_and(|rule| rule.leave_out)
    }

    /// Whether a rule may keep something below the directory `path`.
    fn keeps_below(&self, path: &str) -> bool {
        let keeps = self.rules.iter().filter(|rule| !rule.leave_out);
        keeps.into_iter().any(|rule| {
            let literal = rule.pattern.split(['*', '?', '[']).next().unwrap_or("");
            let dir = format!("./{path}/");
            literal.starts_with(&dir) || dir.starts_with(literal)
        })
    }
}

impl Rule {
    fn parse(line: &str) -> Self {
        let (leave_out, pattern) = match line.strip_prefix('+') {
            Some(kept) => (false, kept),
            None => (true, line.strip_prefix('-').unwrap_or(line)),
        };
        let pattern = pattern.trim();
        let pattern = pattern.strip_prefix("./").or(pattern.strip_prefix('/')).unwrap_or(pattern);
        Self { pattern: format!("./{pattern}"), leave_out }
    }
}

/// As `find -path`: `*`, `?` and `[..]`, and they match slashes too.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            star = Some((p, t));
        } else if let Some(next) = after_one(pattern, p, text[t]) {
            (p, t) = (next, t + 1);
        } else if let Some((after, taken)) = star {
            // the star takes one more
            (p, t) = (after, taken + 1);
            star = Some((p, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Where the pattern goes on when its element at `p` fits `byte`.
fn after_one(pattern: &[u8], p: usize, byte: u8) -> Option<usize> {
    match pattern.get(p)? {
        b'?' => Some(p + 1),
        b'[' => {
            let end = p + 1 + pattern[p + 1..].iter().position(|close| *close == b']')?;
            in_class(&pattern[p + 1..end], byte).then_some(end + 1)
        }
        literal => (*literal == byte).then_some(p + 1),
    }
}

fn in_class(class: &[u8], byte: u8) -> bool {
    match class {
        [b'!', rest @ ..] => !in_class(rest, byte),
        [low, b'-', high, rest @ ..] => (*low..=*high).contains(&byte) || in_class(rest, byte),
        [one, rest @ ..] => *one == byte || in_class(rest, byte),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_find_does() {
        for (pattern, text, fits) in [
            ("./boot*", "./boot/vmlinuz", true),
            ("./usr/share/man/*", "./usr/share/man", false),
            ("./usr/share/man/*", "./usr/share/man/man1/ls", true),
            ("./*/x?z", "./a/b/xyz", true),
            ("./*/x?z", "./a/b/xz", false),
            ("./a", "./a", true),
            ("./a", "./ab", false),
            ("./a*b*c", "./a1b2b3c", true),
            ("./a*b*c", "./a1b2b3", false),
            ("./a[0-9]", "./a5", true),
            ("./a[!0-9]", "./a5", false),
            ("./a[", "./a[", false),
            ("./etc/ssh/ssh_host_*_key*", "./etc/ssh/ssh_host_rsa_key.pub", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn the_last_rule_decides_and_kept_files_survive_their_directory() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        for file in [
            "usr/share/zoneinfo/UTC",
            "usr/share/zoneinfo/Mars",
            "usr/share/man/ls",
            "etc/hostname",
            "etc/fstab",
        ] {
            let path = tree.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let list = dir.path().join("exlist");
        fs::write(
            &list,
            "# remarks\n./usr/share/man*\n-./usr/share/zoneinfo*\n+./usr/share/zoneinfo/UTC\n",
        )
        .unwrap();
        let mut paths = Exclusion::read(&[list]).unwrap().paths(&tree).unwrap();
        paths.sort();
        assert_eq!(paths, ["etc/hostname", "usr/share/man", "usr/share/zoneinfo/Mars"]);
    }

    #[test]
    fn keys_of_the_building_machine_are_always_left_out() {
        let exclusion = Exclusion::read(&[]).unwrap();
        assert!(exclusion.leaves_out("etc/ssh/ssh_host_ed25519_key"));
        assert!(!exclusion.leaves_out("etc/ssh/sshd_config"));
    }
}
