//! Bad input on the journey's path: each is answered by one clear line, and nothing is left half done.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::e2e::world::{
    CONTAINER, NODES, OSIMAGE, SHORT, World, mn, ok, one_clear_line, refused, wait_until,
};
use crate::run::captured;

/// An image that nobody packs.
const UNPACKED: &str = "e2e-unpacked";
/// An image whose packages come from nowhere: discard port, nothing listens.
const UNREACHABLE: &str = "e2e-mirror-down";

pub(crate) fn unknown_node(_: &mut World) -> Result<()> {
    refused(&["rpower", "nosuchnode", "stat"], &["nosuchnode"])?;
    refused(&["nodeset", "nosuchnode", "osimage=x"], &["nosuchnode"])
}

pub(crate) fn unknown_osimage(_: &mut World) -> Result<()> {
    refused(&["genimage", "nosuchimage"], &["nosuchimage"])?;
    refused(&["packimage", "nosuchimage"], &["nosuchimage"])
}

pub(crate) fn image_not_packed(_: &mut World) -> Result<()> {
    copy_osimage(UNPACKED, &[])?;
    let before = ok(&["lsdef", NODES[0]], SHORT)?;
    refused(&["nodeset", NODES[0], &format!("osimage={UNPACKED}")], &[UNPACKED, "packimage"])?;
    ensure!(
        ok(&["lsdef", NODES[0]], SHORT)? == before,
        "the refused nodeset left something behind"
    );
    ok(&["rmdef", "-t", "osimage", "-o", UNPACKED], SHORT).map(drop)
}

pub(crate) fn mirror_down(_: &mut World) -> Result<()> {
    copy_osimage(UNREACHABLE, &["pkgdir=http://127.0.0.1:9/debian"])?;
    refused(&["genimage", UNREACHABLE], &["127.0.0.1:9"])?;
    let left = ok(
        &["sh", "-c", &format!("ls -d /install/netboot/{UNREACHABLE}/rootimg 2>/dev/null || true")],
        SHORT,
    )?;
    ensure!(left.is_empty(), "half an image was left: {left}");
    ok(&["rmdef", "-t", "osimage", "-o", UNREACHABLE], SHORT).map(drop)
}

/// Defines an osimage like the journey's, under its own directory.
fn copy_osimage(name: &str, changes: &[&str]) -> Result<()> {
    let _old = mn(&["rmdef", "-t", "osimage", "-o", name], SHORT)?;
    let stanza = ok(&["lsdef", "-t", "osimage", "-o", OSIMAGE, "-z"], SHORT)?;
    let copy = stanza.replace(OSIMAGE, name);
    let write =
        format!("cat >/tmp/{name}.stanza <<'END'\n{copy}\nEND\nmkdef -z </tmp/{name}.stanza");
    ok(&["sh", "-c", &write], SHORT)?;
    let folder = format!("rootimgdir=/install/netboot/{name}");
    let mut line = vec!["chdef", "-t", "osimage", "-o", name, folder.as_str()];
    line.extend_from_slice(changes);
    ok(&line, SHORT).map(drop)
}

pub(crate) fn wrong_password(_: &mut World) -> Result<()> {
    let node = NODES[0];
    let old = attribute(node, "bmcpassword")?;
    ok(&["chdef", node, "bmcpassword=wrong-e2e"], SHORT)?;
    let result = refused(&["rpower", node, "stat"], &[node, "password"]);
    let shown = mn(&["rpower", node, "stat"], SHORT)?.text();
    ok(&["chdef", node, &format!("bmcpassword={old}")], SHORT)?;
    ensure!(!shown.contains("wrong-e2e"), "the password is in the message: {shown}");
    result
}

pub(crate) fn silent_bmc(_: &mut World) -> Result<()> {
    let node = NODES[0];
    let old = attribute(node, "bmc")?;
    ok(&["chdef", node, "bmc=192.168.0.250"], SHORT)?;
    let result = refused(&["rpower", node, "stat"], &[node, "192.168.0.250"]);
    ok(&["chdef", node, &format!("bmc={old}")], SHORT)?;
    result
}

fn attribute(node: &str, name: &str) -> Result<String> {
    let answer = ok(&["lsdef", node, "-i", name], SHORT)?;
    let value = answer
        .lines()
        .find_map(|line| line.trim().strip_prefix(&format!("{name}=")).map(str::to_owned));
    Ok(value.unwrap_or_default())
}

/// The node's definition has another MAC than the machine: the report names the one that asks, and the command to mend it.
pub(crate) fn unknown_mac(_: &mut World) -> Result<()> {
    let node = NODES[0];
    let real = attribute(node, "mac")?;
    ok(&["chdef", node, "mac=02:00:00:00:00:01"], SHORT)?;
    ok(&["rpower", node, "reset"], SHORT)?;
    let mend = format!("chdef {node} mac={real}");
    let report = wait_until("the MAC address in the report", SHORT, || {
        Ok(ok(&["xcat", "boot", node], SHORT)?.contains(&mend))
    });
    ok(&["chdef", node, &format!("mac={real}")], SHORT)?;
    report
}

/// Something else holds the DHCP port inside the container: the container's log says so in one line, and the rest works.
pub(crate) fn port_taken(world: &mut World) -> Result<()> {
    let image = image()?;
    let begin = "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Proto => \"udp\", LocalPort => 67) or die; sleep 600' & sleep 1
        exec /opt/xcat/share/xcat/container/init";
    world.helper(
        "xcat-e2e-port",
        &["-d", "--network", "none", "--entrypoint", "bash", &image, "-c", begin],
    )?;
    wait_until("a line about port 67", SHORT, || {
        let text = captured(&["docker", "logs", "xcat-e2e-port"], SHORT)?.text();
        Ok(text.lines().any(|line| line.contains("67") && line.contains("taken")))
    })
}

/// A small /install: genimage says that it is full, and leaves no half image.
pub(crate) fn install_full(world: &mut World) -> Result<()> {
    let image = image()?;
    let name = "xcat-e2e-full";
    world.helper(name, &["-d", "--tmpfs", "/install:size=96m,exec,dev,suid", &image])?;
    wait_until("the second management node", SHORT, || {
        Ok(captured(&["docker", "exec", name, "/opt/xcat/sbin/xcatd", "health"], SHORT)?.status
            == 0)
    })?;
    let output = captured(
        &["docker", "exec", name, "/opt/xcat/bin/genimage", OSIMAGE],
        Duration::from_mins(10),
    )?;
    ensure!(output.status != 0, "genimage succeeded on a full /install");
    one_clear_line(&output.text(), &["/install", "space"])?;
    let left = captured(
        &["docker", "exec", name, "sh", "-c", "find /install -name rootimg -o -name '*.sfs'"],
        SHORT,
    )?;
    ensure!(left.stdout.trim().is_empty(), "half an image was left: {}", left.stdout);
    Ok(())
}

fn image() -> Result<String> {
    let output = captured(&["docker", "inspect", "-f", "{{.Config.Image}}", CONTAINER], SHORT)?;
    ensure!(output.status == 0, "{}", output.text());
    Ok(output.stdout.trim().to_owned())
}
