//! A cluster of any size as rows: every node in five groups, with what is needed to boot it.
//!
//! Names, addresses and groups differ from node to node as they do in real clusters; the rest repeats.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use tables::{Row, Snapshot, TableId, csv, ids};

/// Nodes of a rack.
const RACK: usize = 72;
/// Nodes of a row of racks.
const AISLE: usize = 20 * RACK;
/// Addresses that are used of the last 256.
const LAST: usize = 250;

/// The name of a node.
pub fn node(index: usize) -> String {
    format!("node{index:06}")
}

/// The rows of so many nodes, of the group that says how they are managed, and of the network that they are in.
pub fn rows(nodes: usize) -> Result<Vec<Row>> {
    let network = [
        ("netname", "management"),
        ("net", "10.0.0.0"),
        ("mask", "255.0.0.0"),
        ("mgtifname", "bench0"),
    ];
    let mut rows = vec![
        Row::new(ids::NETWORKS, network)?,
        Row::new(ids::NODEHM, [("node", "compute"), ("mgt", "ipmi")])?,
    ];
    for index in 0..nodes {
        rows.extend(rows_of(index).with_context(|| node(index))?);
    }
    Ok(rows)
}

/// The tables of so many nodes.
pub fn snapshot(nodes: usize) -> Result<Snapshot> {
    Ok(Snapshot::load(1, rows(nodes)?)?)
}

/// Writes the tables as `dumpxCATdb` would.
pub fn write(snapshot: &Snapshot, dir: &Path) -> Result<()> {
    fs::create_dir_all(dir)?;
    for table in TableId::all().filter(|table| snapshot.row_count(*table) > 0) {
        fs::write(dir.join(format!("{table}.csv")), csv::dump(table, snapshot.rows(table)))?;
    }
    Ok(())
}

fn rows_of(index: usize) -> Result<[Row; 6]> {
    let name = node(index);
    let host = format!("{}.{}.{}", index / LAST / LAST + 1, index / LAST % LAST, index % LAST + 1);
    let groups = format!("rack{:04},row{:02},compute,x86,all", index / RACK, index / AISLE);
    let mac = format!("02:00:00:{:02x}:{:02x}:{:02x}", index >> 16, index >> 8 & 255, index & 255);
    let row = |table, cells: &[(&str, &str)]| {
        Row::new(table, [("node", &*name)].into_iter().chain(cells.iter().copied()))
    };
    Ok([
        row(ids::NODELIST, &[("groups", &groups)])?,
        row(ids::HOSTS, &[("ip", &format!("10.{host}"))])?,
        row(ids::MAC, &[("interface", "eth0"), ("mac", &mac)])?,
        row(
            ids::IPMI,
            &[("bmc", &format!("11.{host}")), ("username", "ADMIN"), ("password", "ADMIN")],
        )?,
        row(
            ids::NODETYPE,
            &[
                ("os", "debian13"),
                ("arch", "x86_64"),
                ("profile", "compute"),
                ("provmethod", "compute-image"),
            ],
        )?,
        row(ids::NODERES, &[("netboot", "xnba"), ("installnic", "mac"), ("primarynic", "mac")])?,
    ])
}
