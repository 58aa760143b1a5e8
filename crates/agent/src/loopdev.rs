//! Attaching a file to a loop device (loop(4)): the only module of the agent that needs `unsafe`,
//! for two ioctls without pointers. Mounting a file has no other interface for squashfs.
#![expect(unsafe_code, reason = "loop devices are configured by ioctl only")]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

// LOOP_CTL_GET_FREE takes nothing and returns a number; LOOP_SET_FD takes a file descriptor by value.
nix::ioctl_none_bad!(loop_ctl_get_free, 0x4C82);
nix::ioctl_write_int_bad!(loop_set_fd, 0x4C00);

/// Attaches `file` read-only to a free loop device and names the device. The device stays attached
/// until it is detached or the machine stops.
pub(crate) fn attach(file: &Path) -> io::Result<PathBuf> {
    // read-only: the device takes its mode from the file
    let file = File::open(file)?;
    let control = OpenOptions::new().read(true).write(true).open("/dev/loop-control")?;
    // SAFETY: the ioctl takes no argument and touches no memory of ours; the descriptor is open.
    let number = unsafe { loop_ctl_get_free(control.as_raw_fd()) }?;
    let path = PathBuf::from(format!("/dev/loop{number}"));
    let device = OpenOptions::new().read(true).write(true).open(&path)?;
    // SAFETY: the argument is a descriptor by value, open for the duration of the call; the kernel
    // takes its own reference to the file.
    unsafe { loop_set_fd(device.as_raw_fd(), file.as_raw_fd()) }?;
    Ok(path)
}
