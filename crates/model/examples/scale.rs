//! Prints what the boot view costs at scale: building it, deciding a DHCP message, rendering a script
//! and a node's script, answering a DNS question. `cargo run --release -p model --example scale 10000`

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use base::Mac;
use model::boot::{Via, resolve};
use model::dhcp::{Ask, decide};
use model::dns::Kind;
use model::{BootView, Interface, ServerFacts};
use tables::{Patch, Snapshot};
use wire::dhcp::{Arch, Message};

const ROUNDS: u32 = 1000;

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let nodes: u32 = std::env::args().nth(1).map_or(Ok(10_000), |text| text.parse())?;
    let snapshot = cluster(nodes)?;
    let facts = ServerFacts {
        host_name: "xcatmn".to_owned(),
        interfaces: vec![Interface {
            name: "eth0".to_owned(),
            mac: Some(Mac::new([2, 0, 0, 0, 0, 0])),
            addresses: vec!["10.0.0.1/8".parse()?],
        }],
        boot_dir: PathBuf::from("/boot"),
        resolvers: Vec::new(),
    };
    let begun = Instant::now();
    let (view, problems) = BootView::build(&snapshot, &facts);
    println!("{nodes} nodes: view built in {:.1?}, {} problems", begun.elapsed(), problems.len());

    let table = tables::table("nodelist").ok_or("no such table")?;
    let mut patch = Patch::new();
    patch.set(table, &["n1"], &[("status", Some("booted"))]);
    let later = snapshot.apply(&patch)?.0;
    let begun = Instant::now();
    let (view, _) = view.update(&later, &facts);
    println!("the view after a node's status changed: {:.1?}", begun.elapsed());

    let discover = Message::discover(mac(nodes / 2), 1).as_ipxe(Arch(0)).to_bytes();
    each("DHCP: read, decide, write", || {
        let message = Message::parse(&discover).ok()?;
        match decide(&view, &Ask { message: &message, interface: "eth0" }) {
            model::dhcp::Decision::Offer(reply) => Some(reply.message.to_bytes()),
            _ => None,
        }
    });
    let peer = IpAddr::V4(address(nodes / 2));
    let script = format!("/tftpboot/xcat/xnba/nodes/n{}", nodes / 2);
    each("boot script", || resolve(&view, Via::Http, &script, peer));
    let script = format!("/tftpboot/mypostscripts/mypostscript.n{}", nodes / 2);
    each("node's script", || resolve(&view, Via::Http, &script, peer));
    let name = format!("n{}.cluster.test", nodes / 2);
    each("DNS answer", || view.zones().answer(&name, Kind::A, 1));
    Ok(())
}

fn each<T>(what: &str, work: impl Fn() -> T) {
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        black_box(work());
    }
    let once: Duration = begun.elapsed() / ROUNDS;
    println!("{what}: {once:.1?}");
}

fn mac(node: u32) -> Mac {
    let [a, b, c, d] = node.to_be_bytes();
    Mac::new([2, 0, a, b, c, d])
}

fn address(node: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a01_0000 + node)
}

fn cluster(nodes: u32) -> Result<Snapshot, Failed> {
    let mut patch = Patch::new();
    let mut set = |table: &str, key: &[&str], column: &str, text: &str| {
        let table = tables::table(table).ok_or("no such table")?;
        patch.set(table, key, &[(column, Some(text))]);
        Ok::<(), Failed>(())
    };
    set("networks", &["10.0.0.0", "255.0.0.0"], "netname", "mgtnet")?;
    set("site", &["domain"], "value", "cluster.test")?;
    set("noderes", &["compute"], "netboot", "xnba")?;
    set("bootparams", &["compute"], "kernel", "xcat/osimage/i/kernel")?;
    set("bootparams", &["compute"], "kcmdline", "quiet")?;
    set("chain", &["compute"], "currstate", "netboot debian13-x86_64-compute")?;
    for node in 0..nodes {
        let name = format!("n{node}");
        set("nodelist", &[&name], "groups", "compute,all")?;
        set("hosts", &[&name], "ip", &address(node).to_string())?;
        set("mac", &[&name], "mac", &mac(node).to_string())?;
    }
    Ok(Snapshot::empty().apply(&patch)?.0)
}
