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

/// File systems whose memory maps or flushes are somebody else's promise: `statfs` numbers of the kernel's `magic.h`, and
/// those of modules that are not the kernel's from coreutils' `stat.c`.
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
    (0x1983_0326, "BeeGFS"),
    // The kernel's own client for AFS, which has another number than OpenAFS.
    (0x6b41_4653, "AFS"),
    (0x2003_0528, "OrangeFS"),
    (0xaad7_aaea, "PanFS"),
    (0xbeef_dead, "StorNext"),
    (0x7375_7245, "Coda"),
];
/// File systems that are gone with the machine or the container.
const PASSING: &[(u64, &str)] = &[
    (0x0102_1994, "tmpfs"),
    (0x8584_58f6, "ramfs"),
    (0x794c_7630, "an overlay, the container's own layer"),
];

impl Journal {
    /// The one that is safe in `dir`, which need not be there yet.
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

/// The number of the file system that `dir` is on, or will be on when it is made.
fn magic(dir: &Path) -> Option<u64> {
    nearest(dir, magic_of)
}

/// What `ask` says of `dir`, else of the nearest directory above it that it says something of.
fn nearest(dir: &Path, ask: impl Fn(&Path) -> Option<u64>) -> Option<u64> {
    // The last one above a relative path is empty, and means the working directory.
    let here = |place: &Path| place.as_os_str().is_empty();
    dir.ancestors().find_map(|place| ask(if here(place) { Path::new(".") } else { place }))
}

/// Four bytes on every architecture.
fn magic_of(place: &Path) -> Option<u64> {
    let number: i64 = statfs(place).ok()?.filesystem_type().0;
    Some(number.cast_unsigned() & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_write_ahead_log_is_for_local_file_systems() {
        for (magic, journal) in [
            (0xef53, Journal::WriteAhead),
            (0x0102_1994, Journal::WriteAhead),
            // mqueue
            (0x1980_0202, Journal::WriteAhead),
            (0x6969, Journal::Rollback("NFS")),
            (0xff53_4d42, Journal::Rollback("CIFS")),
            (0x1983_0326, Journal::Rollback("BeeGFS")),
            (0x6b41_4653, Journal::Rollback("AFS")),
            (0x2003_0528, Journal::Rollback("OrangeFS")),
            (0xaad7_aaea, Journal::Rollback("PanFS")),
            (0xbeef_dead, Journal::Rollback("StorNext")),
            (0x7375_7245, Journal::Rollback("Coda")),
        ] {
            assert_eq!(Journal::for_magic(magic), journal, "{magic:#x}");
        }
        assert_eq!(named(PASSING, 0x794c_7630), Some("an overlay, the container's own layer"));
    }

    #[test]
    fn a_directory_that_is_not_there_is_on_the_file_system_of_the_nearest_that_is() {
        let ask = |place: &Path| match place.to_str()? {
            "/" => Some(0xef53),
            "/mnt/nfs" => Some(0x6969),
            "." => Some(0x517b),
            _ => None,
        };
        for (dir, found) in [
            ("/mnt/nfs", Some(0x6969)),
            ("/mnt/nfs/.dbbackup/state", Some(0x6969)),
            ("/mnt/other/state", Some(0xef53)),
            ("state", Some(0x517b)),
            ("", Some(0x517b)),
        ] {
            assert_eq!(nearest(Path::new(dir), ask), found, "{dir}");
        }
        assert_eq!(nearest(Path::new("/a/b"), |_| None), None);
    }

    #[test]
    fn the_kernel_names_its_file_systems() {
        assert_eq!(magic(Path::new("/proc")), Some(0x9fa0));
        assert_eq!(magic(Path::new("/proc/nowhere/state")), Some(0x9fa0));
    }
}
