//! The command line of a machine. Pure.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::plan::{FirmwareKind, NodePlan};

/// The emulator.
pub(crate) const QEMU: &str = "qemu-system-x86_64";
/// UEFI firmware.
pub(crate) const OVMF_CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
/// Its empty settings, copied for each machine.
pub(crate) const OVMF_VARS: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";
/// The iPXE ROM of QEMU's network card.
pub(crate) const PXE_ROM: &str = "/usr/lib/ipxe/qemu/pxe-virtio.rom";

/// What runs the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Accelerator {
    /// Hardware virtualisation.
    Kvm,
    /// QEMU's translator.
    Tcg,
}

impl Accelerator {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }
}

/// From what the machine starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartFrom {
    /// The network.
    Network,
    /// A disk, which lab machines do not have.
    Disk,
}

/// The files of one machine.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// Its directory.
    pub(crate) dir: PathBuf,
}

impl Files {
    pub(crate) fn of(state: &Path, name: &str) -> Self {
        Self { dir: state.join(name) }
    }

    /// What it printed on its serial line.
    pub(crate) fn serial(&self) -> PathBuf {
        self.dir.join("serial.log")
    }

    /// The serial output before that.
    pub(crate) fn serial_before(&self) -> PathBuf {
        self.dir.join("serial.log.1")
    }

    /// What QEMU itself complained about.
    pub(crate) fn qemu_log(&self) -> PathBuf {
        self.dir.join("qemu.log")
    }

    /// QEMU's control socket.
    pub(crate) fn qmp(&self) -> PathBuf {
        self.dir.join("qmp.sock")
    }

    /// QEMU's events.
    pub(crate) fn events(&self) -> PathBuf {
        self.dir.join("events.sock")
    }

    /// QEMU's process id.
    pub(crate) fn pid(&self) -> PathBuf {
        self.dir.join("qemu.pid")
    }

    /// UEFI settings.
    pub(crate) fn vars(&self) -> PathBuf {
        self.dir.join("vars.fd")
    }
}

/// The arguments of QEMU for a machine.
pub(crate) fn arguments(
    node: &NodePlan,
    files: &Files,
    accelerator: Accelerator,
    memory: u32,
    start: StartFrom,
) -> Vec<String> {
    let mut line = words(&["-no-user-config", "-nodefaults", "-display", "none", "-smp", "1"]);
    let mut add = |option: &str, value: String| line.extend([option.to_owned(), value]);
    add("-name", node.name.clone());
    add("-machine", format!("q35,graphics=off,accel={}", accelerator.as_str()));
    if accelerator == Accelerator::Kvm {
        add("-cpu", "host".into());
    }
    add("-m", format!("{memory}M"));
    add("-uuid", node.uuid.clone());
    add("-smbios", format!("type=1,manufacturer=xcat-rs,product=lab,serial={}", node.name));
    add("-chardev", format!("file,id=serial,append=on,path={}", quoted(&files.serial())));
    add("-serial", "chardev:serial".into());
    for socket in [files.qmp(), files.events()] {
        add("-qmp", format!("unix:{},server=on,wait=off", quoted(&socket)));
    }
    add("-action", "reboot=shutdown".into());
    add("-pidfile", files.pid().display().to_string());
    add("-object", "rng-random,filename=/dev/urandom,id=rng".into());
    add("-device", "virtio-rng-pci,rng=rng".into());
    add("-netdev", format!("tap,id=net,ifname={},script=no,downscript=no", node.tap()));
    add("-device", card(node, start));
    match node.firmware {
        FirmwareKind::Bios => add("-boot", bios_order(start).into()),
        FirmwareKind::Uefi => {
            let vars = quoted(&files.vars());
            add("-drive", format!("if=pflash,format=raw,unit=0,readonly=on,file={OVMF_CODE}"));
            add("-drive", format!("if=pflash,format=raw,unit=1,file={vars}"));
            // a minute less until it tries IPv4 again
            add("-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=no".into());
        }
    }
    line
}

/// The arguments of a machine that only shows whether an accelerator works: its card is on a network inside QEMU.
pub(crate) fn probe_arguments(accelerator: Accelerator, serial: &Path) -> Vec<String> {
    let mut line = words(&["-no-user-config", "-nodefaults", "-display", "none", "-m", "128M"]);
    let machine = format!("q35,graphics=off,accel={}", accelerator.as_str());
    let serial = format!("file:{}", serial.display());
    line.extend(words(&["-cpu", "host", "-machine", &machine, "-serial", &serial]));
    line.extend(words(&[
        "-netdev",
        "user,id=net,restrict=on",
        "-device",
        "virtio-net-pci,netdev=net",
    ]));
    line.extend(words(&["-boot", "order=n"]));
    line
}

/// The network card. Without its ROM, UEFI firmware uses its own PXE.
fn card(node: &NodePlan, start: StartFrom) -> String {
    let rom = match node.firmware {
        FirmwareKind::Bios => "",
        FirmwareKind::Uefi => ",romfile=",
    };
    let first = match (node.firmware, start) {
        (FirmwareKind::Uefi, StartFrom::Network) => ",bootindex=0",
        (FirmwareKind::Uefi, StartFrom::Disk) | (FirmwareKind::Bios, _) => "",
    };
    format!("virtio-net-pci,netdev=net,mac={}{rom}{first}", node.mac)
}

/// From the network again and again, as servers do: by itself SeaBIOS would stop after one failure and wait for ever.
const fn bios_order(start: StartFrom) -> &'static str {
    match start {
        StartFrom::Network => "order=n,reboot-timeout=5000",
        StartFrom::Disk => "order=c",
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A path within an option: QEMU takes a doubled comma for one.
fn quoted(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(firmware: FirmwareKind, start: StartFrom) -> String {
        let node = NodePlan {
            name: "vnode01".into(),
            number: 1,
            ip: [10, 0, 0, 1].into(),
            bmc: [10, 0, 1, 1].into(),
            mac: "02:78:63:61:74:01".into(),
            uuid: "78636174-6c61-8b00-8000-000000000001".into(),
            firmware,
        };
        let files = Files::of(Path::new("/state,1"), "vnode01");
        arguments(&node, &files, Accelerator::Tcg, 1024, start).join(" ")
    }

    #[test]
    fn bios_uses_the_rom_and_uefi_its_own_pxe() {
        let bios = line(FirmwareKind::Bios, StartFrom::Network);
        assert!(bios.contains("mac=02:78:63:61:74:01 -boot order=n,reboot-timeout=5000"), "{bios}");
        let uefi = line(FirmwareKind::Uefi, StartFrom::Network);
        assert!(uefi.contains(",romfile=,bootindex=0"), "{uefi}");
        assert!(uefi.contains("unit=1,file=/state,,1/vnode01/vars.fd"), "{uefi}");
    }

    #[test]
    fn the_boot_device_is_honoured() {
        assert!(line(FirmwareKind::Bios, StartFrom::Disk).contains("order=c"));
        assert!(!line(FirmwareKind::Uefi, StartFrom::Disk).contains("bootindex"));
    }
}
