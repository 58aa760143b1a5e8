//! A machine of the lab: a QEMU process that is switched by the service processor in front of it.
//!
//! ```text
//!  Off --on--> Running --off, crash, guest's own power-off--> Off
//!                `--reset: QMP system_reset, or a new process when the boot device changes
//! ```
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
use wire::ipmi::{BootDevice, BootFlags, Control};

use super::plan::{FirmwareKind, NodePlan};
use super::qemu::{self, Accelerator, Files, StartFrom};
use super::{internal, qmp};
use crate::Machine;

/// Orders that may wait; a service processor that is told more loses them.
const ORDERS: usize = 16;
/// How long QEMU may take to end by itself.
const GRACE: Duration = Duration::from_secs(2);
/// How often the size of the serial log is looked at.
const LOOK: Duration = Duration::from_secs(5);
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
    start: StartFrom,
    running: Option<Running>,
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
            start: StartFrom::Network,
            running: None,
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
                exit = ended(&mut self.running) => self.has_ended(&exit),
                _ = look.tick() => self.bound_serial(),
            }
        }
        self.stop().await;
    }

    async fn obey(&mut self, control: Control, boot: Option<BootFlags>) {
        let node = &self.node.name;
        tracing::info!(node, ?control, ?boot, "order");
        let done = match control {
            Control::On => self.start(boot),
            Control::Off => {
                self.stop().await;
                Ok(())
            }
            Control::Cycle => {
                self.stop().await;
                self.start(boot)
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

    fn start(&mut self, boot: Option<BootFlags>) -> Result<(), Failure> {
        if self.running.is_some() {
            return Ok(());
        }
        self.start = start_from(boot);
        self.prepare_files().map_err(|error| internal(self.files.dir.display(), &error))?;
        let (accelerator, memory) = (self.accelerator, self.memory);
        let line = qemu::arguments(&self.node, &self.files, accelerator, memory, self.start);
        let program = Program::new(qemu::QEMU).args(line);
        let started = program.start(&StdioTo::File(self.files.qemu_log()));
        let running = started.map_err(|error| internal("cannot start QEMU", &error))?;
        self.running = Some(running);
        Ok(())
    }

    async fn reset(&mut self, boot: Option<BootFlags>) -> Result<(), Failure> {
        if self.running.is_none() {
            return Ok(());
        }
        if boot.is_none() || start_from(boot) == self.start {
            return self.tell("system_reset").await;
        }
        self.stop().await;
        self.start(boot)
    }

    async fn tell(&self, command: &str) -> Result<(), Failure> {
        if self.running.is_none() {
            return Ok(());
        }
        let told = qmp::execute(&self.files.qmp(), command).await;
        told.map_err(|error| internal(format!("QEMU did not take {command}"), &error))
    }

    async fn stop(&mut self) {
        let Some(running) = self.running.take() else { return };
        if let Err(error) = running.stop(GRACE).await {
            tracing::warn!(node = self.node.name, error = chain(&error), "QEMU's end was not seen");
        }
        self.power.on.store(false, Ordering::SeqCst);
    }

    fn has_ended(&mut self, exit: &str) {
        self.running = None;
        self.power.on.store(false, Ordering::SeqCst);
        let words = fs::read_to_string(self.files.qemu_log()).unwrap_or_default();
        let last = words.lines().last().unwrap_or_default();
        let problem = (exit != "exit code 0").then(|| format!("QEMU ended with {exit}: {last}"));
        tracing::info!(node = self.node.name, exit, "machine is off");
        self.power.set_problem(problem);
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

/// Waits for the end of the process, for ever if there is none.
async fn ended(running: &mut Option<Running>) -> String {
    match running {
        Some(running) => match running.wait().await {
            Ok(exit) => exit.to_string(),
            Err(error) => chain(&error),
        },
        None => std::future::pending().await,
    }
}
