//! What must be there before sshd accepts anybody: a host key of this node's own, and the keys that
//! may log in as root. An image carries neither: whoever can fetch the image would have them.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::spawn::Job;
use crate::console::{say, say_error};
use crate::facts::Facts;
use crate::http::{self, HttpError, Url};
use crate::patience::Patience;

const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key";
const ROOT_SSH: &str = "/root/.ssh";
/// Where the management node publishes the keys that may log in as root.
const AUTHORIZED: &str = "/install/postscripts/_ssh/authorized_keys";

#[derive(Debug, thiserror::Error)]
enum IdentityError {
    #[error("cannot make an ssh host key")]
    Keygen(#[source] io::Error),
    #[error("ssh-keygen failed with code {0}")]
    KeygenCode(i32),
    #[error("root's ssh keys are not fetched")]
    Fetch(#[source] HttpError),
    #[error("root's ssh keys are not written")]
    Write(#[source] io::Error),
}

/// Does what it can: a failure of one does not stop the other.
pub(super) fn establish(facts: &Facts) -> ExitCode {
    let results = [host_key(), authorized_keys(facts)];
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        say_error(error);
    }
    if results.iter().all(Result::is_ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn host_key() -> Result<(), IdentityError> {
    let key = Path::new(HOST_KEY);
    if key.exists() || !key.parent().is_some_and(Path::is_dir) {
        return Ok(());
    }
    let args = ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", HOST_KEY];
    let deadline = Duration::from_mins(1);
    let job = Job { program: "ssh-keygen", args: &args, env: &[], dir: Path::new("/"), deadline };
    match job.run(say).map_err(IdentityError::Keygen)? {
        0 => Ok(()),
        code => Err(IdentityError::KeygenCode(code)),
    }
}

fn authorized_keys(facts: &Facts) -> Result<(), IdentityError> {
    let url = Url::new(facts.server, facts.http_port, AUTHORIZED);
    let keys = Patience::with_attempts(5)
        .run(|| http::get_text(&url), |error| drop(say_error(error)))
        .map_err(IdentityError::Fetch)?;
    let count = keys.lines().filter(|line| !line.trim().is_empty()).count();
    install_keys(Path::new(ROOT_SSH), &keys).map_err(IdentityError::Write)?;
    say(&format!("{count} ssh keys may log in as root"));
    Ok(())
}

/// Adds the keys to those of the image, readable by root alone, never half written.
fn install_keys(dir: &Path, keys: &str) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    let path = dir.join("authorized_keys");
    let mut text = fs::read_to_string(&path).unwrap_or_default();
    for key in keys.lines().filter(|key| !key.trim().is_empty()) {
        if !text.lines().any(|present| present == key) {
            text = format!("{}{key}\n", terminated(text));
        }
    }
    let fresh = dir.join(".authorized_keys.new");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    fs::rename(fresh, path)
}

fn terminated(text: String) -> String {
    if text.is_empty() || text.ends_with('\n') { text } else { text + "\n" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_added_once_and_guarded() {
        let dir = tempfile::tempdir().unwrap();
        let ssh = dir.path().join(".ssh");
        fs::create_dir(&ssh).unwrap();
        let path = ssh.join("authorized_keys");
        fs::write(&path, "ssh-ed25519 A mine").unwrap();
        for _ in 0..2 {
            install_keys(&ssh, "\nssh-ed25519 B mn\nssh-ed25519 A mine\n").unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "ssh-ed25519 A mine\nssh-ed25519 B mn\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&ssh).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
