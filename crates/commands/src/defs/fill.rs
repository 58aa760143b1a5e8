//! `mkdef -u` and `chdef -u`: the attributes of an osimage that follow from its provmethod and profile, and the
//! lists that `lsdef --osimage` shows for nodes without an image of their own.

use std::path::{Path, PathBuf};

use super::beside::{Beside, first};
use super::make::Wanted;

/// Where distributions and images are unless `site.installdir` says otherwise.
const INSTALL: &str = "/install";
/// The attributes that images of Windows do not have.
const NOT_OF_WINDOWS: &[&str] = &[
    "pkglist",
    "pkgdir",
    "otherpkglist",
    "otherpkgdir",
    "exlist",
    "postinstall",
    "rootimgdir",
    "template",
];
/// How many earlier minor versions of a distribution are tried.
const MINORS: u32 = 99;

/// What an image is made of.
pub(super) struct Basis<'a> {
    pub(super) method: &'a str,
    pub(super) profile: &'a str,
    pub(super) osvers: &'a str,
    pub(super) osarch: &'a str,
}

/// Whether values that are given stay, or are found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    Stays,
    FoundAgain,
}

/// Completes an image; otherwise says why that cannot be done.
pub(super) fn fill(
    image: &mut Wanted,
    beside: &Beside,
    install: Option<&str>,
    given: Given,
) -> Result<(), String> {
    let (Some(profile), Some(method)) = (image.get("profile"), image.get("provmethod")) else {
        return Err("The profile and provmethod are all need to be specified.".to_owned());
    };
    let (profile, method) = (profile.to_owned(), method.to_owned());
    if !["install", "netboot", "statelite"].contains(&method.as_str()) {
        return Err(format!("The provmethod: {method} is incorrect."));
    }
    let osvers = image.get("osvers").map_or_else(this_system, |osvers| Ok(osvers.to_owned()))?;
    let osarch = image.get("osarch").map_or_else(this_architecture, str::to_owned);
    let osarch = match osarch.as_str() {
        "ppc64le" if osvers.starts_with("ubuntu") => "ppc64el".to_owned(),
        _ => osarch,
    };
    for (what, text) in [("profile", &profile), ("osvers", &osvers), ("osarch", &osarch)] {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte);
        if text.starts_with('.') || !text.bytes().all(plain) {
            return Err(format!("The {what} '{}' cannot be part of a path.", text.escape_debug()));
        }
    }
    image.put("osvers", &osvers);
    image.put("osarch", &osarch);
    let windows = ["win", "imagex", "hyperv"].iter().any(|name| osvers.starts_with(name));
    let (imagetype, osname) = if windows { ("windows", "Windows") } else { ("linux", "Linux") };
    agree(image, "imagetype", imagetype)?;
    agree(image, "osname", osname)?;
    image.put("osdistroname", &format!("{osvers}-{osarch}"));
    if windows {
        let surplus: Vec<&str> =
            NOT_OF_WINDOWS.iter().copied().filter(|name| image.get(name).is_some()).collect();
        if !surplus.is_empty() {
            return Err(format!("{osvers} can not work with {}.", surplus.join(" ")));
        }
        return Ok(());
    }
    let install = Path::new(install.unwrap_or(INSTALL));
    let basis = Basis { method: &method, profile: &profile, osvers: &osvers, osarch: &osarch };
    let found = found(&basis, beside, install)?;
    for (name, value) in found {
        let again = given == Given::FoundAgain && matches!(name, "template" | "synclists");
        if again || image.get(name).is_none() {
            image.put(name, &value);
        }
    }
    for name in unused(&method) {
        image.attributes.retain(|(attribute, _)| attribute != name);
        if given == Given::FoundAgain {
            image.put(name, "");
        }
    }
    Ok(())
}

/// The attributes that images of the method do not have.
fn unused(method: &str) -> &'static [&'static str] {
    if method == "install" { &["exlist", "postinstall", "rootimgdir"] } else { &["template"] }
}

/// Sets an attribute that must have one value, unless it has another.
fn agree(image: &mut Wanted, name: &str, value: &str) -> Result<(), String> {
    if let Some(given) = image.get(name) {
        let begins = given.to_ascii_lowercase().starts_with(&value.to_ascii_lowercase());
        let differs = || format!("The input {name}:{given} not match {value}.");
        return begins.then_some(()).ok_or_else(differs);
    }
    image.put(name, value);
    Ok(())
}

/// The lists and directories of an image.
pub(super) fn found(
    basis: &Basis<'_>,
    beside: &Beside,
    install: &Path,
) -> Result<Vec<(&'static str, String)>, String> {
    let Basis { method, profile, osvers, osarch } = *basis;
    let kind = if method == "install" { "install" } else { "netboot" };
    let platform = platform(osvers, kind, beside, install).ok_or_else(|| {
        let directory = beside.platforms(kind);
        format!("Unable to find {} directory for {osvers}.", directory.display())
    })?;
    let directories = beside.lists(install, kind, platform);
    let list = |extension: &str| {
        first(&directories, &names(basis, extension), extension == "postinstall")
            .map(|path| path.to_string_lossy().into_owned())
    };
    let below = |path: String| install.join(path).to_string_lossy().into_owned();
    let mut found = vec![
        ("pkgdir", Some(below(format!("{osvers}/{osarch}")))),
        ("otherpkgdir", Some(below(format!("post/otherpkgs/{osvers}/{osarch}")))),
        ("pkglist", list("pkglist")),
        ("otherpkglist", list("otherpkgs.pkglist")),
        ("synclists", list("synclist")),
    ];
    if kind == "install" {
        found.push(("template", list("tmpl")));
    } else {
        found.push(("exlist", list("exlist")));
        found.push(("postinstall", list("postinstall")));
        found.push(("rootimgdir", Some(below(format!("netboot/{osvers}/{osarch}/{profile}")))));
    }
    Ok(found.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

/// The longest beginning of `osvers` that there are lists for.
fn platform<'a>(osvers: &'a str, method: &str, beside: &Beside, install: &Path) -> Option<&'a str> {
    let ends = (1..=osvers.len()).rev().filter(|end| osvers.is_char_boundary(*end));
    let mut beginnings = ends.map(|end| &osvers[..end]);
    beginnings
        .find(|name| beside.lists(install, method, name).iter().any(|dir: &PathBuf| dir.is_dir()))
}

/// The names that a list can have, the most specific first.
fn names(basis: &Basis<'_>, extension: &str) -> Vec<String> {
    let Basis { profile, osvers, osarch, .. } = *basis;
    let mut names = Vec::new();
    let versions = std::iter::once(osvers.to_owned()).chain(general(osvers)).chain(earlier(osvers));
    for version in versions {
        names.push(format!("{profile}.{version}.{osarch}.{extension}"));
        names.push(format!("{profile}.{version}.{extension}"));
    }
    names.push(format!("{profile}.{osarch}.{extension}"));
    names.push(format!("{profile}.{extension}"));
    names
}

/// `rhels7.6` also goes by `rhel7`.
fn general(osvers: &str) -> Option<String> {
    let major = osvers.split('.').next()?;
    let at = major.find(|c: char| c.is_ascii_digit())?;
    let (name, number) = major.split_at(at);
    (name.starts_with("rh") && name.ends_with('s')).then(|| format!("rhel{number}"))
}

/// `sles11.2` also goes by `sles11.1`, `sles11.0` and `sles11`; a padded minor version stands for itself.
fn earlier(osvers: &str) -> Vec<String> {
    let base = osvers.split('-').next().unwrap_or(osvers);
    let mut versions = Vec::new();
    let mut rest = base;
    while let Some((before, last)) = rest.rsplit_once('.') {
        let Ok(number) = last.parse::<u32>() else { break };
        if last.len() > 1 && last.starts_with('0') {
            versions.push(rest.to_owned());
            return versions;
        }
        versions.extend((0..=number.min(MINORS)).rev().map(|minor| format!("{before}.{minor}")));
        rest = before;
    }
    versions.push(rest.to_owned());
    versions
}

/// The system that this is, as osimages name it: `debian13`.
fn this_system() -> Result<String, String> {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    named_by(&text).ok_or_else(|| "The osvers must be specified.".to_owned())
}

fn named_by(os_release: &str) -> Option<String> {
    let value = |name: &str| {
        let mut lines = os_release.lines().filter_map(|line| line.split_once('='));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value.trim_matches(['"', '\'']))
    };
    Some(format!("{}{}", value("ID")?, value("VERSION_ID")?))
}

fn this_architecture() -> String {
    match std::env::consts::ARCH {
        "powerpc64" => "ppc64le",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_go_by_less_specific_names() {
        assert_eq!(earlier("sles11.2"), ["sles11.2", "sles11.1", "sles11.0", "sles11"]);
        assert_eq!(earlier("ubuntu24.04"), ["ubuntu24.04"]);
        assert_eq!(earlier("debian13"), ["debian13"]);
        assert_eq!(general("rhels7.6").as_deref(), Some("rhel7"));
        assert_eq!(general("debian13"), None);
        let basis =
            Basis { method: "netboot", profile: "compute", osvers: "debian13", osarch: "x86_64" };
        let names = names(&basis, "pkglist");
        assert_eq!(names[0], "compute.debian13.x86_64.pkglist");
        assert_eq!(names[names.len() - 2..], ["compute.x86_64.pkglist", "compute.pkglist"]);
    }

    #[test]
    fn the_system_is_named_as_images_name_it() {
        let text = "PRETTY_NAME=\"Debian 13\"\nVERSION_ID=\"13\"\nID=debian\n";
        assert_eq!(named_by(text).as_deref(), Some("debian13"));
        assert_eq!(named_by("ID=x\n"), None);
    }
}
