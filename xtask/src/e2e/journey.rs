//! The journey: from `./up` to two nodes that booted from the network, answer, and outlive the management node.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::e2e::patience::wait_for_nodes;
use crate::e2e::world::{
    ADDRESS, CONTAINER, NODES, OSIMAGE, RANGE, SHORT, World, mn, ok, wait_booted,
};
use crate::run::{captured, shown};

const BUILD: Duration = Duration::from_mins(20);
/// What the administrator's postscript leaves on a node.
const MARK: &str = "made by the postscript of the journey";

pub(crate) fn up(_: &mut World) -> Result<()> {
    shown(&["./up"])?;
    ok(&["/opt/xcat/sbin/xcatd", "health"], SHORT).map(drop)
}

pub(crate) fn up_again(_: &mut World) -> Result<()> {
    let before = container_id()?;
    let begun = Instant::now();
    let output = captured(&["./up"], Duration::from_mins(2))?;
    ensure!(output.status == 0, "{}", output.text());
    ensure!(begun.elapsed() < Duration::from_secs(20), "took {} s", begun.elapsed().as_secs());
    ensure!(container_id()? == before, "the container was replaced");
    Ok(())
}

fn container_id() -> Result<String> {
    let output =
        captured(&["docker", "inspect", "-f", "{{.Id}} {{.State.StartedAt}}", CONTAINER], SHORT)?;
    ensure!(output.status == 0, "{}", output.text());
    Ok(output.stdout)
}

pub(crate) fn ssh_login(_: &mut World) -> Result<()> {
    let target = format!("root@{ADDRESS}");
    let options = [
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-o",
        "LogLevel=ERROR",
    ];
    let mut line = vec!["sshpass", "-p", "cluster", "ssh"];
    line.extend(options);
    line.extend([target.as_str(), "lsdef -t site -i domain"]);
    let output = captured(&line, SHORT)?;
    ensure!(output.stdout.contains("domain=clusters.com"), "{}", output.text());
    Ok(())
}

/// `script` gives docker attach the terminal that it wants.
pub(crate) fn attach(_: &mut World) -> Result<()> {
    for _ in 0..2 {
        let attach = format!("script -qec 'docker attach {CONTAINER}' /dev/null");
        let line = format!("(sleep 1; echo exit; sleep 2) | timeout 4 {attach} >/dev/null; true");
        captured(&["bash", "-c", &line], SHORT)?;
    }
    let output = captured(
        &["docker", "inspect", "-f", "{{.State.Running}} {{.RestartCount}}", CONTAINER],
        SHORT,
    )?;
    ensure!(
        output.stdout.trim() == "true 0",
        "after exit at the attached prompt: {}",
        output.text()
    );
    Ok(())
}

pub(crate) fn define_lab(_: &mut World) -> Result<()> {
    let line = ["xcat", "lab", "up", "2", "--firmware", "bios,uefi", "--define-only"];
    let output = captured(&line, Duration::from_mins(5))?;
    ensure!(output.status == 0, "{}", output.text());
    let nodes = ok(&["nodels", RANGE], SHORT)?;
    ensure!(nodes.lines().collect::<Vec<_>>() == NODES, "nodels says {nodes:?}");
    Ok(())
}

/// A range of nodes that are only definitions, and one attribute for all of them at once.
pub(crate) fn define_range(_: &mut World) -> Result<()> {
    let _old = mn(&["rmdef", "-t", "node", "-o", "rack01-rack40"], SHORT)?;
    ok(
        &[
            "mkdef",
            "-t",
            "node",
            "-o",
            "rack01-rack40",
            "groups=racks,all",
            "arch=x86_64",
            "mgt=ipmi",
        ],
        SHORT,
    )?;
    ok(&["chdef", "-t", "node", "-o", "racks", "netboot=xnba"], SHORT)?;
    let answer = ok(&["lsdef", "-t", "node", "-o", "racks", "-i", "netboot"], SHORT)?;
    ensure!(answer.matches("netboot=xnba").count() == 40, "{answer}");
    Ok(())
}

pub(crate) fn genimage(_: &mut World) -> Result<()> {
    install_postscript()?;
    ok(&["genimage", OSIMAGE], BUILD).map(drop)
}

pub(crate) fn packimage(_: &mut World) -> Result<()> {
    ok(&["packimage", OSIMAGE], BUILD).map(drop)
}

/// A postscript is a file in /install/postscripts and its name in the table.
fn install_postscript() -> Result<()> {
    let script = format!("#!/bin/sh\necho '{MARK}' >/root/mark\necho the mark is set\n");
    let write = format!(
        "mkdir -p /install/postscripts && cat >/install/postscripts/e2emark <<'END'\n{script}END\nchmod 755 /install/postscripts/e2emark"
    );
    ok(&["sh", "-c", &write], SHORT)?;
    ok(&["chdef", "-t", "node", "-o", RANGE, "-p", "postscripts=e2emark"], SHORT).map(drop)
}

pub(crate) fn nodeset(_: &mut World) -> Result<()> {
    ok(&["nodeset", RANGE, &format!("osimage={OSIMAGE}")], SHORT)?;
    let answer = ok(&["nodeset", RANGE, "stat"], SHORT)?;
    ensure!(answer.matches("netboot").count() == NODES.len(), "{answer}");
    Ok(())
}

pub(crate) fn power_on(_: &mut World) -> Result<()> {
    ok(&["rsetboot", RANGE, "net"], SHORT)?;
    let answer = ok(&["rpower", RANGE, "on"], SHORT)?;
    ensure!(answer.matches(": on").count() == NODES.len(), "{answer}");
    wait_booted()
}

pub(crate) fn xdsh(_: &mut World) -> Result<()> {
    let answer = ok(&["xdsh", RANGE, "hostname"], Duration::from_mins(3))?;
    for node in NODES {
        ensure!(answer.contains(&format!("{node}: {node}")), "{answer}");
    }
    Ok(())
}

pub(crate) fn postscript(_: &mut World) -> Result<()> {
    let answer = ok(&["xdsh", RANGE, "cat /root/mark"], Duration::from_mins(3))?;
    ensure!(answer.matches(MARK).count() == NODES.len(), "{answer}");
    let log = ok(
        &[
            "sh",
            "-c",
            "cat /var/log/xcat/*.log /var/log/xcat/*/*.log 2>/dev/null | grep -c 'the mark is set'",
        ],
        SHORT,
    )?;
    ensure!(log.trim() != "0", "the postscript's log has not come home");
    Ok(())
}

pub(crate) fn boot_report(_: &mut World) -> Result<()> {
    for node in NODES {
        let report = ok(&["xcat", "boot", node], SHORT)?;
        let lower = report.to_lowercase();
        for word in ["dhcp", "kernel", "initrd", "booted"] {
            ensure!(lower.contains(word), "no {word} in the timeline of {node}: {report}");
        }
    }
    Ok(())
}

/// SIGKILL, `docker rm`, a new container: the definitions are there, and nodes that never went away answer.
pub(crate) fn replace(_: &mut World) -> Result<()> {
    let before = ok(&["lsdef", "-t", "node", "-o", "racks", "-i", "netboot,arch,mgt"], SHORT)?;
    let boots = boot_ids()?;
    for line in [&["docker", "kill", "-s", "KILL", CONTAINER][..], &["docker", "rm", CONTAINER]] {
        let output = captured(line, SHORT)?;
        ensure!(output.status == 0, "{}", output.text());
    }
    shown(&["./up"])?;
    let after = ok(&["lsdef", "-t", "node", "-o", "racks", "-i", "netboot,arch,mgt"], SHORT)?;
    ensure!(before == after, "definitions changed:\n{before}\n{after}");
    ensure!(boot_ids()? == boots, "a node was booted again");
    Ok(())
}

pub(crate) fn reset(_: &mut World) -> Result<()> {
    let before = boot_ids()?;
    let answer = ok(&["rpower", RANGE, "reset"], SHORT)?;
    ensure!(answer.matches(": reset").count() == NODES.len(), "{answer}");
    wait_for_nodes("another boot of both nodes", || {
        let now = answered_boot_ids()?;
        let again = |node: &str| now.get(node).is_some_and(|id| before.get(node) != Some(id));
        Ok(NODES.into_iter().filter(|node| !again(node)).collect())
    })?;
    wait_booted()
}

/// The kernel's name for the present life of each node.
fn boot_ids() -> Result<BTreeMap<String, String>> {
    let ids = answered_boot_ids()?;
    ensure!(ids.len() == NODES.len(), "not every node answers xdsh: {ids:?}");
    Ok(ids)
}

/// The same of those nodes that answer; such a name is a UUID.
fn answered_boot_ids() -> Result<BTreeMap<String, String>> {
    let line = ["xdsh", RANGE, "cat /proc/sys/kernel/random/boot_id"];
    let answer = mn(&line, Duration::from_mins(3))?.stdout;
    let pairs = answer.lines().filter_map(|line| line.split_once(": "));
    let known = pairs.filter(|(node, id)| NODES.contains(node) && id.trim().len() == 36);
    Ok(known.map(|(node, id)| (node.to_owned(), id.trim().to_owned())).collect())
}
