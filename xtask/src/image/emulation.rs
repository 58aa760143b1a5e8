//! Running programs of another architecture: QEMU in user mode, which the kernel starts by itself (binfmt_misc).

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::image::Unavailable;
use crate::image::arch::Arch;
use crate::run::{shown, succeeds};

const REGISTERED: &str = "/proc/sys/fs/binfmt_misc";

/// Makes sure that programs of this architecture run here; what is missing for it is an [`Unavailable`].
pub(crate) fn ensure(arch: Arch) -> Result<()> {
    if arch.is_native() {
        return Ok(());
    }
    if !is_registered(arch) {
        register(arch)?;
    }
    if !succeeds(&["arch-test", arch.debian()]) {
        let reason = format!("`arch-test {}` fails: apt-get install arch-test", arch.debian());
        return Err(Unavailable::because(reason));
    }
    Ok(())
}

fn register(arch: Arch) -> Result<()> {
    let path = format!("/usr/lib/binfmt.d/{}.conf", arch.emulator());
    let rule = fs::read_to_string(&path).map_err(|error| {
        Unavailable::because(format!("{path}: {error}: apt-get install qemu-user-static"))
    })?;
    if !Path::new(REGISTERED).join("register").exists() {
        shown(&["mount", "-t", "binfmt_misc", "binfmt_misc", REGISTERED])
            .map_err(|error| Unavailable::because(format!("{error:#}")))?;
    }
    // Another process may have registered it in the meantime: only the result counts.
    let written = fs::write(Path::new(REGISTERED).join("register"), rule.trim());
    if is_registered(arch) {
        return Ok(());
    }
    let cause = written.err().map_or(String::new(), |error| format!(": {error}"));
    Err(Unavailable::because(format!("the kernel's binfmt_misc does not take it{cause}")))
}

fn is_registered(arch: Arch) -> bool {
    fs::read_to_string(Path::new(REGISTERED).join(arch.emulator()))
        .is_ok_and(|state| state.starts_with("enabled"))
}
