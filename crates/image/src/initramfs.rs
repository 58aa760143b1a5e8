//! Assembling the initramfs: `xcat-node` as `/init`, and the kernel modules it may need. The same
//! input gives the same bytes, so that publishing by content hash means something.
//!
//! Modules lie uncompressed in the archive (the agent needs no decompressor); the archive as a
//! whole is compressed with zstd, which every kernel since 5.9 unpacks.

use std::io::{self, Write};

use crate::cpio::Archive;
use crate::modules::{Choice, ModuleTree};

/// What every boot needs, loaded before looking at any device.
const ALWAYS: [&str; 3] = ["loop", "squashfs", "overlay"];

/// Network drivers, taken by directory: which one is needed is known when the node boots. Wireless,
/// mobile and USB drivers are left out: no node boots from them.
const NETWORK: [&str; 4] = [
    "kernel/drivers/net/ethernet",
    "kernel/drivers/net/hyperv",
    "kernel/drivers/net/vmxnet3",
    "kernel/drivers/net/mdio",
];

/// Single drivers outside those directories.
const SINGLE: [&str; 9] = [
    "virtio_net",
    "virtio_pci",
    "virtio_mmio",
    "xen_netfront",
    "hv_netvsc",
    "hv_vmbus",
    "pci_hyperv",
    "ibmveth",
    "ibmvnic",
];

const COMPRESSION: i32 = 15;

/// Writes the initramfs for the modules in `tree` with `init` as its first program, and says which
/// of the modules every boot needs are not there (they may be built into the kernel).
pub(crate) fn assemble(
    tree: &ModuleTree,
    init: &[u8],
    extra: &[&str],
) -> io::Result<(Vec<u8>, Vec<String>)> {
    let always = tree.choose(&[&ALWAYS[..], extra].concat(), &[]);
    let mut choice = tree.choose(&SINGLE, &NETWORK);
    choice.names.extend(always.names.iter().cloned());
    let mut archive = Archive::new(compressor()?);
    skeleton(&mut archive, init)?;
    let load = present(&always, extra).fold(String::new(), |text, name| text + &name + "\n");
    archive.file("modules/load", 0o644, load.as_bytes())?;
    archive.file("modules/depends", 0o644, tree.depends_text(&choice).as_bytes())?;
    archive.file("modules/aliases", 0o644, tree.aliases_text(&choice).as_bytes())?;
    for name in &choice.names {
        archive.file(&format!("modules/{name}.ko"), 0o644, &tree.content(name)?)?;
    }
    Ok((archive.finish()?.finish()?, always.absent))
}

fn compressor() -> io::Result<zstd::Encoder<'static, Vec<u8>>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), COMPRESSION)?;
    // the kernel checks nothing beyond its own limits; a checksum makes damage visible
    encoder.include_checksum(true)?;
    Ok(encoder)
}

/// The modules to load at each boot, in the order they are named.
fn present<'a>(always: &'a Choice, extra: &'a [&'a str]) -> impl Iterator<Item = String> + 'a {
    let named = ALWAYS.iter().chain(extra).map(|name| name.replace('-', "_"));
    named.filter(|name| always.names.contains(name))
}

fn skeleton<W: Write>(archive: &mut Archive<W>, init: &[u8]) -> io::Result<()> {
    for directory in ["dev", "modules", "proc", "run", "sys", "sysroot"] {
        archive.directory(directory)?;
    }
    // the kernel opens the console for process 1 before that can mount /dev
    archive.device("dev/console", 5, 1)?;
    archive.device("dev/null", 1, 3)?;
    archive.file("init", 0o755, init)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::tests::sample;

    #[test]
    fn the_archive_has_the_agent_and_the_drivers_and_is_reproducible() {
        let dir = tempfile::tempdir().unwrap();
        let tree = sample(dir.path());
        let (bytes, absent) = assemble(&tree, b"agent", &["net-failover"]).unwrap();
        let (again, _) = assemble(&tree, b"agent", &["net-failover"]).unwrap();
        assert_eq!(bytes, again);
        assert_eq!(absent, ["loop", "squashfs", "overlay"]);
        let plain = zstd::decode_all(&*bytes).unwrap();
        for part in [
            "init\0",
            "modules/virtio_net.ko\0",
            "virtio:d00000001v* virtio_net\n",
            "net_failover\n",
        ] {
            assert!(plain.windows(part.len()).any(|window| window == part.as_bytes()), "{part}");
        }
    }
}
