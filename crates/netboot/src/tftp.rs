//! The TFTP server: reads only, with block sizes, windows and rendered files.
//!
//! The well-known port takes requests; each transfer has a socket and a task of its own, ends by
//! itself, and is counted against [`MAX_TRANSFERS`].

mod session;

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, PoisonError};

use base::Failure;
use model::boot::{Resolution, Via, resolve};
use model::flight::{BootEvent, Step};
use runtime::{Shares, Shutdown};
use tokio::net::UdpSocket;
use wire::tftp::{ErrorCode, MAX_REQUEST, Packet, Request};

use crate::content::{self, Content};
use crate::context::Context;
use crate::counts::Ending;
use crate::failure;
use crate::packet::{Arrival, PacketSocket};
use session::{Outcome, Transfer};

/// Transfers at the same time; further clients are told that the server is busy and try again.
const MAX_TRANSFERS: usize = 4096;

/// Transfers of one client; this machine itself may have as many as there are.
const PEER_TRANSFERS: usize = 64;

/// What is said at once, and what it counts as.
type Refusal = (ErrorCode, &'static str, Ending);

const BUSY: Refusal = (ErrorCode::Undefined, "the server is busy", Ending::TftpBusy);
const WRITE: Refusal = (ErrorCode::Access, "files cannot be written", Ending::TftpRefused);
const STRAY: Refusal = (ErrorCode::UnknownTransfer, "no such transfer", Ending::TftpRefused);

/// The TFTP server.
pub struct Tftp {
    context: Context,
    socket: PacketSocket,
    /// The clients whose transfers run: a repeated request must not start another.
    running: Arc<Mutex<HashSet<SocketAddrV4>>>,
    shares: Shares<Ipv4Addr>,
}

impl Tftp {
    /// Takes the port.
    pub fn bind(context: Context, address: SocketAddrV4) -> Result<Self, Failure> {
        let taken = |error| failure::bind("TFTP", SocketAddr::V4(address), "UDP", &error);
        let socket = PacketSocket::bind(address).map_err(taken)?;
        Ok(Self { context, socket, running: Arc::default(), shares: Shares::new(PEER_TRANSFERS) })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> Result<SocketAddrV4, Failure> {
        self.socket.local_addr().map_err(|error| failure::broken("TFTP", &error))
    }

    /// Answers until `shutdown`.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), Failure> {
        let mut buffer = vec![0; MAX_REQUEST];
        loop {
            let arrival = tokio::select! {
                arrival = self.socket.receive(&mut buffer) => arrival,
                () = shutdown.cancelled() => return Ok(()),
            };
            let arrival = arrival.map_err(|error| failure::broken("TFTP", &error))?;
            let refused = match Packet::parse(&buffer[..arrival.length]) {
                Ok(Packet::Read(request)) => self.start(request, arrival, &shutdown),
                Ok(Packet::Write(_)) => Some(WRITE),
                Ok(Packet::Data { .. } | Packet::Ack { .. } | Packet::OptionAck(_)) => Some(STRAY),
                Ok(Packet::Error { .. }) => None,
                Err(_) => {
                    self.context.count(Ending::TftpUnreadable);
                    None
                }
            };
            if let Some((code, text, ending)) = refused {
                self.context.count(ending);
                self.refuse(arrival, code, text).await;
            }
        }
    }

    /// Starts a transfer, or says why not.
    fn start(&self, request: Request, arrival: Arrival, shutdown: &Shutdown) -> Option<Refusal> {
        let Some(guard) = Running::enter(&self.running, arrival.from)? else { return Some(BUSY) };
        let peer = *arrival.from.ip();
        let share = self.shares.take(peer);
        if share.is_none() && !peer.is_loopback() {
            return Some(BUSY);
        }
        let (context, shutdown) = (self.context.clone(), shutdown.clone());
        self.context.tasks.spawn("tftp transfer", async move {
            tokio::select! {
                () = serve(&context, &request, arrival) => {}
                () = shutdown.cancelled() => {}
            }
            drop((guard, share));
        });
        None
    }

    async fn refuse(&self, arrival: Arrival, code: ErrorCode, text: &str) {
        let packet = Packet::Error { code, message: text.to_owned() };
        if let Err(error) =
            self.socket.send(&packet.to_bytes(), arrival.from, arrival.interface).await
        {
            tracing::debug!(peer = %arrival.from, %error, "a TFTP refusal could not be sent");
        }
    }
}

/// Keeps a client in the set of running transfers.
struct Running {
    set: Arc<Mutex<HashSet<SocketAddrV4>>>,
    peer: SocketAddrV4,
}

impl Running {
    /// Enters `peer`: none when it has a transfer already, and none inside when there are too many.
    #[expect(clippy::option_option, reason = "the two refusals are answered differently")]
    fn enter(set: &Arc<Mutex<HashSet<SocketAddrV4>>>, peer: SocketAddrV4) -> Option<Option<Self>> {
        let mut running = set.lock().unwrap_or_else(PoisonError::into_inner);
        if running.contains(&peer) {
            return None;
        }
        if running.len() >= MAX_TRANSFERS {
            return Some(None);
        }
        running.insert(peer);
        Some(Some(Self { set: set.clone(), peer }))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.set.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.peer);
    }
}

/// Serves one request from a socket of its own.
async fn serve(context: &Context, request: &Request, arrival: Arrival) {
    let found =
        resolve(&context.view.load(), Via::Tftp, &request.file, IpAddr::V4(*arrival.from.ip()));
    let (node, step) = (found.node.clone(), found.step);
    let record = |step: Step, text: String| {
        context.record(BootEvent {
            time: context.now(),
            node: node.clone(),
            mac: None,
            step,
            text,
        });
    };
    let socket = match connect(arrival).await {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(peer = %arrival.from, %error, "no socket for a TFTP transfer");
            return;
        }
    };
    let file = request.file.escape_debug().to_string();
    let transfer = match opened(found).await {
        Ok(found) => Transfer::new(&socket, found, request),
        Err(reason) => {
            context.count(Ending::TftpAbsent);
            record(Step::Absent, format!("TFTP {file}: {reason}"));
            session::refuse(&socket, ErrorCode::NotFound, &reason).await;
            return;
        }
    };
    let size = transfer.size();
    let outcome = transfer.run().await;
    context.count(match outcome {
        Outcome::Sent => Ending::TftpSent,
        Outcome::Declined(_) => Ending::TftpDeclined,
        Outcome::Lost(_) => Ending::TftpBroken,
    });
    match outcome {
        Outcome::Sent => record(step, format!("fetched {file} ({size} bytes) over TFTP")),
        // Firmware asks for the size alone, breaks off, and asks again for the file.
        Outcome::Declined(_) => {}
        Outcome::Lost(reason) => record(Step::Broken, format!("TFTP {file}: {reason}")),
    }
}

async fn opened(found: Resolution) -> Result<Content, String> {
    match content::open(found).await? {
        Content::Directory(path) => Err(format!("{} is a directory", path.display())),
        content => Ok(content),
    }
}

/// A socket that talks to the client only, from the address that it asked.
async fn connect(arrival: Arrival) -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind((arrival.local, 0)).await?;
    socket.connect(arrival.from).await?;
    Ok(socket)
}
