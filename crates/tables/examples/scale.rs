//! Prints what a large cluster costs: memory for all rows, and the time of the usual accesses.
//!
//! `cargo run --release -p tables --example scale [nodes]`; 100,000 nodes when not told otherwise.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::time::Instant;

use tables::{ObjectType, Patch, Row, Snapshot, TableId, ids, objects};

fn main() -> Result<(), Box<dyn Error>> {
    let nodes: usize = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let before = resident()?;
    let started = Instant::now();
    let rows = (0..nodes).map(rows_of).collect::<Result<Vec<_>, _>>()?;
    let snapshot = Snapshot::load(1, rows.into_iter().flatten())?;
    report("load", started, 1);
    let rows: usize = TableId::all().map(|table| snapshot.row_count(table)).sum();
    println!("{nodes} nodes, {rows} rows: {} MiB resident", resident()?.saturating_sub(before));
    one_row(&snapshot)?;
    every_node(&snapshot);
    every_status(&snapshot)?;
    println!("{} MiB resident at the end", resident()?);
    Ok(())
}

/// Six rows, with the texts that differ from node to node and those that do not.
fn rows_of(index: usize) -> Result<[Row; 6], tables::ApplyError> {
    let node = format!("node{index:06}");
    let [high, low] = [index / 250 % 250, index % 250 + 1];
    let ip = format!("10.{}.{high}.{low}", index / 62_500 + 1);
    let bmc = format!("10.{}.{high}.{low}", index / 62_500 + 101);
    let mac = format!("02:00:00:{:02x}:{:02x}:{:02x}", index >> 16, index >> 8 & 255, index & 255);
    let groups = format!("rack{},compute,all", index / 72);
    let row = |table, cells: &[(&str, &str)]| {
        Row::new(table, [("node", node.as_str())].into_iter().chain(cells.iter().copied()))
    };
    Ok([
        row(
            ids::NODELIST,
            &[("groups", &groups), ("status", "booted"), ("statustime", "11-01-2026 10:00:00")],
        )?,
        row(ids::HOSTS, &[("ip", &ip)])?,
        row(ids::MAC, &[("mac", &mac), ("interface", "eth0")])?,
        row(ids::IPMI, &[("bmc", &bmc), ("username", "ADMIN"), ("password", "ADMIN")])?,
        row(
            ids::NODETYPE,
            &[
                ("os", "debian13"),
                ("arch", "x86_64"),
                ("profile", "compute"),
                ("provmethod", "image"),
            ],
        )?,
        row(
            ids::NODEHM,
            &[("mgt", "ipmi"), ("cons", "ipmi"), ("serialport", "0"), ("serialspeed", "115200")],
        )?,
    ])
}

fn one_row(snapshot: &Snapshot) -> Result<(), tables::ApplyError> {
    let rounds: u32 = 10_000;
    let mut current = snapshot.clone();
    let started = Instant::now();
    for round in 0..rounds {
        let mut patch = Patch::new();
        let node = format!("node{:06}", round * 7);
        patch.set(ids::NODELIST, &[&node], &[("status", Some("powering-on"))]);
        current = current.apply(&patch)?.0;
    }
    report("change of one row", started, rounds);
    Ok(())
}

fn every_node(snapshot: &Snapshot) {
    let count = u32::try_from(snapshot.node_count()).unwrap_or(u32::MAX);
    let started = Instant::now();
    let found =
        snapshot.nodes().filter_map(|node| snapshot.node_cell("noderes", "netboot", node.as_str()));
    let found = found.count();
    report("inherited cell that no group has", started, count);
    let started = Instant::now();
    let known: usize = snapshot
        .nodes()
        .take(1_000)
        .map(|node| objects::read(snapshot, ObjectType::Node, node.as_str()).len())
        .sum();
    report("all attributes of a node", started, 1_000);
    println!("({found} and {known} found)");
}

fn every_status(snapshot: &Snapshot) -> Result<(), tables::ApplyError> {
    let mut patch = Patch::new();
    for node in snapshot.nodes() {
        patch.set(ids::NODELIST, &[node.as_str()], &[("status", Some("booting"))]);
    }
    let started = Instant::now();
    let changes = snapshot.apply(&patch)?.1.len();
    report("change of a row of every node", started, u32::try_from(changes).unwrap_or(u32::MAX));
    Ok(())
}

fn report(what: &str, started: Instant, count: u32) {
    let total = started.elapsed();
    println!("{what}: {total:.2?} in all, {:.2?} each of {count}", total / count.max(1));
}

/// The resident memory of this process in MiB.
fn resident() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024)
}
