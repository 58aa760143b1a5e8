//! The client for all service processors: what can be asked of them, each call a whole session.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use runtime::{Backoff, Shutdown, Tasks};
use tokio::sync::Semaphore;
use wire::ipmi::{
    BootDevice, BootFlags, BootOption, ChassisStatus, Command, DeviceId, Malformed, Suite,
};

use crate::conversation::Conversation;
use crate::socket::Sockets;
use crate::{BmcError, PowerAction, PowerReport, PowerState, Target};

/// Conversations at once, for all callers together: each has one packet in flight.
const CONVERSATIONS_MAX: usize = 1024;
/// How soon a socket that failed is read again.
const READ_AGAIN: Duration = Duration::from_millis(100);
/// Controllers whose cipher suite is remembered.
const SUITES_MAX: usize = 200_000;

/// The client for all service processors; clones share it.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
    /// Whoever asks: when that is gone, nothing more is begun for it.
    asker: Shutdown,
}

#[derive(Debug)]
struct Shared {
    sockets: Arc<Sockets>,
    slots: Semaphore,
    suites: Mutex<HashMap<SocketAddr, Suite>>,
}

impl Client {
    /// Opens the sockets and starts reading them among `tasks`.
    pub fn start(tasks: &Tasks) -> io::Result<Self> {
        let sockets = Arc::new(Sockets::open()?);
        let (reader, shutdown) = (Arc::clone(&sockets), tasks.shutdown().clone());
        tasks.restarted("bmc", Backoff::new(READ_AGAIN, READ_AGAIN * 30), move || {
            let (reader, shutdown) = (Arc::clone(&reader), shutdown.clone());
            async move {
                tokio::select! {
                    () = shutdown.cancelled() => Ok(()),
                    result = reader.read() => result,
                }
            }
        });
        let slots = Semaphore::new(CONVERSATIONS_MAX);
        let shared = Shared { sockets, slots, suites: Mutex::default() };
        Ok(Self { shared: Arc::new(shared), asker: Shutdown::new() })
    }

    /// The same client for somebody who may leave. What waits for its turn, or logs in, ends then; what was told to a
    /// service processor is heard to its end.
    #[must_use]
    pub fn until(&self, asker: &Shutdown) -> Self {
        Self { shared: Arc::clone(&self.shared), asker: asker.clone() }
    }

    /// Performs a power action and returns the state the machine is in, or on its way to.
    pub async fn power(
        &self,
        target: &Target,
        action: PowerAction,
    ) -> Result<PowerState, BmcError> {
        Ok(self.power_report(target, action).await?.state())
    }

    /// Performs a power action if the state asks for it, and says what was found and sent.
    pub async fn power_report(
        &self,
        target: &Target,
        action: PowerAction,
    ) -> Result<PowerReport, BmcError> {
        self.within_deadline(target, async {
            let mut bmc = self.converse(target).await?;
            let report = switch(&mut bmc, target, action, &self.asker).await;
            bmc.close().await;
            report
        })
        .await
    }

    /// Sets from what the machine boots next.
    pub async fn boot_device(&self, target: &Target, flags: BootFlags) -> Result<(), BmcError> {
        self.within_deadline(target, async {
            let mut bmc = self.converse(target).await?;
            let set = set_boot(&mut bmc, flags).await;
            bmc.close().await;
            set
        })
        .await
    }

    /// From what the machine boots next; `None` means its own order.
    pub async fn boot_flags(&self, target: &Target) -> Result<Option<BootFlags>, BmcError> {
        let command = Command::GetBootOption { parameter: BootOption::FLAGS };
        let data = self.one(target, &command, "tell its boot device").await?;
        // version of the parameter, and its number with a mark when it is not valid
        let flags = data.get(2..).ok_or(Malformed::Short("boot options"));
        flags.and_then(BootFlags::decode).map_err(|source| BmcError::Protocol {
            addr: target.addr,
            action: "tell its boot device",
            source,
        })
    }

    /// Who the service processor says it is.
    pub async fn device_id(&self, target: &Target) -> Result<DeviceId, BmcError> {
        let action = "identify itself";
        let data = self.one(target, &Command::DeviceId, action).await?;
        let (addr, read) = (target.addr, DeviceId::decode(&data));
        read.map_err(|source| BmcError::Protocol { addr, action, source })
    }

    /// Lights the locating lamp for so many seconds.
    pub async fn identify(&self, target: &Target, seconds: u8) -> Result<(), BmcError> {
        self.one(target, &Command::Identify(seconds), "light its lamp").await.map(|_| ())
    }

    /// Packets that came from addresses nobody talked with.
    pub fn strays(&self) -> u64 {
        self.shared.sockets.strays()
    }

    /// A session for one command.
    async fn one(
        &self,
        target: &Target,
        command: &Command,
        action: &'static str,
    ) -> Result<Vec<u8>, BmcError> {
        self.within_deadline(target, async {
            let mut bmc = self.converse(target).await?;
            let data = bmc.ask(command, action).await;
            bmc.close().await;
            data
        })
        .await
    }

    async fn converse<'a>(&self, target: &'a Target) -> Result<Conversation<'a>, BmcError> {
        let left = || BmcError::Cancelled { addr: target.addr };
        let line = self.shared.sockets.line(target.addr).await;
        let first = self.suites().get(&target.addr).copied().unwrap_or(Suite::Sha256);
        let opened = Conversation::open(line, target, first);
        // a session that is half open is forgotten by the controller
        let opened = self.asker.run_until_cancelled(opened).await.ok_or_else(left)?;
        let mut suites = self.suites();
        match opened {
            Ok((conversation, suite)) => {
                if suites.len() < SUITES_MAX {
                    suites.insert(target.addr, suite);
                }
                Ok(conversation)
            }
            Err(error) => {
                suites.remove(&target.addr);
                Err(error)
            }
        }
    }

    /// Waits for a free slot, then bounds the whole conversation.
    async fn within_deadline<T>(
        &self,
        target: &Target,
        work: impl Future<Output = Result<T, BmcError>>,
    ) -> Result<T, BmcError> {
        let busy = |_| BmcError::Busy { addr: target.addr };
        let left = || BmcError::Cancelled { addr: target.addr };
        let slot = self.asker.run_until_cancelled(self.shared.slots.acquire()).await;
        let _slot = slot.ok_or_else(left)?.map_err(busy)?;
        let limit = target.deadline().max(Duration::from_secs(5));
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            Err(BmcError::Lost { addr: target.addr, during: "the conversation went on too long" })
        })
    }

    fn suites(&self) -> MutexGuard<'_, HashMap<SocketAddr, Suite>> {
        self.shared.suites.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn switch(
    bmc: &mut Conversation<'_>,
    target: &Target,
    action: PowerAction,
    gone: &Shutdown,
) -> Result<PowerReport, BmcError> {
    let asked = "tell its power state";
    let data = bmc.ask(&Command::ChassisStatus, asked).await?;
    let addr = target.addr;
    let status = ChassisStatus::decode(&data).map_err(|source| BmcError::Protocol {
        addr,
        action: asked,
        source,
    })?;
    let was = if status.on { PowerState::On } else { PowerState::Off };
    let Some((sent, control)) = action.plan(was) else {
        return Ok(PowerReport { was, sent: None });
    };
    if gone.is_cancelled() {
        return Err(BmcError::Cancelled { addr });
    }
    bmc.ask(&Command::ChassisControl(control), "switch power").await?;
    Ok(PowerReport { was, sent: Some(sent) })
}

async fn set_boot(bmc: &mut Conversation<'_>, flags: BootFlags) -> Result<(), BmcError> {
    // Else some controllers forget the choice when no reset follows within a minute. Others lack this parameter.
    let keep = Command::SetBootOption(BootOption::ClearOn(BootOption::KEEP_ON_TIMEOUT));
    match bmc.ask(&keep, "keep the boot device").await {
        Ok(_) | Err(BmcError::Command { .. }) => {}
        Err(error) => return Err(error),
    }
    let wanted = (flags.device != BootDevice::Default).then_some(flags);
    let set = Command::SetBootOption(BootOption::Flags(wanted));
    bmc.ask(&set, "set the boot device").await.map(|_| ())
}
