//! What an administrator changes in the container, password, keys, names: what is kept on the volume, when, and what not.

use anyhow::{Result, ensure};

use crate::e2e::container::login::{authorize, opens, tempfile_folder};
use crate::e2e::container::place::{Container, before, ok, shell};

const SHADOW: &str = "/.dbbackup/state/root.shadow";
/// The password that root has now is on the volume.
const IS_KEPT: &str = "[ \"$(sed -n 's/^\\(root:[^:]*\\):.*/\\1/p' /etc/shadow)\" = \"$(cat /.dbbackup/state/root.shadow)\" ]";
const KEYS_ARE_KEPT: &str = "cmp -s /root/.ssh/authorized_keys /.dbbackup/state/authorized_keys";
/// The watcher has looked at the file of passwords as it is now.
const IS_SEEN: &str =
    "! [ /etc/shadow -nt /run/xcat/shadow-seen ] && ! [ /etc/shadow -ot /run/xcat/shadow-seen ]";

/// The kept password is not yet in place when the container is told to end.
pub(super) fn stopped_early() -> Result<()> {
    let place = Container::new("xcate2e-early")?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    place.sh("echo root:changed-e2e | chpasswd")?;
    place.wait_until(IS_KEPT)?;
    place.remove()?;
    let slow = before("/usr/sbin/chpasswd", "touch /tmp/begun; sleep 600");
    place.start_changed(&slow, &[])?;
    place.wait_until("test -e /tmp/begun")?;
    ok(&["docker", "stop", "-t", "30", place.name])?;
    place.remove()?;
    place.prepare(&format!("grep '^root:[$]' {SHADOW}"))?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    ensure!(opens("changed-e2e")?, "the kept password is gone");
    Ok(())
}

pub(super) fn full_volume() -> Result<()> {
    let place = Container::new("xcate2e-full")?;
    place.run(&["--network", "none", "--tmpfs", "/.dbbackup:size=24m"])?;
    place.wait_until_healthy()?;
    place.sh("! head -c 100M /dev/zero >/.dbbackup/much 2>/dev/null")?;
    place.sh(
        "echo root:changed-e2e | chpasswd; echo ssh-ed25519 AAAA >/root/.ssh/authorized_keys",
    )?;
    place.wait_for_line(&["warning", "cannot be kept", "No space left", "tried again"])?;
    place.wait_until("grep -q 'cannot be kept' /etc/motd")?;
    place.sh(&format!("! test -e {SHADOW}"))?;
    place.sh("rm /.dbbackup/much")?;
    place.wait_until(IS_KEPT)?;
    place.wait_until(KEYS_ARE_KEPT)?;
    place.wait_until("! grep -q -e 'cannot be kept' -e 'default password' /etc/motd")?;
    let said = place.log()?.matches("init: warning: the changed password").count();
    ensure!(said == 1, "it is said {said} times: {}", place.log()?);
    Ok(())
}

/// A file that lost its content is no reason for a password that everybody knows.
pub(super) fn empty_password() -> Result<()> {
    let place = Container::new("xcate2e-empty")?;
    for content in ["", "root:", "nonsense"] {
        place.prepare(&format!("mkdir -p /.dbbackup/state; printf '{content}' >{SHADOW}"))?;
        place.start(&[])?;
        place.wait_until_healthy()?;
        place.wait_for_line(&[
            "warning",
            SHADOW,
            "cannot be used",
            "docker exec -it NAME passwd",
        ])?;
        ensure!(place.sh("grep ^root: /etc/shadow")?.starts_with("root:*:"), "a password");
        ensure!(!place.log()?.contains("default password"), "{}", place.log()?);
        place.sh("echo root:mended-e2e | chpasswd")?;
        place.wait_until(IS_KEPT)?;
        place.remove()?;
    }
    Ok(())
}

/// Packages add users.
pub(super) fn other_users() -> Result<()> {
    let place = Container::new("xcate2e-users")?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    place.wait_until(IS_SEEN)?;
    place.sh("useradd --system somebody")?;
    place.wait_until(IS_SEEN)?;
    place.sh(&format!("! test -e {SHADOW} && test -e /run/xcat/default-password"))?;
    place.remove()?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    ensure!(place.log()?.contains("default password"), "{}", place.log()?);
    place.sh("echo root:changed-e2e | chpasswd")?;
    place.wait_until("! grep -q 'default password' /etc/motd")?;
    place.sh("echo root:cluster | chpasswd")?;
    place.wait_until("grep -q 'default password' /etc/motd")
}

pub(super) fn revoked_keys() -> Result<()> {
    let place = Container::new("xcate2e-revoked")?;
    let (folder, key) = a_key()?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    place.sh(&format!("echo '{key}' >/root/.ssh/authorized_keys"))?;
    place.wait_until(KEYS_ARE_KEPT)?;
    place.sh("rm /root/.ssh/authorized_keys")?;
    ok(&["docker", "stop", "-t", "30", place.name])?;
    place.remove()?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    place.sh("! test -e /root/.ssh/authorized_keys")?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

/// Some editors leave no end of the line.
pub(super) fn unended_line() -> Result<()> {
    let place = Container::new("xcate2e-unended")?;
    let (folder, key) = a_key()?;
    let (other, given) = a_key()?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    place.sh(&format!("printf %s '{key}' >/root/.ssh/authorized_keys"))?;
    place.wait_until(KEYS_ARE_KEPT)?;
    place.remove()?;
    place.start(&["-e", &authorize(&given)])?;
    place.wait_until_healthy()?;
    let found = place.sh("cat /root/.ssh/authorized_keys")?;
    ensure!(found == format!("{key}\n{given}\n"), "{found}");
    place.wait_until(KEYS_ARE_KEPT)?;
    std::fs::remove_dir_all(folder)?;
    std::fs::remove_dir_all(other)?;
    Ok(())
}

/// Others given in place of a key take it away, but not one that somebody added by hand.
pub(super) fn given_keys() -> Result<()> {
    let place = Container::new("xcate2e-given")?;
    let keys = [a_key()?, a_key()?, a_key()?];
    let [first, second, own] = keys.each_ref().map(|(_, key)| key.as_str());
    place.start(&["-e", &authorize(&format!("{first}\n{own}"))])?;
    place.wait_until_healthy()?;
    ensure!(!opens("cluster")?, "keys alone, and everybody gets in with the default password");
    place.wait_for_line(&["root cannot log in with a password", "passwd"])?;
    place.sh(&format!("echo '{second} by hand' >>/root/.ssh/authorized_keys"))?;
    place.wait_until(KEYS_ARE_KEPT)?;
    place.remove()?;
    place.start(&["-e", &authorize(own)])?;
    place.wait_until_healthy()?;
    let found = place.sh("cat /root/.ssh/authorized_keys")?;
    ensure!(found == format!("{own}\n{second} by hand\n"), "{found}");
    for (folder, _) in &keys {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(())
}

/// What makehosts and people write into /etc/hosts, and the full name of the machine itself.
pub(super) fn names() -> Result<()> {
    let place = Container::new("xcate2e-names")?;
    let lines_are_kept = "grep -q 'a.example' /.dbbackup/state/hosts";
    place.start(&[])?;
    place.wait_until_healthy()?;
    ensure!(place.sh("hostname -f")?.trim() == "xcatmn.clusters.com", "the full name");
    place.sh("mkdef -t node -o cn1 groups=all ip=10.98.7.1 && makehosts cn1")?;
    place.sh("echo '10.98.7.9 a.example' >>/etc/hosts")?;
    place.wait_until(lines_are_kept)?;
    ok(&["docker", "restart", place.name])?;
    place.wait_until("xcatd health")?;
    place.sh("getent hosts cn1 && getent hosts a.example")?;
    place.remove()?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    place.sh("getent hosts cn1 && getent hosts a.example")?;
    ensure!(place.sh("grep -c cn1 /etc/hosts")?.trim() == "1", "lines are doubled");
    place.sh("makehosts -d cn1")?;
    place.wait_until("! grep -q cn1 /.dbbackup/state/hosts")?;
    place.remove()?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    place.sh("! getent hosts cn1 && getent hosts a.example")?;
    Ok(())
}

/// A new public key, and the folder with its private one.
fn a_key() -> Result<(String, String)> {
    let folder = tempfile_folder()?;
    shell(&format!("ssh-keygen -q -t ed25519 -N '' -f {folder}/key"))?;
    let public = std::fs::read_to_string(format!("{folder}/key.pub"))?;
    Ok((folder, public.trim().to_owned()))
}

/// The file is for the first time and for changes; between them `passwd` rules.
pub(super) fn password_after_file() -> Result<()> {
    let place = Container::new("xcate2e-file")?;
    let option = ["-e", "XCAT_ROOT_PASSWORD_FILE=/.dbbackup/password"];
    place.prepare("echo one-e2e >/.dbbackup/password")?;
    place.start(&option)?;
    place.wait_until_healthy()?;
    place.wait_until(IS_KEPT)?;
    ensure!(opens("one-e2e")?, "the password of the file: {}", place.log()?);
    place.sh("echo root:changed-e2e | chpasswd")?;
    place.wait_until(IS_KEPT)?;
    ok(&["docker", "restart", place.name])?;
    place.wait_until("xcatd health && pgrep -x sshd")?;
    ensure!(opens("changed-e2e")? && !opens("one-e2e")?, "a restart undoes passwd");
    place.remove()?;
    place.start(&option)?;
    place.wait_until_healthy()?;
    ensure!(opens("changed-e2e")?, "another container undoes passwd");
    ensure!(
        !place.sh("cat /.dbbackup/state/root.*")?.contains("one-e2e"),
        "the password in the clear"
    );
    let modes = place.sh("stat -c %a /.dbbackup/state/root.*")?;
    ensure!(modes.lines().all(|mode| mode == "600"), "{modes}");
    place.remove()?;
    place.prepare("echo two-e2e >/.dbbackup/password")?;
    place.start(&option)?;
    place.wait_until_healthy()?;
    ensure!(opens("two-e2e")? && !opens("changed-e2e")?, "a changed file is not applied");
    Ok(())
}

/// What the watcher asks may hang; passwords are kept and logs are bounded all the same.
pub(super) fn hung_daemon() -> Result<()> {
    let place = Container::new("xcate2e-hung")?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    place.sh("pkill -STOP -x xcatd")?;
    for password in ["one-e2e", "two-e2e", "three-e2e"] {
        place.sh(&format!("echo root:{password} | chpasswd"))?;
        place.wait_until(IS_KEPT)?;
    }
    place.sh("yes 'a line' | head -c 68000000 >>/var/log/xcat/sshd.log")?;
    place.wait_until("[ $(stat -c %s /var/log/xcat/sshd.log) -lt 1000000 ]")?;
    place.wait_until("grep -q 'xcatd: not running' /etc/motd")?;
    place.sh("pkill -CONT -x xcatd").map(drop)
}

/// Keys of the machine that a loss of power has emptied.
pub(super) fn damaged_host_keys() -> Result<()> {
    let place = Container::new("xcate2e-host-keys")?;
    place.prepare(
        "cd /.dbbackup; mkdir -p -m 700 state/sshd; cd state/sshd; for type in ed25519 ecdsa rsa; do \
         ssh-keygen -q -t $type -N '' -f ssh_host_${type}_key; done; cp ssh_host_rsa_key /.dbbackup/rsa; \
         : >ssh_host_ed25519_key; head -c 100 /dev/urandom >ssh_host_ecdsa_key",
    )?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    for kind in ["ed25519", "ecdsa"] {
        place.wait_for_line(&["warning", kind, "was damaged"])?;
        place.sh(&format!("ssh-keyscan -t {kind} 127.0.0.1 2>/dev/null | grep -q {kind}"))?;
    }
    place.sh("cmp /.dbbackup/rsa /.dbbackup/state/sshd/ssh_host_rsa_key")?;
    ensure!(!place.log()?.contains("the rsa host key"), "a key that was well is replaced");
    Ok(())
}

/// As on a network file system that knows no modes: what was changed stays as it was.
pub(super) fn open_state() -> Result<()> {
    let place = Container::new("xcate2e-open")?;
    place.prepare("mkdir -m 755 /.dbbackup/state")?;
    place.start_changed(&before("/usr/bin/chmod", "exit 0"), &[])?;
    place.wait_until_healthy()?;
    place.wait_for_line(&["warning", "others can read the keys", "/.dbbackup", "755"])?;
    Ok(())
}
