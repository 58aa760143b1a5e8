//! Which boot file a machine is told to load, by its firmware and its node's boot method
//! (spec/provision.md section 4).

use std::net::Ipv4Addr;

use wire::dhcp::{Arch, Options, code};

use crate::node::BootParams;
use crate::view::BootView;

/// Who asks: the program that will load the boot file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Firmware {
    /// iPXE, gPXE or xNBA.
    Ipxe(Arch),
    /// A boot ROM or a UEFI that loads over TFTP.
    Pxe(Arch),
    /// A UEFI that loads over HTTP.
    Http(Arch),
}

impl Firmware {
    /// Reads who asks; none for an operating system.
    pub(crate) fn of(options: &Options) -> Option<Self> {
        let class = options.text(code::VENDOR_CLASS).unwrap_or_default();
        let arch = options.arch().unwrap_or(Arch::BIOS);
        if options.is_ipxe() {
            return Some(Self::Ipxe(arch));
        }
        if class.starts_with("HTTPClient")
            || (arch.is_http_boot() && !class.starts_with("PXEClient"))
        {
            return Some(Self::Http(arch));
        }
        let boots = class.starts_with("PXEClient") || options.arch().is_some();
        boots.then_some(Self::Pxe(arch))
    }

    /// What it is called in records.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Ipxe(arch) => format!("iPXE on {arch}"),
            Self::Pxe(arch) | Self::Http(arch) => format!("the firmware ({arch})"),
        }
    }
}

/// What to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BootFile {
    /// Nothing: go on to the next boot device.
    None,
    /// A file or URL.
    Name(String),
    /// A URL for UEFI HTTP boot.
    HttpBoot(String),
    /// The URL of a configuration for petitboot.
    ConfigFile(String),
}

/// Chooses the boot file of `node`.
pub(crate) fn choose(
    view: &BootView,
    node: &str,
    firmware: Firmware,
    server: Ipv4Addr,
) -> BootFile {
    let boot = BootParams::read(&view.snapshot, node);
    let base = format!("http://{server}{}/tftpboot", view.site().port_suffix());
    let method = view.cell("noderes", "netboot", node);
    match (method.as_deref(), firmware) {
        (Some("petitboot"), _) => BootFile::ConfigFile(format!("{base}/petitboot/{node}")),
        (Some("pxe"), _) => BootFile::Name("pxelinux.0".to_owned()),
        (Some(method), Firmware::Pxe(_)) if method.starts_with("grub2") => {
            BootFile::Name(format!("/boot/grub2/grub2-{node}"))
        }
        (_, Firmware::Ipxe(arch)) => script(&base, node, arch, boot.word()),
        (_, Firmware::Pxe(arch)) => {
            loader(arch, boot.word()).map_or(BootFile::None, |name| BootFile::Name(name.to_owned()))
        }
        (_, Firmware::Http(arch)) => http_loader(&base, arch, boot.word()),
    }
}

/// The node's script; in state boot it says `exit`.
fn script(base: &str, node: &str, arch: Arch, state: &str) -> BootFile {
    if state == "offline" {
        return BootFile::None;
    }
    let suffix = if arch == Arch::BIOS { "" } else { ".uefi" };
    BootFile::Name(format!("{base}/xcat/xnba/nodes/{node}{suffix}"))
}

/// xCAT's names of the boot loaders.
///
/// Unlike xCAT, which offers UEFI nothing in state boot, iPXE is loaded there too and exits: EDK2
/// asks four times for a better offer and loses a minute at each start from disk.
fn loader(arch: Arch, state: &str) -> Option<&'static str> {
    match arch {
        _ if state == "offline" => None,
        Arch::BIOS => Some("xcat/xnba.kpxe"),
        arch if arch.is_uefi_x64() => Some("xcat/xnba.efi"),
        arch if arch.is_uefi_arm64() => Some("xcat/xnba-arm64.efi"),
        _ => None,
    }
}

fn http_loader(base: &str, arch: Arch, state: &str) -> BootFile {
    let loader = match arch.0 {
        0x10 => loader(Arch(7), state),
        0x13 => loader(Arch(0x0b), state),
        _ => None,
    };
    loader.map_or(BootFile::None, |name| BootFile::HttpBoot(format!("{base}/{name}")))
}
