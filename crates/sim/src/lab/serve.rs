//! The background process: holds machines and service processors, follows orders from the control socket.
//!
//! It is the only owner of taps, alias addresses and QEMU processes; when it ends in any orderly way they are gone.
//! The bridges are Docker's: when they were made again, machines and addresses are plugged into the new ones.
//! Each service processor has a socket of its own on its alias address, so that the host's other addresses stay free.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::{ErrorKind, Failure, Secret};
use runtime::{Shutdown, Tasks};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};

use super::control::{Ask, LINE_MAX, NodeReport, Report};
use super::machine::{Power, QemuMachine};
use super::plan::NodePlan;
use super::qemu::Accelerator;
use super::state::StateDir;
use super::{accelerator, internal, links};
use crate::{Bmc, BmcServer, Machine, Settings};

/// The account of every service processor in the lab.
pub(crate) const BMC_USER: &str = "admin";
/// How long one order may take to be read.
const READ_LIMIT: Duration = Duration::from_secs(5);
const DRAIN: Duration = Duration::from_secs(15);
/// How often the bridges are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How the background process is set up.
#[derive(Debug, Clone)]
pub struct Serve {
    /// The lab's directory.
    pub state: PathBuf,
    /// The bridge of the management network.
    pub management_bridge: String,
    /// The bridge of the service network.
    pub service_bridge: String,
    /// Memory of each machine, in MiB.
    pub memory: u32,
    /// `kvm` or `tcg`; found out by a probe otherwise.
    pub accelerator: Option<String>,
    /// UDP port of the service processors.
    pub bmc_port: u16,
}

/// A machine, its switch and its service processor.
struct Entry {
    node: NodePlan,
    power: Arc<Power>,
    tasks: Tasks,
}

struct Lab {
    serve: Serve,
    state: StateDir,
    password: Secret<String>,
    accelerator: Accelerator,
    entries: BTreeMap<u16, Entry>,
    /// The lives of the two bridges into which everything is plugged.
    plugged: Option<(String, String)>,
}

/// Opens the control socket, unless another background process holds it.
///
/// This comes before the process leaves the foreground, so that who started it can talk to it as soon as that has ended.
pub fn listen(root: &Path) -> Result<StdUnixListener, Failure> {
    let state = StateDir::open(root)?;
    let path = state.control();
    if std::os::unix::net::UnixStream::connect(&path).is_ok() {
        let message = format!("a lab is already being served in {}", state.path().display());
        return Err(Failure::new(ErrorKind::Conflict, message));
    }
    let failed = |error: std::io::Error| internal(path.display(), &error);
    if path.exists() {
        fs::remove_file(&path).map_err(failed)?;
    }
    let listener = StdUnixListener::bind(&path).map_err(failed)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

impl Serve {
    /// Serves until told to end.
    pub async fn run(self, listener: StdUnixListener) -> Result<(), Failure> {
        let state = StateDir::open(&self.state)?;
        let failed = |error: std::io::Error| internal("the control socket", &error);
        let listener = UnixListener::from_std(listener).map_err(failed)?;
        let mut interrupted = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminated = signal(SignalKind::terminate()).map_err(failed)?;
        fs::write(state.pid(), std::process::id().to_string()).map_err(failed)?;
        for name in state.end_orphans() {
            tracing::warn!(node = name, "ended a machine that an earlier process had left");
        }
        let mut lab = Lab::new(self, state).await?;
        let mut look = tokio::time::interval(LOOK);
        loop {
            let stream = tokio::select! {
                _ = look.tick() => {
                    lab.follow_bridges().await;
                    continue;
                }
                accepted = listener.accept() => accepted.map_err(failed)?.0,
                _ = interrupted.recv() => break,
                _ = terminated.recv() => break,
            };
            if lab.serve_one(stream).await {
                break;
            }
        }
        lab.end().await;
        Ok(())
    }
}

impl Lab {
    async fn new(serve: Serve, state: StateDir) -> Result<Self, Failure> {
        let password = state.password()?;
        let accelerator = match serve.accelerator.as_deref() {
            Some("kvm") => Accelerator::Kvm,
            Some("tcg") => Accelerator::Tcg,
            _ => accelerator::find(&state).await,
        };
        tracing::info!(accelerator = accelerator.as_str(), "serving");
        Ok(Self { serve, state, password, accelerator, entries: BTreeMap::new(), plugged: None })
    }

    /// One order and its answer; whether it was the last.
    async fn serve_one(&mut self, stream: UnixStream) -> bool {
        let (read, mut write) = stream.into_split();
        let mut line = String::new();
        let mut reader = BufReader::new(read.take(LINE_MAX));
        let read = tokio::time::timeout(READ_LIMIT, reader.read_line(&mut line)).await;
        let Ok(Ok(_)) = read else { return false };
        let Ok(ask) = serde_json::from_str::<Ask>(&line) else { return false };
        let last = matches!(ask, Ask::Down);
        let report = self.follow(ask).await;
        let text = serde_json::to_string(&report).unwrap_or_default() + "\n";
        let written = tokio::time::timeout(READ_LIMIT, write.write_all(text.as_bytes())).await;
        if !matches!(written, Ok(Ok(()))) {
            tracing::warn!("an answer on the control socket was not taken");
        }
        last
    }

    async fn follow(&mut self, ask: Ask) -> Report {
        let followed = match ask {
            Ask::Status => Ok(()),
            Ask::Have(nodes) => self.have(nodes).await,
            Ask::Down => {
                self.remove_all().await;
                Ok(())
            }
        };
        Report { error: followed.err().map(|failure| failure.to_string()), ..self.report() }
    }

    fn report(&self) -> Report {
        let nodes = self.entries.values().map(|entry| NodeReport {
            node: entry.node.clone(),
            on: entry.power.is_on(),
            problem: entry.power.problem(),
        });
        Report {
            error: None,
            accelerator: self.accelerator.as_str().to_owned(),
            memory: self.serve.memory,
            nodes: nodes.collect(),
        }
    }

    /// Plugs in what is wanted; for machines that are there, only their links are looked after: a bridge may be new.
    async fn have(&mut self, nodes: Vec<NodePlan>) -> Result<(), Failure> {
        let (management, service) = (&self.serve.management_bridge, &self.serve.service_bridge);
        links::check_bridge(management)?;
        links::check_bridge(service)?;
        links::prepare_bridge(management).await?;
        for node in nodes {
            links::plug(&node.tap(), management).await?;
            links::take_address(node.bmc, service).await?;
            if !self.entries.contains_key(&node.number) {
                let entry = self.start(&node)?;
                self.entries.insert(node.number, entry);
            }
        }
        self.plugged = self.bridges();
        Ok(())
    }

    /// The lives of the bridges, while both are there.
    fn bridges(&self) -> Option<(String, String)> {
        let lives =
            [&self.serve.management_bridge, &self.serve.service_bridge].map(|b| links::life(b));
        let [Some(management), Some(service)] = lives else { return None };
        Some((management, service))
    }

    /// Plugs everything into bridges that were made again.
    async fn follow_bridges(&mut self) {
        let now = self.bridges();
        if self.entries.is_empty() || now.is_none() || now == self.plugged {
            return;
        }
        tracing::info!("the bridges were made again: plugging in");
        let nodes = self.entries.values().map(|entry| entry.node.clone()).collect();
        if let Err(failure) = self.have(nodes).await {
            tracing::warn!(error = %failure, "cannot plug in yet");
        }
    }

    /// Starts the tasks of a machine that is off and of its service processor.
    fn start(&self, node: &NodePlan) -> Result<Entry, Failure> {
        let tasks = Tasks::new(Shutdown::new());
        let files = self.state.files(&node.name);
        let (machine, power) =
            QemuMachine::new(node.clone(), files, self.accelerator, self.serve.memory);
        let settings =
            Settings { guid: guid(&node.uuid), ..Settings::new(BMC_USER, self.password.clone()) };
        let bmc = Bmc::new(&settings, Arc::clone(&power) as Arc<dyn Machine>)
            .map_err(|error| internal("the service processor's account", &error))?;
        let addr = SocketAddr::new(IpAddr::V4(node.bmc), self.serve.bmc_port);
        let server = BmcServer::bind(addr)
            .map_err(|error| internal(format!("the service processor at {addr}"), &error))?;
        server.insert(addr.ip(), Arc::new(bmc));
        let (ends, name) = (tasks.shutdown().clone(), node.name.clone());
        tasks.spawn("machine", machine.run(ends.clone()));
        tasks.spawn("service processor", async move {
            if let Err(error) = server.run(&ends).await {
                tracing::error!(node = name, %error, "the service processor ended");
            }
        });
        Ok(Entry { node: node.clone(), power, tasks })
    }

    async fn remove_all(&mut self) {
        let entries = std::mem::take(&mut self.entries);
        for entry in entries.values() {
            entry.tasks.shutdown().cancel();
        }
        for entry in entries.into_values() {
            if !entry.tasks.drain(DRAIN).await {
                tracing::error!(node = entry.node.name, "the machine does not end");
            }
            let tap = links::unplug(&entry.node.tap()).await;
            let address = links::drop_address(entry.node.bmc, &self.serve.service_bridge).await;
            for failure in [tap.err(), address.err()].into_iter().flatten() {
                tracing::error!(node = entry.node.name, error = %failure, "left behind");
            }
        }
    }

    async fn end(mut self) {
        self.remove_all().await;
        for path in [self.state.control(), self.state.pid()] {
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "left behind");
            }
        }
        tracing::info!("ended");
    }
}

/// The bytes of a UUID, as the service processor reports them.
fn guid(uuid: &str) -> [u8; 16] {
    let digits: Vec<u8> =
        uuid.chars().filter_map(|c| c.to_digit(16)).filter_map(|d| u8::try_from(d).ok()).collect();
    let mut guid = [0; 16];
    for (byte, pair) in guid.iter_mut().zip(digits.chunks(2)) {
        *byte = pair.iter().fold(0, |value, digit| value << 4 | digit);
    }
    guid
}
