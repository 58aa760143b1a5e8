//! Fetching the root image: resumed where it broke, checked against its hash, with progress said.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::console::say;
use crate::hex::hex;
use crate::http::{self, HttpError, Url};
use crate::patience::Patience;

/// How often progress is said.
const PROGRESS: Duration = Duration::from_secs(5);
/// How often a whole image may turn out to have the wrong hash.
const WHOLE_TRIES: u32 = 2;
/// How many connections one transfer may take in all, however much each brings.
const PIECES: u32 = 1000;

/// Why the image did not arrive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("{url}: the connection broke after {got} bytes")]
    Broke { url: Url, got: u64, source: std::io::Error },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{url} has {need} MiB, but only {free} MiB of memory are free for it")]
    NoRoom { url: Url, need: u64, free: u64 },
    #[error("{url} does not have the checksum it was announced with: it has sha256:{found}")]
    WrongSum { url: Url, found: String },
}

/// An image to fetch.
#[derive(Debug)]
pub(crate) struct Fetch<'a> {
    /// Where it is.
    pub(crate) url: &'a Url,
    /// What it must hash to.
    pub(crate) sum: Option<[u8; 32]>,
    /// Where it goes.
    pub(crate) path: &'a Path,
    /// How often a broken transfer is taken up again without having moved.
    pub(crate) patience: Patience,
}

impl Fetch<'_> {
    /// Fetches the image and says how long it is.
    pub(crate) fn run(&self) -> Result<u64, FetchError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let (length, hash) = self.whole()?;
            let Some(found) = self.wrong(&hash) else { return Ok(length) };
            let error = FetchError::WrongSum { url: self.url.clone(), found };
            if tries == WHOLE_TRIES {
                return Err(error);
            }
            say(&format!("{error}; once more from the beginning"));
        }
    }

    /// The hash as text when it is not the announced one.
    fn wrong(&self, hash: &[u8]) -> Option<String> {
        let differs = self.sum.is_some_and(|sum| sum[..] != *hash);
        differs.then(|| hex(hash))
    }

    /// Fetches from the beginning to the end, over as many connections as it takes.
    fn whole(&self) -> Result<(u64, Vec<u8>), FetchError> {
        let file = File::create(self.path).map_err(|source| self.cannot_write(source))?;
        let mut part = Part { file, hash: Sha256::new(), got: 0, said: Instant::now() };
        let (mut failures, mut pieces) = (0, 0);
        loop {
            let before = part.got;
            let Err(error) = self.piece(&mut part) else {
                return Ok((part.got, part.hash.finalize().to_vec()));
            };
            pieces += 1;
            failures = if part.got > before { 1 } else { failures + 1 };
            let goes_on = pieces < PIECES && error.may_pass();
            let pause = self.patience.pause(failures).filter(|_| goes_on);
            let Some(pause) = pause else { return Err(error) };
            say(&format!("{}; trying again in {} s", base::chain(&error), pause.as_secs()));
            std::thread::sleep(pause);
        }
    }

    /// Takes up the transfer where it stands and follows one connection to its end.
    fn piece(&self, part: &mut Part) -> Result<(), FetchError> {
        let mut response = http::get(self.url, part.got)?;
        match response.status {
            206 if part.got > 0 => {}
            200 => part.restart().map_err(|source| self.cannot_write(source))?,
            status => return Err(HttpError::Status { url: self.url.clone(), status }.into()),
        }
        let total = response.length.map(|rest| part.got + rest);
        self.check_room(response.length)?;
        let mut buffer = vec![0; 256 << 10];
        loop {
            let read = response.body.read(&mut buffer);
            let broke = |source| FetchError::Broke { url: self.url.clone(), got: part.got, source };
            let length = read.map_err(broke)?;
            if length == 0 {
                return Ok(());
            }
            part.add(&buffer[..length], total).map_err(|source| self.cannot_write(source))?;
        }
    }

    fn check_room(&self, rest: Option<u64>) -> Result<(), FetchError> {
        let dir = self.path.parent().unwrap_or(self.path);
        let (Some(rest), Ok(room)) = (rest, nix::sys::statvfs::statvfs(dir)) else { return Ok(()) };
        let free = room.blocks_available().saturating_mul(room.fragment_size());
        if rest <= free {
            return Ok(());
        }
        Err(FetchError::NoRoom { url: self.url.clone(), need: rest >> 20, free: free >> 20 })
    }

    fn cannot_write(&self, source: std::io::Error) -> FetchError {
        FetchError::Write { path: self.path.to_owned(), source }
    }
}

impl FetchError {
    /// Whether trying again can help.
    fn may_pass(&self) -> bool {
        match self {
            Self::Http(HttpError::BadUrl { .. } | HttpError::TooLong { .. })
            | Self::Write { .. }
            | Self::NoRoom { .. }
            | Self::WrongSum { .. } => false,
            Self::Http(_) | Self::Broke { .. } => true,
        }
    }
}

/// What has arrived so far.
struct Part {
    file: File,
    hash: Sha256,
    got: u64,
    said: Instant,
}

impl Part {
    /// The server sends from the beginning, whatever it was asked.
    fn restart(&mut self) -> std::io::Result<()> {
        self.hash = Sha256::new();
        self.got = 0;
        self.file.set_len(0)?;
        std::io::Seek::rewind(&mut self.file)
    }

    fn add(&mut self, bytes: &[u8], total: Option<u64>) -> std::io::Result<()> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.got += bytes.len() as u64;
        if self.said.elapsed() >= PROGRESS {
            self.said = Instant::now();
            let of = total.map_or(String::new(), |total| format!(" of {}", total >> 20));
            say(&format!("{}{of} MiB of the image have arrived", self.got >> 20));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::tests::serve;

    fn fetch(
        answers: &[&str],
        sum: Option<[u8; 32]>,
    ) -> (Result<u64, FetchError>, String, Vec<String>) {
        let (port, server) = serve(answers.iter().map(|a| a.as_bytes().to_vec()).collect());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("image");
        let url = Url::new(std::net::Ipv4Addr::LOCALHOST, port, "/image");
        let patience = Patience { attempts: 2, first: Duration::ZERO, longest: Duration::ZERO };
        let result = Fetch { url: &url, sum, path: &path, patience }.run();
        (result, std::fs::read_to_string(&path).unwrap(), server.join().unwrap())
    }

    fn sum_of(text: &str) -> [u8; 32] {
        Sha256::digest(text.as_bytes()).into()
    }

    #[test]
    fn a_broken_transfer_is_taken_up_where_it_broke() {
        let (result, content, asked) = fetch(
            &[
                "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123",
                "HTTP/1.1 206 Partial Content\r\nContent-Length: 6\r\n\r\n456789",
            ],
            Some(sum_of("0123456789")),
        );
        assert_eq!((result.unwrap(), content.as_str()), (10, "0123456789"));
        assert!(asked[1].contains("Range: bytes=4-\r\n"));
    }

    #[test]
    fn a_server_without_ranges_sends_all_again() {
        let (result, content, _) = fetch(
            &[
                "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n01",
                "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n0123",
            ],
            Some(sum_of("0123")),
        );
        assert_eq!((result.unwrap(), content.as_str()), (4, "0123"));
    }

    #[test]
    fn a_wrong_checksum_is_tried_twice_and_then_said() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad";
        let (result, _, asked) = fetch(&[answer, answer], Some(sum_of("good")));
        assert!(matches!(result.unwrap_err(), FetchError::WrongSum { .. }));
        assert_eq!(asked.len(), 2);
    }

    #[test]
    fn giving_up_names_the_answer() {
        let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        let (result, _, _) = fetch(&[answer, answer], None);
        assert!(result.unwrap_err().to_string().ends_with("answered 404"));
    }
}
