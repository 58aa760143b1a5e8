//! Which journal is safe on which file system. SQLite's write-ahead log shares memory between connections through a mapped
//! file, and on network file systems that mapping, or the order in which writes arrive, cannot be relied on. There the older
//! rollback journal takes its place: slower, and safe wherever locks and flushes work.

use std::path::Path;

use nix::sys::statfs::statfs;

/// How the store makes a commit durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Journal {
    /// The write-ahead log.
    WriteAhead,
    /// The rollback journal, because the directory is on the file system that is named.
    Rollback(&'static str),
}

/// File systems whose memory maps or flushes are somebody else's promise: `statfs` numbers of the kernel's `magic.h`.
const REMOTE: &[(u64, &str)] = &[
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x0102_1997, "9p"),
    (0x6573_5546, "FUSE"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x0116_1970, "GFS2"),
    (0x7461_636f, "OCFS2"),
    (0x5346_414f, "AFS"),
    (0x786f_4256, "vboxsf"),
    (0x1980_0202, "BeeGFS"),
];
/// File systems that are gone with the machine or the container.
const PASSING: &[(u64, &str)] = &[
    (0x0102_1994, "tmpfs"),
    (0x8584_58f6, "ramfs"),
    (0x794c_7630, "an overlay, the container's own layer"),
];

impl Journal {
    /// The one that is safe in `dir`.
    pub fn for_directory(dir: &Path) -> Self {
        magic(dir).map_or(Self::WriteAhead, Self::for_magic)
    }

    fn for_magic(magic: u64) -> Self {
        named(REMOTE, magic).map_or(Self::WriteAhead, Self::Rollback)
    }

    /// Its name in SQLite.
    pub(crate) const fn mode(self) -> &'static str {
        match self {
            Self::WriteAhead => "WAL",
            Self::Rollback(_) => "TRUNCATE",
        }
    }
}

/// The name of the file system of `dir`, when what is written there does not outlive the machine or the container.
pub fn passing_file_system(dir: &Path) -> Option<&'static str> {
    named(PASSING, magic(dir)?)
}

fn named(list: &[(u64, &'static str)], magic: u64) -> Option<&'static str> {
    list.iter().find(|(number, _)| *number == magic).map(|(_, name)| *name)
}

/// The number of the file system; four bytes on every architecture.
fn magic(dir: &Path) -> Option<u64> {
    let number: i64 = statfs(dir).ok()?.filesystem_type().0;
    Some(number.cast_unsigned() & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_write_ahead_log_is_for_local_file_systems() {
        assert_eq!(Journal::for_magic(0xef53), Journal::WriteAhead);
        assert_eq!(Journal::for_magic(0x0102_1994), Journal::WriteAhead);
        assert_eq!(Journal::for_magic(0x6969), Journal::Rollback("NFS"));
        assert_eq!(Journal::for_magic(0xff53_4d42), Journal::Rollback("CIFS"));
        assert_eq!(Journal::for_directory(Path::new("/nowhere")), Journal::WriteAhead);
        assert_eq!(named(PASSING, 0x794c_7630), Some("an overlay, the container's own layer"));
    }

    #[test]
    fn the_kernel_names_its_file_systems() {
        assert_eq!(magic(Path::new("/proc")), Some(0x9fa0));
    }
}
