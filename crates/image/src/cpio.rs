//! Writing cpio archives in the `newc` format, as the kernel unpacks them into its first root file
//! system (Documentation/driver-api/early-userspace/buffer-format.rst). The same entries give the
//! same bytes: numbers are counted, owners and times are zero.

use std::io::{self, Write};

/// An archive being written.
#[derive(Debug)]
pub(crate) struct Archive<W> {
    out: W,
    entries: u32,
    length: u64,
}

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const CHARACTER: u32 = 0o020_000;

impl<W: Write> Archive<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, entries: 0, length: 0 }
    }

    /// Adds a directory; it must come before what is in it.
    pub(crate) fn directory(&mut self, path: &str) -> io::Result<()> {
        self.entry(path, DIRECTORY | 0o755, (0, 0), &[])
    }

    /// Adds a file.
    pub(crate) fn file(&mut self, path: &str, permissions: u32, content: &[u8]) -> io::Result<()> {
        self.entry(path, REGULAR | permissions, (0, 0), content)
    }

    /// Adds a character device, which takes no privilege in an archive.
    pub(crate) fn device(&mut self, path: &str, major: u32, minor: u32) -> io::Result<()> {
        self.entry(path, CHARACTER | 0o600, (major, minor), &[])
    }

    /// Writes the end mark and hands the writer back.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.entry("TRAILER!!!", 0, (0, 0), &[])?;
        Ok(self.out)
    }

    fn entry(
        &mut self,
        path: &str,
        mode: u32,
        (major, minor): (u32, u32),
        content: &[u8],
    ) -> io::Result<()> {
        let size = u32::try_from(content.len())
            .map_err(|_| io::Error::other(format!("{path} is too long for a cpio archive")))?;
        let name_size = u32::try_from(path.len() + 1).map_err(io::Error::other)?;
        self.entries += 1;
        // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
        let fields = [self.entries, mode, 0, 0, 1, 0, size, 0, 0, major, minor, name_size, 0];
        self.put(b"070701")?;
        for field in fields {
            self.put(format!("{field:08x}").as_bytes())?;
        }
        self.put(path.as_bytes())?;
        self.put(&[0])?;
        self.pad()?;
        self.put(content)?;
        self.pad()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.length += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    /// Names and contents end on a multiple of four.
    fn pad(&mut self) -> io::Result<()> {
        let missing = self.length.wrapping_neg() % 4;
        for _ in 0..missing {
            self.put(&[0])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive() -> Vec<u8> {
        let mut archive = Archive::new(Vec::new());
        archive.directory("dev").unwrap();
        archive.device("dev/console", 5, 1).unwrap();
        archive.file("init", 0o755, b"#!").unwrap();
        archive.finish().unwrap()
    }

    #[test]
    fn entries_are_aligned_and_end_with_the_mark() {
        let bytes = archive();
        assert_eq!(bytes.len() % 4, 0);
        let magics = bytes.windows(6).filter(|window| window == b"070701").count();
        assert_eq!(magics, 4);
        let end = bytes.windows(10).position(|window| window == b"TRAILER!!!").unwrap();
        assert!(bytes.len() - end < 16);
    }

    #[test]
    fn the_header_says_mode_and_size() {
        let bytes = archive();
        let name = bytes.windows(5).position(|window| window == b"init\0").unwrap();
        let header = std::str::from_utf8(&bytes[name - 110..name]).unwrap();
        assert_eq!(&header[14..22], format!("{:08x}", 0o100_755));
        assert_eq!(&header[54..62], "00000002");
        assert_eq!(&header[94..102], "00000005");
    }

    #[test]
    fn the_same_entries_give_the_same_bytes() {
        assert_eq!(archive(), archive());
    }
}
