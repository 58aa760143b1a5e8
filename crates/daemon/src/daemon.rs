//! The wiring: the store, the view that follows it, the boot services, the sessions, and their common end.
//!
//! ```text
//! store --generations--> view (DHCP, TFTP, HTTP, DNS, boot scripts) --asked by--> netboot services --events--> store
//!   ^                                                                                                          (flight recorder)
//!   +-- commands <-- sessions (TLS, Unix socket) and the install monitor
//! ```

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, ErrorKind, Failure, SystemClock};
use netboot::{Context, Dhcp, DhcpPorts, Dns, Http, NodeLog, Recorder, RouterAdvertiser, Tftp};
use runtime::{Backoff, Shutdown, TaskStatus, Tasks};
use tokio::sync::mpsc;

use crate::config::Config;
use crate::core::{self, Addresses, Core};
use crate::session::{self, Server};
use crate::{metrics, monitor, setup};

/// The port to which DHCP clients listen.
const DHCP_CLIENT_PORT: u16 = 68;

/// A running daemon.
pub struct Daemon(Core);

impl Daemon {
    /// Opens the store, completes the set-up, and starts all services.
    pub async fn start(config: Config) -> Result<Self, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = core::open_store(&config, clock.clone()).await?;
        let certificates = setup::run(&config, &store, &*clock).await?;
        let tls = session::tls_config(&certificates)?;
        let core = Core::start(&config, store, clock)?;
        core.tasks.spawn("memory", runtime::memory::keep_small(core.tasks.shutdown().clone()));
        let wiring =
            Wiring { tasks: core.tasks.clone(), addresses: core.addresses.clone(), config };
        wiring.boot_services(&core.context(), &core.node_log);
        wiring.monitoring(&core.context(), &core.server);
        wiring.sessions(core.server.clone(), tls, core.recorder.clone()).await?;
        Ok(Self(core))
    }

    /// Where a service listens: `tls`, `monitor`, `dhcp`, `tftp`, `http`, `dns`, `metrics`; waits until it does.
    pub async fn address(&self, service: &str) -> SocketAddr {
        loop {
            let changed = self.0.addresses.changed();
            if let Some(address) = self.0.addresses.get(service) {
                return address;
            }
            changed.await;
        }
    }

    /// The services and what they are doing.
    pub fn status(&self) -> Vec<TaskStatus> {
        self.0.tasks.status()
    }

    /// The token that ends the daemon.
    pub const fn shutdown(&self) -> &Shutdown {
        self.0.tasks.shutdown()
    }

    /// Takes no more requests, lets the commands that run end for a while, then ends all services, waits for what they
    /// are doing, and closes the store.
    pub async fn stop(self) {
        self.0.stop().await;
    }
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
        let listen = &self.config.listen;
        let address =
            SocketAddr::new(listen.metrics_address.unwrap_or(listen.address), listen.metrics);
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
