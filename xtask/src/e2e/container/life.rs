//! Starting, supervising, ending.

use anyhow::{Result, ensure};

use crate::e2e::container::place::{Container, before, ok};
use crate::say::say;

pub(super) fn first_start() -> Result<()> {
    let place = Container::new("xcate2e-first")?;
    place.start(&["-v", "xcate2e-install:/install", "-v", "xcate2e-log:/var/log/xcat"])?;
    let first = place.wait_until_healthy()?;
    let log = place.log()?;
    for words in [
        "xCAT management node xcatmn.clusters.com",
        "addresses: 10.98.7.101",
        " dhcp",
        " dns",
        " http",
        " tftp",
        " ssh",
        "log in:    ssh root@10.98.7.101",
        "default password",
    ] {
        ensure!(log.contains(words), "no {words:?} in the banner: {log}");
    }
    ensure!(!log.contains("warning"), "a warning without a reason: {log}");
    ensure!(place.sh("cat /etc/motd")?.contains("addresses: 10.98.7.101"), "motd");
    let site = place.sh("lsdef -t site -i domain,master,nameservers,installdir,tftpdir")?;
    for value in ["domain=clusters.com", "master=10.98.7.101", "nameservers=10.98.7.101"] {
        ensure!(site.contains(value), "{site}");
    }
    ensure!(place.sh("tabdump networks")?.contains("10.98.7.0"), "networks");
    ensure!(place.sh("tabdump policy | wc -l")?.trim() != "1", "policy");
    place.sh("test -s /etc/xcat/ca/ca-cert.pem && test -s /etc/xcat/cert/server-cred.pem && test -s /root/.xcat/client-cred.pem && test -s /root/.ssh/id_ed25519")?;
    let modes = place.sh("stat -c '%a %n' /.dbbackup/state /.dbbackup/state/tables.sqlite /.dbbackup/state/ssh/id_ed25519 /.dbbackup/state/pki/ca/private/ca-key.pem /.dbbackup/state/sshd/ssh_host_ed25519_key")?;
    ensure!(
        modes.lines().all(|line| line.starts_with("700 ") || line.starts_with("600 ")),
        "{modes}"
    );
    let rss = memory(&place)?;
    place.remove()?;
    place.start(&["-v", "xcate2e-install:/install", "-v", "xcate2e-log:/var/log/xcat"])?;
    let later = place.wait_until_healthy()?;
    say(&format!(
        "             docker run to healthy: first {:.2} s, later {:.2} s; all processes {rss} KiB RSS",
        first.as_secs_f64(),
        later.as_secs_f64()
    ));
    ensure!(rss < 60 * 1024, "{rss} KiB");
    drop(place);
    ok(&["docker", "volume", "rm", "-f", "xcate2e-install", "xcate2e-log"]).map(drop)
}

/// The resident memory of all processes but of the one that asks, in KiB.
fn memory(place: &Container) -> Result<u64> {
    let text = place.sh("ps -eo rss=,pid=,ppid=,args= | grep -v -e 'ps -eo' -e 'bash -lc'")?;
    let sizes = text.lines().filter_map(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(sizes.sum())
}

pub(super) fn rights() -> Result<()> {
    let place = Container::new("xcate2e-rights")?;
    place.start(&["--security-opt", "no-new-privileges"])?;
    place.wait_until_healthy()?;
    let status = place.sh("cat /proc/1/status")?;
    let bounding = status.lines().find_map(|line| line.strip_prefix("CapBnd:")).unwrap_or_default();
    let bits = u64::from_str_radix(bounding.trim(), 16)?.count_ones();
    ensure!(bits == 12, "{bits} capabilities: {bounding}");
    ensure!(status.contains("Seccomp:\t2"), "without a seccomp filter: {status}");
    let compose = std::fs::read_to_string(crate::run::top().join("container/compose.yaml"))?;
    let listed =
        compose.lines().filter(|line| line.trim_start().starts_with("- ") && line.contains(" # "));
    ensure!(listed.count() == 12, "each right in compose.yaml has its reason");
    ensure!(!compose.contains("privileged"), "compose.yaml asks for everything");
    Ok(())
}

/// Without the list: what `docker run` gives when nobody says anything.
pub(super) fn default_rights() -> Result<()> {
    let place = Container::new("xcate2e-default")?;
    let state = place.state_option();
    ok(&[
        "docker",
        "run",
        "-d",
        "--name",
        place.name,
        "--hostname",
        "xcatmn",
        "-v",
        &state,
        "--add-host",
        "xcatmn.clusters.com:10.98.7.101",
        "--network",
        "xcate2e",
        "--ip",
        "10.98.7.101",
        "xcat-rs:latest",
    ])?;
    place.wait_until_healthy()?;
    let services = place.sh("lsxcatd -a")?;
    ensure!(!services.contains("not running"), "{services}");
    Ok(())
}

pub(super) fn supervision() -> Result<()> {
    let place = Container::new("xcate2e-supervision")?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    let before = place.sh("pgrep -x xcatd")?;
    place.sh("pkill -KILL -x xcatd")?;
    place.wait_for_line(&["xcatd ended (status 137), starting it again in 1 s"])?;
    place.wait_until("xcatd health")?;
    ensure!(place.sh("pgrep -x xcatd")? != before, "another process");
    place.sh("pkill -KILL -x sshd")?;
    place.wait_for_line(&["sshd ended (status 137), starting it again"])?;
    place.wait_until("pgrep -x sshd")?;
    place.sh("pkill -STOP -x xcatd")?;
    ensure!(place.exec(&["xcatd", "health"])?.status != 0, "healthy while xcatd sleeps");
    place.sh("pkill -CONT -x xcatd")?;
    place.wait_until("xcatd health")
}

pub(super) fn stop() -> Result<()> {
    let place = Container::new("xcate2e-stop")?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    place.sh("chdef -t site clustersite stopmark=yes")?;
    ok(&["docker", "stop", "-t", "15", place.name])?;
    place.ends(0, &["log in"])?;
    ok(&["docker", "start", place.name])?;
    place.wait_until("xcatd health")?;
    ensure!(place.sh("lsdef -t site -i stopmark")?.contains("stopmark=yes"), "the mark is gone");
    Ok(())
}

/// A log that has grown too large is moved aside, and its service goes on in the empty one.
pub(super) fn logs() -> Result<()> {
    let place = Container::new("xcate2e-logs")?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    let grow = |log: &str, bytes: u32| {
        place.sh(&format!("yes 'a line of {log}' | head -c {bytes} >>/var/log/xcat/{log}"))
    };
    grow("sshd.log", 68_000_000)?;
    place.wait_until("cd /var/log/xcat; [ $(stat -c %s sshd.log) -lt 1000000 ] && [ $(stat -c %s sshd.log.1) -gt 67000000 ]")?;
    place.sh("pkill -KILL -x sshd")?;
    place.wait_until("grep -q 'Server listening' /var/log/xcat/sshd.log")?;
    ensure!(place.sh("tr -dc '\\0' </var/log/xcat/sshd.log | wc -c")?.trim() == "0", "a hole");
    grow("xcatd.log", 17_000_000)?;
    grow("commands.log", 17_000_000)?;
    ok(&["docker", "restart", place.name])?;
    place.wait_until("xcatd health")?;
    place.sh("lsdef -t site -i domain")?;
    for log in ["xcatd.log", "commands.log"] {
        let sizes = format!("cd /var/log/xcat; stat -c %s {log} {log}.1");
        let text = place.sh(&sizes)?;
        let sizes: Vec<u64> = text.lines().map(str::parse).collect::<Result<_, _>>()?;
        ensure!(sizes[0] < 1_000_000 && sizes[1] > 16_000_000, "{log}: {sizes:?}");
    }
    Ok(())
}

/// There is no room for what a log has grown to.
pub(super) fn full_log_volume() -> Result<()> {
    let place = Container::new("xcate2e-full-log")?;
    place.start(&["--tmpfs", "/var/log/xcat:size=90m"])?;
    place.wait_until_healthy()?;
    place.sh("yes 'a line' | head -c 68000000 >>/var/log/xcat/sshd.log")?;
    place.wait_for_line(&["warning", "sshd.log", "no room"])?;
    place.wait_until(
        "cd /var/log/xcat; [ $(stat -c %s sshd.log) -lt 1000000 ] && ! test -e sshd.log.1",
    )
}

/// What a daemon says at its end is found, even when its log was moved aside before.
pub(super) fn last_words() -> Result<()> {
    let place = Container::new("xcate2e-words")?;
    let fail = "if [ \"$1\" != health ] && [ ! -e /tmp/once ]; then touch /tmp/once; cd /var/log/xcat; \
        mv xcatd.log xcatd.log.1; (umask 027; echo another line >xcatd.log); echo it panicked >&2; exit 101; fi";
    place.start_changed(&before("/opt/xcat/sbin/xcatd", fail), &[])?;
    place.wait_until_healthy()?;
    place.wait_for_line(&["xcatd ended (status 101)", ": it panicked"])?;
    let modes =
        place.sh("cd /var/log/xcat; grep -q 'it panicked' xcatd.log && stat -c %a *.log")?;
    ensure!(modes.lines().all(|mode| mode == "640" || mode == "600"), "{modes}");
    let twice = place.sh("sort /var/log/xcat/xcatd.log | uniq -d")?;
    ensure!(twice.is_empty(), "lines that are there twice: {twice}");
    Ok(())
}
