//! The messages that answer a known client.

use std::net::Ipv4Addr;

use wire::dhcp::{Message, MessageType, code};

use super::{Client, Reply};
use crate::boot_file::{self, BootFile, Firmware};

/// Sub-option of option 175: do not wait for a ProxyDHCP server.
const NO_PXEDHCP: u8 = 0xb0;

/// The reply that gives the client its address.
pub(super) fn grant(client: &Client<'_>, kind: MessageType) -> Box<Reply> {
    let mut message = settings(client, kind);
    let lease = client.view.site().lease;
    message.yiaddr = client.address;
    message.options.set_u32(code::LEASE_TIME, lease);
    message.options.set_u32(code::RENEWAL_TIME, lease / 2);
    message.options.set_u32(code::REBINDING_TIME, lease / 8 * 7);
    boxed(client, message)
}

/// The reply to a client that has an address and wants the settings only.
pub(super) fn inform(client: &Client<'_>) -> Box<Reply> {
    let mut message = settings(client, MessageType::Ack);
    message.ciaddr = client.message.ciaddr;
    boxed(client, message)
}

/// The reply that refuses; `text` says why.
pub(super) fn refusal(client: &Client<'_>, text: &str) -> Box<Reply> {
    let mut message = Message::reply_to(client.message);
    message.broadcast = true;
    message.options.set_message_type(MessageType::Nak);
    message.options.set_addresses(code::SERVER_ID, &[client.place.server]);
    message.options.set(code::MESSAGE, text.as_bytes());
    boxed(client, message)
}

fn boxed(client: &Client<'_>, message: Message) -> Box<Reply> {
    Box::new(Reply { node: client.nic.node.clone(), message })
}

fn settings(client: &Client<'_>, kind: MessageType) -> Message {
    let (place, network) = (client.place, client.place.network);
    let mut message = Message::reply_to(client.message);
    let options = &mut message.options;
    options.set_message_type(kind);
    options.set_addresses(code::SERVER_ID, &[place.server]);
    options.set_addresses(code::SUBNET_MASK, &[place.net.netmask()]);
    options.set_addresses(code::BROADCAST, &[place.net.broadcast()]);
    let servers = |text: Option<&str>| -> Vec<Ipv4Addr> {
        text.map(|text| client.view.servers(text, place.server)).unwrap_or_default()
    };
    options.set_addresses(code::ROUTER, &servers(network.and_then(|net| net.gateway.as_deref())));
    options.set_addresses(code::DNS, &name_servers(client));
    let site = client.view.site();
    let ntp = network.and_then(|net| net.ntpservers.as_deref()).or(site.ntpservers.as_deref());
    options.set_addresses(code::NTP, &servers(ntp));
    let log = network.and_then(|net| net.logservers.as_deref()).or(site.logservers.as_deref());
    options.set_addresses(code::LOG_SERVERS, &servers(log));
    options.set(code::HOST_NAME, client.nic.host.as_bytes());
    if let Some(domain) = network.and_then(|net| net.domain.as_ref()).or(site.domain.as_ref()) {
        options.set(code::DOMAIN, domain.as_bytes());
    }
    if let Some(mtu) = network.and_then(|net| net.mtu) {
        options.set(code::MTU, mtu.to_be_bytes());
    }
    boot(client, &mut message);
    message
}

/// The node's name servers, else the network's, else the site's, else this server.
fn name_servers(client: &Client<'_>) -> Vec<Ipv4Addr> {
    let own = client.view.cell("noderes", "nameservers", client.nic.node.as_str());
    let network = client.place.network.and_then(|net| net.nameservers.as_deref());
    let text = own.as_deref().or(network).or(client.view.site().nameservers.as_deref());
    let found = text.map(|text| client.view.servers(text, client.place.server)).unwrap_or_default();
    if found.is_empty() { vec![client.place.server] } else { found }
}

fn boot(client: &Client<'_>, message: &mut Message) {
    let server = next_server(client);
    message.siaddr = server;
    let asked = &client.message.options;
    let Some(firmware) = Firmware::of(asked) else { return };
    message.options.set_private(code::IPXE, &[(NO_PXEDHCP, &[1])]);
    match boot_file::choose(client.view, client.nic.node.as_str(), firmware, server) {
        BootFile::None => {}
        BootFile::Name(name) => message.file = name,
        BootFile::HttpBoot(url) => {
            message.options.set(code::VENDOR_CLASS, *b"HTTPClient");
            message.file = url;
        }
        BootFile::ConfigFile(url) => {
            message.options.set(code::CONFIG_FILE, url.as_bytes());
            message.file = url;
        }
    }
}

/// The node's boot server, else the network's, else this server.
fn next_server(client: &Client<'_>) -> Ipv4Addr {
    let own = client.view.cell("noderes", "tftpserver", client.nic.node.as_str());
    let network = client.place.network.and_then(|net| net.tftp_server.as_deref());
    let text = own.as_deref().or(network);
    let found =
        text.and_then(|text| client.view.servers(text, client.place.server).first().copied());
    found.unwrap_or(client.place.server)
}
