//! Bad input of the container's own: each is one line in its log that says what and how to mend it.

use anyhow::{Result, ensure};

use crate::e2e::container::place::{Container, IMAGE, SHORT, ok};
use crate::run::captured;

pub(super) fn volumes() -> Result<()> {
    let place = Container::new("xcate2e-volumes")?;
    let state = place.state_option();
    for target in ["/install", "/var/log/xcat", "/.dbbackup"] {
        place.run(&[
            "--network",
            "none",
            "-v",
            &format!("{}:ro", state.replace("/.dbbackup", target)),
        ])?;
        place.ends(1, &[target, "cannot be written", "-v NAME:"])?;
        place.remove()?;
    }
    place.run(&["--network", "none"])?;
    place.wait_until_healthy()?;
    place.wait_for_line(&[
        "warning",
        "no volume is mounted at /.dbbackup",
        "-v xcat_dbbackup:/.dbbackup",
    ])?;
    place.remove()?;
    place.run(&["--network", "none", "--tmpfs", "/.dbbackup"])?;
    place.wait_until_healthy()?;
    place.wait_for_line(&["warning", "tmpfs", "mount a volume at /.dbbackup"])?;
    Ok(())
}

pub(super) fn no_domain() -> Result<()> {
    let place = Container::new("xcate2e-no-domain")?;
    let state = place.state_option();
    place.run(&[
        "--network",
        "xcate2e",
        "--ip",
        "10.98.7.101",
        "--dns-search",
        ".",
        "-v",
        &state,
    ])?;
    place.wait_until_healthy()?;
    place.wait_for_line(&["warning", "has no domain", "chdef -t site clustersite domain="])?;
    place.sh("chdef -t site clustersite domain=mended.example")?;
    ok(&["docker", "restart", place.name])?;
    place.wait_until("xcatd health")?;
    place.wait_until("! grep -q 'no domain' /etc/motd")?;
    ensure!(place.sh("lsdef -t site -i domain")?.contains("mended.example"), "overwritten");
    Ok(())
}

pub(super) fn interfaces() -> Result<()> {
    let place = Container::new("xcate2e-interfaces")?;
    place.start(&["--add-host", "xcatmn:10.98.9.9"])?;
    place.wait_until_healthy()?;
    place.remove()?;
    let state = place.state_option();
    let wrong = [
        "--network",
        "xcate2e",
        "--ip",
        "10.98.7.101",
        "-v",
        &state,
        "--add-host",
        "xcatmn.clusters.com:10.98.9.9",
    ];
    place.run(&wrong)?;
    place.wait_until_healthy()?;
    place.wait_for_line(&["warning", "10.98.9.9", "extra_hosts"])?;
    place.remove()?;
    let twice = "ip link add twin type veth peer name other && ip addr add 10.98.7.201/24 dev twin && ip link set twin up && exec /opt/xcat/share/xcat/container/init";
    place.start(&["--entrypoint", "bash", IMAGE, "-c", twice])?;
    place.wait_until_healthy()?;
    place.wait_for_line(&["warning", "eth0 and twin are both in 10.98.7.0/24", "disconnect"])?;
    place.remove()?;
    let outside = [
        "docker",
        "create",
        "--name",
        place.name,
        "--network",
        "xcate2e",
        "--ip",
        "10.98.8.1",
        IMAGE,
    ];
    let started = captured(&outside, SHORT)?.status == 0
        && captured(&["docker", "start", place.name], SHORT)?.status == 0;
    ensure!(!started, "the engine takes an address outside of the subnet");
    Ok(())
}

/// A port that is taken inside (as on the host's network): the service waits, says so, and the rest works.
pub(super) fn ports() -> Result<()> {
    let place = Container::new("xcate2e-ports")?;
    let take = "perl -MIO::Socket::INET -MIO::Socket::IP -e '$u = IO::Socket::INET->new(Proto => \"udp\", LocalPort => 67) or die; $t = IO::Socket::IP->new(LocalHost => \"::\", LocalPort => 22, Listen => 1, V6Only => 0, GetAddrInfoFlags => 0) or die; sleep 600' & until ss -ltn | grep -q ':22 '; do sleep 0.05; done; exec /opt/xcat/share/xcat/container/init";
    place.start(&["--entrypoint", "bash", IMAGE, "-c", take])?;
    place.wait_until_healthy()?;
    place.wait_for_line(&["67", "taken"])?;
    place.wait_for_line(&["sshd ended", "22", "starting it again"])?;
    place.sh("pkill perl")?;
    place.wait_until("! lsxcatd -a | grep -q 'not running'")?;
    place.wait_until("pgrep -x sshd")?;
    place.remove()?;
    place.start(&["-e", "XCAT_SSH_PORT=2200"])?;
    place.wait_until_healthy()?;
    place.wait_for_line(&["ssh -p 2200 root@"])?;
    Ok(())
}

pub(super) fn read_only() -> Result<()> {
    let place = Container::new("xcate2e-read-only")?;
    place.start(&["--read-only"])?;
    place.ends(1, &["root file system is read-only", "without --read-only"])
}
