//! A machine of the lab: a QEMU process that is switched by the service processor in front of it.
//!
//! ```text
//!  Off --on--> Running --off, crash, guest's own power-off--> Off
//!                `--reset, guest's own reset, firmware that gave up the network--> Running, in a new process
//! ```
//!
//! A life of the machine is a life of the process. QEMU's translator keeps what it translated in an earlier life of its
//! guest: a page that held a kernel's code and then holds the firmware's stack makes each write to it a search, the
//! handler of the firmware's timer takes longer than its period, and the machine stands still for ever.
//!
//! Orders come in through a short queue; the power state that the service processor reports is the one ordered last,
//! until the process says otherwise.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, io};

use base::{Failure, chain};
use remote::{Program, Running, StdioTo};
use runtime::Shutdown;
use tokio::sync::mpsc;
use wire::ipmi::{BootDevice, BootFlags, Control, Persistence};

use super::internal;
use super::plan::{FirmwareKind, NodePlan};
use super::qemu::{self, Accelerator, Files, StartFrom};
use super::qmp::{self, Events};
use super::state::tail_from;
use crate::Machine;

/// Orders that may wait; a service processor that is told more loses them.
const ORDERS: usize = 16;
/// How long QEMU may take to end by itself.
const GRACE: Duration = Duration::from_secs(2);
/// How often the size of the serial log is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// The least time between a guest's own reset and its next life: one that resets at once must not keep the host busy.
const REST: Duration = Duration::from_secs(1);
/// The serial log is put aside when it is longer.
const SERIAL_MAX: u64 = 8 << 20;

type Order = (Control, Option<BootFlags>);

/// The switch that the service processor holds.
#[derive(Debug)]
pub(crate) struct Power {
    on: AtomicBool,
    orders: mpsc::Sender<Order>,
    problem: Mutex<Option<String>>,
}

/// The machine behind the switch.
pub(crate) struct QemuMachine {
    node: NodePlan,
    files: Files,
    accelerator: Accelerator,
    memory: u32,
    power: Arc<Power>,
    orders: mpsc::Receiver<Order>,
    boot: Option<BootFlags>,
    running: Option<Running>,
    events: Option<Events>,
    /// How long the serial log was at the beginning of this life.
    began: u64,
}

impl Power {
    /// Why the machine is not as it should be.
    pub(crate) fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_problem(&self, problem: Option<String>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}

impl Machine for Power {
    fn is_on(&self) -> bool {
        self.on.load(Ordering::SeqCst)
    }

    fn control(&self, control: Control, boot: Option<BootFlags>) {
        if self.orders.try_send((control, boot)).is_err() {
            tracing::warn!(?control, "order lost: the machine is busy");
            return;
        }
        match control {
            Control::On | Control::Cycle => self.on.store(true, Ordering::SeqCst),
            Control::Off => self.on.store(false, Ordering::SeqCst),
            Control::Reset | Control::Soft | Control::Diagnostic => {}
        }
    }
}

impl QemuMachine {
    /// A machine that is off, and its switch.
    pub(crate) fn new(
        node: NodePlan,
        files: Files,
        accelerator: Accelerator,
        memory: u32,
    ) -> (Self, Arc<Power>) {
        let (sender, orders) = mpsc::channel(ORDERS);
        let power = Arc::new(Power {
            on: AtomicBool::new(false),
            orders: sender,
            problem: Mutex::new(None),
        });
        let machine = Self {
            node,
            files,
            accelerator,
            memory,
            power: Arc::clone(&power),
            orders,
            boot: None,
            running: None,
            events: None,
            began: 0,
        };
        (machine, power)
    }

    /// Follows orders until the shutdown, then ends the process.
    pub(crate) async fn run(mut self, shutdown: Shutdown) {
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                order = self.orders.recv() => match order {
                    Some((control, boot)) => self.obey(control, boot).await,
                    None => break,
                },
                exit = ended(&mut self.running, &mut self.events) => self.has_ended(&exit).await,
                _ = look.tick() => self.look_after().await,
            }
        }
        self.stop().await;
    }

    async fn obey(&mut self, control: Control, boot: Option<BootFlags>) {
        let node = &self.node.name;
        tracing::info!(node, ?control, ?boot, "order");
        let done = match control {
            Control::On => self.start(boot).await,
            Control::Off => {
                self.stop().await;
                Ok(())
            }
            Control::Cycle => {
                self.stop().await;
                self.start(boot).await
            }
            Control::Reset => self.reset(boot).await,
            Control::Soft => self.tell("system_powerdown").await,
            Control::Diagnostic => self.tell("inject-nmi").await,
        };
        if let Err(failure) = &done {
            tracing::warn!(node = self.node.name, error = %failure, "order failed");
        }
        self.power.on.store(self.running.is_some(), Ordering::SeqCst);
        self.power.set_problem(done.err().map(|failure| failure.to_string()));
    }

    async fn start(&mut self, boot: Option<BootFlags>) -> Result<(), Failure> {
        if self.running.is_some() {
            return Ok(());
        }
        self.boot = boot;
        self.prepare_files().map_err(|error| internal(self.files.dir.display(), &error))?;
        self.began = fs::metadata(self.files.serial()).map_or(0, |meta| meta.len());
        let (accelerator, memory) = (self.accelerator, self.memory);
        let line = qemu::arguments(&self.node, &self.files, accelerator, memory, start_from(boot));
        let program = Program::new(qemu::QEMU).args(line);
        let started = program.start(&StdioTo::File(self.files.qemu_log()));
        let mut running = started.map_err(|error| internal("cannot start QEMU", &error))?;
        let socket = self.files.events();
        self.events = tokio::select! {
            events = Events::open(&socket) => events.ok(),
            // why is in its log, and told when the end is noticed
            _ = running.wait() => None,
        };
        self.running = Some(running);
        Ok(())
    }

    async fn reset(&mut self, boot: Option<BootFlags>) -> Result<(), Failure> {
        if self.running.is_none() {
            return Ok(());
        }
        self.stop().await;
        self.start(boot).await
    }

    /// A reset that no service processor ordered: a boot device that was set for once has been used.
    async fn reset_by_itself(&mut self) {
        let boot = self.boot.filter(|flags| flags.persistence == Persistence::Always);
        tokio::time::sleep(REST).await;
        self.stop().await;
        let started = self.start(boot).await;
        self.power.on.store(self.running.is_some(), Ordering::SeqCst);
        self.power.set_problem(started.err().map(|failure| failure.to_string()));
    }

    async fn tell(&self, command: &str) -> Result<(), Failure> {
        if self.running.is_none() {
            return Ok(());
        }
        let told = qmp::execute(&self.files.qmp(), command).await;
        told.map_err(|error| internal(format!("QEMU did not take {command}"), &error))
    }

    async fn stop(&mut self) {
        self.events = None;
        let Some(running) = self.running.take() else { return };
        if let Err(error) = running.stop(GRACE).await {
            tracing::warn!(node = self.node.name, error = chain(&error), "QEMU's end was not seen");
        }
    }

    async fn has_ended(&mut self, exit: &str) {
        self.running = None;
        let reset = match self.events.take() {
            Some(events) => events.end_in_reset().await,
            None => false,
        };
        if reset {
            tracing::info!(node = self.node.name, "the machine resets itself");
            return self.reset_by_itself().await;
        }
        self.power.on.store(false, Ordering::SeqCst);
        let words = fs::read_to_string(self.files.qemu_log()).unwrap_or_default();
        let last = words.lines().last().unwrap_or_default();
        let problem = (exit != "exit code 0").then(|| format!("QEMU ended with {exit}: {last}"));
        tracing::info!(node = self.node.name, exit, "machine is off");
        self.power.set_problem(problem);
    }

    /// What has to be done from time to time.
    async fn look_after(&mut self) {
        self.bound_serial();
        if self.running.is_some() && self.has_given_up() {
            tracing::info!(node = self.node.name, "the firmware gave up the network: once more");
            self.reset_by_itself().await;
        }
    }

    /// Whether UEFI firmware that was to boot from the network stands at the prompt of its shell, after all ways failed.
    /// Servers are set up to try for ever; this firmware has no such setting. (SeaBIOS has.)
    fn has_given_up(&self) -> bool {
        let network = start_from(self.boot) == StartFrom::Network;
        network
            && self.node.firmware == FirmwareKind::Uefi
            && tail_from(&self.files.serial(), self.began, 1)
                .last()
                .is_some_and(|line| line.trim_end().ends_with("Shell>"))
    }

    fn prepare_files(&self) -> io::Result<()> {
        fs::create_dir_all(&self.files.dir)?;
        fs::write(self.files.qemu_log(), "")?;
        if self.node.firmware == FirmwareKind::Uefi && !self.files.vars().exists() {
            fs::copy(qemu::OVMF_VARS, self.files.vars())?;
        }
        Ok(())
    }

    /// Copies a long serial log aside and empties it; QEMU goes on appending.
    fn bound_serial(&self) {
        let serial = self.files.serial();
        if fs::metadata(&serial).is_ok_and(|meta| meta.len() > SERIAL_MAX) {
            let moved = fs::copy(&serial, self.files.serial_before())
                .and_then(|_| fs::OpenOptions::new().write(true).open(&serial)?.set_len(0));
            if let Err(error) = moved {
                tracing::warn!(node = self.node.name, %error, "serial log cannot be put aside");
            }
        }
    }
}

fn start_from(boot: Option<BootFlags>) -> StartFrom {
    match boot.map(|flags| flags.device) {
        Some(BootDevice::Disk | BootDevice::Optical | BootDevice::Setup | BootDevice::Floppy) => {
            StartFrom::Disk
        }
        Some(BootDevice::Network | BootDevice::Default) | None => StartFrom::Network,
    }
}

/// Waits for the end of the process, for ever if there is none, and follows its events meanwhile.
async fn ended(running: &mut Option<Running>, events: &mut Option<Events>) -> String {
    let Some(running) = running else { return std::future::pending().await };
    let followed = async {
        if let Some(events) = events {
            events.follow().await;
        }
        std::future::pending().await
    };
    tokio::select! {
        exit = running.wait() => exit.map_or_else(|error| chain(&error), |exit| exit.to_string()),
        never = followed => never,
    }
}
