//! The service processor itself, without a socket: packets in, reactions out.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::Secret;
use wire::ipmi::{
    Account, BootFlags, BootOption, ChassisStatus, Command, Completion, Control, Controller,
    DeviceId, Event, InvalidUser, Origin, Persistence, Privilege, Request, Response, Suite,
};

use super::{Fault, Rule};

/// What a service processor controls.
pub trait Machine: Send + Sync {
    /// Whether power is on.
    fn is_on(&self) -> bool;

    /// Switches power, returning at once; `boot` is where the next start boots from, if that was set.
    fn control(&self, control: Control, boot: Option<BootFlags>);
}

/// A machine that is nothing but a power switch.
#[derive(Debug, Default)]
pub struct Switch {
    on: AtomicBool,
}

impl Machine for Switch {
    fn is_on(&self) -> bool {
        self.on.load(Ordering::SeqCst)
    }

    fn control(&self, control: Control, _boot: Option<BootFlags>) {
        match control {
            Control::On | Control::Cycle => self.on.store(true, Ordering::SeqCst),
            Control::Off | Control::Soft => self.on.store(false, Ordering::SeqCst),
            Control::Reset | Control::Diagnostic => {}
        }
    }
}

/// Who a service processor is and who may log in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// User name.
    pub user: String,
    /// Password.
    pub password: Secret<String>,
    /// The user's privilege.
    pub privilege: Privilege,
    /// Cipher suites offered.
    pub suites: Vec<Suite>,
    /// Identity.
    pub guid: [u8; 16],
}

impl Settings {
    /// An administrator's account, both cipher suites.
    pub fn new(user: impl Into<String>, password: Secret<String>) -> Self {
        Self {
            user: user.into(),
            password,
            privilege: Privilege::Administrator,
            suites: Suite::ALL.to_vec(),
            guid: [0x5c; 16],
        }
    }

    fn account(&self) -> Result<Account, InvalidUser> {
        Account::new(&self.user, self.password.clone(), self.privilege)
    }
}

/// A simulated service processor.
pub struct Bmc {
    machine: Arc<dyn Machine>,
    state: Mutex<State>,
}

struct State {
    controller: Controller,
    boot: Option<BootFlags>,
    rules: Vec<Rule>,
    packets: u64,
    commands: u64,
}

/// What a packet leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reaction {
    /// The answer.
    pub(crate) packet: Vec<u8>,
    /// When to send it.
    pub(crate) after: Duration,
}

impl Bmc {
    /// A service processor in front of `machine`.
    pub fn new(settings: &Settings, machine: Arc<dyn Machine>) -> Result<Self, InvalidUser> {
        let accounts = vec![settings.account()?];
        let controller = Controller::new(settings.guid, accounts, settings.suites.clone());
        let state = State { controller, boot: None, rules: Vec::new(), packets: 0, commands: 0 };
        Ok(Self { machine, state: Mutex::new(state) })
    }

    /// Changes accounts and cipher suites; open sessions end.
    pub fn configure(&self, settings: &Settings) -> Result<(), InvalidUser> {
        let accounts = vec![settings.account()?];
        let mut state = self.state();
        state.controller.set_accounts(accounts);
        state.controller.set_suites(settings.suites.clone());
        Ok(())
    }

    /// Misbehaves by these rules from now on.
    pub fn set_rules(&self, rules: Vec<Rule>) {
        let mut state = self.state();
        state.rules = rules;
        state.packets = 0;
    }

    /// Where the next start boots from, if that was set.
    pub fn boot_flags(&self) -> Option<BootFlags> {
        self.state().boot
    }

    /// How many packets have come since the rules were set.
    pub fn packets(&self) -> u64 {
        self.state().packets
    }

    /// How many commands within sessions were answered.
    pub fn commands(&self) -> u64 {
        self.state().commands
    }

    /// Takes a packet.
    pub(crate) fn receive(&self, packet: &[u8]) -> Option<Reaction> {
        let mut state = self.state();
        let number = state.packets;
        state.packets += 1;
        let faults: Vec<Fault> =
            state.rules.iter().filter(|rule| rule.strikes(number)).map(|rule| rule.fault).collect();
        if faults.contains(&Fault::Drop) {
            return None;
        }
        let reply = match state.controller.receive(packet, &mut random) {
            Event::Ignored(reason) => {
                tracing::debug!(reason, "simulated BMC ignored a packet");
                return None;
            }
            Event::Reply(reply) => reply,
            Event::Request { origin, request } => {
                self.answer(&mut state, origin, &request, faults.contains(&Fault::Busy))?
            }
        };
        drop(state);
        Some(faults.into_iter().fold(Reaction::at_once(reply), Reaction::with))
    }

    fn answer(
        &self,
        state: &mut State,
        origin: Origin,
        request: &Request,
        busy: bool,
    ) -> Option<Vec<u8>> {
        state.commands += 1;
        let response = if busy {
            request.respond(Completion::BUSY, Vec::new())
        } else {
            self.perform(&mut state.boot, request)
        };
        state.controller.answer(origin, &response, &mut random)
    }

    fn perform(&self, boot: &mut Option<BootFlags>, request: &Request) -> Response {
        let (completion, data) = match Command::read(request) {
            Ok(Command::ChassisStatus) => {
                let status = ChassisStatus { on: self.machine.is_on(), fault: false };
                (Completion::OK, status.encode())
            }
            Ok(Command::ChassisControl(control)) => {
                self.control(boot, control);
                (Completion::OK, Vec::new())
            }
            Ok(Command::SetBootOption(option)) => (set_option(boot, &option), Vec::new()),
            Ok(Command::GetBootOption { parameter }) => get_option(*boot, parameter),
            Ok(Command::DeviceId) => (Completion::OK, DEVICE.encode()),
            Ok(Command::Identify(_)) => (Completion::OK, Vec::new()),
            Ok(_) => (Completion::INVALID_COMMAND, Vec::new()),
            Err(completion) => (completion, Vec::new()),
        };
        request.respond(completion, data)
    }

    fn control(&self, boot: &mut Option<BootFlags>, control: Control) {
        let starts = match control {
            Control::On => !self.machine.is_on(),
            Control::Cycle | Control::Reset => true,
            Control::Off | Control::Soft | Control::Diagnostic => false,
        };
        self.machine.control(control, boot.filter(|_| starts));
        if starts && boot.is_some_and(|flags| flags.persistence == Persistence::Once) {
            *boot = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Bmc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bmc").field("boot", &self.boot_flags()).finish_non_exhaustive()
    }
}

const DEVICE: DeviceId = DeviceId { device: 0x20, firmware: (1, 0), vendor: 0, product: 1 };

impl Reaction {
    fn at_once(packet: Vec<u8>) -> Self {
        Self { packet, after: Duration::ZERO }
    }

    fn with(mut self, fault: Fault) -> Self {
        match fault {
            Fault::Delay(delay) => self.after += delay,
            Fault::Garble => self.packet.iter_mut().skip(4).for_each(|byte| *byte ^= 0x5a),
            Fault::Drop | Fault::Busy => {}
        }
        self
    }
}

fn set_option(boot: &mut Option<BootFlags>, option: &BootOption) -> Completion {
    match option {
        BootOption::Flags(flags) => *boot = *flags,
        // set in progress, service partition, acknowledge, initiator: taken and forgotten
        BootOption::ClearOn(_) | BootOption::Other { parameter: 0..=7, .. } => {}
        BootOption::Other { .. } => return Completion::PARAMETER,
    }
    Completion::OK
}

fn get_option(boot: Option<BootFlags>, parameter: u8) -> (Completion, Vec<u8>) {
    let value = match parameter {
        BootOption::FLAGS => boot.map_or([0; 5], BootFlags::encode).to_vec(),
        0 | 1 | 3 => vec![0],
        2 | 4 => vec![0, 0],
        _ => return (Completion::PARAMETER, Vec::new()),
    };
    (Completion::OK, [&[0x01, parameter][..], &value].concat())
}

fn random(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("the operating system has random bytes");
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::ipmi::{BootDevice, Firmware};

    #[test]
    fn a_boot_device_for_once_is_used_by_the_next_start_and_forgotten() {
        let settings = Settings::new("admin", Secret::new("cluster".into()));
        let bmc = Bmc::new(&settings, Arc::new(Switch::default())).unwrap();
        let flags = BootFlags {
            device: BootDevice::Network,
            firmware: Firmware::Legacy,
            persistence: Persistence::Once,
        };
        let mut boot = Some(flags);
        bmc.control(&mut boot, Control::Off);
        assert_eq!(boot, Some(flags));
        bmc.control(&mut boot, Control::On);
        assert_eq!(boot, None);
    }
}
