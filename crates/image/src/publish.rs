//! Publications: kernel, initramfs and root image of one packing, together in a directory named by
//! their hash, `PUBLISHED/<id>/{kernel,initrd-stateless.gz,rootimg.sfs}`. A directory appears in one
//! step and is never changed, so a node that is loading an image is never given half of another.
//!
//! `<rootimgdir>/published.json` says what is published, newest first. It lies beside the image and
//! not in the tables because it describes files: it travels, is restored and is lost with them, and
//! tables that are restored onto another machine cannot point at images that are not there.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use base::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::ImageError;
use crate::work::remove_tree;

/// The name of the manifest in the image's directory.
pub const MANIFEST: &str = "published.json";

/// How many publications of an image are kept: nodes that were told of an older one can still load
/// it.
const KEPT: usize = 3;

/// The files of a publication.
pub(crate) const FILES: [&str; 3] = ["kernel", "initrd-stateless.gz", "rootimg.sfs"];

/// One published file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Its name in the directory of the publication.
    pub name: String,
    /// Its hash, as 64 hexadecimal digits.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
}

/// What nodes load: three files that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// The name of its directory: 64 hexadecimal digits that depend on all three files.
    pub id: String,
    /// The kernel.
    pub kernel: Published,
    /// The initramfs.
    pub initrd: Published,
    /// The squashfs of the tree.
    pub rootimg: Published,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Manifest {
    image: String,
    /// Newest first.
    publications: Vec<Publication>,
}

impl Publication {
    /// Where `file` is under the HTTP root: `/install/published/<id>/<name>`.
    pub fn url_path(&self, file: &Published) -> String {
        format!("/install/published/{}/{}", self.id, file.name)
    }

    /// Where `file` is under the TFTP root, as bootparams has it:
    /// `xcat/osimage/<image>/<id>/<name>`.
    pub fn boot_path(&self, image: &str, file: &Published) -> String {
        format!("xcat/osimage/{image}/{}/{}", self.id, file.name)
    }

    /// How the root image is announced on the kernel command line.
    pub fn image_sum(&self) -> String {
        format!("sha256:{}", self.rootimg.sha256)
    }
}

/// What is published of an image now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    /// What nodes load.
    pub publication: Publication,
    /// Set when the image was built again and not packed since.
    pub rebuilt: Option<Rebuilt>,
}

/// A build that is newer than the publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// When the image was built.
    pub generated: Timestamp,
    /// When its publication was packed.
    pub packed: Timestamp,
}

/// The current publication of the image in `rootimgdir`; none when it was never packed.
pub fn publication(rootimgdir: &Path) -> Result<Option<Current>, ImageError> {
    let newest = load(rootimgdir)?.publications.into_iter().next();
    Ok(newest.map(|publication| Current { publication, rebuilt: rebuilt(rootimgdir) }))
}

/// The initramfs is the last thing that a build writes, the manifest the last that packing does.
fn rebuilt(rootimgdir: &Path) -> Option<Rebuilt> {
    let generated = written(&rootimgdir.join(FILES[1]))?;
    let packed = written(&rootimgdir.join(MANIFEST))?;
    (generated > packed).then_some(Rebuilt { generated, packed })
}

/// When a file was written; none when it is not there.
fn written(path: &Path) -> Option<Timestamp> {
    let file = fs::metadata(path).ok()?;
    let millis = file.mtime().checked_mul(1000)?.checked_add(file.mtime_nsec() / 1_000_000)?;
    Some(Timestamp::from_unix_millis(millis))
}

fn load(rootimgdir: &Path) -> Result<Manifest, ImageError> {
    let path = rootimgdir.join(MANIFEST);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Manifest::default()),
        Err(error) => return Err(ImageError::io("read", &path)(error)),
    };
    serde_json::from_str(&text).map_err(|source| ImageError::Manifest { path, source })
}

/// Publishes the three files in the directory `made`, which must be on the same file system as
/// `published`, and retires what is older than the last few.
pub(crate) fn publish(
    image: &str,
    rootimgdir: &Path,
    made: &Path,
    published: &Path,
) -> Result<Publication, ImageError> {
    let [kernel, initrd, rootimg] = FILES.map(|name| describe(made, name));
    let publication = identified(kernel?, initrd?, rootimg?);
    let place = published.join(&publication.id);
    if !place.is_dir() {
        fs::rename(made, &place).map_err(ImageError::io("put in place", &place))?;
    }
    claim(&place, image)?;
    // a manifest that cannot be read is not worth refusing to publish
    let mut manifest = load(rootimgdir).unwrap_or_default();
    image.clone_into(&mut manifest.image);
    manifest.publications.retain(|older| older.id != publication.id);
    manifest.publications.insert(0, publication.clone());
    let retired = manifest.publications.split_off(manifest.publications.len().min(KEPT));
    save(rootimgdir, &manifest)?;
    for old in retired {
        release(&published.join(&old.id), image)?;
    }
    Ok(publication)
}

/// Hashes a file that is about to be published, and makes it durable and readable for the nodes.
fn describe(dir: &Path, name: &str) -> Result<Published, ImageError> {
    let path = dir.join(name);
    let settle = || {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
        File::open(&path)?.sync_all()
    };
    settle().map_err(ImageError::io("write", &path))?;
    let (sha256, bytes) = hash_file(&path).map_err(ImageError::io("read", &path))?;
    Ok(Published { name: name.to_owned(), sha256, bytes })
}

fn identified(kernel: Published, initrd: Published, rootimg: Published) -> Publication {
    let mut hash = Sha256::new();
    for file in [&kernel, &initrd, &rootimg] {
        hash.update(format!("{} {}\n", file.sha256, file.name));
    }
    Publication { id: hex(&hash.finalize()), kernel, initrd, rootimg }
}

fn hash_file(path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            return Ok((hex(&hash.finalize()), bytes));
        }
        hash.update(&buffer[..length]);
        bytes += length as u64;
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // writing to a string does not fail
        write!(text, "{byte:02x}").unwrap_or(());
        text
    })
}

/// Two images may have the same content: each leaves its mark on what it uses.
fn claim(place: &Path, image: &str) -> Result<(), ImageError> {
    let marks = place.join(".used-by");
    fs::create_dir_all(&marks).map_err(ImageError::io("make the directory", &marks))?;
    let mark = marks.join(image);
    fs::write(&mark, "").map_err(ImageError::io("write", &mark))
}

fn release(place: &Path, image: &str) -> Result<(), ImageError> {
    let marks = place.join(".used-by");
    // the mark may be gone with an interrupted release
    fs::remove_file(marks.join(image)).unwrap_or(());
    let used = fs::read_dir(&marks).is_ok_and(|mut marks| marks.next().is_some());
    if used { Ok(()) } else { remove_tree(place) }
}

fn save(rootimgdir: &Path, manifest: &Manifest) -> Result<(), ImageError> {
    let (fresh, path) = (rootimgdir.join(".published.new"), rootimgdir.join(MANIFEST));
    let text = serde_json::to_string_pretty(manifest)
        .map_err(|source| ImageError::Manifest { path: path.clone(), source })?;
    let write = || {
        fs::write(&fresh, text + "\n")?;
        File::open(&fresh)?.sync_all()?;
        fs::rename(&fresh, &path)
    };
    write().map_err(ImageError::io("write", &path))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn pack(root: &Path, image: &str, content: &str) -> Publication {
        let (dir, published) = (root.join(image), root.join("published"));
        let made = published.join(".new");
        for path in [&dir, &made] {
            fs::create_dir_all(path).unwrap();
        }
        for name in FILES {
            fs::write(made.join(name), format!("{name} {content}")).unwrap();
        }
        let publication = publish(image, &dir, &made, &published).unwrap();
        remove_tree(&made).unwrap();
        publication
    }

    fn ids(root: &Path) -> usize {
        fs::read_dir(root.join("published")).unwrap().count()
    }

    fn current(root: &Path) -> Current {
        publication(&root.join("a")).unwrap().unwrap()
    }

    #[test]
    fn a_build_after_the_packing_is_told() {
        let root = tempfile::tempdir().unwrap();
        pack(root.path(), "a", "1");
        let initrd = root.path().join("a").join(FILES[1]);
        assert_eq!(current(root.path()).rebuilt, None, "nothing was built here");
        let write = |seconds| {
            let file = File::create(&initrd).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
        };
        write(1_000);
        assert_eq!(current(root.path()).rebuilt, None);
        write(9_000_000_000);
        let rebuilt = current(root.path()).rebuilt.unwrap();
        assert_eq!(rebuilt.generated, Timestamp::from_unix_millis(9_000_000_000_000));
        assert!(rebuilt.packed < rebuilt.generated);
    }

    #[test]
    fn the_last_few_publications_are_kept() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(publication(root.path()).unwrap(), None);
        let first = pack(root.path(), "a", "1");
        assert_eq!(
            first.url_path(&first.rootimg),
            format!("/install/published/{}/rootimg.sfs", first.id)
        );
        assert_eq!(first.image_sum().len(), 7 + 64);
        for (content, kept) in [("1", 1), ("2", 2), ("3", 3), ("4", 3)] {
            let publication_now = pack(root.path(), "a", content);
            assert_eq!(current(root.path()).publication, publication_now);
            assert_eq!(ids(root.path()), kept, "{content}");
        }
        assert!(!root.path().join("published").join(first.id).exists());
    }

    #[test]
    fn a_publication_two_images_share_stays_until_both_let_go() {
        let root = tempfile::tempdir().unwrap();
        let shared = pack(root.path(), "a", "1");
        assert_eq!(pack(root.path(), "b", "1").id, shared.id);
        for content in ["2", "3", "4"] {
            pack(root.path(), "a", content);
        }
        assert!(root.path().join("published").join(&shared.id).join("kernel").exists());
        for content in ["2", "3", "4"] {
            pack(root.path(), "b", content);
        }
        assert!(!root.path().join("published").join(&shared.id).exists());
    }

    #[test]
    fn a_damaged_manifest_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(MANIFEST), "{").unwrap();
        let error = publication(dir.path()).unwrap_err();
        assert!(error.to_string().ends_with("published.json is damaged"));
    }
}
