//! `xcat lab up`: plugs machines in, then walks the ordinary way with ordinary commands until the nodes answer.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use base::{ErrorKind, Failure, Secret};
use remote::Program;
use runtime::Shutdown;
use tokio::time::{Instant, sleep};

use super::arguments::Arguments;
use super::container::{Container, Step, say};
use super::control::{self, Ask, Report};
use super::plan::{FirmwareKind, NodePlan, plan};
use super::serve::BMC_USER;
use super::state::{StateDir, tail};
use super::{internal, qemu};

const SSHD_STARTS: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_mins(1);
const BUILD: Duration = Duration::from_mins(30);
const BOOT: Duration = Duration::from_mins(15);
const POLL: Duration = Duration::from_secs(2);
/// How long installing packages may take.
const INSTALL: Duration = Duration::from_mins(15);
/// A sign of life at least this often while nodes boot.
const QUIET: Duration = Duration::from_secs(30);
/// The background process opens its socket before it leaves the foreground.
const BACKGROUND: Duration = Duration::from_secs(20);

/// Makes a lab of the wanted size, or grows the one there is, and boots what is new.
pub async fn up(arguments: &Arguments, count: u16) -> Result<(), Failure> {
    let container = Container { name: arguments.container.clone() };
    let (management, service) =
        container.networks(&arguments.management_network, &arguments.service_network).await?;
    let nodes = plan(count, &arguments.prefix, &arguments.firmware, &management, &service)?;
    let state = StateDir::open(&arguments.state)?;
    install_packages(&nodes).await?;
    let before = control::ask(&state, &Ask::Status).await?;
    let there = before.as_ref().map_or(0, |report| report.nodes.len());
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    check_memory(&meminfo, nodes.len().saturating_sub(there), arguments.memory)?;
    if before.is_none() {
        serve(&state, arguments, &management.bridge, &service.bridge).await?;
    }
    let report = control::ask(&state, &Ask::Have(nodes.clone())).await?.ok_or_else(|| {
        let message = "the lab's background process has ended";
        let log = state.log();
        Failure::new(ErrorKind::Internal, message).hint(format!("see {}", log.display()))
    })?;
    say(&plugged_in(&report, &before.unwrap_or_default(), &management.bridge, &service.bridge));
    define(&container, &nodes, &state.password()?).await?;
    if arguments.define_only {
        say(&format!("defined: {}. The rest is yours: nodeset, rsetboot, rpower.", range(&nodes)));
        return Ok(());
    }
    let off: Vec<NodePlan> =
        report.nodes.into_iter().filter(|entry| !entry.on).map(|entry| entry.node).collect();
    if off.is_empty() {
        say("all of them are on already");
    } else {
        boot(&container, &state, &off, &arguments.osimage).await?;
    }
    finish(&container, &nodes).await
}

fn plugged_in(report: &Report, before: &Report, management: &str, service: &str) -> String {
    let new = report.nodes.len() - before.nodes.len().min(report.nodes.len());
    format!(
        "{} machines on {management} ({new} new; {} MiB each, accelerator {}), their service processors on {service}",
        report.nodes.len(),
        report.memory,
        report.accelerator
    )
}

/// Installs what QEMU needs, where the host is a Debian or Ubuntu.
async fn install_packages(nodes: &[NodePlan]) -> Result<(), Failure> {
    let uefi = nodes.iter().any(|node| node.firmware == FirmwareKind::Uefi);
    let mut missing = Vec::new();
    if !on_path(qemu::QEMU) {
        missing.push("qemu-system-x86");
    }
    if !Path::new(qemu::PXE_ROM).exists() {
        missing.push("ipxe-qemu");
    }
    if uefi && !(Path::new(qemu::OVMF_CODE).exists() && Path::new(qemu::OVMF_VARS).exists()) {
        missing.push("ovmf");
    }
    if missing.is_empty() {
        return Ok(());
    }
    if !on_path("apt-get") {
        let message = format!("this host lacks {}", missing.join(", "));
        let hint = "install QEMU for x86-64, its iPXE ROMs and OVMF, then try again";
        return Err(Failure::new(ErrorKind::NotFound, message).hint(hint));
    }
    say(&format!("installing {} on this host", missing.join(" ")));
    let apt = |words: &[&str]| {
        let program = Program::new("apt-get").arg("-q").args(words.iter().copied());
        program.env("DEBIAN_FRONTEND", "noninteractive").deadline(INSTALL)
    };
    // an outdated list of one source must not stop the others
    let updated = apt(&["update"]).run(&Shutdown::new()).await;
    tracing::debug!(?updated, "apt-get update");
    let mut words = vec!["install", "-y", "--no-install-recommends"];
    words.extend(&missing);
    let output = apt(&words).run(&Shutdown::new()).await;
    let output = output.map_err(|error| internal("apt-get install", &error))?;
    if output.success() {
        return Ok(());
    }
    let message =
        format!("apt-get could not install {}: {}", missing.join(" "), output.last_line());
    Err(Failure::new(ErrorKind::Internal, message))
}

/// Refuses more machines than the host has memory for, rather than have the kernel choose a victim.
fn check_memory(meminfo: &str, machines: usize, each: u32) -> Result<(), Failure> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    let Some(available) = kib.map(|kib| kib / 1024) else { return Ok(()) };
    let wanted = u64::try_from(machines).unwrap_or(u64::MAX).saturating_mul(each.into());
    if wanted <= available {
        return Ok(());
    }
    let message = format!(
        "{machines} machines of {each} MiB need {wanted} MiB, and this host has {available} MiB available"
    );
    Err(Failure::new(ErrorKind::Conflict, message).hint("take fewer, or less with --memory"))
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).exists())
}

/// Starts the background process.
async fn serve(
    state: &StateDir,
    arguments: &Arguments,
    management: &str,
    service: &str,
) -> Result<(), Failure> {
    let own = std::env::current_exe().map_err(|error| internal("our own program", &error))?;
    let mut program = Program::new(own.into_os_string())
        .args(["serve", "--background", "--bridge", management, "--svc-bridge", service])
        .args(["--memory", &arguments.memory.to_string()])
        .arg("--state")
        .arg(state.path());
    if let Some(accelerator) = &arguments.accelerator {
        program = program.args(["--accelerator", accelerator]);
    }
    if !state.accelerator().exists() && arguments.accelerator.is_none() {
        say("finding out whether this host can run machines by hardware (up to 15 s, once)");
    }
    let output = program.deadline(BACKGROUND).run(&Shutdown::new()).await;
    let output = output.map_err(|error| internal("the lab's background process", &error))?;
    if output.success() {
        return Ok(());
    }
    let message = format!("the lab's background process: {}", output.last_line());
    Err(Failure::new(ErrorKind::Internal, message))
}

/// Defines the nodes that are not, and refreshes hardware and password of the ones that are.
async fn define(
    container: &Container,
    nodes: &[NodePlan],
    password: &Secret<String>,
) -> Result<(), Failure> {
    let listed = container.quietly(&Step::new("nodels", SHORT)).await?;
    let known: Vec<&str> = listed.stdout.lines().map(str::trim).collect();
    let (old, new): (Vec<&NodePlan>, Vec<&NodePlan>) =
        nodes.iter().partition(|node| known.contains(&node.name.as_str()));
    for (command, nodes) in [("mkdef -z", new), ("chdef -z", old)] {
        if nodes.is_empty() {
            continue;
        }
        let text: String = nodes.iter().map(|node| stanza(node, password)).collect();
        for node in &nodes {
            say(&described(node));
        }
        let note = format!("{} as above, with the password of the service processors", nodes.len());
        container.run(&Step::new(command, SHORT).stdin(text, &note)).await?;
    }
    Ok(())
}

fn attributes(node: &NodePlan) -> Vec<(&'static str, String)> {
    vec![
        ("groups", "lab,all".into()),
        ("arch", "x86_64".into()),
        ("mgt", "ipmi".into()),
        ("netboot", "xnba".into()),
        ("ip", node.ip.to_string()),
        ("mac", node.mac.clone()),
        ("bmc", node.bmc.to_string()),
        ("bmcusername", BMC_USER.into()),
        ("serialport", "0".into()),
        ("serialspeed", "115200".into()),
    ]
}

fn described(node: &NodePlan) -> String {
    let pairs = attributes(node);
    let pairs = pairs.iter().map(|(name, value)| format!(" {name}={value}"));
    format!("  {}:{}", node.name, pairs.collect::<String>())
}

fn stanza(node: &NodePlan, password: &Secret<String>) -> String {
    let head = format!("{}:\n    objtype=node\n", node.name);
    let pairs = attributes(node);
    let lines = pairs.iter().map(|(name, value)| format!("    {name}={value}\n"));
    let secret = format!("    bmcpassword={}\n\n", password.expose());
    head + &lines.collect::<String>() + &secret
}

/// `vnode01,vnode02`: the nodes as one word.
fn range(nodes: &[NodePlan]) -> String {
    nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(",")
}

/// From an image to nodes that say they have booted it.
async fn boot(
    container: &Container,
    state: &StateDir,
    nodes: &[NodePlan],
    osimage: &str,
) -> Result<(), Failure> {
    let range = range(nodes);
    let nodeset = Step::new(&format!("nodeset {range} osimage={osimage}"), SHORT);
    if !container.quietly(&nodeset).await?.success() {
        say(&format!("{osimage} is not ready yet: building it takes some minutes, once"));
        container.run(&Step::new(&format!("genimage {osimage}"), BUILD)).await?;
        container.run(&Step::new(&format!("packimage {osimage}"), BUILD)).await?;
    }
    container.run(&nodeset).await?;
    container.run(&Step::new(&format!("rsetboot {range} net"), SHORT)).await?;
    container.run(&Step::new(&format!("rpower {range} on"), SHORT)).await?;
    let begun = Instant::now();
    let waited = wait_booted(container, nodes).await;
    if waited.is_err() {
        explain(container, state, nodes).await;
    } else {
        say(&format!("booted after {} s", begun.elapsed().as_secs()));
    }
    waited
}

/// Waits until every node says it has booted, telling each change.
async fn wait_booted(container: &Container, nodes: &[NodePlan]) -> Result<(), Failure> {
    let range = range(nodes);
    let ask = Step::new(&format!("nodels {range} nodelist.status"), SHORT);
    let (begun, mut told) = (Instant::now(), Instant::now());
    let mut last = BTreeMap::new();
    loop {
        let output = container.quietly(&ask).await?;
        let now = statuses(&output.stdout);
        if now != last || told.elapsed() >= QUIET {
            let words = nodes.iter().map(|node| {
                let status = now.get(&node.name).map_or("", String::as_str);
                format!("{} {}", node.name, if status.is_empty() { "-" } else { status })
            });
            let seconds = begun.elapsed().as_secs();
            say(&format!("  {seconds:4} s  {}", words.collect::<Vec<_>>().join(", ")));
            (last, told) = (now, Instant::now());
        }
        if nodes.iter().all(|node| last.get(&node.name).is_some_and(|s| s == "booted")) {
            return Ok(());
        }
        if begun.elapsed() >= BOOT {
            let minutes = BOOT.as_secs() / 60;
            let message = format!("not all nodes have booted within {minutes} minutes");
            let hint = "see 'xcat boot NODE' and 'xcat lab console NODE'";
            return Err(Failure::new(ErrorKind::Timeout, message).hint(hint));
        }
        sleep(POLL).await;
    }
}

/// `node: value` lines by node.
fn statuses(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.map(|(node, value)| (node.trim().to_owned(), value.trim().to_owned())).collect()
}

/// What is known about nodes that have not booted.
async fn explain(container: &Container, state: &StateDir, nodes: &[NodePlan]) {
    let ask = Step::new(&format!("nodels {} nodelist.status", range(nodes)), SHORT);
    let now = container.quietly(&ask).await.map(|o| statuses(&o.stdout)).unwrap_or_default();
    for node in nodes.iter().filter(|node| now.get(&node.name).is_none_or(|s| s != "booted")) {
        if let Err(failure) =
            container.attempt(&Step::new(&format!("xcat boot {}", node.name), SHORT)).await
        {
            say(&failure.to_string());
        }
        say(&format!("the end of {}'s serial line:", node.name));
        for line in tail(&state.files(&node.name).serial(), 20) {
            say(&format!("  | {line}"));
        }
    }
}

/// Proves that the nodes answer, and says what to try.
async fn finish(container: &Container, nodes: &[NodePlan]) -> Result<(), Failure> {
    let range = range(nodes);
    let prove = Step::new(&format!("xdsh {range} uname -r"), SHORT * 3);
    // A node may say that it has booted a moment before its sshd listens.
    let deadline = tokio::time::Instant::now() + SSHD_STARTS;
    while tokio::time::Instant::now() < deadline {
        if container.quietly(&prove).await.is_ok_and(|output| output.success()) {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    container.run(&prove).await?;
    let first = &nodes[0].name;
    say(&format!(
        "\n{} nodes have booted and answer. Try next:\n  \
         xcat lsdef {first}            # its definition\n  \
         xcat nodestat lab             # what each node is doing\n  \
         xcat xdsh lab uptime          # a command on every node\n  \
         xcat boot {first}             # how it booted, step by step\n  \
         xcat rpower lab reset         # through the service processors\n  \
         xcat lab console {first}      # its serial line\n  \
         xcat lab down                 # remove them",
        nodes.len()
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> NodePlan {
        NodePlan {
            name: "vnode01".into(),
            number: 1,
            ip: [10, 5, 107, 201].into(),
            bmc: [192, 168, 0, 201].into(),
            mac: "02:78:63:61:74:01".into(),
            uuid: "78636174-6c61-8b00-8000-000000000001".into(),
            firmware: FirmwareKind::Bios,
        }
    }

    #[test]
    fn the_stanza_has_the_password_and_its_description_has_not() {
        let text = stanza(&node(), &Secret::new("hunter2".into()));
        assert!(text.starts_with("vnode01:\n    objtype=node\n    groups=lab,all\n"), "{text}");
        assert!(text.contains("\n    bmcpassword=hunter2\n"), "{text}");
        assert!(!described(&node()).contains("hunter2"));
    }

    #[test]
    fn memory_is_counted_before_machines_are_made() {
        let meminfo = "MemTotal: 9000000 kB\nMemAvailable:    4194304 kB\n";
        assert!(check_memory(meminfo, 4, 1024).is_ok());
        assert!(check_memory(meminfo, 5, 1024).is_err());
        assert!(check_memory("", 5, 1024).is_ok());
    }

    #[test]
    fn statuses_are_read_from_what_nodels_prints() {
        let read = statuses("vnode01: booted\nvnode02: \nnonsense\n");
        assert_eq!(read["vnode01"], "booted");
        assert_eq!(read["vnode02"], "");
        assert_eq!(read.len(), 2);
    }
}
