//! `cargo xtask tidy`: the rules of the workspace that the compiler does not know.
//!
//! Arrows between crates point to a smaller layer only; a few third-party crates have one owner, some are banned, and none is
//! there twice unless the list says why; every file begins with a header; no crate is empty and no file is too long.
//! Development dependencies are free: a test may use what it likes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use crate::say::say;

/// Edges that point sideways or up, each with its reason. Short, or the layers mean nothing.
const ALLOWED_EDGES: &[(&str, &str)] = &[];

/// Third-party crates that only one of ours may name.
const OWNED: &[(&str, &[&str])] = &[
    ("rusqlite", &["store"]),
    ("quick-xml", &["wire"]),
    ("hyper", &["netboot", "daemon"]),
    ("hickory-proto", &["netboot"]),
    ("anyhow", &["benches", "xtask"]),
    ("cargo_metadata", &["xtask"]),
];

/// Crates that may not be in the lock file, and what takes their place.
const BANNED: &[(&str, &str)] = &[
    ("openssl-sys", "rustls with ring: the programs are static"),
    ("native-tls", "rustls with ring: the programs are static"),
    ("aws-lc-sys", "ring: it needs no CMake where we cross-build"),
    ("async-std", "tokio"),
    ("chrono", "jiff"),
];

/// Crates of which two versions are in the build, each with the reason that will go away one day.
const TWICE: &[(&str, &str)] = &[
    ("bit-vec", "proptest has 0.8, only in tests"),
    ("getrandom", "ring 0.17 has 0.2"),
    ("rand_core", "imbl has 0.9"),
    ("syn", "asn1-rs-derive has 2, only while building"),
    ("synstructure", "asn1-rs-derive has 0.13, only while building"),
];

/// What the container is built for; packages for other systems do not count.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Lines of a file, its tests not counted, above which it has to be cut.
const FILE_LIMIT: usize = 500;

/// Lines of code under which a crate is a placeholder.
const EMPTY_LIMIT: usize = 10;

struct Source {
    path: PathBuf,
    /// All lines, and those before the tests.
    lines: usize,
    code: usize,
    has_header: bool,
}

/// Prints the size table and every breach; fails when there is one.
pub(crate) fn tidy() -> Result<()> {
    let metadata = MetadataCommand::new()
        .other_options(["--locked", "--filter-platform", PLATFORM].map(str::to_owned))
        .exec()
        .context("cargo metadata")?;
    let packages = metadata.workspace_packages();
    let mut breaches = dependency_breaches(&versions(&metadata));
    say(&format!(
        "{:<12} {:>5} {:>6} {:>8} {:>8}  longest",
        "crate", "layer", "files", "lines", "tests"
    ));
    for package in &packages {
        breaches.extend(edge_breaches(package, &metadata)?);
        breaches.extend(owner_breaches(package));
        breaches.extend(source_breaches(package)?);
    }
    if breaches.is_empty() {
        return Ok(());
    }
    for breach in &breaches {
        say(&format!("tidy: {breach}"));
    }
    bail!("{} breaches", breaches.len())
}

fn layer(package: &Package) -> Result<u64> {
    package.metadata["layer"]
        .as_u64()
        .with_context(|| format!("{}: no [package.metadata] layer", package.name))
}

fn edge_breaches(package: &Package, metadata: &Metadata) -> Result<Vec<String>> {
    let mut breaches = Vec::new();
    let from = layer(package)?;
    for target in metadata.workspace_packages() {
        if !depends_on(package, &target.name) {
            continue;
        }
        let to = layer(target)?;
        if to >= from && !ALLOWED_EDGES.contains(&(&package.name, &target.name)) {
            breaches
                .push(format!("{} (layer {from}) uses {} (layer {to})", package.name, target.name));
        }
    }
    Ok(breaches)
}

fn depends_on(package: &Package, name: &str) -> bool {
    package
        .dependencies
        .iter()
        .any(|edge| edge.name == name && edge.kind != DependencyKind::Development)
}

fn owner_breaches(package: &Package) -> Vec<String> {
    OWNED
        .iter()
        .filter(|(name, owners)| {
            depends_on(package, name) && !owners.contains(&package.name.as_str())
        })
        .map(|(name, owners)| {
            format!("{} uses {name}, which belongs to {}", package.name, owners.join(", "))
        })
        .collect()
}

/// The names of all packages of the build with how many versions of each there are.
fn versions(metadata: &Metadata) -> BTreeMap<&str, usize> {
    let mut versions = BTreeMap::new();
    for package in &metadata.packages {
        *versions.entry(package.name.as_str()).or_default() += 1;
    }
    versions
}

fn dependency_breaches(versions: &BTreeMap<&str, usize>) -> Vec<String> {
    let banned = BANNED
        .iter()
        .filter(|(name, _)| versions.contains_key(name))
        .map(|(name, instead)| format!("{name} is banned: use {instead}"));
    let twice = versions
        .iter()
        .filter(|(name, count)| **count > 1 && !TWICE.iter().any(|(known, _)| known == *name))
        .map(|(name, count)| format!("{name} is in the build in {count} versions"));
    let single = TWICE
        .iter()
        .filter(|(name, _)| versions.get(name).is_none_or(|count| *count < 2))
        .map(|(name, _)| format!("{name} is no longer there twice: take it off the list"));
    banned.chain(twice).chain(single).collect()
}

fn source_breaches(package: &Package) -> Result<Vec<String>> {
    let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
    let mut sources = Vec::new();
    collect(folder.as_std_path(), &mut sources)?;
    print_sizes(package, &sources)?;
    let mut breaches: Vec<String> = sources.iter().flat_map(file_breaches).collect();
    if sources.iter().map(|source| source.code).sum::<usize>() < EMPTY_LIMIT {
        breaches.push(format!("{} is empty", package.name));
    }
    Ok(breaches)
}

fn file_breaches(source: &Source) -> Vec<String> {
    let mut breaches = Vec::new();
    let path = source.path.display();
    if !source.has_header {
        breaches.push(format!("{path} does not begin with a //! header"));
    }
    if source.code > FILE_LIMIT {
        breaches.push(format!(
            "{path} has {} lines without its tests, more than {FILE_LIMIT}",
            source.code
        ));
    }
    breaches
}

fn print_sizes(package: &Package, sources: &[Source]) -> Result<()> {
    let code: usize = sources.iter().map(|source| source.code).sum();
    let lines: usize = sources.iter().map(|source| source.lines).sum();
    let longest = sources.iter().max_by_key(|source| source.code);
    let longest = longest.map_or(String::new(), |source| {
        format!("{} {}", source.code, source.path.file_name().unwrap_or_default().to_string_lossy())
    });
    let (name, files, tests) = (package.name.as_str(), sources.len(), lines - code);
    say(&format!("{name:<12} {:>5} {files:>6} {code:>8} {tests:>8}  {longest}", layer(package)?));
    Ok(())
}

fn collect(folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            sources.push(measure(path, &text));
        }
    }
    Ok(())
}

fn measure(path: PathBuf, text: &str) -> Source {
    let lines = text.lines().count();
    let is_test = path.components().any(|part| part.as_os_str() == "tests")
        || path.file_name().is_some_and(|name| name == "tests.rs");
    let tests_begin = text.lines().position(|line| line == "#[cfg(test)]" || line == "mod tests {");
    let code = if is_test { 0 } else { tests_begin.unwrap_or(lines) };
    Source { path, lines, code, has_header: text.starts_with("//!") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_not_counted_as_code() {
        let text = "//! header\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n}\n";
        let source = measure(PathBuf::from("src/a.rs"), text);
        assert_eq!((source.lines, source.code, source.has_header), (6, 3, true));
    }

    #[test]
    fn banned_twice_and_no_longer_twice_are_breaches() {
        let known: BTreeMap<&str, usize> = TWICE.iter().map(|(name, _)| (*name, 2)).collect();
        assert!(dependency_breaches(&known).is_empty());
        let mut versions = known.clone();
        versions.extend([("chrono", 1), ("bytes", 2), (TWICE[0].0, 1)]);
        let breaches = dependency_breaches(&versions);
        assert_eq!(breaches.len(), 3, "{breaches:?}");
        assert_eq!(breaches[0], "chrono is banned: use jiff");
        assert_eq!(breaches[1], "bytes is in the build in 2 versions");
    }

    #[test]
    fn a_file_without_header_is_a_breach() {
        let source = measure(PathBuf::from("src/a.rs"), "// no header\n");
        assert_eq!(file_breaches(&source), ["src/a.rs does not begin with a //! header"]);
    }

    #[test]
    fn a_long_file_is_a_breach_unless_it_is_a_test() {
        let text = "//! header\n".repeat(FILE_LIMIT + 1);
        assert_eq!(file_breaches(&measure(PathBuf::from("src/a.rs"), &text)).len(), 1);
        assert!(file_breaches(&measure(PathBuf::from("crates/a/tests/a.rs"), &text)).is_empty());
    }
}
