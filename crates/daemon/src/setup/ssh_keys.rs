//! Root's key pair towards the nodes: made once, kept in the state directory, its public half published to nodes.
//!
//! A pair is made in a directory beside, flushed, and moved to its place, the private half first: the public half can be
//! derived from it. Every start asks `ssh-keygen` whether the private half can be read and what belongs to it; what cannot
//! be read is moved aside, never overwritten. An empty file is what a loss of power left, and counts as none.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base::{ErrorKind, Failure, chain};
use remote::Program;
use runtime::Shutdown;

use crate::setup::files;
use crate::setup::start::Past;

const LIMIT: Duration = Duration::from_secs(30);

/// Where the keys belong, and whose they are.
#[derive(Clone, Debug)]
pub(crate) struct SshPlace {
    pub(crate) state: PathBuf,
    pub(crate) home: PathBuf,
    pub(crate) install: PathBuf,
    pub(crate) host: String,
}

/// Why a new pair took the place of one that nodes may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Replaced {
    /// There was neither half.
    Lost,
    /// There was a public half only.
    PrivateLost,
    /// `ssh-keygen` refuses the private half, because it has a passphrase or is damaged; it was moved to this file.
    Refused(PathBuf),
}

impl std::fmt::Display for Replaced {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lost => out.write_str("there was no ssh key of root, and a new one was made")?,
            Self::PrivateLost => {
                out.write_str(
                    "the private half of root's ssh key was lost and a new pair was made",
                )?;
            }
            Self::Refused(file) => {
                write!(out, "root's ssh key could not be read and is now {}", file.display())?;
            }
        }
        out.write_str("; nodes take the new key when they boot: put the old pair back if they have to be reached before")
    }
}

/// The two files of a pair.
struct Pair {
    private: PathBuf,
    public: PathBuf,
}

impl Pair {
    fn in_directory(directory: &Path) -> Self {
        Self { private: directory.join("id_ed25519"), public: directory.join("id_ed25519.pub") }
    }
}

/// What the file of the private half is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Private {
    Missing,
    Refused,
    /// A key, to which this public half belongs: the type and the number.
    Gives(String),
}

/// What is to be done about a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Keep,
    WritePublic(String),
    Make(Option<Replaced>),
    MoveAside,
}

fn decide(private: &Private, public: Option<&str>, past: Past) -> Step {
    match (private, public, past) {
        (Private::Gives(key), Some(public), _) if first_words(public) == *key => Step::Keep,
        (Private::Gives(key), _, _) => Step::WritePublic(key.clone()),
        (Private::Refused, _, _) => Step::MoveAside,
        (Private::Missing, Some(_), _) => Step::Make(Some(Replaced::PrivateLost)),
        (Private::Missing, None, Past::Known) => Step::Make(Some(Replaced::Lost)),
        (Private::Missing, None, Past::New) => Step::Make(None),
    }
}

/// The type and the number of a public half, without its comment.
fn first_words(public: &str) -> String {
    public.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// Makes the key pair or what is lost of it, links it into `home`, and publishes it below `install`.
pub(crate) async fn ensure(place: &SshPlace, past: Past) -> Result<Option<Replaced>, Failure> {
    let directory = place.state.join("ssh");
    let pair = Pair::in_directory(&directory);
    files::directory(&directory, 0o700).map_err(|error| failed(&error))?;
    let public = files::read_filled(&pair.public).map_err(|error| failed(&error))?;
    let replaced = match decide(&look(&pair.private).await?, public.as_deref(), past) {
        Step::Keep => None,
        Step::WritePublic(key) => {
            let line = format!("{key} root@{}\n", place.host);
            files::write(&pair.public, line.as_bytes(), 0o644).map_err(|error| failed(&error))?;
            None
        }
        Step::Make(replaced) => {
            // Whoever has the lost half must not get in with it.
            if let Some(known) = public.as_deref() {
                withdraw(&place.install, known.trim_end())?;
            }
            make(place).await?;
            replaced
        }
        Step::MoveAside => {
            let aside = move_aside(&pair.private)?;
            make(place).await?;
            Some(Replaced::Refused(aside))
        }
    };
    publish(place, &pair)?;
    Ok(replaced)
}

/// Gives the public half to nodes and both to root.
fn publish(place: &SshPlace, pair: &Pair) -> Result<(), Failure> {
    let key = files::read(&pair.public).map_err(|error| failed(&error))?.unwrap_or_default();
    let published = place.install.join("postscripts/_ssh/authorized_keys");
    files::directory(published.parent().unwrap_or(&place.install), 0o755)
        .map_err(|error| failed(&error))?;
    let present = files::read(&published).map_err(|error| failed(&error))?.unwrap_or_default();
    let others = present.lines().filter(|line| *line != key.trim_end() && !line.is_empty());
    let all: Vec<&str> = others.chain([key.trim_end(), ""]).collect();
    let all = all.join("\n");
    files::ensure(&published, all.as_bytes(), 0o644).map_err(|error| failed(&error))?;
    let ssh = place.home.join(".ssh");
    if !ssh.exists() {
        files::directory(&ssh, 0o700).map_err(|error| failed(&error))?;
    }
    files::link(&pair.private, &ssh.join("id_ed25519")).map_err(|error| failed(&error))?;
    files::link(&pair.public, &ssh.join("id_ed25519.pub")).map_err(|error| failed(&error))
}

/// Moves a file that cannot be used to the first free name beside it.
fn move_aside(private: &Path) -> Result<PathBuf, Failure> {
    let free = (1_u32..).map(|number| private.with_extension(format!("refused.{number}")));
    let place = free.into_iter().find(|place| !place.exists()).unwrap_or_default();
    files::rename(private, &place).map_err(|error| failed(&error))?;
    Ok(place)
}

/// Makes a new pair, and takes the old public half from the keys that nodes are given. The old pair is there until the
/// new one is whole.
pub(crate) async fn renew(place: &SshPlace) -> Result<(), Failure> {
    let public = place.state.join("ssh/id_ed25519.pub");
    let known = files::read(&public).map_err(|error| failed(&error))?;
    make(place).await?;
    if let Some(known) = known {
        withdraw(&place.install, known.trim_end())?;
    }
    ensure(place, Past::Known).await.map(drop)
}

/// Takes a key from those that nodes are given.
fn withdraw(install: &Path, key: &str) -> Result<(), Failure> {
    let published = install.join("postscripts/_ssh/authorized_keys");
    let present = files::read(&published).map_err(|error| failed(&error))?.unwrap_or_default();
    let others: Vec<&str> = present.lines().filter(|line| *line != key).chain([""]).collect();
    files::ensure(&published, others.join("\n").as_bytes(), 0o644).map_err(|error| failed(&error))
}

/// What the file of a private half is. Its content is handed over: of a file that others can read, as all are on a file system
/// without modes, `ssh-keygen` would say that it cannot be used.
async fn look(private: &Path) -> Result<Private, Failure> {
    let Some(text) = files::read_filled(private).map_err(|error| failed(&error))? else {
        return Ok(Private::Missing);
    };
    if let Err(error) = files::set_mode(private, 0o600) {
        tracing::warn!(error = %chain(&error), "ssh takes no key that others can read");
    }
    let program = Program::new("ssh-keygen").args(["-y", "-P", "", "-f", "/dev/stdin"]).stdin(text);
    let output = program.deadline(LIMIT).run(&Shutdown::new()).await;
    let output = output.map_err(|error| Failure::from_error(error.kind(), &error))?;
    let key = first_words(&output.stdout);
    let is_key = output.success() && key.contains(' ');
    Ok(if is_key { Private::Gives(key) } else { Private::Refused })
}

/// Makes a pair beside its place and moves it there when it is on the disk. What lies there is overwritten.
async fn make(place: &SshPlace) -> Result<(), Failure> {
    let (old, new) = (place.state.join("ssh"), place.state.join("ssh.new"));
    let (old_pair, new_pair) = (Pair::in_directory(&old), Pair::in_directory(&new));
    files::directory(&new, 0o700).map_err(|error| failed(&error))?;
    for left_over in [&new_pair.private, &new_pair.public] {
        files::remove(left_over).map_err(|error| failed(&error))?;
    }
    generate(&new_pair.private, &place.host).await?;
    let move_there = || {
        for path in [&new_pair.private, &new_pair.public, &place.state] {
            files::sync(path)?;
        }
        // A private half alone has its public half written again, should this be cut short.
        files::remove(&old_pair.public)?;
        files::rename(&new_pair.private, &old_pair.private)?;
        files::rename(&new_pair.public, &old_pair.public)?;
        files::remove_directory(&new)
    };
    move_there().map_err(|error| failed(&error))
}

async fn generate(private: &Path, host: &str) -> Result<(), Failure> {
    let program = Program::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C"])
        .arg(format!("root@{host}"))
        .arg("-f")
        .arg(private)
        .deadline(LIMIT);
    let output = program.run(&Shutdown::new()).await;
    let output = output.map_err(|error| Failure::from_error(error.kind(), &error))?;
    if output.success() {
        return Ok(());
    }
    let message = format!("ssh-keygen made no key for root: {}", output.last_line());
    Err(Failure::new(ErrorKind::Internal, message))
}

fn failed(error: &files::FileError) -> Failure {
    Failure::new(ErrorKind::Internal, chain(error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn place(dir: &tempfile::TempDir) -> SshPlace {
        let path = |name: &str| dir.path().join(name);
        SshPlace {
            state: path("state"),
            home: path("home"),
            install: path("install"),
            host: "mn".to_owned(),
        }
    }

    impl SshPlace {
        fn file(&self, name: &str) -> PathBuf {
            self.state.join("ssh").join(name)
        }

        fn text(&self, name: &str) -> String {
            std::fs::read_to_string(self.file(name)).unwrap()
        }

        fn pair(&self) -> (String, String) {
            (self.text("id_ed25519"), self.text("id_ed25519.pub"))
        }

        /// Whether the pair is one, is published, and nothing is left beside it.
        async fn is_whole(&self) -> bool {
            let Private::Gives(key) = look(&self.file("id_ed25519")).await.unwrap() else {
                return false;
            };
            let published = self.install.join("postscripts/_ssh/authorized_keys");
            let published = std::fs::read_to_string(published).unwrap();
            let public = self.text("id_ed25519.pub");
            first_words(&public) == key
                && published.contains(&public)
                && !self.state.join("ssh.new").exists()
        }
    }

    #[tokio::test]
    async fn a_new_pair_takes_the_place_of_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(&dir);
        let published = place.install.join("postscripts/_ssh/authorized_keys");
        ensure(&place, Past::New).await.unwrap();
        let old = place.text("id_ed25519.pub");
        std::fs::write(&published, format!("ssh-ed25519 AAAA admin\n{old}")).unwrap();
        renew(&place).await.unwrap();
        let public = place.text("id_ed25519.pub");
        assert_ne!(public, old);
        let given = std::fs::read_to_string(&published).unwrap();
        assert_eq!(given, format!("ssh-ed25519 AAAA admin\n{public}"));
        let linked = std::fs::read_to_string(place.home.join(".ssh/id_ed25519.pub")).unwrap();
        assert_eq!(linked, public);
        assert!(place.is_whole().await);
    }

    #[test]
    fn each_state_of_the_two_files_has_its_step() {
        let gives = Private::Gives("ssh-ed25519 AAAA".to_owned());
        let write = Step::WritePublic("ssh-ed25519 AAAA".to_owned());
        let lost = |replaced| Step::Make(Some(replaced));
        for (private, public, past, step) in [
            (&gives, Some("ssh-ed25519 AAAA root@mn\n"), Past::Known, Step::Keep),
            (&gives, Some("ssh-ed25519 BBBB root@mn\n"), Past::Known, write.clone()),
            (&gives, Some("\0\0\0"), Past::Known, write.clone()),
            (&gives, None, Past::New, write),
            (&Private::Refused, Some("ssh-ed25519 AAAA\n"), Past::Known, Step::MoveAside),
            (&Private::Refused, None, Past::New, Step::MoveAside),
            (&Private::Missing, Some("ssh-ed25519 AAAA\n"), Past::New, lost(Replaced::PrivateLost)),
            (&Private::Missing, None, Past::Known, lost(Replaced::Lost)),
            (&Private::Missing, None, Past::New, Step::Make(None)),
        ] {
            assert_eq!(decide(private, public, past), step, "{private:?} {public:?} {past:?}");
        }
    }

    #[tokio::test]
    async fn a_public_half_that_is_lost_empty_or_of_another_pair_is_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(&dir);
        assert_eq!(ensure(&place, Past::New).await.unwrap(), None);
        let pair = place.pair();
        std::fs::remove_file(place.file("id_ed25519.pub")).unwrap();
        for public in [None, Some(""), Some("ssh-ed25519 AAAA root@other\n")] {
            if let Some(text) = public {
                std::fs::write(place.file("id_ed25519.pub"), text).unwrap();
            }
            assert_eq!(ensure(&place, Past::Known).await.unwrap(), None);
            assert_eq!(place.pair(), pair);
            assert!(place.is_whole().await);
        }
    }

    #[tokio::test]
    async fn a_private_half_that_others_can_read_is_a_key_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(&dir);
        ensure(&place, Past::New).await.unwrap();
        let pair = place.pair();
        let mode = |mode| std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(place.file("id_ed25519"), mode(0o644)).unwrap();
        assert_eq!(ensure(&place, Past::Known).await.unwrap(), None);
        assert_eq!(place.pair(), pair);
        let metadata = std::fs::metadata(place.file("id_ed25519")).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_private_half_that_cannot_be_read_is_kept_aside_and_that_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(&dir);
        ensure(&place, Past::New).await.unwrap();
        for (half, with_public, kept) in [
            ("half", false, "id_ed25519.refused.1"),
            ("another half", true, "id_ed25519.refused.2"),
            ("\0\0\0\0", true, "id_ed25519.refused.3"),
        ] {
            std::fs::write(place.file("id_ed25519"), half).unwrap();
            if !with_public {
                std::fs::remove_file(place.file("id_ed25519.pub")).unwrap();
            }
            let told = ensure(&place, Past::Known).await.unwrap().unwrap().to_string();
            assert!(told.contains(kept) && told.contains("nodes take the new key"), "{told}");
            assert_eq!(place.text(kept), half);
            assert!(place.is_whole().await);
        }
    }

    #[tokio::test]
    async fn empty_files_are_no_pair_and_a_pair_that_nodes_may_know_is_not_replaced_silently() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(&dir);
        let empty = || {
            for name in ["id_ed25519", "id_ed25519.pub"] {
                std::fs::write(place.file(name), "").unwrap();
            }
        };
        ensure(&place, Past::New).await.unwrap();
        empty();
        assert_eq!(ensure(&place, Past::New).await.unwrap(), None);
        assert!(place.is_whole().await);
        empty();
        assert_eq!(ensure(&place, Past::Known).await.unwrap(), Some(Replaced::Lost));
        std::fs::remove_file(place.file("id_ed25519")).unwrap();
        let told = ensure(&place, Past::Known).await.unwrap().unwrap();
        assert_eq!(told, Replaced::PrivateLost);
        assert!(told.to_string().starts_with("the private half of root's ssh key was lost"));
        assert!(place.is_whole().await);
    }

    #[tokio::test]
    async fn what_a_start_that_was_cut_short_left_beside_is_not_in_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(&dir);
        files::directory(&place.state.join("ssh.new"), 0o700).unwrap();
        std::fs::write(place.state.join("ssh.new/id_ed25519"), "half").unwrap();
        assert_eq!(ensure(&place, Past::New).await.unwrap(), None);
        assert!(place.is_whole().await);
    }
}
