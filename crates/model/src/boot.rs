//! What a path stands for, over TFTP and HTTP: files to try, and what is rendered when there is none.
//!
//! A real file always wins, so that a site can override anything; whether it exists is for the driver
//! to find out. Paths cannot leave their area: `..` is refused before anything is looked up.

use std::net::IpAddr;
use std::path::PathBuf;

use base::NodeName;

use crate::flight::Step;
use crate::ipxe::{self, Variant};
use crate::node::BootParams;
use crate::osimage::OsImage;
use crate::postscript;
use crate::view::BootView;

/// How a path was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// Over TFTP, where everything is below the TFTP root.
    Tftp,
    /// Over HTTP, where paths are percent-encoded and begin with `/install` or `/tftpboot`.
    Http,
}

/// What a path stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The node it is about: the one in the path, else the one that asks.
    pub node: Option<NodeName>,
    /// The step of a boot that asking for it is.
    pub step: Step,
    /// Files to try, in this order.
    pub files: Vec<PathBuf>,
    /// What to answer when none exists.
    pub otherwise: Otherwise,
}

/// The answer when no file exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// This text.
    Rendered(String),
    /// Nothing, for this reason.
    Absent(String),
}

/// Our boot loaders by the names that DHCP hands out, with the files that they can be.
const LOADERS: &[(&str, &[&str])] = &[
    ("xnba.kpxe", &["undionly.kpxe", "ipxe.pxe"]),
    ("xnba.efi", &["snponly.efi", "ipxe.efi"]),
    ("xnba-arm64.efi", &["snponly-arm64.efi", "ipxe-arm64.efi"]),
];

/// Finds out what `path` stands for when `peer` asks.
pub fn resolve(view: &BootView, via: Via, path: &str, peer: IpAddr) -> Resolution {
    let asking = view.node_at(peer).cloned();
    let absent = |reason: String| Resolution {
        node: asking.clone(),
        step: Step::Http,
        files: Vec::new(),
        otherwise: Otherwise::Absent(reason),
    };
    let Some(parts) = normalise(via, path) else {
        return absent(format!("the path '{}' is not acceptable", path.escape_debug()));
    };
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match (via, parts.as_slice()) {
        (_, ["tftpboot", rest @ ..]) | (Via::Tftp, rest) => boot_area(view, rest, asking, peer),
        (Via::Http, ["install", rest @ ..]) => install_area(view, rest, asking),
        (Via::Http, _) => absent("only /install and /tftpboot are served".to_owned()),
    }
}

/// The parts of a path; none when it tries to leave its area or cannot be a path.
fn normalise(via: Via, path: &str) -> Option<Vec<String>> {
    let text = match via {
        Via::Http => percent_decode(path.split(['?', '#']).next().unwrap_or_default())?,
        Via::Tftp => path.replace('\\', "/"),
    };
    if text.len() > 4096 || text.contains('\0') {
        return None;
    }
    let parts = text.split('/').filter(|part| !part.is_empty() && *part != ".");
    parts.map(|part| (part != "..").then(|| part.to_owned())).collect()
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = after.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

fn install_area(view: &BootView, parts: &[&str], asking: Option<NodeName>) -> Resolution {
    let path: PathBuf = parts.iter().collect();
    let file = view.site().install_dir.join(&path);
    let step = match parts {
        ["published", ..] => Step::Image,
        [.., name] if name.starts_with("rootimg.") => Step::Image,
        _ => Step::Http,
    };
    let reason = format!("there is no {}", file.display());
    Resolution { node: asking, step, files: vec![file], otherwise: Otherwise::Absent(reason) }
}

fn boot_area(
    view: &BootView,
    parts: &[&str],
    asking: Option<NodeName>,
    peer: IpAddr,
) -> Resolution {
    let file = view.site().tftp_dir.join(parts.iter().collect::<PathBuf>());
    let absent = Otherwise::Absent(format!("there is no {}", file.display()));
    let plain = Resolution { node: asking, step: Step::Tftp, files: vec![file], otherwise: absent };
    match parts {
        ["xcat", "xnba", "nodes", name] => script(view, name, plain),
        ["xcat", "xnba", "nets", _] => Resolution {
            step: Step::Script,
            otherwise: Otherwise::Absent("machines that no node has are not booted".to_owned()),
            ..plain
        },
        ["mypostscripts", name] => node_script(view, name, peer, plain),
        ["xcat", "osimage", image, rest @ ..] => image_file(view, parts, image, rest, plain),
        ["xcat", name] => loader(view, name, plain),
        _ => kernel_or_initrd(view, parts, plain),
    }
}

fn script(view: &BootView, name: &str, plain: Resolution) -> Resolution {
    let known = |name: &str| view.snapshot.node(name).cloned();
    let (node, variant) = match (known(name), name.strip_suffix(".uefi")) {
        (None, Some(short)) => (known(short), Variant::Uefi),
        (node, _) => (node, Variant::Bios),
    };
    let otherwise = match &node {
        None => Otherwise::Absent(format!("no node is called {}", name.escape_debug())),
        Some(node) => rendered(ipxe::script(view, node.as_str(), variant)),
    };
    Resolution { node: node.or(plain.node), step: Step::Script, otherwise, ..plain }
}

fn node_script(view: &BootView, name: &str, peer: IpAddr, plain: Resolution) -> Resolution {
    let name = name.strip_prefix("mypostscript.").unwrap_or(name);
    let name = name.strip_suffix(".tmp").unwrap_or(name);
    let Some(node) = view.snapshot.node(name).cloned() else {
        let reason = format!("no node is called {}", name.escape_debug());
        return Resolution { otherwise: Otherwise::Absent(reason), ..plain };
    };
    let otherwise = rendered(postscript::render(view, &node, peer));
    Resolution { node: Some(node), step: Step::Postscript, otherwise, ..plain }
}

fn rendered(outcome: Result<String, String>) -> Otherwise {
    outcome.map_or_else(Otherwise::Absent, Otherwise::Rendered)
}

/// `xcat/osimage/<image>/<file>` is the file in the image's directory;
/// `xcat/osimage/<image>/<sha256>/<file>` the one published under that hash.
fn image_file(
    view: &BootView,
    parts: &[&str],
    image: &str,
    rest: &[&str],
    plain: Resolution,
) -> Resolution {
    let mut found = kernel_or_initrd(view, parts, plain);
    let install = &view.site().install_dir;
    match rest {
        [hash, name] if is_hash(hash) => {
            found.files.push(install.join("published").join(hash).join(name));
        }
        [name] => {
            let Some(image) = OsImage::read(&view.snapshot, image) else {
                let reason = format!("there is no osimage {}", image.escape_debug());
                return Resolution { otherwise: Otherwise::Absent(reason), ..found };
            };
            found.files.push(image.image_dir(install).join(name));
        }
        _ => {}
    }
    found
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn loader(view: &BootView, name: &str, mut plain: Resolution) -> Resolution {
    let alias = LOADERS.iter().find(|(alias, _)| *alias == name);
    let own = [name];
    let names = alias.map_or(&own[..], |(_, names)| names);
    plain.files.extend(names.iter().map(|name| view.facts().boot_dir.join(name)));
    if let Otherwise::Absent(reason) = &mut plain.otherwise {
        reason.push_str(" and no boot loader of this name");
    }
    plain
}

/// Tells the kernel and the initramfs of the asking node from other files.
fn kernel_or_initrd(view: &BootView, parts: &[&str], plain: Resolution) -> Resolution {
    let Some(node) = &plain.node else { return plain };
    let boot = BootParams::read(&view.snapshot, node.as_str());
    let path = parts.join("/");
    let is = |file: &Option<std::sync::Arc<str>>| {
        file.as_deref().is_some_and(|file| file.trim_start_matches('/') == path)
    };
    let step = match () {
        () if is(&boot.kernel) => Step::Kernel,
        () if is(&boot.initrd) => Step::Initrd,
        () => plain.step,
    };
    Resolution { step, ..plain }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    const N1: &str = "10.1.0.101";

    fn ask(via: Via, path: &str) -> Resolution {
        resolve(&testing::view(&[]), via, path, N1.parse().unwrap())
    }

    fn files(found: &Resolution) -> Vec<String> {
        found.files.iter().map(|file| file.display().to_string()).collect()
    }

    #[test]
    fn nothing_leaves_its_area() {
        for (via, path) in [
            (Via::Http, "/install/../etc/shadow"),
            (Via::Http, "/install/%2e%2e/etc/shadow"),
            (Via::Http, "/tftpboot/x/%2E./y"),
            (Via::Http, "/install/%00"),
            (Via::Http, "/install/%zz"),
            (Via::Http, "/etc/passwd"),
            (Via::Http, "/"),
            (Via::Tftp, "../etc/shadow"),
            (Via::Tftp, "/tftpboot/../etc/shadow"),
            (Via::Tftp, "..\\etc"),
        ] {
            let found = ask(via, path);
            assert!(found.files.is_empty(), "{path}: {found:?}");
            assert!(matches!(found.otherwise, Otherwise::Absent(_)), "{path}");
        }
        let strange = ask(Via::Tftp, "/etc/./shadow");
        assert_eq!(files(&strange), ["/tftpboot/etc/shadow"]);
    }

    #[test]
    fn scripts_are_rendered_and_files_win() {
        let found = ask(Via::Http, "/tftpboot/xcat/xnba/nodes/n1.uefi?x=1");
        assert_eq!(files(&found), ["/tftpboot/xcat/xnba/nodes/n1.uefi"]);
        assert_eq!((found.step, found.node.unwrap().as_str()), (Step::Script, "n1"));
        let Otherwise::Rendered(text) = found.otherwise else { panic!("{:?}", found.otherwise) };
        assert!(text.contains("initrd=initrd"));
        let unknown = ask(Via::Tftp, "xcat/xnba/nodes/zz");
        assert_eq!(unknown.otherwise, Otherwise::Absent("no node is called zz".to_owned()));
    }

    #[test]
    fn loaders_and_images_have_second_places() {
        assert_eq!(
            files(&ask(Via::Tftp, "xcat/xnba.efi")),
            ["/tftpboot/xcat/xnba.efi", "/boot-dir/snponly.efi", "/boot-dir/ipxe.efi"]
        );
        let kernel = ask(Via::Http, "/tftpboot/xcat/osimage/deb12/kernel");
        assert_eq!(kernel.step, Step::Kernel);
        assert_eq!(
            files(&kernel),
            [
                "/tftpboot/xcat/osimage/deb12/kernel",
                "/install/netboot/debian12/x86_64/compute/kernel"
            ]
        );
        let hash = "0123456789abcdef".repeat(4);
        let published = ask(Via::Http, &format!("/tftpboot/xcat/osimage/deb12/{hash}/kernel"));
        assert_eq!(files(&published)[1], format!("/install/published/{hash}/kernel"));
        assert_eq!(
            ask(Via::Http, &format!("/install/published/{hash}/rootimg.sfs")).step,
            Step::Image
        );
    }
}
