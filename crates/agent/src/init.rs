//! Process 1 of the initramfs: from the kernel's hand-over to the image's own init.
//!
//! ```text
//! mounts -> modules -> network -> status netbooting -> image (fetch, checksum) -> layers -> hand-over
//!    any step fails: say it on the console and to the management node, pause, begin at the network
//!    again; after ATTEMPTS, restart the machine, which may get other orders from the boot server
//! ```
//!
//! Never returns and never panics out: the end of process 1 is a kernel panic. Should the kernel panic nevertheless, it
//! restarts the machine.

mod handover;
mod layers;
mod modules;
mod mounts;
mod panic;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::cmdline::BootArgs;
use crate::console::{say, say_error};
use crate::facts::{Facts, STATUS_PORT};
use crate::fetch::{Fetch, FetchError};
use crate::http::{HttpError, Url};
use crate::monitor;
use crate::net::{self, Attachment, NetError};
use crate::patience::Patience;

use nix::sys::reboot::{RebootMode, reboot};

use handover::HandOverError;
use layers::LayerError;

/// How often the boot is attempted before the machine is restarted.
const ATTEMPTS: Patience =
    Patience { attempts: 5, first: Duration::from_secs(5), longest: Duration::from_mins(1) };

/// How long a message stays readable on the console before the machine restarts.
const BEFORE_RESTART: Duration = Duration::from_secs(10);

/// Why the image was not started.
#[derive(Debug, thiserror::Error)]
enum BootError {
    #[error("the kernel command line has no imgurl=: nothing to boot")]
    NoImage,
    #[error("neither NODE= nor DHCP names this node")]
    NoName,
    #[error("the network is not reached")]
    Network(#[source] NetError),
    #[error("the image address is unusable")]
    ImageUrl(#[source] HttpError),
    #[error("the image is not fetched")]
    Image(#[source] FetchError),
    #[error("the image is not mounted")]
    Layers(#[source] LayerError),
    #[error("the image is not started")]
    HandOver(#[source] HandOverError),
}

/// Boots the image or restarts the machine.
pub fn run() -> ! {
    if catch_unwind(AssertUnwindSafe(boot)).is_err() {
        say("this is a defect of xcat-node");
    }
    say(&format!("restarting the machine in {} s", BEFORE_RESTART.as_secs()));
    std::thread::sleep(BEFORE_RESTART);
    loop {
        nix::unistd::sync();
        let Err(error) = reboot(RebootMode::RB_AUTOBOOT);
        say(&format!("the machine does not restart: {error}"));
        std::thread::sleep(BEFORE_RESTART);
    }
}

/// Attempts to boot until it worked, and then does not return; returns when it gives up.
fn boot() {
    mounts::early();
    say("the initramfs of xCAT is running");
    let args = BootArgs::parse(&std::fs::read_to_string("/proc/cmdline").unwrap_or_default());
    modules::load_all();
    if let Err(error) = net::raise_loopback() {
        say(&format!("the loopback interface stays down: {error}"));
    }
    let mut known = None;
    let outcome = ATTEMPTS.run(
        || attempt(&args, &mut known),
        |error| {
            say_error(error);
        },
    );
    if let Err(error) = outcome {
        let text = say_error(&error);
        if let Some(facts) = &known {
            monitor::event(facts, &format!("boot failed: {text}"));
            monitor::report(facts, "failed", Patience::with_attempts(3));
        }
    }
}

/// One attempt; what was learned about this node stays in `known`.
fn attempt(args: &BootArgs, known: &mut Option<Facts>) -> Result<(), BootError> {
    panic::restarts();
    let url = args.image_url.as_deref().ok_or(BootError::NoImage)?;
    let url = Url::parse(url).map_err(BootError::ImageUrl)?;
    let attachment = net::attach(args.boot_mac).map_err(BootError::Network)?;
    let facts = known.insert(facts(args, &url, &attachment)?);
    let result = start(args, &url, facts, &attachment);
    if let Err(error) = &result {
        monitor::event(facts, &base::chain(error));
    }
    result
}

fn start(args: &BootArgs, url: &Url, facts: &Facts, on: &Attachment) -> Result<(), BootError> {
    monitor::event(facts, &format!("initramfs is on the network as {}", facts.address));
    monitor::report(facts, "netbooting", Patience::with_attempts(3));
    layers::prepare_room().map_err(BootError::Layers)?;
    let started = Instant::now();
    let fetch = Fetch {
        url,
        sum: args.image_sum,
        path: Path::new(layers::IMAGE),
        patience: Patience::with_attempts(8),
    };
    say(&format!("fetching {url}"));
    let length = fetch.run().map_err(BootError::Image)?;
    let checked =
        if args.image_sum.is_some() { "its checksum is right" } else { "no checksum was given" };
    let seconds = started.elapsed().as_secs_f32();
    let arrived = format!("image of {} MiB arrived in {seconds:.1} s, {checked}", length >> 20);
    say(&arrived);
    monitor::event(facts, &arrived);
    layers::stack(args.root_limit.as_deref()).map_err(BootError::Layers)?;
    let given = handover::Given { facts, lease: &on.lease, mac: on.interface.mac };
    handover::furnish(&given).map_err(BootError::HandOver)?;
    say("handing over to the image's init");
    panic::is_left_to_the_image();
    handover::switch(args.init.as_deref()).map_err(BootError::HandOver)
}

/// Who we are: the command line wins over DHCP, and the image's server stands in for the rest.
fn facts(args: &BootArgs, url: &Url, on: &Attachment) -> Result<Facts, BootError> {
    let name = args.node.clone().or_else(|| on.lease.host_name.clone()).ok_or(BootError::NoName)?;
    let (node, tail) = name.split_once('.').unwrap_or((&name, ""));
    Ok(Facts {
        server: args.server.unwrap_or_else(|| url.host()),
        http_port: args.http_port.unwrap_or_else(|| url.port()),
        status_port: args.status_port.unwrap_or(STATUS_PORT),
        node: node.to_owned(),
        domain: on.lease.domain.clone().unwrap_or_else(|| tail.to_owned()),
        address: on.lease.address,
        silent: args.silent,
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use base::Mac;
    use wire::dhcp::Lease;

    use super::*;
    use crate::net::Interface;

    fn attachment(host_name: Option<&str>, domain: Option<&str>) -> Attachment {
        let here = Ipv4Addr::new(10, 0, 0, 1);
        Attachment {
            interface: Interface {
                name: "eth0".to_owned(),
                index: 2,
                mac: Mac::new([2, 0, 0, 0, 0, 1]),
            },
            lease: Lease {
                address: Ipv4Addr::new(10, 0, 0, 11),
                prefix: 24,
                router: None,
                dns: vec![here],
                host_name: host_name.map(str::to_owned),
                domain: domain.map(str::to_owned),
                mtu: None,
                server: here,
                next_server: here,
                seconds: 600,
            },
        }
    }

    #[test]
    fn the_command_line_wins_over_dhcp() {
        let url = Url::parse("http://10.0.0.2:8080/x").unwrap();
        let args = BootArgs::parse("NODE=n7 XCAT=10.0.0.3:3001");
        let facts_of = facts(&args, &url, &attachment(Some("other"), Some("cl"))).unwrap();
        assert_eq!(facts_of.long_name(), "n7.cl");
        assert_eq!(facts_of.server, Ipv4Addr::new(10, 0, 0, 3));
        assert_eq!(facts_of.http_port, 8080);
    }

    #[test]
    fn dhcp_names_a_node_that_nobody_else_names() {
        let url = Url::parse("http://10.0.0.2/x").unwrap();
        let facts_of =
            facts(&BootArgs::default(), &url, &attachment(Some("n1.a.b"), None)).unwrap();
        assert_eq!(facts_of.long_name(), "n1.a.b");
        assert_eq!(facts_of.server, Ipv4Addr::new(10, 0, 0, 2));
        let nameless = facts(&BootArgs::default(), &url, &attachment(None, None));
        assert!(matches!(nameless, Err(BootError::NoName)));
    }
}
