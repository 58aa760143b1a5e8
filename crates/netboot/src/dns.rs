//! The DNS server: authoritative for the cluster from the live view, forwarding the rest for machines
//! of the cluster only, so that it is nobody's open resolver.

mod forward;
mod reply;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base::Failure;
use hickory_proto::op::ResponseCode;
use runtime::{Share, Shares, Shutdown};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::context::Context;
use crate::counts::{Ending, of_dns_answer};
use crate::failure;
use reply::Plan;

/// Questions that are forwarded, and TCP connections, at the same time.
const MAX_WAITING: usize = 1024;

/// As many of them may be one machine's; this machine itself may have all.
const PEER_WAITING: usize = 64;

/// A rest after the system refused a connection, for example because there are no file descriptors left.
const REST: Duration = Duration::from_millis(50);

/// How long a TCP connection may be idle.
const IDLE: Duration = Duration::from_secs(10);

/// The DNS server.
pub struct Dns {
    server: Arc<Server>,
    udp: Arc<UdpSocket>,
    tcp: TcpListener,
}

struct Server {
    context: Context,
    waiting: Arc<Semaphore>,
    shares: Shares<IpAddr>,
}

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
}

impl Dns {
    /// Takes the port, for UDP and TCP.
    pub async fn bind(context: Context, address: SocketAddr) -> Result<Self, Failure> {
        let taken = |protocol| move |error| failure::bind("DNS", address, protocol, &error);
        let udp = UdpSocket::bind(address).await.map_err(taken("UDP"))?;
        let port = udp.local_addr().map_err(|error| failure::broken("DNS", &error))?.port();
        let tcp = TcpListener::bind((address.ip(), port)).await.map_err(taken("TCP"))?;
        let waiting = Arc::new(Semaphore::new(MAX_WAITING));
        let server = Server { context, waiting, shares: Shares::new(PEER_WAITING) };
        Ok(Self { server: Arc::new(server), udp: Arc::new(udp), tcp })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> Result<SocketAddr, Failure> {
        self.udp.local_addr().map_err(|error| failure::broken("DNS", &error))
    }

    /// Answers until `shutdown`.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), Failure> {
        let mut buffer = vec![0; 4096];
        loop {
            tokio::select! {
                received = self.udp.recv_from(&mut buffer) => match received {
                    Ok((length, peer)) => self.datagram(&buffer[..length], peer).await,
                    // An ICMP error about an earlier answer: nothing is wrong with the socket.
                    Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
                    Err(error) => return Err(failure::broken("DNS", &error)),
                },
                accepted = self.tcp.accept() => match accepted {
                    Ok((stream, peer)) => self.connection(stream, peer, &shutdown),
                    Err(error) => {
                        tracing::warn!(%error, "a DNS connection could not be accepted");
                        tokio::time::sleep(REST).await;
                    }
                },
                () = shutdown.cancelled() => return Ok(()),
            }
        }
    }

    /// Answers at once what is ours; what must be forwarded gets a task.
    async fn datagram(&self, bytes: &[u8], peer: SocketAddr) {
        let plan = self.server.plan(bytes, peer.ip(), Transport::Udp);
        match plan {
            Plan::Silence => {}
            Plan::Answer(answer) => send(&self.udp, &answer, peer).await,
            Plan::Forward(_) => {
                let Some(slot) = self.server.slot(peer.ip()) else { return };
                let (server, socket, bytes) =
                    (self.server.clone(), self.udp.clone(), bytes.to_owned());
                self.server.context.tasks.spawn("dns forward", async move {
                    if let Some(answer) = server.carry_out(plan, &bytes, Transport::Udp).await {
                        send(&socket, &answer, peer).await;
                    }
                    drop(slot);
                });
            }
        }
    }

    fn connection(&self, stream: TcpStream, peer: SocketAddr, shutdown: &Shutdown) {
        let Some(slot) = self.server.slot(peer.ip()) else { return };
        let (server, shutdown) = (self.server.clone(), shutdown.clone());
        self.server.context.tasks.spawn("dns connection", async move {
            let ended = tokio::select! {
                ended = server.converse(stream, peer.ip()) => ended,
                () = shutdown.cancelled() => Ok(()),
            };
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "a DNS connection broke");
            }
            drop(slot);
        });
    }
}

impl Server {
    fn slot(&self, peer: IpAddr) -> Option<(OwnedSemaphorePermit, Option<Share<IpAddr>>)> {
        let share = self.shares.take(peer);
        let permitted = share.is_some() || peer.is_loopback();
        let permit = permitted.then(|| self.waiting.clone().try_acquire_owned().ok()).flatten();
        if permit.is_none() {
            self.context.count(Ending::DnsBusy);
        }
        permit.map(|permit| (permit, share))
    }

    fn plan(&self, bytes: &[u8], peer: IpAddr, transport: Transport) -> Plan {
        let plan = reply::plan(&self.context.view.load(), bytes, peer, transport);
        self.context.count(match &plan {
            Plan::Silence => Ending::DnsUnreadable,
            Plan::Answer(answer) => of_dns_answer(answer),
            Plan::Forward(_) => Ending::DnsForwarded,
        });
        plan
    }

    async fn carry_out(&self, plan: Plan, bytes: &[u8], transport: Transport) -> Option<Vec<u8>> {
        match plan {
            Plan::Silence => None,
            Plan::Answer(answer) => Some(answer),
            Plan::Forward(servers) => match forward::ask(&servers, bytes, transport).await {
                Some(answer) => Some(answer),
                None => reply::refusal(bytes, ResponseCode::ServFail),
            },
        }
    }

    /// Serves the questions of one connection, one after the other.
    async fn converse(&self, mut stream: TcpStream, peer: IpAddr) -> std::io::Result<()> {
        loop {
            let mut length = [0; 2];
            let Ok(read) = timeout(IDLE, stream.read_exact(&mut length)).await else {
                return Ok(());
            };
            read?;
            let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
            timeout(IDLE, stream.read_exact(&mut bytes)).await??;
            let plan = self.plan(&bytes, peer, Transport::Tcp);
            let Some(answer) = self.carry_out(plan, &bytes, Transport::Tcp).await else {
                return Ok(());
            };
            let framed = forward::framed(&answer)?;
            timeout(IDLE, stream.write_all(&framed)).await??;
        }
    }
}

async fn send(socket: &UdpSocket, answer: &[u8], peer: SocketAddr) {
    if let Err(error) = socket.send_to(answer, peer).await {
        tracing::debug!(%peer, %error, "a DNS answer could not be sent");
    }
}
