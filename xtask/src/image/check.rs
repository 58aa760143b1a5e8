//! Starts an image without an engine: its layers in a root of their own, namespaces of their own, its own entry point. It has
//! to become healthy by itself and to answer `lsdef` and `man`; so does one of another architecture, under emulation.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::image::archive::Image;
use crate::image::{BUILD, emulation, fresh, quietly, text};
use crate::run::captured;
use crate::say::say;

/// An emulated first start makes keys for minutes.
const START: Duration = Duration::from_mins(10);

/// Runs as the first process of the namespaces: $1 the root, then the entry point. What is mounted and set here is what an
/// engine would: /proc, /dev, a network, a name.
const CONTAINER: &str = r#"
cd "$1"
shift
hostname xcatmn
ip link set lo up
ip link add mgt type veth peer name mgt-peer
ip addr add 10.5.107.101/24 dev mgt
ip link set mgt up
ip link set mgt-peer up
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs tmpfs run
echo '127.0.0.1 localhost
10.5.107.101 xcatmn.clusters.com xcatmn' >etc/hosts
: >etc/resolv.conf
inside='chroot . env -i PATH=/opt/xcat/bin:/opt/xcat/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
$inside "$@" </dev/null >start.log 2>&1 &
first=$!
deadline=$(($(date +%s) + 540))
until $inside xcatd health >/dev/null 2>&1; do
    if ! kill -0 $first 2>/dev/null || [ "$(date +%s)" -gt $deadline ]; then
        cat start.log
        exit 1
    fi
    sleep 0.5
done
$inside uname -m
$inside lsdef -t site -i master,domain
$inside mkdef -t node check1 groups=all
$inside lsdef check1 -i groups
$inside env MANPATH=/opt/xcat/share/man apropos -s 1 lsdef
kill -TERM $first
wait $first
"#;

/// What has to be among the answers.
const ANSWERS: &[&str] = &[
    "master=10.5.107.101",
    "domain=clusters.com",
    "Object name: check1",
    "groups=all",
    "lsdef(1)",
];

/// Starts it, asks, stops it.
pub(crate) fn starts(image: &Image, settings: &Value) -> Result<()> {
    emulation::ensure(image.arch)?;
    let begun = Instant::now();
    let root = fresh(image.arch, "started")?;
    for layer in &image.layers {
        quietly(&["tar", "-C", text(&root)?, "-xpf", text(layer)?], BUILD)?;
    }
    let entry: Vec<String> = serde_json::from_value(settings["Entrypoint"].clone())
        .context("the Dockerfile has no ENTRYPOINT")?;
    let mut line = vec!["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork"];
    line.extend(["--kill-child", "sh", "-ec", CONTAINER, "sh", text(&root)?]);
    line.extend(entry.iter().map(String::as_str));
    let output = captured(&line, START)?;
    ensure!(output.status == 0, "{} did not start: {}", image.arch.name(), output.text());
    for answer in ANSWERS {
        ensure!(output.stdout.contains(answer), "no {answer:?} in: {}", output.text());
    }
    fs::remove_dir_all(&root)?;
    let seconds = begun.elapsed().as_secs();
    say(&format!("ok {}: started and answered lsdef ({seconds} s)", image.arch.name()));
    Ok(())
}
