//! `benches/run`: what the daemon and its clients cost with a few nodes and with many, as a table in Markdown.
//!
//! `benches/run [--peers] [SIZE...]`; 1, 1,000, 10,000 and 100,000 nodes when no size is given. Times are of whole
//! processes, from before they exist until all that they print has been read, and the median of several runs.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]

mod crowd;
mod measure;
mod peers;
mod place;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::measure::Figure;

const SIZES: [usize; 4] = [1, 1_000, 10_000, 100_000];

fn main() -> Result<()> {
    let (mut sizes, mut peers) = (Vec::new(), false);
    for word in std::env::args().skip(1) {
        match &*word {
            "--peers" => peers = true,
            size => sizes.push(
                size.replace(',', "").parse().with_context(|| format!("not a size: {size}"))?,
            ),
        }
    }
    let programs = programs()?;
    if peers {
        return peers::compare(&programs);
    }
    if sizes.is_empty() {
        sizes = SIZES.to_vec();
    }
    let mut columns = Vec::new();
    for nodes in &sizes {
        eprintln!("{nodes} nodes");
        let dir = scratch(&format!("cluster-{nodes}"))?;
        columns.push(measure::all(&dir, &programs, *nodes)?);
        std::fs::remove_dir_all(&dir)?;
    }
    print(&sizes, &columns);
    Ok(())
}

/// The directory of this program, where the others are built too.
fn programs() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own.parent().context("a program is in a directory")?.to_owned())
}

/// An empty directory beside the build: on a disk, because durable changes are measured.
fn scratch(name: &str) -> Result<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench").join(name);
    if dir.exists() {
        std::fs::remove_dir_all(&dir)?;
    }
    std::fs::create_dir_all(&dir)?;
    Ok(dir.canonicalize()?)
}

/// One line for each thing that was measured, one column for each size.
fn print(sizes: &[usize], columns: &[Vec<Figure>]) {
    let row = |head: &str, cells: Vec<String>| println!("| {head} | {} |", cells.join(" | "));
    row("nodes", sizes.iter().map(ToString::to_string).collect());
    println!("|---|{}", "---:|".repeat(sizes.len()));
    for (line, first) in columns.first().into_iter().flatten().enumerate() {
        let figures = columns.iter().filter_map(|column| column.get(line));
        row(&first.what, figures.map(|figure| figure.value.clone()).collect());
    }
}
