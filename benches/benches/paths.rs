//! `cargo bench -p benches [WORD...]`: the hot paths without processes and sockets, those whose names hold a word.
//!
//! Each is repeated in batches for about a third of a second; the median batch counts. There is no framework: a table of
//! medians is all that is asked for.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::cell::Cell;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use base::Mac;
use benches::cluster;
use benches::stopwatch::{Times, repeat, shown};
use model::boot::{Via, resolve};
use model::dhcp::{Ask, decide};
use model::dns::Kind;
use model::{BootView, Interface, ServerFacts, universe};
use tables::{ObjectType, Patch, Snapshot, cells, csv, ids, objects};
use wire::dhcp::{Arch, Message};
use wire::xml::{Element, Encoding, FrameReader};

const NODES: usize = 10_000;
const BATCH: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_millis(300);

fn main() -> Result<()> {
    // Cargo adds options of its own.
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let bench = Bench { words };
    println!("| with {NODES} nodes | time |\n|---|---:|");
    let snapshot = cluster::snapshot(NODES)?;
    noderanges(&bench, &snapshot);
    tables(&bench, &snapshot)?;
    documents(&bench)?;
    boot(&bench, &snapshot)
}

struct Bench {
    words: Vec<String>,
}

impl Bench {
    fn each<T>(&self, what: &str, mut step: impl FnMut() -> T) {
        if !self.words.is_empty() && !self.words.iter().any(|word| what.contains(word.as_str())) {
            return;
        }
        let mut batch = |count: u32| {
            let begun = Instant::now();
            for _ in 0..count {
                black_box(step());
            }
            begun.elapsed()
        };
        let once = batch(1).max(Duration::from_nanos(1));
        let count =
            u32::try_from(BATCH.as_nanos() / once.as_nanos()).unwrap_or(u32::MAX).clamp(1, 100_000);
        let times: Result<Times, ()> = repeat(1_000, PATIENCE, || Ok(batch(count) / count));
        let median = times.map(|times| times.median()).unwrap_or_default();
        println!("| {what} | {} |", shown(median));
    }
}

fn noderanges(bench: &Bench, snapshot: &Snapshot) {
    for range in [
        "node005000",
        "node[000000-000999]",
        "node000000-node000999",
        "node000000+999",
        "rack0000",
        "all",
        "compute,-rack0000",
        "compute@rack0000",
        "(rack[0000-0009],node000001)@compute",
        "/node.*0",
        "nodetype.os==debian13",
        "mac.mac=~:00$",
    ] {
        bench.each(&format!("noderange `{range}`"), || {
            universe::expand(range, snapshot).map(noderange::Expansion::nodes)
        });
    }
}

fn tables(bench: &Bench, snapshot: &Snapshot) -> Result<()> {
    let rows = cluster::rows(NODES)?;
    bench.each("snapshot of all rows", || Snapshot::load(1, rows.iter().cloned()));
    let round = Cell::new(0);
    bench.each("apply a change of one cell", || {
        round.set(round.get() + 1);
        let mut patch = Patch::new();
        patch.set(ids::NODELIST, &["node005000"], &[("comments", Some(&round.get().to_string()))]);
        snapshot.apply(&patch)
    });
    let mut status = Patch::new();
    for node in snapshot.nodes() {
        status.set(ids::NODELIST, &[node.as_str()], &[("status", Some("booting"))]);
    }
    bench.each("apply a change of every node", || snapshot.apply(&status));
    bench.each("all attributes of a node", || {
        objects::read(snapshot, ObjectType::Node, "node005000")
    });
    bench.each("a cell that a group would give", || {
        snapshot.node_cell("nodehm", "mgt", "node005000")
    });
    bench.each("a computed cell", || {
        cells::evaluate("|node(\\d+)|10.0.($1/250).($1%250+1)|", "node005000").map(String::from)
    });
    let text = csv::dump(ids::MAC, snapshot.rows(ids::MAC));
    bench.each("write a table of 10,000 rows as CSV", || {
        csv::dump(ids::MAC, snapshot.rows(ids::MAC))
    });
    bench.each("read a table of 10,000 rows from CSV", || csv::parse(ids::MAC, &text));
    Ok(())
}

fn documents(bench: &Bench) -> Result<()> {
    let mut answer = Element::new("xcatresponse");
    for index in 0..1_000 {
        answer.push(Element::new("node").with_leaf("name", cluster::node(index)));
    }
    let bytes = answer.to_response(Encoding::Utf8);
    bench.each("write an answer of 1,000 nodes as XML", || answer.to_response(Encoding::Utf8));
    bench.each("find the end of that answer", || {
        let mut frames = FrameReader::responses();
        frames.push(&bytes);
        frames.next_document()
    });
    let document = bytes.trim_ascii_end();
    Element::parse(document)?;
    bench.each("read that answer", || Element::parse(document));
    Ok(())
}

fn boot(bench: &Bench, snapshot: &Snapshot) -> Result<()> {
    let facts = ServerFacts {
        host_name: "mn".to_owned(),
        interfaces: vec![Interface {
            name: "bench0".to_owned(),
            mac: Some(Mac::new([2, 1, 0, 0, 0, 0])),
            addresses: vec!["10.255.0.1/8".parse()?],
        }],
        boot_dir: PathBuf::from("/boot"),
        resolvers: Vec::new(),
    };
    let view = BootView::build(snapshot, &facts).0;
    bench.each("boot view of all nodes", || BootView::build(snapshot, &facts));
    let mut patch = Patch::new();
    patch.set(ids::NODELIST, &["node005000"], &[("status", Some("booted"))]);
    let later = snapshot.apply(&patch)?.0;
    bench.each("boot view after a change of one status", || view.update(&later, &facts));
    let discover =
        Message::discover(Mac::new([2, 0, 0, 0, 19, 136]), 1).as_ipxe(Arch(0)).to_bytes();
    bench.each("DHCP: read a packet, decide, write the answer", || {
        let message = Message::parse(&discover).ok()?;
        match decide(&view, &Ask { message: &message, interface: "bench0" }) {
            model::dhcp::Decision::Offer(reply) => Some(reply.message.to_bytes()),
            _ => None,
        }
    });
    let peer = IpAddr::V4(Ipv4Addr::new(10, 1, 20, 1));
    view.node_at(peer).context("the node has no address")?;
    bench.each("boot script of a node", || {
        resolve(&view, Via::Http, "/tftpboot/xcat/xnba/nodes/node005000", peer)
    });
    bench.each("DNS answer", || view.zones().answer("node005000.cluster.test", Kind::A, 1));
    Ok(())
}
