//! The DHCP server: one socket for all interfaces, one decision for each packet.
//!
//! Replies go to the relay, to the address that the client already has, or to everyone on the
//! client's network; never to an address that the client has yet to be given, which would need the
//! right to write the kernel's ARP table.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use base::Failure;
use model::dhcp::{Ask, Decision, decide, record};
use runtime::Shutdown;
use wire::dhcp::{CLIENT_PORT, Message, MessageType, SERVER_PORT};

use crate::context::Context;
use crate::counts::Ending;
use crate::failure;
use crate::packet::{Arrival, PacketSocket};

/// The longest message that is read.
const MAX_MESSAGE: usize = 4096;

/// Where the server listens and clients are answered.
#[derive(Clone, Copy, Debug)]
pub struct DhcpPorts {
    /// The server's address.
    pub server: SocketAddrV4,
    /// The clients' port.
    pub client: u16,
}

impl Default for DhcpPorts {
    fn default() -> Self {
        Self { server: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, SERVER_PORT), client: CLIENT_PORT }
    }
}

/// The DHCP server.
pub struct Dhcp {
    context: Context,
    socket: PacketSocket,
    ports: DhcpPorts,
}

impl Dhcp {
    /// Takes the port.
    pub fn bind(context: Context, ports: DhcpPorts) -> Result<Self, Failure> {
        let taken = |error| failure::bind("DHCP", SocketAddr::V4(ports.server), "UDP", &error);
        let socket = PacketSocket::bind(ports.server).map_err(taken)?;
        Ok(Self { context, socket, ports })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> Result<SocketAddrV4, Failure> {
        self.socket.local_addr().map_err(|error| failure::broken("DHCP", &error))
    }

    /// Answers until `shutdown`.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), Failure> {
        let mut buffer = vec![0; MAX_MESSAGE];
        loop {
            let arrival = tokio::select! {
                arrival = self.socket.receive(&mut buffer) => arrival,
                () = shutdown.cancelled() => return Ok(()),
            };
            let arrival = arrival.map_err(|error| failure::broken("DHCP", &error))?;
            self.answer(&buffer[..arrival.length], arrival).await;
        }
    }

    async fn answer(&self, bytes: &[u8], arrival: Arrival) {
        let message = match Message::parse(bytes) {
            Ok(message) => message,
            Err(error) => {
                self.context.count(Ending::DhcpUnreadable);
                tracing::debug!(peer = %arrival.from, %error, "a packet on the DHCP port is no DHCP message");
                return;
            }
        };
        let interface = interface_name(arrival.interface);
        let view = self.context.view.load();
        let decision = decide(&view, &Ask { message: &message, interface: &interface });
        self.context.count(Ending::from(&decision));
        self.context.record(record(&message, &decision, self.context.now()));
        let (Decision::Offer(reply) | Decision::Ack(reply) | Decision::Nak(reply)) = decision
        else {
            return;
        };
        let to = self.destination(&message, &reply.message);
        if let Err(error) = self.socket.send(&reply.message.to_bytes(), to, arrival.interface).await
        {
            tracing::warn!(node = %reply.node, peer = %to, interface, %error, "a DHCP reply could not be sent");
        }
    }

    /// Where a reply goes (RFC 2131 section 4.1).
    fn destination(&self, request: &Message, reply: &Message) -> SocketAddrV4 {
        if !request.giaddr.is_unspecified() {
            return SocketAddrV4::new(request.giaddr, self.ports.server.port());
        }
        let refused = reply.options.message_type() == Some(MessageType::Nak);
        let to = if request.ciaddr.is_unspecified() || refused {
            Ipv4Addr::BROADCAST
        } else {
            request.ciaddr
        };
        SocketAddrV4::new(to, self.ports.client)
    }
}

fn interface_name(index: u32) -> String {
    let name = nix::net::if_::if_indextoname(index).ok();
    name.and_then(|name| name.into_string().ok()).unwrap_or_else(|| format!("interface {index}"))
}
