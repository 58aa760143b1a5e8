//! System boot options: what the machine boots from next.

use super::{Completion, Malformed, take};

/// Where to boot from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BootDevice {
    /// The firmware's own order.
    Default,
    /// The network.
    Network,
    /// The hard disk.
    Disk,
    /// A CD or DVD.
    Optical,
    /// The firmware's setup screen.
    Setup,
    /// A floppy disk, or what the firmware takes for one.
    Floppy,
}

const DEVICES: [(u8, BootDevice); 6] = [
    (0, BootDevice::Default),
    (1, BootDevice::Network),
    (2, BootDevice::Disk),
    (5, BootDevice::Optical),
    (6, BootDevice::Setup),
    (15, BootDevice::Floppy),
];

/// Which of the two ways a firmware boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Firmware {
    /// The PC's BIOS.
    Legacy,
    /// UEFI.
    Efi,
}

/// Whether a choice outlives the next boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Persistence {
    /// The next boot only.
    Once,
    /// Until changed.
    Always,
}

/// The boot flags: parameter 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BootFlags {
    /// From where.
    pub device: BootDevice,
    /// How.
    pub firmware: Firmware,
    /// How long.
    pub persistence: Persistence,
}

const VALID: u8 = 0x80;
const PERSISTENT: u8 = 0x40;
const EFI: u8 = 0x20;

impl BootFlags {
    /// The five bytes of the parameter.
    pub fn encode(self) -> [u8; 5] {
        let persistent = if self.persistence == Persistence::Always { PERSISTENT } else { 0 };
        let efi = if self.firmware == Firmware::Efi { EFI } else { 0 };
        let found = DEVICES.iter().find(|(_, device)| *device == self.device);
        let device = found.map_or(0, |(code, _)| *code);
        [VALID | persistent | efi, device << 2, 0, 0, 0]
    }

    /// Reads the parameter; nothing if the flags are marked as not valid.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let ([flags, device], _) = take::<2>(bytes, "boot flags")?;
        if flags & VALID == 0 {
            return Ok(None);
        }
        let code = (device >> 2) & 0x0f;
        let found = DEVICES.iter().find(|(known, _)| *known == code);
        let device =
            found.map(|(_, device)| *device).ok_or(Malformed::Unknown("boot device", code))?;
        let persistence =
            if flags & PERSISTENT == 0 { Persistence::Once } else { Persistence::Always };
        let firmware = if flags & EFI == 0 { Firmware::Legacy } else { Firmware::Efi };
        Ok(Some(Self { device, firmware, persistence }))
    }
}

/// One system boot option to set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootOption {
    /// Parameter 3: which events may invalidate the flags.
    ClearOn(u8),
    /// Parameter 5; `None` invalidates the flags.
    Flags(Option<BootFlags>),
    /// Any other parameter.
    Other {
        /// Its number.
        parameter: u8,
        /// Its bytes.
        data: Vec<u8>,
    },
}

impl BootOption {
    /// The number of the boot flags.
    pub const FLAGS: u8 = 5;
    /// Keep the flags although no reset follows within a minute.
    pub const KEEP_ON_TIMEOUT: u8 = 0x08;
    const CLEAR_ON: u8 = 3;

    /// Number and bytes.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::ClearOn(events) => vec![Self::CLEAR_ON, *events],
            Self::Flags(flags) => {
                let bytes = flags.map_or([0; 5], BootFlags::encode);
                [&[Self::FLAGS][..], &bytes].concat()
            }
            Self::Other { parameter, data } => [&[*parameter][..], data].concat(),
        }
    }

    /// Reads a request to set an option.
    pub fn decode(bytes: &[u8]) -> Result<Self, Completion> {
        let (parameter, data) = bytes.split_first().ok_or(Completion::LENGTH)?;
        match (parameter & 0x7f, data) {
            (Self::FLAGS, data) => {
                BootFlags::decode(data).map(Self::Flags).map_err(|_| Completion::INVALID_FIELD)
            }
            (Self::CLEAR_ON, [events]) => Ok(Self::ClearOn(*events)),
            (parameter, data) => Ok(Self::Other { parameter, data: data.to_vec() }),
        }
    }
}
