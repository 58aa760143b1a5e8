//! What serves requests, whatever door they come through: the store, the view that follows it, the writers of the logs,
//! and what commands work with. The daemon adds doors and boot services; a command that bypasses it adds nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::{Clock, ErrorKind, Failure};
use commands::{BoxFuture, Follower, Services};
use model::BootView;
use netboot::{Context, NodeLog, Recorder};
use remote::ssh::SshOptions;
use runtime::{Shutdown, TaskState, TaskStatus, Tasks, View};
use store::{Store, StoreError};
use tables::Snapshot;
use tokio::sync::{Semaphore, mpsc};

use crate::config::Config;
use crate::session::{self, Places, Server};
use crate::{commands_log, node_logs, recorder, setup};

/// How long what has been told to end may take.
const DRAIN: Duration = Duration::from_secs(10);

/// The running parts that every request needs.
pub(crate) struct Core {
    pub(crate) tasks: Tasks,
    pub(crate) addresses: Addresses,
    pub(crate) server: Arc<Server>,
    pub(crate) recorder: Recorder,
    pub(crate) node_log: mpsc::Sender<NodeLog>,
    clock: Arc<dyn Clock>,
    /// How long commands may go on after the end has begun.
    patience: Duration,
    /// The tasks that write what others leave behind; they end last.
    writers: Tasks,
}

/// Where the services listen, by name.
#[derive(Clone, Default)]
pub(crate) struct Addresses(
    Arc<Mutex<BTreeMap<&'static str, SocketAddr>>>,
    Arc<tokio::sync::Notify>,
);

impl Addresses {
    pub(crate) fn set(&self, service: &'static str, address: SocketAddr) {
        tracing::info!(service, %address, "the service listens");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(service, address);
        self.1.notify_waiters();
    }

    pub(crate) fn get(&self, service: &str) -> Option<SocketAddr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(service).copied()
    }

    /// Waits for the next service that listens; the future must be made before [`get`](Self::get) is asked.
    pub(crate) fn changed(&self) -> impl Future<Output = ()> + '_ {
        self.1.notified()
    }
}

/// What edits wait for.
struct BootFollower(Arc<View<BootView>>);

impl Follower for BootFollower {
    fn name(&self) -> &'static str {
        "the boot services"
    }

    fn wait_for(&self, generation: u64, limit: Duration) -> BoxFuture<'_, bool> {
        Box::pin(async move { self.0.wait_for(generation, limit).await.is_ok() })
    }
}

/// Opens the store; that takes a while, because the rows are loaded.
pub(crate) async fn open_store(
    config: &Config,
    clock: Arc<dyn Clock>,
) -> Result<Store, StoreError> {
    let directory = config.state.clone();
    let opened = tokio::task::spawn_blocking(move || Store::open(&directory, clock)).await;
    opened.unwrap_or_else(|error| Err(StoreError::Panicked(error.to_string())))
}

impl Core {
    /// Starts what works behind the doors.
    pub(crate) fn start(
        config: &Config,
        store: Store,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let (tasks, writers) = (Tasks::new(Shutdown::new()), Tasks::new(Shutdown::new()));
        let view = follow(config, &store, &tasks);
        let (events, event_queue) = mpsc::channel(recorder::WAITING);
        let (log, log_queue) = mpsc::channel(commands_log::WAITING);
        let (node_log, node_log_queue) = mpsc::channel(node_logs::WAITING);
        writers.spawn("flight recorder", recorder::write(store.clone(), event_queue));
        writers
            .spawn("command log", commands_log::write(config.log.join("commands.log"), log_queue));
        writers.spawn("node logs", node_logs::write(config.log.join("nodes"), node_log_queue));

        let addresses = Addresses::default();
        let (board, shown) = (tasks.clone(), addresses.clone());
        let follower: Arc<dyn Follower> = Arc::new(BootFollower(view.clone()));
        let host = Arc::new(setup::ThisMachine::new(config, &store, clock.clone()));
        let services = Services {
            store,
            followers: Arc::from([follower]),
            clock: clock.clone(),
            boot: view.clone(),
            events: events.clone(),
            bmc: bmc_client(&tasks)?,
            ipmi_port: bmc::PORT,
            ssh: Arc::new(ssh_options(config)),
            tools: Arc::new(tools(config)),
            hosts_file: Arc::new(tokio::sync::Mutex::new(config.hosts.clone())),
            host,
            share: config.share.clone().into(),
            database: config.state.display().to_string().into(),
            status: Arc::new(move || status_lines(&board, &shown)),
        };
        let server = Arc::new(Server {
            services,
            view,
            source: setup::short_host_name(),
            clock: clock.clone(),
            sessions: Tasks::new(tasks.shutdown().child_token()),
            tasks: tasks.clone(),
            large: Arc::new(Semaphore::new(session::LARGE)),
            log,
            places: Places { etc: config.etc.clone(), home: config.home.clone() },
            counts: Arc::default(),
        });
        let (recorder, patience) = (Recorder::new(events), Duration::from_secs(config.drain));
        Ok(Self { tasks, addresses, server, recorder, node_log, clock, patience, writers })
    }

    /// What the boot services work with.
    pub(crate) fn context(&self) -> Context {
        Context {
            view: self.server.view.clone(),
            clock: self.clock.clone(),
            tasks: self.tasks.clone(),
            recorder: self.recorder.clone(),
        }
    }

    /// Ends in order: no more requests, then no more commands, then no more services, then no more store.
    pub(crate) async fn stop(self) {
        let Self { tasks, server, recorder, node_log, patience, writers, .. } = self;
        if !server.sessions.drain(patience).await {
            tracing::warn!("some commands are still running: they are cancelled");
        }
        if !tasks.drain(DRAIN).await || !server.sessions.drain(DRAIN).await {
            tracing::warn!("some tasks did not end in time");
        }
        let store = server.services.store.clone();
        // The writers end when nobody is left who could give them something.
        drop((server, recorder, node_log));
        if !writers.drain(DRAIN).await {
            tracing::warn!("some logs were not written to their end");
        }
        store.close().await;
    }
}

fn bmc_client(tasks: &Tasks) -> Result<bmc::Client, Failure> {
    bmc::Client::start(tasks).map_err(|error| {
        let message = format!("no socket for service processors: {error}");
        Failure::new(ErrorKind::Internal, message)
    })
}

fn ssh_options(config: &Config) -> SshOptions {
    SshOptions {
        program: config.ssh.clone(),
        identity: Some(config.state.join("ssh/id_ed25519")),
        ..SshOptions::default()
    }
}

fn tools(config: &Config) -> image::Tools {
    let mut tools = image::Tools::installed(&config.install, config.mirror());
    tools.node_program = config.share.join("node/xcat-node");
    tools.list_dirs = vec![config.install.join("custom/netboot"), config.share.join("netboot")];
    tools
}

/// The view of the tables that the boot services answer from.
fn follow(config: &Config, store: &Store, tasks: &Tasks) -> Arc<View<BootView>> {
    let boot_dir = config.share.join("boot");
    let build = move |before: Option<&BootView>, snapshot: &Snapshot| {
        let facts = netboot::server_facts(&boot_dir);
        let (view, problems) = match before {
            Some(before) => before.update(snapshot, &facts),
            None => BootView::build(snapshot, &facts),
        };
        for problem in problems {
            tracing::debug!(%problem, "a row cannot be used");
        }
        (snapshot.generation(), view)
    };
    let (generation, first) = build(None, &store.snapshot());
    let view = Arc::new(View::new(generation, first));
    let (follower, source, generations) = (view.clone(), store.clone(), store.watch());
    let shutdown = tasks.shutdown().clone();
    tasks.critical("boot view", async move {
        let shown = follower.clone();
        let next = move || build(Some(&shown.load()), &source.snapshot());
        follower.follow(generations, next, shutdown).await;
        Ok::<(), Failure>(())
    });
    view
}

/// Where the services listen and which wait, a line each.
fn status_lines(tasks: &Tasks, addresses: &Addresses) -> Vec<String> {
    let line = |task: TaskStatus| {
        let state = match (task.state, addresses.get(&task.name)) {
            (TaskState::Running, Some(address)) => format!("listening on {address}"),
            (TaskState::Running, None) => "running".to_owned(),
            (TaskState::Waiting(reason), _) => format!("not running: {reason}"),
            (TaskState::Ended(Some(reason)), _) => format!("ended: {reason}"),
            (TaskState::Ended(None), _) => "ended".to_owned(),
        };
        format!("{}: {state}", task.name)
    };
    tasks.status().into_iter().map(line).collect()
}
