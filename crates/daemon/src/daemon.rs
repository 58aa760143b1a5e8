//! The wiring: the store, the view that follows it, the boot services, the sessions, and their common end.
//!
//! ```text
//! store --generations--> view (DHCP, TFTP, HTTP, DNS, boot scripts) --asked by--> netboot services --events--> store
//!   ^                                                                                                          (flight recorder)
//!   +-- commands <-- sessions (TLS, Unix socket) and the install monitor
//! ```

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::{Clock, ErrorKind, Failure, SystemClock};
use commands::{BoxFuture, Follower, Services};
use model::BootView;
use netboot::{Context, Dhcp, DhcpPorts, Dns, Http, NodeLog, Recorder, RouterAdvertiser, Tftp};
use remote::ssh::SshOptions;
use runtime::{Backoff, Shutdown, TaskState, TaskStatus, Tasks, View};
use store::Store;
use tables::Snapshot;
use tokio::sync::mpsc;

use crate::config::Config;
use crate::session::{self, Server};
use crate::{commands_log, metrics, monitor, node_logs, recorder, setup};

/// The port to which DHCP clients listen.
const DHCP_CLIENT_PORT: u16 = 68;
/// How long the daemon waits for its tasks at the end.
const DRAIN: Duration = Duration::from_secs(10);

/// A running daemon.
pub struct Daemon {
    store: Store,
    tasks: Tasks,
    addresses: Addresses,
    writers: Tasks,
}

/// Where the services listen, by name.
#[derive(Clone, Default)]
struct Addresses(Arc<Mutex<BTreeMap<&'static str, SocketAddr>>>, Arc<tokio::sync::Notify>);

impl Addresses {
    fn set(&self, service: &'static str, address: SocketAddr) {
        tracing::info!(service, %address, "the service listens");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(service, address);
        self.1.notify_waiters();
    }

    fn get(&self, service: &str) -> Option<SocketAddr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(service).copied()
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

impl Daemon {
    /// Opens the store, completes the set-up, and starts all services.
    pub async fn start(config: Config) -> Result<Self, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (directory, store_clock) = (config.state.clone(), clock.clone());
        let opened =
            tokio::task::spawn_blocking(move || Store::open(&directory, store_clock)).await;
        let store = opened
            .map_err(|error| Failure::from_error(ErrorKind::Internal, &error))?
            .map_err(Failure::from)?;
        let certificates = setup::run(&config, &store, &*clock).await?;
        let tls = session::tls_config(&certificates)?;

        let (tasks, writers) = (Tasks::new(Shutdown::new()), Tasks::new(Shutdown::new()));
        let view = follow(&config, &store, &tasks);
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
        let services = Services {
            store: store.clone(),
            followers: Arc::from([follower]),
            clock: clock.clone(),
            boot: view.clone(),
            events: events.clone(),
            bmc: bmc_client(&tasks)?,
            ipmi_port: bmc::PORT,
            ssh: Arc::new(ssh_options(&config)),
            tools: Arc::new(tools(&config)),
            hosts_file: Arc::new(tokio::sync::Mutex::new(config.hosts.clone())),
            host: Arc::new(setup::ThisMachine),
            share: config.share.clone().into(),
            database: config.state.display().to_string().into(),
            status: Arc::new(move || status_lines(&board, &shown)),
        };
        let recorder = Recorder::new(events);
        let source = setup::short_host_name();
        let server = Server {
            services,
            view: view.clone(),
            source,
            clock: clock.clone(),
            tasks: tasks.clone(),
            log,
            counts: Arc::default(),
        };
        let context = Context { view, clock, tasks: tasks.clone(), recorder };
        let wiring = Wiring { config, tasks: tasks.clone(), addresses };
        wiring.boot_services(&context, &node_log);
        wiring.monitoring(&context, &server);
        wiring.sessions(Arc::new(server), tls, context.recorder.clone()).await?;
        Ok(Self { store, tasks, addresses: wiring.addresses, writers })
    }

    /// Where a service listens: `tls`, `monitor`, `dhcp`, `tftp`, `http`, `dns`, `metrics`; waits until it does.
    pub async fn address(&self, service: &str) -> SocketAddr {
        loop {
            let changed = self.addresses.1.notified();
            if let Some(address) = self.addresses.get(service) {
                return address;
            }
            changed.await;
        }
    }

    /// The services and what they are doing.
    pub fn status(&self) -> Vec<TaskStatus> {
        self.tasks.status()
    }

    /// The token that ends the daemon.
    pub const fn shutdown(&self) -> &Shutdown {
        self.tasks.shutdown()
    }

    /// Ends all services, waits for what they are doing, and closes the store.
    pub async fn stop(self) {
        if !self.tasks.drain(DRAIN).await {
            tracing::warn!("some tasks did not end in time");
        }
        if !self.writers.drain(DRAIN).await {
            tracing::warn!("some logs were not written to their end");
        }
        self.store.close().await;
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

struct Wiring {
    config: Config,
    tasks: Tasks,
    addresses: Addresses,
}

impl Wiring {
    /// Starts a service that is tried again when it fails.
    fn service<F>(&self, name: &'static str, make: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        if self.config.starts(name) {
            let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
            self.tasks.restarted(name, backoff, make);
        }
    }

    fn boot_services(&self, context: &Context, node_log: &mpsc::Sender<NodeLog>) {
        let listen = &self.config.listen;
        let v4 = match listen.address {
            IpAddr::V4(address) => address,
            IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
        };
        let shutdown = self.tasks.shutdown();
        let ports = DhcpPorts {
            server: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, listen.dhcp),
            client: DHCP_CLIENT_PORT,
        };
        let (c, a, s) = (context.clone(), self.addresses.clone(), shutdown.clone());
        self.service("dhcp", move || {
            let (context, addresses, shutdown) = (c.clone(), a.clone(), s.clone());
            async move {
                let dhcp = Dhcp::bind(context, ports)?;
                addresses.set("dhcp", dhcp.local_addr()?.into());
                dhcp.run(shutdown).await
            }
        });
        let address = SocketAddrV4::new(v4, listen.tftp);
        let (c, a, s) = (context.clone(), self.addresses.clone(), shutdown.clone());
        self.service("tftp", move || {
            let (context, addresses, shutdown) = (c.clone(), a.clone(), s.clone());
            async move {
                let tftp = Tftp::bind(context, address)?;
                addresses.set("tftp", tftp.local_addr()?.into());
                tftp.run(shutdown).await
            }
        });
        let address = SocketAddr::new(listen.address, listen.http);
        let (c, a, s, logs) =
            (context.clone(), self.addresses.clone(), shutdown.clone(), node_log.clone());
        self.service("http", move || {
            let (context, addresses, shutdown, logs) =
                (c.clone(), a.clone(), s.clone(), logs.clone());
            async move {
                let http = Http::bind(context, address, logs).await?;
                addresses.set("http", http.local_addr()?);
                http.run(shutdown).await
            }
        });
        let address = SocketAddr::new(listen.address, listen.dns);
        let (c, a, s) = (context.clone(), self.addresses.clone(), shutdown.clone());
        self.service("dns", move || {
            let (context, addresses, shutdown) = (c.clone(), a.clone(), s.clone());
            async move {
                let dns = Dns::bind(context, address).await?;
                addresses.set("dns", dns.local_addr()?);
                dns.run(shutdown).await
            }
        });
        let (c, s) = (context.clone(), shutdown.clone());
        self.service("ra", move || RouterAdvertiser::new(c.clone()).run(s.clone()));
    }

    /// The pages for monitoring.
    fn monitoring(&self, context: &Context, server: &Server) {
        let sources = Arc::new(metrics::Sources {
            store: server.services.store.clone(),
            view: context.view.clone(),
            tasks: self.tasks.clone(),
            recorder: context.recorder.clone(),
            commands: server.counts.clone(),
            started: context.clock.now(),
        });
        let address = SocketAddr::new(self.config.listen.address, self.config.listen.metrics);
        let a = self.addresses.clone();
        self.service("metrics", move || {
            let (sources, addresses) = (sources.clone(), a.clone());
            async move {
                let listener = session::bind("the metrics service", address).await?;
                addresses.set("metrics", local(&listener)?);
                metrics::serve(listener, sources).await
            }
        });
    }

    async fn sessions(
        &self,
        server: Arc<Server>,
        tls: Arc<rustls::ServerConfig>,
        recorder: Recorder,
    ) -> Result<(), Failure> {
        let listen = &self.config.listen;
        let path: PathBuf = self.config.socket.clone();
        let socket = session::bind_unix(&path).await?;
        self.tasks.critical("local sessions", session::serve_unix(socket, path, server.clone()));
        let address = SocketAddr::new(listen.address, listen.client);
        let (s, a) = (server.clone(), self.addresses.clone());
        self.service("tls", move || {
            let (server, addresses, tls) = (s.clone(), a.clone(), tls.clone());
            async move {
                let listener = session::bind("the TLS service", address).await?;
                addresses.set("tls", local(&listener)?);
                session::serve_tls(listener, tls, server).await
            }
        });
        let address = SocketAddr::new(listen.address, listen.monitor);
        let a = self.addresses.clone();
        self.service("monitor", move || {
            let (server, addresses, recorder) = (server.clone(), a.clone(), recorder.clone());
            async move {
                let listener = session::bind("the install monitor", address).await?;
                addresses.set("monitor", local(&listener)?);
                monitor::serve(listener, server, recorder).await
            }
        });
        Ok(())
    }
}

fn local(listener: &tokio::net::TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|error| Failure::from_error(ErrorKind::Internal, &error))
}
