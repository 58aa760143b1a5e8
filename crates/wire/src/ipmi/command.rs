//! The commands this project speaks: typed requests, and the typed data of their answers.

use super::{BootOption, Completion, Malformed, NetFn, Request, take};

/// What a session may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Privilege {
    /// Read.
    User,
    /// Read and switch power.
    Operator,
    /// Everything.
    Administrator,
}

impl Privilege {
    /// The protocol's number.
    pub const fn code(self) -> u8 {
        match self {
            Self::User => 2,
            Self::Operator => 3,
            Self::Administrator => 4,
        }
    }

    /// The privilege with this number.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code & 0x0f {
            2 => Some(Self::User),
            3 => Some(Self::Operator),
            4 => Some(Self::Administrator),
            _ => None,
        }
    }
}

/// What Chassis Control does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Control {
    /// Power off at once.
    Off,
    /// Power on.
    On,
    /// Off, a pause, and on.
    Cycle,
    /// Hard reset.
    Reset,
    /// Diagnostic interrupt (NMI).
    Diagnostic,
    /// Ask the operating system to shut down.
    Soft,
}

const CONTROLS: [Control; 6] =
    [Control::Off, Control::On, Control::Cycle, Control::Reset, Control::Diagnostic, Control::Soft];

/// A command with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Get Channel Authentication Capabilities.
    AuthCapabilities {
        /// For sessions of this privilege.
        privilege: Privilege,
    },
    /// Get Channel Cipher Suites: 16 bytes of the list.
    CipherSuites {
        /// Which 16 bytes.
        index: u8,
    },
    /// Get Device ID.
    DeviceId,
    /// Get System GUID.
    SystemGuid,
    /// Set Session Privilege Level.
    SetPrivilege(Privilege),
    /// Close Session.
    CloseSession(u32),
    /// Get Chassis Status.
    ChassisStatus,
    /// Chassis Control.
    ChassisControl(Control),
    /// Chassis Identify: the locating lamp, for so many seconds.
    Identify(u8),
    /// Set System Boot Options.
    SetBootOption(BootOption),
    /// Get System Boot Options.
    GetBootOption {
        /// Which.
        parameter: u8,
    },
}

const APP: NetFn = NetFn::APP;
const CHASSIS: NetFn = NetFn::CHASSIS;

impl Command {
    /// The request that carries the command.
    pub fn request(&self) -> Request {
        let (net_fn, command, data) = match self {
            // channel 0x0e is "this one"; bit 7 asks for IPMI 2.0 data
            Self::AuthCapabilities { privilege } => (APP, 0x38, vec![0x8e, privilege.code()]),
            Self::CipherSuites { index } => (APP, 0x54, vec![0x0e, 0x00, 0x80 | (index & 0x3f)]),
            Self::DeviceId => (APP, 0x01, Vec::new()),
            Self::SystemGuid => (APP, 0x37, Vec::new()),
            Self::SetPrivilege(privilege) => (APP, 0x3b, vec![privilege.code()]),
            Self::CloseSession(session) => (APP, 0x3c, session.to_le_bytes().to_vec()),
            Self::ChassisStatus => (CHASSIS, 0x01, Vec::new()),
            Self::ChassisControl(control) => (CHASSIS, 0x02, vec![control_code(*control)]),
            Self::Identify(seconds) => (CHASSIS, 0x04, vec![*seconds]),
            Self::SetBootOption(option) => (CHASSIS, 0x08, option.encode()),
            Self::GetBootOption { parameter } => (CHASSIS, 0x09, vec![*parameter, 0, 0]),
        };
        Request { net_fn, command, data }
    }

    /// Reads a request; the error is the completion code to answer with.
    pub fn read(request: &Request) -> Result<Self, Completion> {
        let data = request.data.as_slice();
        match (request.net_fn, request.command) {
            (APP, 0x38) => read_capabilities(data),
            (APP, 0x54) => {
                let ([_, _, index], _) = arguments::<3>(data)?;
                Ok(Self::CipherSuites { index: index & 0x3f })
            }
            (APP, 0x01) => Ok(Self::DeviceId),
            (APP, 0x37) => Ok(Self::SystemGuid),
            (APP, 0x3b) => {
                let ([level], _) = arguments::<1>(data)?;
                let privilege = Privilege::from_code(*level).ok_or(Completion::INVALID_FIELD)?;
                Ok(Self::SetPrivilege(privilege))
            }
            (APP, 0x3c) => {
                let (session, _) = arguments::<4>(data)?;
                Ok(Self::CloseSession(u32::from_le_bytes(*session)))
            }
            (CHASSIS, 0x01) => Ok(Self::ChassisStatus),
            (CHASSIS, 0x02) => {
                let ([code], _) = arguments::<1>(data)?;
                let control = CONTROLS.get(usize::from(code & 0x0f));
                control.map(|c| Self::ChassisControl(*c)).ok_or(Completion::INVALID_FIELD)
            }
            (CHASSIS, 0x04) => Ok(Self::Identify(data.first().copied().unwrap_or(15))),
            (CHASSIS, 0x08) => BootOption::decode(data).map(Self::SetBootOption),
            (CHASSIS, 0x09) => {
                let ([parameter, _, _], _) = arguments::<3>(data)?;
                Ok(Self::GetBootOption { parameter: parameter & 0x7f })
            }
            _ => Err(Completion::INVALID_COMMAND),
        }
    }

    /// The least privilege that may do it within a session.
    pub fn privilege(&self) -> Privilege {
        match self {
            Self::AuthCapabilities { .. }
            | Self::CipherSuites { .. }
            | Self::DeviceId
            | Self::SystemGuid
            | Self::SetPrivilege(_)
            | Self::CloseSession(_)
            | Self::ChassisStatus => Privilege::User,
            Self::ChassisControl(_)
            | Self::Identify(_)
            | Self::SetBootOption(_)
            | Self::GetBootOption { .. } => Privilege::Operator,
        }
    }
}

fn control_code(control: Control) -> u8 {
    let position = CONTROLS.iter().position(|known| *known == control);
    position.and_then(|index| u8::try_from(index).ok()).unwrap_or_default()
}

fn read_capabilities(data: &[u8]) -> Result<Command, Completion> {
    let ([_, level], _) = arguments::<2>(data)?;
    let privilege = Privilege::from_code(*level).unwrap_or(Privilege::User);
    Ok(Command::AuthCapabilities { privilege })
}

fn arguments<const N: usize>(data: &[u8]) -> Result<(&[u8; N], &[u8]), Completion> {
    data.split_first_chunk::<N>().ok_or(Completion::LENGTH)
}

/// What a channel offers before a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthCapabilities {
    /// RMCP+ sessions are supported.
    pub rmcp_plus: bool,
}

impl AuthCapabilities {
    /// The answer's data.
    pub fn encode(self) -> Vec<u8> {
        // channel 1, extended data, per-message authentication on, named users, no OEM
        let (extended, versions) = if self.rmcp_plus { (0x80, 0x03) } else { (0x00, 0x01) };
        vec![0x01, extended, 0x04, versions, 0, 0, 0, 0]
    }

    /// Reads the answer.
    pub fn decode(data: &[u8]) -> Result<Self, Malformed> {
        let ([_, types, _, versions], _) = take::<4>(data, "authentication capabilities")?;
        Ok(Self { rmcp_plus: types & 0x80 != 0 && versions & 0x02 != 0 })
    }
}

/// The records of a channel's cipher suites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CipherSuites(pub Vec<super::Suite>);

impl CipherSuites {
    /// The records: a start byte, the number, and the three tagged algorithms.
    pub fn records(&self) -> Vec<u8> {
        let record = |suite: &super::Suite| {
            let [authentication, integrity, confidentiality] = suite.algorithms();
            [0xc0, suite.id(), authentication, 0x40 | integrity, 0x80 | confidentiality]
        };
        self.0.iter().flat_map(record).collect()
    }

    /// The answer to one request: the channel, and up to 16 bytes of the records.
    pub fn page(&self, index: u8) -> Vec<u8> {
        let records = self.records();
        let page = records.chunks(16).nth(usize::from(index)).unwrap_or_default();
        [&[0x01], page].concat()
    }

    /// The suites we know among the records of a whole list.
    pub fn from_records(records: &[u8]) -> Self {
        let starts = records.windows(2).filter(|pair| matches!(pair[0], 0xc0 | 0xc1));
        Self(starts.filter_map(|pair| super::Suite::from_id(pair[1])).collect())
    }
}

/// Who a service processor says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceId {
    /// Device number, vendor's own.
    pub device: u8,
    /// Firmware version: major and minor.
    pub firmware: (u8, u8),
    /// Vendor's IANA enterprise number.
    pub vendor: u32,
    /// Vendor's product number.
    pub product: u16,
}

impl DeviceId {
    /// The answer's data.
    pub fn encode(self) -> Vec<u8> {
        let (major, minor) = self.firmware;
        let bcd = ((minor / 10 % 10) << 4) | (minor % 10);
        let mut data = vec![self.device, 0x01, major & 0x7f, bcd, 0x02, 0x80];
        data.extend(&self.vendor.to_le_bytes()[..3]);
        data.extend(self.product.to_le_bytes());
        data
    }

    /// Reads the answer.
    pub fn decode(data: &[u8]) -> Result<Self, Malformed> {
        let ([device, _, major, minor, _, _], rest) = take::<6>(data, "device id")?;
        let ([v0, v1, v2], rest) = take::<3>(rest, "device id")?;
        let (product, _) = take::<2>(rest, "device id")?;
        Ok(Self {
            device: *device,
            firmware: (major & 0x7f, (minor >> 4).saturating_mul(10).saturating_add(minor & 0x0f)),
            vendor: u32::from_le_bytes([*v0, *v1, *v2, 0]) & 0x000f_ffff,
            product: u16::from_le_bytes(*product),
        })
    }
}

/// Power and faults of a chassis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChassisStatus {
    /// Power is on.
    pub on: bool,
    /// Power was lost, overloaded or interlocked: a reason why it may not come on.
    pub fault: bool,
}

impl ChassisStatus {
    /// The answer's data.
    pub fn encode(self) -> Vec<u8> {
        // bit 5: stays off when mains return; bit 3: power control fault
        vec![u8::from(self.on) | if self.fault { 0x08 } else { 0 }, 0x00, 0x00]
    }

    /// Reads the answer.
    pub fn decode(data: &[u8]) -> Result<Self, Malformed> {
        let ([power], _) = take::<1>(data, "chassis status")?;
        Ok(Self { on: power & 0x01 != 0, fault: power & 0x0e != 0 })
    }
}
