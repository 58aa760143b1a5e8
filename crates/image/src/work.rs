//! Working beside the result: a lock against a second command, a scratch directory that goes away
//! with its owner, and putting finished things in place in one step.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, Flock, FlockArg, RenameFlags, renameat2};

use crate::error::ImageError;

const SCRATCH: &str = ".new";

/// The right to change one image, and a scratch directory beside it, removed at the end.
#[derive(Debug)]
pub(crate) struct Workplace {
    dir: PathBuf,
    scratch: PathBuf,
    _lock: Flock<File>,
}

impl Workplace {
    /// Takes the image directory `dir`; what an interrupted command left is thrown away.
    pub(crate) fn open(image: &str, dir: &Path) -> Result<Self, ImageError> {
        fs::create_dir_all(dir).map_err(ImageError::io("make the directory", dir))?;
        let path = dir.join(".lock");
        let file = File::create(&path).map_err(ImageError::io("write", &path))?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|_| ImageError::Busy { image: image.to_owned() })?;
        let scratch = dir.join(SCRATCH);
        remove_tree(&scratch)?;
        fs::create_dir(&scratch).map_err(ImageError::io("make the directory", &scratch))?;
        Ok(Self { dir: dir.to_owned(), scratch, _lock: lock })
    }

    /// Where new things are made.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Puts what was made as `name` in its place; what was there before goes into the scratch
    /// directory, in the same step.
    pub(crate) fn put(&self, name: &str) -> Result<(), ImageError> {
        let (made, place) = (self.scratch.join(name), self.dir.join(name));
        let flags =
            if place.exists() { RenameFlags::RENAME_EXCHANGE } else { RenameFlags::empty() };
        renameat2(AT_FDCWD, &made, AT_FDCWD, &place, flags)
            .map_err(|error| ImageError::io("put in place", &place)(error.into()))
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        // the next command throws away what cannot be removed now
        remove_tree(&self.scratch).unwrap_or(());
    }
}

/// Does work that waits for disks or burns the processor, away from those who answer the network.
pub(crate) async fn away<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ImageError> + Send + 'static,
) -> Result<T, ImageError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|ended| {
        Err(ImageError::Io {
            what: "finish work on",
            path: "the image".into(),
            source: std::io::Error::other(ended),
        })
    })
}

/// Removes a tree that may not be there.
pub(crate) fn remove_tree(path: &Path) -> Result<(), ImageError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(ImageError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_command_works_on_an_image_and_leftovers_go_away() {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("image");
        let place = Workplace::open("i", &image).unwrap();
        assert!(matches!(Workplace::open("i", &image), Err(ImageError::Busy { .. })));
        fs::write(place.scratch("kernel"), "half").unwrap();
        drop(place);
        assert!(!image.join("kernel").exists());
        assert!(!image.join(SCRATCH).exists());
        Workplace::open("i", &image).unwrap();
    }

    #[test]
    fn finished_things_replace_the_old_in_one_step() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["one", "two"] {
            let place = Workplace::open("i", dir.path()).unwrap();
            fs::create_dir(place.scratch("rootimg")).unwrap();
            fs::write(place.scratch("rootimg").join("f"), text).unwrap();
            place.put("rootimg").unwrap();
            drop(place);
            assert_eq!(fs::read_to_string(dir.path().join("rootimg/f")).unwrap(), text);
        }
    }
}
