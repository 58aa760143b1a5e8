//! The ways in: ssh with passwords and keys, the attached prompt, the shells of `docker exec`.

use anyhow::{Result, ensure};

use crate::e2e::container::place::{ADDRESS, Container, SHORT, shell};
use crate::run::{Output, captured};

fn ssh(password: &str, line: &str) -> Result<Output> {
    let words = [
        "sshpass",
        "-p",
        password,
        "ssh",
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-o",
        "LogLevel=ERROR",
        "-o",
        "PubkeyAuthentication=no",
        "-o",
        "ConnectTimeout=10",
        &format!("root@{ADDRESS}"),
        line,
    ];
    captured(&words, SHORT)
}

/// Whether root logs in with this password.
pub(super) fn opens(password: &str) -> Result<bool> {
    Ok(ssh(password, "true")?.status == 0)
}

/// Gives these keys to a new container.
pub(super) fn authorize(keys: &str) -> String {
    format!("XCAT_AUTHORIZED_KEYS={}", keys.trim())
}

pub(super) fn password() -> Result<()> {
    let place = Container::new("xcate2e-password")?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    let answer = ssh("cluster", "lsdef -t site -i domain; tabdump site | wc -l")?;
    ensure!(answer.stdout.contains("domain=clusters.com"), "{}", answer.text());
    place.sh("echo root:changed-e2e | chpasswd")?;
    place.wait_until("! grep -q 'default password' /etc/motd")?;
    place.remove()?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    ensure!(!place.log()?.contains("default password"), "the banner is wrong: {}", place.log()?);
    ensure!(opens("changed-e2e")?, "the changed password is gone");
    ensure!(!opens("cluster")?, "the default password is back");
    ensure!(!place.log()?.contains("changed-e2e"), "the password is in the log");
    Ok(())
}

pub(super) fn password_file_and_keys() -> Result<()> {
    let place = Container::new("xcate2e-keys")?;
    place.prepare("echo 'from:a file' >/.dbbackup/password")?;
    let folder = tempfile_folder()?;
    let key = format!("{folder}/key");
    shell(&format!("ssh-keygen -q -t ed25519 -N '' -f {key}"))?;
    let public = std::fs::read_to_string(format!("{key}.pub"))?;
    let keys = authorize(&format!("{public}secret-nonsense"));
    place.start(&["-e", "XCAT_ROOT_PASSWORD_FILE=/.dbbackup/password", "-e", &keys])?;
    place.wait_until_healthy()?;
    ensure!(opens("from:a file")?, "the password of the file: {}", place.log()?);
    ensure!(!place.log()?.contains("default password"), "the banner is wrong");
    place.wait_for_line(&["XCAT_AUTHORIZED_KEYS", "no public key in line 2"])?;
    ensure!(!place.log()?.contains("secret"), "what may be a private key is in the log");
    let by_key = format!(
        "ssh -i {key} -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@{ADDRESS} true"
    );
    shell(&by_key)?;
    place.wait_until("test -s /.dbbackup/state/authorized_keys")?;
    place.remove()?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    shell(&by_key)?;
    ensure!(opens("from:a file")?, "the password of the file is forgotten without the file");
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

pub(super) fn tempfile_folder() -> Result<String> {
    Ok(shell("mktemp -d")?.trim().to_owned())
}

pub(super) fn wrong_password_file() -> Result<()> {
    for (file, prepare, word) in [
        ("/nowhere/password", "true", "does not exist"),
        ("/.dbbackup/empty", ": >/.dbbackup/empty", "no password in its first line"),
        ("/.dbbackup/folder", "mkdir /.dbbackup/folder", "is not a file"),
    ] {
        let place = Container::new("xcate2e-wrong-password")?;
        place.prepare(prepare)?;
        place.start(&["-e", &format!("XCAT_ROOT_PASSWORD_FILE={file}")])?;
        place.wait_until_healthy()?;
        place.wait_for_line(&["warning", file, word, "restart the container"])?;
        ensure!(!opens("cluster")?, "{file}: the default password was set");
        let hash = place.sh("tabdump passwd")?;
        ensure!(!hash.contains("\"system\",\"root\",\"$"), "{file}: nodes get a password: {hash}");
    }
    Ok(())
}

pub(super) fn shells() -> Result<()> {
    let place = Container::new("xcate2e-shells")?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    let bare = place.exec(&["lsdef", "-t", "site", "-i", "domain"])?;
    ensure!(bare.stdout.contains("domain=clusters.com"), "docker exec: {}", bare.text());
    let page = place.exec(&["man", "noderange"])?;
    ensure!(page.stdout.contains("NODERANGE(3)"), "man: {}", page.text());
    let check = "command -v lsdef makedhcp && man lsdef | head -n 5 && complete -p lsdef";
    for shell in [&["bash", "-lic", check][..], &["bash", "-ic", check]] {
        let output = place.exec(shell)?;
        ensure!(
            output.status == 0 && output.stdout.contains("/opt/xcat/bin/lsdef"),
            "{shell:?}: {}",
            output.text()
        );
        ensure!(
            output.stdout.to_lowercase().contains("lsdef"),
            "no manual page: {}",
            output.text()
        );
    }
    let login =
        ssh("cluster", "bash -lic 'man -k lsdef | head -n 2; complete -p lsdef; echo $XCATROOT'")?;
    ensure!(
        login.stdout.contains("/opt/xcat") && login.stdout.contains("complete"),
        "{}",
        login.text()
    );
    Ok(())
}
