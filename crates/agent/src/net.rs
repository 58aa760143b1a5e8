//! Getting onto the boot network: find the interface, raise it, ask DHCP, set address and route.

mod dhcp;
mod interfaces;
mod netlink;

use std::time::{Duration, Instant};

use base::Mac;
use wire::dhcp::Lease;

use crate::console::say;

pub(crate) use dhcp::DhcpError;
pub(crate) use interfaces::Interface;

/// How long drivers may take to show the boot interface, and the link to come up.
const LINK: Duration = Duration::from_secs(45);
const POLL: Duration = Duration::from_millis(50);

/// Why the node is not on the network.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NetError {
    #[error(
        "no network interface has the boot address {mac} after {} s (found: {found}): \
         is its driver in the image?", LINK.as_secs()
    )]
    NoBootInterface { mac: Mac, found: String },
    #[error("no network interface has a link after {} s (found: {found})", LINK.as_secs())]
    NoLink { found: String },
    #[error("cannot configure the network interface {interface}")]
    Netlink { interface: String, source: std::io::Error },
    #[error(transparent)]
    Dhcp(#[from] DhcpError),
}

/// The node's place on the boot network.
#[derive(Debug)]
pub(crate) struct Attachment {
    pub(crate) interface: Interface,
    pub(crate) lease: Lease,
}

/// Joins the boot network through the interface with `boot_mac`, else the first with a link.
pub(crate) fn attach(boot_mac: Option<Mac>) -> Result<Attachment, NetError> {
    let interface = raise(boot_mac)?;
    say(&format!("{} ({}) has a link", interface.name, interface.mac));
    let lease = dhcp::obtain(&interface)?;
    say(&format!(
        "{} is {}/{} by DHCP from {}, name {}",
        interface.name,
        lease.address,
        lease.prefix,
        lease.server,
        lease.host_name.as_deref().unwrap_or("(none)")
    ));
    configure(&interface, &lease)
        .map_err(|source| NetError::Netlink { interface: interface.name.clone(), source })?;
    Ok(Attachment { interface, lease })
}

/// Raises the candidates until one has a link.
fn raise(boot_mac: Option<Mac>) -> Result<Interface, NetError> {
    let started = Instant::now();
    let mut raised: Vec<u32> = Vec::new();
    loop {
        let all = interfaces::ethernet();
        let fits = |interface: &&Interface| boot_mac.is_none_or(|mac| mac == interface.mac);
        for interface in all.iter().filter(fits) {
            if !raised.contains(&interface.index) {
                raised.push(interface.index);
                // another interface may do
                if let Err(error) = netlink::raise(interface.index) {
                    say(&format!("{} is not raised: {error}", interface.name));
                }
            }
            if interfaces::has_link(&interface.name) {
                return Ok(interface.clone());
            }
        }
        if started.elapsed() >= LINK {
            return Err(nothing(&all, boot_mac));
        }
        std::thread::sleep(POLL);
    }
}

fn nothing(all: &[Interface], boot_mac: Option<Mac>) -> NetError {
    let names: Vec<String> = all.iter().map(|i| format!("{} {}", i.name, i.mac)).collect();
    let found = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    match boot_mac {
        Some(mac) if all.iter().all(|i| i.mac != mac) => NetError::NoBootInterface { mac, found },
        _ => NetError::NoLink { found },
    }
}

fn configure(interface: &Interface, lease: &Lease) -> std::io::Result<()> {
    // the address has no lifetime: it is the node's own by the tables, and nobody renews it here
    netlink::add_address(interface.index, lease.address, lease.prefix)?;
    if let Some(router) = lease.router.filter(|router| *router != lease.address) {
        netlink::add_default_route(interface.index, router)?;
    }
    Ok(())
}

/// Raises the loopback interface.
pub(crate) fn raise_loopback() -> std::io::Result<()> {
    netlink::raise(1)
}
