//! The last step of the initramfs: put the node's identity into the image and start its init.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base::Mac;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use sha2::{Digest, Sha256};
use wire::dhcp::Lease;

use super::layers::ROOT;
use crate::facts::{self, Facts};
use crate::hex::hex;

/// Where the image's init is looked for, in order.
const INITS: [&str; 3] = ["/sbin/init", "/usr/lib/systemd/systemd", "/bin/sh"];

/// Why the image's init was not started.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandOverError {
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot move {path} into the image")]
    Move { path: String, source: Errno },
    #[error("the image has no init: none of {} is there", looked.join(", "))]
    NoInit { looked: Vec<String> },
    #[error("cannot start {init}")]
    Start { init: String, source: Errno },
}

/// What the image is given.
pub(super) struct Given<'a> {
    pub(super) facts: &'a Facts,
    pub(super) lease: &'a Lease,
    pub(super) mac: Mac,
}

/// Writes the facts of this boot and the node's identity where the booted system looks for them.
pub(super) fn furnish(given: &Given<'_>) -> Result<(), HandOverError> {
    // the name is also set by systemd from /etc/hostname
    nix::unistd::sethostname(&given.facts.node).unwrap_or(());
    write(Path::new(facts::PATH), &given.facts.to_text())?;
    for (path, text) in identity(given) {
        write(&Path::new(ROOT).join(path), &text)?;
    }
    let hosts = Path::new(ROOT).join("etc/hosts");
    let present = fs::read_to_string(&hosts).unwrap_or_default();
    write(&hosts, &hosts_with(&present, given.facts))
}

/// The files that say who the node is.
fn identity(given: &Given<'_>) -> Vec<(&'static str, String)> {
    let mut files = vec![
        ("etc/hostname", format!("{}\n", given.facts.node)),
        ("etc/machine-id", format!("{}\n", machine_id(given.mac))),
    ];
    if !given.lease.dns.is_empty() {
        files.push(("etc/resolv.conf", resolver(given)));
    }
    files
}

/// An id that is the same at each boot of the same machine; a missing one would make systemd treat
/// each boot as the very first.
fn machine_id(mac: Mac) -> String {
    let mut hash = Sha256::new();
    hash.update(b"xcat-node machine-id ");
    hash.update(mac.octets());
    hex(&hash.finalize()[..16])
}

fn resolver(given: &Given<'_>) -> String {
    let servers = given.lease.dns.iter().map(|server| format!("nameserver {server}\n"));
    let search = match given.facts.domain.as_str() {
        "" => String::new(),
        domain => format!("search {domain}\n"),
    };
    servers.fold(search, |text, line| text + &line)
}

fn hosts_with(present: &str, facts: &Facts) -> String {
    let kept = if present.is_empty() { "127.0.0.1 localhost\n::1 localhost\n" } else { present };
    let long = facts.long_name();
    let names = if long == facts.node { long } else { format!("{long} {}", facts.node) };
    format!("{}\n{} {names}\n", kept.trim_end(), facts.address)
}

fn write(path: &Path, text: &str) -> Result<(), HandOverError> {
    let failed = |source| HandOverError::Write { path: path.to_owned(), source };
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(failed)?;
    }
    // a link of the image (resolv.conf into /run) is replaced, not followed
    if path.is_symlink() {
        fs::remove_file(path).map_err(failed)?;
    }
    fs::write(path, text).map_err(failed)
}

/// Makes the image the root, frees the initramfs and becomes the image's init. Returns only when
/// that failed.
pub(super) fn switch(wanted: Option<&str>) -> Result<(), HandOverError> {
    let init = find_init(wanted)?;
    for path in ["/dev", "/proc", "/sys", "/run"] {
        let target = format!("{ROOT}{path}");
        fs::create_dir_all(&target)
            .map_err(|source| HandOverError::Write { path: PathBuf::from(&target), source })?;
        move_mount(path, &target)?;
    }
    let moved = |source| HandOverError::Move { path: ROOT.to_owned(), source };
    nix::unistd::chdir(ROOT).map_err(moved)?;
    free_initramfs(Path::new("/"));
    move_mount(".", "/")?;
    nix::unistd::chroot(".").and_then(|()| nix::unistd::chdir("/")).map_err(moved)?;
    exec(&init)
}

fn find_init(wanted: Option<&str>) -> Result<String, HandOverError> {
    let looked: Vec<String> = wanted.into_iter().chain(INITS).map(str::to_owned).collect();
    // links of the image are absolute: whether their target is there is seen by the lookup of a link
    let is_there = |path: &&String| fs::symlink_metadata(format!("{ROOT}{path}")).is_ok();
    let found = looked.iter().find(is_there).cloned();
    found.ok_or(HandOverError::NoInit { looked })
}

fn move_mount(from: &str, to: &str) -> Result<(), HandOverError> {
    mount(Some(from), to, None::<&str>, MsFlags::MS_MOVE, None::<&str>)
        .map_err(|source| HandOverError::Move { path: from.to_owned(), source })
}

/// Deletes the files of the initramfs, which nobody can reach any more; other file systems are left
/// alone. What cannot be deleted only costs memory.
fn free_initramfs(root: &Path) {
    if let Ok(device) = fs::symlink_metadata(root).map(|meta| meta.dev()) {
        delete_on(device, root);
    }
}

fn delete_on(device: u64, dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        if meta.dev() != device {
            continue;
        }
        if meta.is_dir() {
            delete_on(device, &path);
            fs::remove_dir(&path).unwrap_or(());
        } else {
            fs::remove_file(&path).unwrap_or(());
        }
    }
}

fn exec(init: &str) -> Result<(), HandOverError> {
    let failed = |source| HandOverError::Start { init: init.to_owned(), source };
    let program = CString::new(init).map_err(|_| failed(Errno::EINVAL))?;
    let environment = [c"HOME=/", c"TERM=linux"];
    nix::unistd::execve(&program, &[&program], &environment).map_err(failed).map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn facts() -> Facts {
        Facts {
            server: Ipv4Addr::new(10, 0, 0, 1),
            http_port: 80,
            status_port: 3002,
            node: "n1".to_owned(),
            domain: "cl".to_owned(),
            address: Ipv4Addr::new(10, 0, 0, 11),
            silent: false,
        }
    }

    #[test]
    fn a_machine_keeps_its_id() {
        let id = machine_id(Mac::new([2, 0, 0, 0, 0, 1]));
        assert_eq!(id.len(), 32);
        assert_eq!(id, machine_id(Mac::new([2, 0, 0, 0, 0, 1])));
        assert_ne!(id, machine_id(Mac::new([2, 0, 0, 0, 0, 2])));
    }

    #[test]
    fn the_node_is_added_to_the_hosts_of_the_image() {
        assert_eq!(
            hosts_with("127.0.0.1 localhost me\n", &facts()),
            "127.0.0.1 localhost me\n10.0.0.11 n1.cl n1\n"
        );
        assert!(hosts_with("", &facts()).starts_with("127.0.0.1 localhost\n"));
    }
}
