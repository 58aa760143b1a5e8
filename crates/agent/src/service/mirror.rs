//! The copy of the management node's postscripts, because scripts read files that lie beside them
//! (protocol.md section 7.1). It is made from the listings that the server gives for directories.
//!
//! Bounded in depth, number and size; a file that cannot be fetched is said and left out, because
//! the scripts of this node may do without it.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::console::say;
use crate::http::{self, HttpError, Url};

/// How deep directories may lie in each other.
const DEPTH: usize = 8;
/// How many files are fetched.
const FILES: usize = 4096;
/// How many bytes are fetched.
const BYTES: usize = 256 << 20;

/// A directory of the server and its copy.
#[derive(Debug)]
pub(super) struct Mirror<'a> {
    pub(super) server: (Ipv4Addr, u16),
    /// The directory on the server, without a slash at its end.
    pub(super) from: &'a str,
    pub(super) to: &'a Path,
}

/// Why the copy ends early.
#[derive(Debug, thiserror::Error)]
pub(super) enum MirrorError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("there are more than {FILES} postscripts or {} MiB of them", BYTES >> 20)]
    TooMuch,
}

impl Mirror<'_> {
    /// Fetches all files; returns how many there are.
    pub(super) fn run(&self) -> Result<usize, MirrorError> {
        let (mut files, mut bytes) = (0, 0);
        let mut dirs = vec![PathBuf::new()];
        while let Some(dir) = dirs.pop() {
            for (name, is_dir) in entries(&http::get_text(&self.url(&dir, "/"))?) {
                let path = dir.join(name);
                if is_dir {
                    dirs.extend(Some(path).filter(|path| path.components().count() < DEPTH));
                    continue;
                }
                bytes += self.fetch(&path)?;
                files += 1;
                if files > FILES || bytes > BYTES {
                    return Err(MirrorError::TooMuch);
                }
            }
        }
        Ok(files)
    }

    fn url(&self, path: &Path, end: &str) -> Url {
        let slash = if path.as_os_str().is_empty() { "" } else { "/" };
        let path = format!("{}{slash}{}{end}", self.from, path.display());
        Url::new(self.server.0, self.server.1, path)
    }

    fn fetch(&self, path: &Path) -> Result<usize, MirrorError> {
        let bytes = match http::get_bytes(&self.url(path, "")) {
            Ok(bytes) => bytes,
            Err(error) => {
                say(&format!("left out: {}", base::chain(&error)));
                return Ok(0);
            }
        };
        let to = self.to.join(path);
        store(&to, &bytes).map_err(|source| MirrorError::Write { path: to, source })?;
        Ok(bytes.len())
    }
}

/// Writes a script.
pub(super) fn store(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    fs::write(path, bytes)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

/// The entries of a listing, with whether they are directories. Only names that mean the same in an
/// address and in a file system are taken.
fn entries(listing: &str) -> Vec<(&str, bool)> {
    let plain = |name: &str| {
        let usable = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte);
        !name.is_empty() && !name.starts_with('.') && name.bytes().all(usable)
    };
    let links = listing.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let entry = |link| match str::strip_suffix(link, "/") {
        Some(name) => (name, true),
        None => (link, false),
    };
    links.map(entry).filter(|(name, _)| plain(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::tests::serve;

    fn answer(body: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    }

    #[test]
    fn trees_are_copied_byte_by_byte() {
        let top = answer(b"<ul><li><a href=\"cfg/\">cfg/</a><li><a href=\"tool\">tool</a></ul>");
        let below = answer(b"<a href=\"x.conf\">x.conf</a> <a href=\"gone\">gone</a>");
        let absent = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec();
        let (port, server) =
            serve(vec![top, answer(b"\x7fELF\xff\x00"), below, answer(b"a=1"), absent]);
        let dir = tempfile::tempdir().unwrap();
        let server_at = (Ipv4Addr::LOCALHOST, port);
        let mirror = Mirror { server: server_at, from: "/install/postscripts", to: dir.path() };
        assert_eq!(mirror.run().unwrap(), 3);
        assert_eq!(fs::read(dir.path().join("tool")).unwrap(), b"\x7fELF\xff\x00");
        assert_eq!(fs::read(dir.path().join("cfg/x.conf")).unwrap(), b"a=1");
        assert!(!dir.path().join("cfg/gone").exists());
        let asked = server.join().unwrap();
        assert!(asked[0].starts_with("GET /install/postscripts/ HTTP"), "{}", asked[0]);
        assert!(asked[2].starts_with("GET /install/postscripts/cfg/ HTTP"), "{}", asked[2]);
    }

    #[test]
    fn links_that_lead_elsewhere_are_not_followed() {
        let listing = "<a href=\"../\"> <a href=\"/etc/\"> <a href=\"?C=N\"> <a href=\"http://x/\"> \
                       <a href=\".new/\"> <a href=\"a%2Fb\"> <a href=\"ok\">";
        assert_eq!(entries(listing), [("ok", false)]);
    }
}
