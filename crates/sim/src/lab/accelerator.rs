//! Which accelerator to use: found out by booting something.
//!
//! The existence of /dev/kvm says nothing: on some hosts without hardware virtualisation it is there, QEMU starts, and
//! the guest dies in its network ROM. So a small machine is started under KVM, and only when its ROM has come as far as
//! asking for an address is KVM taken. Found once per life of the host.

use std::fs;
use std::path::Path;
use std::time::Duration;

use remote::{Program, Running, StdioTo};
use tokio::time::{Instant, sleep};

use super::qemu::{self, Accelerator};
use super::state::StateDir;

/// With hardware virtualisation the ROM asks for an address after about 3 seconds.
const LIMIT: Duration = Duration::from_secs(12);
const LOOK: Duration = Duration::from_millis(200);
/// What iPXE prints when it begins to ask for an address.
const ASKING: &str = "Configuring (net0";

/// The accelerator that works here.
pub(crate) async fn find(state: &StateDir) -> Accelerator {
    let life = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    if let Some(known) = remembered(&state.accelerator(), &life) {
        return known;
    }
    let found = if probe_kvm(state).await { Accelerator::Kvm } else { Accelerator::Tcg };
    let note = format!("{} {}", found.as_str(), life);
    if let Err(error) = fs::write(state.accelerator(), note) {
        tracing::warn!(%error, "the accelerator found cannot be remembered");
    }
    found
}

fn remembered(path: &Path, life: &str) -> Option<Accelerator> {
    let text = fs::read_to_string(path).ok()?;
    let (name, then) = text.split_once(' ')?;
    if then.trim() != life.trim() {
        return None;
    }
    [Accelerator::Kvm, Accelerator::Tcg].into_iter().find(|known| known.as_str() == name)
}

async fn probe_kvm(state: &StateDir) -> bool {
    if fs::OpenOptions::new().read(true).write(true).open("/dev/kvm").is_err() {
        return false;
    }
    let serial = state.path().join("probe.log");
    let line = qemu::probe_arguments(Accelerator::Kvm, &serial);
    let Ok(mut running) = Program::new(qemu::QEMU).args(line).start(&StdioTo::Null) else {
        return false;
    };
    let works = comes_to_ask(&mut running, &serial).await;
    if let Err(error) = running.stop(Duration::from_secs(1)).await {
        tracing::debug!(%error, "the probe's end was not seen");
    }
    works
}

/// Whether the machine asks for an address before the deadline, and is still alive then.
async fn comes_to_ask(running: &mut Running, serial: &Path) -> bool {
    let until = Instant::now() + LIMIT;
    while Instant::now() < until {
        sleep(LOOK).await;
        if !matches!(running.try_exit(), Ok(None)) {
            return false;
        }
        let text = fs::read(serial).unwrap_or_default();
        if String::from_utf8_lossy(&text).contains(ASKING) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_good_for_one_life_of_the_host() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("accelerator");
        assert_eq!(remembered(&path, "a"), None);
        fs::write(&path, "kvm life-1\n").unwrap();
        assert_eq!(remembered(&path, "life-1\n"), Some(Accelerator::Kvm));
        assert_eq!(remembered(&path, "life-2"), None);
    }
}
