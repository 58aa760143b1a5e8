//! Images: what nodeset and genimage need of them.

use tables::ids;

use super::known::{ARCHITECTURES, Known};
use super::{Fault, Findings, Kind};
use crate::cell::field;
use crate::osimage::OsImage;

const METHODS: &[&str] =
    &["install", "netboot", "statelite", "boottarget", "dualboot", "sysclone", "raw"];

pub(super) fn check(known: &Known<'_>, found: &mut Findings) {
    let names = known.snapshot.enabled_rows(ids::OSIMAGE).filter_map(|row| field(row, "imagename"));
    for image in names.filter_map(|name| OsImage::read(known.snapshot, name)) {
        for attribute in image.missing() {
            let run = format!("{attribute}=VALUE");
            let fault = Fault::warning("", "is missing: nodeset refuses the image", &run);
            found.object(Kind::OsImage, &image.name, attribute, &fault);
        }
        let method = image.provmethod.as_deref().unwrap_or_default();
        if !method.is_empty() && !METHODS.contains(&method) {
            let fault = Fault::error(method, "is no way to provision", "provmethod=netboot");
            found.object(Kind::OsImage, &image.name, "provmethod", &fault);
        }
        if let Some(arch) = image.osarch.as_deref().filter(|arch| !ARCHITECTURES.contains(arch)) {
            let fault = Fault::error(arch, "is no architecture", "osarch=x86_64");
            found.object(Kind::OsImage, &image.name, "osarch", &fault);
        }
        if method == "netboot" && image.pkglist.is_none() {
            let fault =
                Fault::warning("", "is missing: genimage has nothing to install", "pkglist=FILE");
            found.object(Kind::OsImage, &image.name, "pkglist", &fault);
        }
    }
    for row in known.snapshot.enabled_rows(ids::LINUXIMAGE) {
        let name = field(row, "imagename").unwrap_or_default();
        if known.image(name).is_none() {
            let run = format!("!chtab -d imagename={name} linuximage");
            let fault =
                Fault::warning("", "the image has a row in linuximage and none in osimage", &run);
            found.object(Kind::OsImage, name, "imagename", &fault);
        }
    }
}
