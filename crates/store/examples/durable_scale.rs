//! Prints what a large cluster costs on the disk: the first fill, a restart, one edit, many at once.
//!
//! `cargo run --release -p store --example durable_scale [nodes]`; 100,000 nodes when not told otherwise.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use base::{Failure, SystemClock};
use store::{Origin, Store};
use tables::{Patch, Snapshot, ids};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let nodes: usize = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let dir = tempfile::tempdir()?;
    let store = open(dir.path())?;
    let started = Instant::now();
    store.update(Origin::new("root", "mkdef"), move |_| Ok::<_, Failure>(cluster(nodes))).await?;
    report("fill", started, 1);
    store.close().await;
    let started = Instant::now();
    let store = open(dir.path())?;
    report("open", started, 1);
    let bytes = std::fs::metadata(dir.path().join("tables.sqlite"))?.len();
    println!("{} nodes, {} MiB on the disk", store.snapshot().node_count(), bytes >> 20);
    edits(&store).await?;
    store.close().await;
    Ok(())
}

fn open(dir: &Path) -> Result<Store, Box<dyn Error>> {
    Ok(Store::open(dir, Arc::new(SystemClock))?)
}

fn cluster(nodes: usize) -> Patch {
    let mut patch = Patch::new();
    for index in 0..nodes {
        let node = format!("node{index:06}");
        let address = format!("{}.{}.{}", index / 62_500, index / 250 % 250, index % 250 + 1);
        let groups = format!("rack{},compute,all", index / 72);
        patch.set(
            ids::NODELIST,
            &[&node],
            &[("groups", Some(&groups)), ("status", Some("booted"))],
        );
        patch.set(ids::HOSTS, &[&node], &[("ip", Some(&format!("10.{address}")))]);
        let mac =
            format!("02:00:00:{:02x}:{:02x}:{:02x}", index >> 16, index >> 8 & 255, index & 255);
        patch.set(ids::MAC, &[&node], &[("mac", Some(&mac))]);
        let bmc = format!("11.{address}");
        patch.set(ids::IPMI, &[&node], &[("bmc", Some(&bmc)), ("username", Some("ADMIN"))]);
        patch.set(ids::NODETYPE, &[&node], &[("os", Some("debian13")), ("arch", Some("x86_64"))]);
        patch.set(ids::NODEHM, &[&node], &[("mgt", Some("ipmi")), ("cons", Some("ipmi"))]);
    }
    patch
}

async fn edits(store: &Store) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    for index in 0..200 {
        store.update(Origin::new("root", "chdef"), status_of(index)).await?;
    }
    report("one edit after the other", started, 200);
    let (started, commits) = (Instant::now(), store.commits());
    let mut waiting = tokio::task::JoinSet::new();
    for index in 0..5_000 {
        let store = store.clone();
        waiting.spawn(async move {
            store.update(Origin::new("root", "nodestat"), status_of(index)).await.map(drop)
        });
    }
    while let Some(done) = waiting.join_next().await {
        done??;
    }
    report("edits at once", started, 5_000);
    println!("({} transactions)", store.commits() - commits);
    Ok(())
}

fn status_of(index: usize) -> impl FnOnce(&Snapshot) -> Result<Patch, Failure> + Send {
    move |_| {
        let mut patch = Patch::new();
        let text = format!("step {index}");
        patch.set(ids::NODELIST, &[&format!("node{index:06}")], &[("appstatus", Some(&text))]);
        Ok(patch)
    }
}

fn report(what: &str, started: Instant, count: u32) {
    let total = started.elapsed();
    println!("{what}: {total:.2?} in all, {:.2?} each of {count}", total / count.max(1));
}
