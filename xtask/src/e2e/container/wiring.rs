//! The ways to connect the container, by `./up` and by the commands of the guide. They take the names of the original
//! documentation, one after the other, with a project and volumes of their own.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::e2e::container::place::{SHORT, ok, shell};
use crate::run::{Output, captured, top};
use crate::say::say;

/// Compose's name for what a case makes, so that the volumes of the machine's own management node are not touched.
const PROJECT: &str = "XCAT_PROJECT=xcate2e";

fn up(words: &[&str]) -> Result<Output> {
    let line = [&["env", PROJECT, "XCAT_UP_BUILD=no"], words].concat();
    captured(&line, Duration::from_mins(10))
}

fn up_ok(words: &[&str]) -> Result<String> {
    let output = up(words)?;
    ensure!(output.status == 0, "{words:?} ended with {}: {}", output.status, output.text());
    Ok(output.stdout)
}

/// Takes away what is there before and after a case: the container and the networks, whoever made them.
struct Ground;

impl Ground {
    fn clear() -> Result<Self> {
        Self::clean()?;
        Ok(Self)
    }

    fn clean() -> Result<()> {
        captured(&["docker", "rm", "-f", "-v", "xcatmn"], SHORT)?;
        captured(&["docker", "network", "rm", "mgtnet", "svcnet"], SHORT)?;
        let volumes = ["install", "log", "dbbackup"].map(|name| format!("xcate2e_{name}"));
        let mut words = vec!["docker", "volume", "rm", "-f"];
        words.extend(volumes.iter().map(String::as_str));
        captured(&words, SHORT)?;
        captured(&["rm", "-f", "target/up/wiring-xcate2e"], SHORT)?;
        Ok(())
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if let Err(error) = Self::clean() {
            say(&format!("{error:#}"));
        }
    }
}

fn mn(line: &str) -> Result<String> {
    ok(&["docker", "exec", "xcatmn", "bash", "-lc", line])
}

fn addresses() -> Result<String> {
    mn("hostname -I")
}

pub(super) fn bridges() -> Result<()> {
    let _ground = Ground::clear()?;
    let said = up_ok(&["./up"])?;
    for words in [
        "The management node xcatmn is healthy.",
        "10.5.107.101 on bridge mgtbr",
        "192.168.0.101 on bridge svcbr",
        "password: cluster",
        "docker attach xcatmn",
    ] {
        ensure!(said.contains(words), "no {words:?}: {said}");
    }
    let found = addresses()?;
    ensure!(found.contains("10.5.107.101") && found.contains("192.168.0.101"), "{found}");
    let networks = mn("tabdump networks")?;
    ensure!(networks.contains("10.5.107.0") && networks.contains("192.168.0.0"), "{networks}");
    ensure!(mn("getent hosts xcatmn.clusters.com")?.contains("10.5.107.101"), "the full name");
    let id = ["docker", "inspect", "-f", "{{.Id}} {{.State.StartedAt}}", "xcatmn"];
    let before = ok(&id)?;
    let old = ok(&["docker", "commit", "--change", "LABEL xcat.content=old", "xcatmn"])?;
    let begun = Instant::now();
    up_ok(&["./up"])?;
    say(&format!("             a second ./up: {:.1} s", begun.elapsed().as_secs_f64()));
    ensure!(ok(&id)? == before, "the second ./up replaced the container");
    let left = captured(&["docker", "image", "inspect", old.trim()], SHORT)?.status == 0;
    ensure!(!left, "./up leaves images that nobody uses");
    mn("chdef -t site clustersite e2emark=kept")?;
    up_ok(&["./up", "--down"])?;
    ensure!(
        captured(&["docker", "inspect", "xcatmn"], SHORT)?.status != 0,
        "--down left the container"
    );
    ensure!(
        captured(&["docker", "network", "inspect", "mgtnet"], SHORT)?.status != 0,
        "--down left mgtnet"
    );
    up_ok(&["./up"])?;
    ensure!(mn("lsdef -t site -i e2emark")?.contains("kept"), "--down took the data");
    Ok(())
}

pub(super) fn single() -> Result<()> {
    let _ground = Ground::clear()?;
    up_ok(&["./up"])?;
    let said = up_ok(&["./up", "--single"])?;
    ensure!(said.contains("from compose.yaml to compose.single.yaml"), "{said}");
    ensure!(addresses()?.trim() == "10.5.107.101", "{}", addresses()?);
    ensure!(!mn("lsxcatd -a")?.contains("not running"), "{}", mn("lsxcatd -a")?);
    let id = ["docker", "inspect", "-f", "{{.Id}}", "xcatmn"];
    let before = ok(&id)?;
    ensure!(
        up_ok(&["./up"])?.contains("  network             10.5.107.101 on bridge mgtbr"),
        "what it says"
    );
    ensure!(ok(&id)? == before, "a second ./up changed the wiring");
    up_ok(&["./up", "--down"]).map(drop)
}

pub(super) fn macvlan() -> Result<()> {
    let _ground = Ground::clear()?;
    let refused = up(&["XCAT_MGT_NIC=nosuchnic", "./up", "--macvlan"])?;
    ensure!(
        refused.status != 0
            && refused.stderr.contains("XCAT_MGT_NIC=nosuchnic: this host has no such interface"),
        "{}",
        refused.text()
    );
    shell(
        "for n in 0 1; do ip link add xce$n type veth peer name xcp$n; ip link set xce$n up; ip link set xcp$n up; done",
    )?;
    let result = macvlan_on_wires();
    shell("ip link del xce0; ip link del xce1")?;
    result
}

fn macvlan_on_wires() -> Result<()> {
    if captured(&["ip", "link", "add", "link", "xce0", "name", "xcm0", "type", "macvlan"], SHORT)?
        .status
        != 0
    {
        say("NOT TESTED: this kernel has no macvlan");
        return Ok(());
    }
    shell("ip link del xcm0")?;
    let nics = ["XCAT_MGT_NIC=xce0", "XCAT_SVC_NIC=xce1"];
    let said = up_ok(&[nics[0], nics[1], "./up", "--macvlan"])?;
    ensure!(
        said.contains("10.5.107.101 on xce0") && said.contains("192.168.0.101 on xce1"),
        "{said}"
    );
    // From the other end of the wire, as a machine on that network would.
    shell(
        "ip addr add 10.5.107.9/24 dev xcp0; timeout 10 bash -c 'exec 3<>/dev/tcp/10.5.107.101/3001'",
    )?;
    up_ok(&[nics[0], nics[1], "./up", "--down"]).map(drop)
}

pub(super) fn host() -> Result<()> {
    let _ground = Ground::clear()?;
    let said = up_ok(&["./up", "--host"])?;
    ensure!(said.contains("this host's own") && said.contains("ssh -p 2200 root@"), "{said}");
    let log = captured(&["docker", "logs", "xcatmn"], SHORT)?.text();
    ensure!(log.contains("xCAT management node xcatmn"), "{log}");
    let services = mn("lsxcatd -a")?;
    ensure!(services.contains("tls: listening"), "{services}");
    for line in services.lines().filter(|line| line.contains("not running")) {
        ensure!(line.contains("taken"), "{line}");
        say(&format!("             on this host: {line}"));
    }
    shell("timeout 10 bash -c 'exec 3<>/dev/tcp/127.0.0.1/2200'")?;
    up_ok(&["./up", "--down"]).map(drop)
}

pub(super) fn refused() -> Result<()> {
    let _ground = Ground::clear()?;
    for (setting, words) in [
        (
            "XCAT_MGT_ADDRESS=10.5.108.101",
            "XCAT_MGT_ADDRESS=10.5.108.101 is outside of XCAT_MGT_SUBNET=10.5.107.0/24",
        ),
        ("XCAT_SVC_GATEWAY=10.1.1.1", "XCAT_SVC_GATEWAY=10.1.1.1 is outside of"),
        (
            "XCAT_MGT_ADDRESS=10.5.107.1",
            "XCAT_MGT_ADDRESS and XCAT_MGT_GATEWAY are both 10.5.107.1",
        ),
        ("XCAT_MGT_SUBNET=banana", "XCAT_MGT_SUBNET=banana is no subnet"),
        ("XCAT_SVC_SUBNET=192.168.0.0/33", "XCAT_SVC_SUBNET=192.168.0.0/33 is no subnet"),
        ("XCAT_MGT_BRIDGE=averyveryverylongname", "is no name of an interface"),
        ("XCAT_NAME=my_node", "XCAT_NAME=my_node is no name of a host"),
        ("XCAT_DOMAIN=.example.org", "XCAT_DOMAIN=.example.org is no name of a domain"),
        ("XCAT_COMPOSE=compose.none.yaml", "XCAT_COMPOSE=compose.none.yaml: there is no such file"),
    ] {
        let output = up(&[setting, "./up"])?;
        ensure!(
            output.status != 0 && output.stderr.contains(words),
            "{setting}: {}",
            output.text()
        );
    }
    shell(
        "docker volume create xcate2e_dbbackup >/dev/null; docker run --rm -v xcate2e_dbbackup:/.dbbackup --entrypoint sh xcat-rs:latest -c 'echo nonsense >/.dbbackup/site.csv'",
    )?;
    let output = up(&["./up"])?;
    ensure!(
        output.status != 0
            && output.text().contains("nothing of the dump in /.dbbackup is restored"),
        "{}",
        output.text()
    );
    Ok(())
}

/// What changes in `.env`, and with `--down`, does not cost the data, the choice of the wiring, or this host its addresses.
pub(super) fn changes() -> Result<()> {
    let _ground = Ground::clear()?;
    up_ok(&["./up"])?;
    mn("mkdef -t node -o kept groups=all")?;
    let said = up_ok(&["XCAT_MGT_GATEWAY=10.5.107.2", "./up"])?;
    ensure!(said.contains("the network mgtnet changes"), "{said}");
    let gateway = ["docker", "network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}"];
    let found = ok(&[&gateway[..], &["mgtnet"]].concat())?;
    ensure!(found.trim() == "10.5.107.2", "{found}");
    ensure!(mn("nodels")?.contains("kept"), "the data is gone");
    up_ok(&["./up", "--single"])?;
    up_ok(&["./up", "--down"])?;
    let said = up_ok(&["./up"])?;
    ensure!(said.contains("  network             10.5.107.101 on bridge mgtbr"), "{said}");
    shell("ip addr add 10.97.0.1/24 dev mgtbr")?;
    let refused = up(&["./up", "--bridges"])?;
    let words = "mgtbr has the address 10.97.0.1/24 of this host";
    ensure!(refused.status != 0 && refused.stderr.contains(words), "{}", refused.text());
    let down = up(&["./up", "--down"])?;
    ensure!(down.status != 0 && down.stderr.contains("the networks stay"), "{}", down.text());
    shell("ip -o addr show dev mgtbr | grep -q 10.97.0.1 && ip addr del 10.97.0.1/24 dev mgtbr")?;
    up_ok(&["./up", "--down"])?;
    ensure!(captured(&["ip", "link", "show", "mgtbr"], SHORT)?.status != 0, "the bridge stays");
    Ok(())
}

/// Networks that this host has itself, and images that are not ours.
pub(super) fn ground() -> Result<()> {
    let _ground = Ground::clear()?;
    shell(
        "ip link add xcegw type veth peer name xcepw; ip addr add 10.96.0.2/24 dev xcegw; ip link set xcegw up; ip link set xcepw up; \
         ip route add 10.95.0.0/24 via 10.96.0.1 dev xcegw; ip link add mgtbr type bridge; ip addr add 10.5.107.77/24 dev mgtbr",
    )?;
    let result = ground_is_kept();
    shell("ip link del xcegw; ip link del mgtbr")?;
    result
}

fn ground_is_kept() -> Result<()> {
    let subnet = ["XCAT_MGT_SUBNET=10.96.0.0/24", "XCAT_MGT_ADDRESS=10.96.0.7"];
    for (settings, words) in [
        (
            [&subnet[..], &["XCAT_MGT_GATEWAY=10.96.0.1"]].concat(),
            "XCAT_MGT_GATEWAY=10.96.0.1 is the router of this host on xcegw",
        ),
        (vec![], "the bridge mgtbr is there with the address 10.5.107.77/24"),
        (
            vec!["XCAT_MGT_BRIDGE=xcebr", "XCAT_IMAGE=xcate2e/none:1"],
            "there is no image xcate2e/none:1",
        ),
    ] {
        let output = up(&[&settings[..], &["./up"]].concat())?;
        ensure!(
            output.status != 0 && output.stderr.contains(words),
            "{settings:?}: {}",
            output.text()
        );
    }
    Ok(())
}

/// The blocks of the guide that are marked to be run, in their order.
fn blocks(guide: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut block: Option<String> = None;
    for line in guide.lines() {
        match (&mut block, line) {
            (None, "```sh") => block = Some(String::new()),
            (Some(text), "```") => {
                found.push(std::mem::take(text));
                block = None;
            }
            (Some(text), line) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, _) => {}
        }
    }
    found
}

/// As they stand, but for the names of the volumes.
pub(super) fn guide() -> Result<()> {
    let _ground = Ground::clear()?;
    let guide = std::fs::read_to_string(top().join("docs/guide/docker.md"))?;
    let blocks = blocks(&guide);
    ensure!(blocks.len() == 6, "{} blocks to run", blocks.len());
    for block in &blocks[..4] {
        shell(&block.replace("xcat_", "xcate2e_"))?;
    }
    let found = addresses()?;
    ensure!(found.contains("10.5.107.101") && found.contains("192.168.0.101"), "{found}");
    ensure!(mn("lsdef -t site -i domain,master")?.contains("domain=clusters.com"), "the domain");
    ensure!(mn("tabdump networks")?.contains("192.168.0.0"), "the second network");
    mn("mkdef -t node -o kept groups=all")?;
    let log = captured(&["docker", "logs", "xcatmn"], SHORT)?.text();
    ensure!(!log.contains("warning"), "{log}");
    for block in [&blocks[4], &blocks[2], &blocks[3], &blocks[4], &blocks[5]] {
        if std::ptr::eq(block, &raw const blocks[4])
            && captured(&["docker", "inspect", "xcatmn"], SHORT)?.status == 0
        {
            let nodes = mn("nodels")?;
            ensure!(nodes.contains("kept"), "{nodes}");
        }
        shell(&block.replace("xcat_", "xcate2e_"))?;
    }
    Ok(())
}

/// What the original's documentation tells people to write, word for word where it names values.
const ORIGINAL: &str = r#"version: '2'

services:
  xcatmn:
    image: xcat/xcat-ubuntu-x86_64:latest
    container_name: xcatmn
    hostname: xcatmn
    PRIVILEGED
    extra_hosts:
      - "xcatmn.clusters.com xcatmn:10.5.107.101"
    networks:
      svcnet:
        ipv4_address : 192.168.0.101
      mgtnet:
        ipv4_address : 10.5.107.101
    volumes:
      - FOLDER/install:/install
      - FOLDER/dbbackup:/.dbbackup
      - FOLDER/log:/var/log/xcat/
    stdin_open: true
    tty: true

networks:
  mgtnet:
    driver: "bridge"
    driver_opts:
      com.docker.network.bridge.name: "mgtbr"
    ipam:
      config:
        - subnet: 10.5.107.0/24
          gateway: 10.5.107.1
  svcnet:
    driver: "bridge"
    driver_opts:
      com.docker.network.bridge.name: "svcbr"
    ipam:
      config:
        - subnet: 192.168.0.0/24
          gateway: 192.168.0.1
"#;

pub(super) fn original() -> Result<()> {
    let _ground = Ground::clear()?;
    let folder = shell("mktemp -d")?.trim().to_owned();
    let can_be_privileged = captured(
        &[
            "docker",
            "run",
            "--rm",
            "--privileged",
            "--network",
            "none",
            "--entrypoint",
            "true",
            "xcat-rs:latest",
        ],
        SHORT,
    )?
    .status
        == 0;
    if !can_be_privileged {
        say("NOT TESTED: privileged: true, which this machine's engine cannot start");
    }
    let privileged = if can_be_privileged { "privileged: true" } else { "" };
    let text = ORIGINAL.replace("PRIVILEGED", privileged).replace("FOLDER", &folder);
    let file = format!("{folder}/docker-compose.yml");
    std::fs::write(&file, text)?;
    let compose = |words: &[&str]| {
        ok(&[&["docker", "compose", "-p", "xcate2e-original", "-f", &file], words].concat())
    };
    compose(&["up", "-d"])?;
    let result = original_works();
    compose(&["down"])?;
    shell(&format!("rm -rf {folder}"))?;
    result
}

fn original_works() -> Result<()> {
    let end = Instant::now() + SHORT;
    while captured(&["docker", "exec", "xcatmn", "xcatd", "health"], SHORT)?.status != 0 {
        ensure!(Instant::now() < end, "{}", captured(&["docker", "logs", "xcatmn"], SHORT)?.text());
        std::thread::sleep(Duration::from_millis(200));
    }
    let site = mn("lsdef -t site -i domain,master")?;
    ensure!(site.contains("domain=clusters.com") && site.contains("master=10.5.107.101"), "{site}");
    let services = mn("lsxcatd -a")?;
    ensure!(!services.contains("not running"), "{services}");
    Ok(())
}
