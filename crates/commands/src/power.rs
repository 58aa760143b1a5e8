//! rpower and rsetboot: power and boot device through service processors, over IPMI.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base::{ErrorKind, Failure, NodeName, Timestamp};
use bmc::{
    BootDevice, BootFlags, Firmware, Persistence, PowerAction, PowerReport, PowerState, Target,
};
use command::{Answer, Item};
use model::flight::{BootEvent, Step};
use model::{Bmc, BmcKind};
use store::Origin;
use tables::{Patch, Snapshot};

use crate::call::Call;
use crate::services::Services;
use crate::shape::{Behaviour, Command, Job, Plan};
use crate::sink::Sink;

pub(crate) static RPOWER: Command = Command::new("rpower", Behaviour::Nodes(rpower));
pub(crate) static RSETBOOT: Command = Command::new("rsetboot", Behaviour::Nodes(rsetboot));

/// Nodes at a time; the client of the service processors has its own, narrower bound.
const NODES: usize = 4096;

/// How long a node may take, waiting for its turn included.
const DEADLINE: Duration = Duration::from_mins(5);

/// How long looking up the name of a service processor may take.
const LOOKUP: Duration = Duration::from_secs(5);

fn rpower(call: &Call, services: &Services, sink: &Sink) -> Result<Plan, Failure> {
    let nodes = call.required_nodes()?;
    let Some(word) = only_word(call)? else {
        return Ok(answered(nodes, |node| no_action(&call.snapshot, node)));
    };
    let (patience, services) = (Patience::read(&call.options)?, services.until(sink));
    let Some(action) = action(word) else {
        return Ok(answered(nodes, |node| {
            vec![Item::node_error(node.as_str(), format!("unsupported command rpower {word}"))]
        }));
    };
    let job = |node: &NodeName| {
        let target = target(&call.snapshot, node, patience);
        let (services, node, word) = (services.clone(), node.clone(), word.to_owned());
        Job::new(node.clone(), async move {
            switch(&services, &node, target, action, &word).await.into_iter().collect()
        })
    };
    Ok(plan(nodes.iter().map(job).collect()))
}

/// The one word after the noderange; more would be left undone without a word.
fn only_word(call: &Call) -> Result<Option<&str>, Failure> {
    match call.options.operands() {
        [] => Ok(None),
        [word] => Ok(Some(word)),
        [word, more, ..] => {
            let text = format!("only one action at a time: '{word}' and then '{more}' is too much");
            Err(Failure::new(ErrorKind::Usage, text))
        }
    }
}

/// How much patience with service processors is asked for; the node's own where it is not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Patience {
    timeout: Option<Duration>,
    retries: Option<u32>,
}

impl Patience {
    /// Reads `-t` and `-r`.
    fn read(options: &command::Options) -> Result<Self, Failure> {
        let number = |name, what: &str| match options.value(name) {
            None => Ok(None),
            Some(text) => text.parse::<u32>().map(Some).map_err(|_| {
                let text = format!("the {what} '{text}' of -{name} is not a number");
                Failure::new(ErrorKind::Usage, text)
            }),
        };
        let timeout = number("t", "number of seconds")?;
        let timeout = timeout.map(|seconds| Duration::from_secs(seconds.clamp(1, 60).into()));
        Ok(Self { timeout, retries: number("r", "number of retries")?.map(|count| count.min(20)) })
    }
}

fn plan(jobs: Vec<Job>) -> Plan {
    Plan { first: Answer::new(), jobs, limit: NODES, deadline: DEADLINE }
}

/// A plan that only answers.
fn answered(nodes: &[NodeName], items: impl Fn(&NodeName) -> Vec<Item>) -> Plan {
    let first = nodes.iter().flat_map(items).collect();
    Plan { first, ..plan(Vec::new()) }
}

fn no_action(snapshot: &Snapshot, node: &NodeName) -> Vec<Item> {
    let mgt = snapshot.node_cell("nodehm", "mgt", node.as_str());
    let Some(mgt) = mgt.map(|cell| cell.text).filter(|mgt| !mgt.trim().is_empty()) else {
        let text = format!(
            "mgt is not set, so its power cannot be controlled; run: chdef {node} mgt=ipmi"
        );
        return vec![Item::node_error(node.as_str(), text)];
    };
    let text = format!("Please enter an action (eg: boot,off,on, etc) when using mgt={mgt}.");
    vec![Item::node(node.as_str(), text), Item::Code(1)]
}

fn action(word: &str) -> Option<PowerAction> {
    Some(match word {
        "stat" | "state" | "status" => PowerAction::Status,
        "on" => PowerAction::On,
        "off" => PowerAction::Off,
        "softoff" => PowerAction::SoftOff,
        "reset" => PowerAction::Reset,
        "boot" => PowerAction::Boot,
        "cycle" => PowerAction::Cycle,
        "nmi" => PowerAction::Diagnostic,
        _ => return None,
    })
}

/// Where a service processor is: by address, or by a name that has to be looked up.
pub(crate) enum Address {
    Known(IpAddr),
    Named(String),
}

/// Whom to talk with, or why nobody.
pub(crate) type Wanted = Result<(Address, Target), String>;

/// The service processor of `node`, or why there is none to talk with.
pub(crate) fn target(snapshot: &Snapshot, node: &NodeName, patience: Patience) -> Wanted {
    let mgt = snapshot.node_cell("nodehm", "mgt", node.as_str());
    let Some(mgt) = mgt.map(|cell| cell.text).filter(|mgt| !mgt.is_empty()) else {
        return Err(format!(
            "Unable to identify plugin for this command, check relevant tables: \
             nodehm.power,mgt; hint: chdef {node} mgt=ipmi bmc=ADDRESS"
        ));
    };
    let bmc = Bmc::read(snapshot, node.as_str())
        .filter(|bmc| bmc.kind == BmcKind::Ipmi && &*mgt == "ipmi");
    let Some(bmc) = bmc else {
        return Err(if &*mgt == "ipmi" {
            format!("no service processor is defined; set it with: chdef {node} bmc=ADDRESS")
        } else {
            format!("power control with mgt={mgt} is not available yet; only mgt=ipmi is")
        });
    };
    let address = match bmc.address {
        Some(address) => Address::Known(address),
        None => Address::Named(bmc.host.to_string()),
    };
    let mut target = Target::new(IpAddr::from([0, 0, 0, 0]), bmc.user, bmc.password);
    target.timeout = patience.timeout.unwrap_or(bmc.timeout);
    target.retries = patience.retries.unwrap_or(bmc.retries).min(20);
    Ok((address, target))
}

async fn reach(
    services: &Services,
    (address, mut target): (Address, Target),
) -> Result<Target, String> {
    let address = match address {
        Address::Known(address) => address,
        Address::Named(name) => look_up(&name).await?,
    };
    target.addr = SocketAddr::new(address, services.ipmi_port);
    Ok(target)
}

async fn look_up(name: &str) -> Result<IpAddr, String> {
    let unknown = || {
        format!("the service processor {name} has no known address; put it into the hosts table")
    };
    let found = tokio::time::timeout(LOOKUP, tokio::net::lookup_host((name, 0))).await;
    let mut found = found.map_err(|_| unknown())?.map_err(|_| unknown())?;
    found.next().map(|address| address.ip()).ok_or_else(unknown)
}

async fn switch(
    services: &Services,
    node: &NodeName,
    target: Wanted,
    action: PowerAction,
    word: &str,
) -> Vec<Item> {
    let report = match target {
        Ok(wanted) => power(services, wanted, action).await,
        Err(text) => Err(text),
    };
    match report {
        Ok(report) => {
            if let Some(sent) = report.sent {
                record(
                    services,
                    node,
                    Step::Power,
                    format!("rpower {word}: was {}", report.was.as_str()),
                )
                .await;
                set_status(services, node, sent).await;
            }
            vec![Item::node(node.as_str(), said(action, report))]
        }
        Err(text) => {
            if action != PowerAction::Status {
                let told = format!("rpower {word}: {text}");
                record(services, node, Step::PowerFailed, told).await;
            }
            vec![Item::node_error(node.as_str(), text)]
        }
    }
}

/// Whether the machine is on.
pub(crate) async fn state(services: &Services, wanted: Wanted) -> Result<PowerState, String> {
    power(services, wanted?, PowerAction::Status).await.map(|report| report.was)
}

async fn power(
    services: &Services,
    wanted: (Address, Target),
    action: PowerAction,
) -> Result<PowerReport, String> {
    let target = reach(services, wanted).await?;
    services.bmc.power_report(&target, action).await.map_err(|e| e.failure().to_string())
}

/// What the original prints: the state for stat and for what was so already, else what was sent;
/// boot says both.
fn said(action: PowerAction, report: PowerReport) -> String {
    let was = report.was.as_str();
    let Some(sent) = report.sent else { return was.to_owned() };
    let sent = match sent {
        PowerAction::On => "on",
        PowerAction::Off => "off",
        PowerAction::SoftOff => "softoff",
        PowerAction::Reset => "reset",
        PowerAction::Cycle => "cycle",
        PowerAction::Diagnostic => "nmi",
        PowerAction::Status | PowerAction::Boot => was,
    };
    if action == PowerAction::Boot { format!("{was} {sent}") } else { sent.to_owned() }
}

async fn record(services: &Services, node: &NodeName, step: Step, text: String) {
    let time: Timestamp = services.clock.now();
    let event = BootEvent { time, node: Some(node.clone()), mac: None, step, text };
    // The recorder only goes away with the daemon; then nobody reads the record either.
    services.events.send(event).await.unwrap_or_default();
}

/// Keeps `nodelist.status` as the original does, unless the site does not want it.
async fn set_status(services: &Services, node: &NodeName, sent: PowerAction) {
    let status = match sent {
        PowerAction::On | PowerAction::Reset | PowerAction::Boot | PowerAction::Cycle => {
            "powering-on"
        }
        PowerAction::Off | PowerAction::SoftOff => "powering-off",
        PowerAction::Status | PowerAction::Diagnostic => return,
    };
    let (name, now) = (node.clone(), services.clock.now().table_text());
    let decide = move |snapshot: &Snapshot| {
        let mut patch = Patch::new();
        let kept = !matches!(snapshot.site("nodestatus"), Some("n" | "N" | "0"));
        if let Some(nodelist) =
            tables::table("nodelist").filter(|_| kept && snapshot.has_node(name.as_str()))
        {
            let cells = [("status", Some(status)), ("statustime", Some(now.as_str()))];
            patch.set(nodelist, &[name.as_str()], &cells);
        }
        Ok::<_, std::convert::Infallible>(patch)
    };
    if let Err(error) = services.store.update(Origin::report(node.as_str(), "rpower"), decide).await
    {
        tracing::warn!(%node, error = base::chain(&error), "the status of a node is not stored");
    }
}

fn rsetboot(call: &Call, services: &Services, sink: &Sink) -> Result<Plan, Failure> {
    let nodes = call.required_nodes()?;
    let word = only_word(call)?.unwrap_or("stat");
    let services = services.until(sink);
    let wanted = match flags(word, call) {
        Some(flags) => Some(flags),
        None if word.starts_with("stat") => None,
        None => {
            let text = format!("unsupported command setboot {word}");
            return Ok(answered(nodes, |node| vec![Item::node_error(node.as_str(), &*text)]));
        }
    };
    let job = |node: &NodeName| {
        let target = target(&call.snapshot, node, Patience::default());
        let (services, node) = (services.clone(), node.clone());
        Job::new(node.clone(), async move {
            let item = match set_boot(&services, target, wanted).await {
                Ok(text) => Item::node(node.as_str(), text),
                Err(text) => Item::node_error(node.as_str(), text),
            };
            Answer(vec![item])
        })
    };
    Ok(plan(nodes.iter().map(job).collect()))
}

/// What to set; nothing when the word is no device.
fn flags(word: &str, call: &Call) -> Option<BootFlags> {
    let device = match word {
        "net" => BootDevice::Network,
        "hd" => BootDevice::Disk,
        "cd" => BootDevice::Optical,
        "floppy" => BootDevice::Floppy,
        "setup" => BootDevice::Setup,
        word if word.starts_with("def") => BootDevice::Default,
        _ => return None,
    };
    let firmware = if call.options.has("u") { Firmware::Efi } else { Firmware::Legacy };
    let persistence = if call.options.has("p") { Persistence::Always } else { Persistence::Once };
    Some(BootFlags { device, firmware, persistence })
}

async fn set_boot(
    services: &Services,
    wanted: Wanted,
    flags: Option<BootFlags>,
) -> Result<String, String> {
    let target = reach(services, wanted?).await?;
    let failed = |error: bmc::BmcError| error.failure().to_string();
    if let Some(flags) = flags {
        services.bmc.boot_device(&target, flags).await.map_err(failed)?;
    }
    let now = services.bmc.boot_flags(&target).await.map_err(failed)?;
    Ok(now.map_or("boot override inactive", |flags| device_name(flags.device)).to_owned())
}

fn device_name(device: BootDevice) -> &'static str {
    match device {
        BootDevice::Default => "BIOS default",
        BootDevice::Network => "Network",
        BootDevice::Disk => "Hard Drive",
        BootDevice::Optical => "CD/DVD",
        BootDevice::Setup => "BIOS Setup",
        BootDevice::Floppy => "Floppy",
    }
}
