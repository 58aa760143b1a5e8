//! Tap devices on the management bridge and alias addresses on the service bridge, through the program `ip`.
//!
//! Everything can be done again: what is there is taken over, what is gone stays gone.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use base::{ErrorKind, Failure};
use remote::Program;
use runtime::Shutdown;

const LIMIT: Duration = Duration::from_secs(10);

/// Whether this host has a network device of that name.
pub(crate) fn exists(device: &str) -> bool {
    Path::new("/sys/class/net").join(device).exists()
}

/// Which life of a network device this is: a device that was made again has another number.
pub(crate) fn life(device: &str) -> Option<String> {
    std::fs::read_to_string(Path::new("/sys/class/net").join(device).join("ifindex")).ok()
}

/// Refuses a bridge that is not there.
pub(crate) fn check_bridge(bridge: &str) -> Result<(), Failure> {
    if Path::new("/sys/class/net").join(bridge).join("bridge").exists() {
        return Ok(());
    }
    let message = format!("there is no bridge {bridge} on this host");
    Err(Failure::new(ErrorKind::NotFound, message).hint("start the management node first: ./up"))
}

/// Makes frames pass the bridge as soon as a machine is plugged in.
pub(crate) async fn prepare_bridge(bridge: &str) -> Result<(), Failure> {
    ip(&["link", "set", bridge, "type", "bridge", "stp_state", "0", "forward_delay", "0"]).await
}

/// Plugs a tap device into the bridge, making it if need be.
pub(crate) async fn plug(tap: &str, bridge: &str) -> Result<(), Failure> {
    if !exists(tap) {
        ip(&["tuntap", "add", "dev", tap, "mode", "tap"]).await?;
    }
    ip(&["link", "set", tap, "master", bridge, "up"]).await
}

/// Removes a tap device.
pub(crate) async fn unplug(tap: &str) -> Result<(), Failure> {
    if !exists(tap) {
        return Ok(());
    }
    ip(&["link", "delete", tap]).await
}

/// Makes an address one of this host's, on the bridge.
pub(crate) async fn take_address(address: Ipv4Addr, bridge: &str) -> Result<(), Failure> {
    ip(&["address", "replace", &format!("{address}/32"), "dev", bridge]).await
}

/// Gives an address back.
pub(crate) async fn drop_address(address: Ipv4Addr, bridge: &str) -> Result<(), Failure> {
    if !exists(bridge) {
        return Ok(());
    }
    let alias = format!("{address}/32");
    let shown = Program::new("ip").args(["-o", "address", "show", "dev", bridge, "to", &alias]);
    let shown = shown.deadline(LIMIT).run(&Shutdown::new()).await;
    if shown.is_ok_and(|output| output.stdout.trim().is_empty()) {
        return Ok(());
    }
    ip(&["address", "delete", &alias, "dev", bridge]).await
}

async fn ip(arguments: &[&str]) -> Result<(), Failure> {
    let program = Program::new("ip").args(arguments.iter().copied()).deadline(LIMIT);
    let line = format!("ip {}", arguments.join(" "));
    let output =
        program.run(&Shutdown::new()).await.map_err(|error| super::internal(&line, &error))?;
    if output.success() {
        return Ok(());
    }
    Err(Failure::new(ErrorKind::Internal, format!("{line}: {}", output.last_line())))
}
