//! Root's key pair towards the nodes: made once, kept in the state directory, its public half published to nodes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base::{ErrorKind, Failure, chain};
use remote::Program;
use runtime::Shutdown;

use crate::setup::files;

const LIMIT: Duration = Duration::from_secs(30);

/// A private key without its public half that `ssh-keygen` refuses (one with a passphrase, or damaged): a new pair took its
/// place, and it was moved to this file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SetAside(PathBuf);

impl std::fmt::Display for SetAside {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let file = self.0.display();
        write!(
            out,
            "root's ssh key could not be read and is now {file}; nodes take the new key when they boot: put the old pair \
             back if they have to be reached before"
        )
    }
}

/// Makes the key pair if there is none, links it into `home`, and publishes it below `install`.
pub(crate) async fn ensure(
    state: &Path,
    home: &Path,
    install: &Path,
    host: &str,
) -> Result<Option<SetAside>, Failure> {
    let directory = state.join("ssh");
    let (private, public) = (directory.join("id_ed25519"), directory.join("id_ed25519.pub"));
    files::directory(&directory, 0o700).map_err(|error| failed(&error))?;
    let mut refused = None;
    if private.exists() && !public.exists() && !derive(&private, &public, host).await? {
        refused = Some(set_aside(&private)?);
    }
    if !private.exists() || !public.exists() {
        generate(&private, host).await?;
    }
    let key = files::read(&public).map_err(|error| failed(&error))?.unwrap_or_default();
    let published = install.join("postscripts/_ssh/authorized_keys");
    files::directory(published.parent().unwrap_or(install), 0o755)
        .map_err(|error| failed(&error))?;
    let present = files::read(&published).map_err(|error| failed(&error))?.unwrap_or_default();
    let others = present.lines().filter(|line| *line != key.trim_end() && !line.is_empty());
    let all: Vec<&str> = others.chain([key.trim_end(), ""]).collect();
    let all = all.join("\n");
    files::ensure(&published, all.as_bytes(), 0o644).map_err(|error| failed(&error))?;
    let ssh = home.join(".ssh");
    if !ssh.exists() {
        files::directory(&ssh, 0o700).map_err(|error| failed(&error))?;
    }
    files::link(&private, &ssh.join("id_ed25519")).map_err(|error| failed(&error))?;
    files::link(&public, &ssh.join("id_ed25519.pub")).map_err(|error| failed(&error))?;
    Ok(refused)
}

/// Moves a file that cannot be used to the first free name beside it.
fn set_aside(private: &Path) -> Result<SetAside, Failure> {
    let free = (1_u32..).map(|number| private.with_extension(format!("refused.{number}")));
    let place = free.into_iter().find(|place| !place.exists()).unwrap_or_default();
    files::rename(private, &place).map_err(|error| failed(&error))?;
    Ok(SetAside(place))
}

/// Makes a new pair, and takes the old public half from the keys that nodes are given. The old pair is there until the
/// new one is whole.
pub(crate) async fn renew(
    state: &Path,
    home: &Path,
    install: &Path,
    host: &str,
) -> Result<(), Failure> {
    let (old, new) = (state.join("ssh"), state.join("ssh.new"));
    files::directory(&new, 0o700).map_err(|error| failed(&error))?;
    generate(&new.join("id_ed25519"), host).await?;
    let known = files::read(&old.join("id_ed25519.pub")).map_err(|error| failed(&error))?;
    // A private half alone has its public half written again, should this be cut short.
    files::remove(&old.join("id_ed25519.pub")).map_err(|error| failed(&error))?;
    for name in ["id_ed25519", "id_ed25519.pub"] {
        files::rename(&new.join(name), &old.join(name)).map_err(|error| failed(&error))?;
    }
    if let Some(known) = known {
        withdraw(install, known.trim_end())?;
    }
    ensure(state, home, install, host).await.map(drop)
}

/// Takes a key from those that nodes are given.
fn withdraw(install: &Path, key: &str) -> Result<(), Failure> {
    let published = install.join("postscripts/_ssh/authorized_keys");
    let present = files::read(&published).map_err(|error| failed(&error))?.unwrap_or_default();
    let others: Vec<&str> = present.lines().filter(|line| *line != key).chain([""]).collect();
    files::ensure(&published, others.join("\n").as_bytes(), 0o644).map_err(|error| failed(&error))
}

/// Writes the public half again, because nodes know the pair; tells whether the private half could be read.
async fn derive(private: &Path, public: &Path, host: &str) -> Result<bool, Failure> {
    let program = Program::new("ssh-keygen").args(["-y", "-P", "", "-f"]).arg(private);
    let output = program.deadline(LIMIT).run(&Shutdown::new()).await;
    let output = output.map_err(|error| Failure::from_error(error.kind(), &error))?;
    let words: Vec<&str> = output.stdout.split_whitespace().take(2).collect();
    if !output.success() || words.len() < 2 {
        return Ok(false);
    }
    let line = format!("{} root@{host}\n", words.join(" "));
    files::write(public, line.as_bytes(), 0o644).map_err(|error| failed(&error))?;
    Ok(true)
}

async fn generate(private: &Path, host: &str) -> Result<(), Failure> {
    let program = Program::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C"])
        .arg(format!("root@{host}"))
        .arg("-f")
        .arg(private)
        .stdin("y\n")
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
    use super::*;

    #[tokio::test]
    async fn a_new_pair_takes_the_place_of_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let (state, home, install) =
            (dir.path().join("state"), dir.path().join("home"), dir.path().join("install"));
        let public = || std::fs::read_to_string(state.join("ssh/id_ed25519.pub")).unwrap();
        let published = install.join("postscripts/_ssh/authorized_keys");
        ensure(&state, &home, &install, "mn").await.unwrap();
        let old = public();
        std::fs::write(&published, format!("ssh-ed25519 AAAA admin\n{old}")).unwrap();
        renew(&state, &home, &install, "mn").await.unwrap();
        assert_ne!(public(), old);
        let given = std::fs::read_to_string(&published).unwrap();
        assert_eq!(given, format!("ssh-ed25519 AAAA admin\n{}", public()));
        assert_eq!(std::fs::read_to_string(home.join(".ssh/id_ed25519.pub")).unwrap(), public());
    }

    #[tokio::test]
    async fn a_lost_public_half_is_written_again_and_half_a_pair_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let (state, home, install) =
            (dir.path().join("state"), dir.path().join("home"), dir.path().join("install"));
        let text = |name: &str| std::fs::read_to_string(state.join("ssh").join(name)).unwrap();
        ensure(&state, &home, &install, "mn").await.unwrap();
        let (private, public) = (text("id_ed25519"), text("id_ed25519.pub"));
        std::fs::remove_file(state.join("ssh/id_ed25519.pub")).unwrap();
        assert_eq!(ensure(&state, &home, &install, "mn").await.unwrap(), None);
        assert_eq!((text("id_ed25519"), text("id_ed25519.pub")), (private, public));
        for (half, kept) in
            [("half", "id_ed25519.refused.1"), ("another half", "id_ed25519.refused.2")]
        {
            std::fs::write(state.join("ssh/id_ed25519"), half).unwrap();
            std::fs::remove_file(state.join("ssh/id_ed25519.pub")).unwrap();
            let told = ensure(&state, &home, &install, "mn").await.unwrap().unwrap().to_string();
            assert!(told.contains(kept), "{told}");
            assert_eq!(text(kept), half);
            assert!(text("id_ed25519").contains("PRIVATE KEY"));
        }
    }
}
