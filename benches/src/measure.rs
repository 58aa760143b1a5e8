//! What is measured of a cluster of one size, in order: filling, starting, asking, changing, dumping, crowds.

use std::fmt;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use benches::cluster;
use benches::stopwatch::{Times, repeat};

use crate::crowd;
use crate::place::Place;

/// How long one measurement may take, more or less.
const PATIENCE: Duration = Duration::from_secs(2);
/// The pause after which the daemon should have given back what it needed for a moment only.
const SETTLING: Duration = Duration::from_secs(2);
/// The nodes that are changed, made and removed at once.
const MANY: usize = 1_000;
const ADDED: &str = "new[0000-0999]";
/// How many lines `lsdef` prints about a node.
const LINES: usize = 16;

/// A figure of one size.
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) value: String,
}

/// What is collected while a cluster is measured.
struct Measuring {
    place: Place,
    nodes: usize,
    figures: Vec<Figure>,
}

/// Measures everything with so many nodes.
pub(crate) fn all(dir: &Path, programs: &Path, nodes: usize) -> Result<Vec<Figure>> {
    let place = Place::new(dir, programs)?;
    let mut measuring = Measuring { place, nodes, figures: Vec::new() };
    measuring.fill_and_start()?;
    measuring.questions()?;
    measuring.node_ranges()?;
    measuring.changes()?;
    measuring.dumps()?;
    measuring.crowds()?;
    measuring.place.stop()?;
    Ok(measuring.figures)
}

impl Measuring {
    fn note(&mut self, what: impl Into<String>, value: impl fmt::Display) {
        self.figures.push(Figure { what: what.into(), value: format!("{value}") });
    }

    fn note_memory(&mut self, when: &str) -> Result<()> {
        let resident = self.place.resident()?;
        self.note(format!("memory of xcatd {when}"), format!("{resident} MiB"));
        Ok(())
    }

    /// Runs a command several times; each must print so many lines.
    fn ask(&mut self, what: &str, runs: usize, words: &[&str], lines: usize) -> Result<()> {
        let place = &self.place;
        let times = repeat(runs, PATIENCE, || {
            let ran = place.run(words)?;
            ensure!(
                ran.lines == lines,
                "{} prints {} lines, not {lines}",
                words.join(" "),
                ran.lines
            );
            Ok(ran.time)
        })?;
        self.note(what, times);
        Ok(())
    }

    fn fill_and_start(&mut self) -> Result<()> {
        self.place.start()?;
        let filled = self.place.fill(self.nodes)?;
        let mut starts = Vec::new();
        for _ in 0..3 {
            self.place.stop()?;
            starts.push(self.place.start()?);
        }
        self.note("start of xcatd to its first answer", Times::new(starts));
        self.note_memory("after the start")?;
        self.note("`restorexCATdb` into empty tables", Times::new(vec![filled]));
        Ok(())
    }

    fn questions(&mut self) -> Result<()> {
        let (nodes, node) = (self.nodes, cluster::node(self.nodes / 2));
        self.ask("`lsdef NODE`", 100, &["lsdef", &node], LINES)?;
        self.ask("`nodels`", 20, &["nodels"], nodes)?;
        self.ask("`nodels all groups`", 20, &["nodels", "all", "groups"], nodes)?;
        let (first, lines) = (self.first(), LINES * nodes.min(MANY));
        let long = ["lsdef", "-t", "node", "-l", "-o", &first];
        self.ask("`lsdef -t node -l` of 1,000 nodes", 20, &long, lines)?;
        self.ask("`tabdump mac`", 20, &["tabdump", "mac"], nodes + 1)
    }

    /// The range of the first thousand nodes, or of all when there are fewer.
    fn first(&self) -> String {
        format!("node[000000-{:06}]", self.nodes.min(MANY) - 1)
    }

    fn node_ranges(&mut self) -> Result<()> {
        let (nodes, few) = (self.nodes, self.nodes.min(MANY));
        let rack = nodes.min(72);
        let names = self.place.path("names");
        let lines: Vec<String> = (0..few).map(cluster::node).collect();
        fs::write(&names, lines.join("\n"))?;
        let (names, first) = (format!("^{}", names.display()), self.first());
        let last = cluster::node(few - 1);
        let tenth = nodes.div_ceil(10);
        let between = format!("node000000-{last}");
        let counted = format!("node000000+{}", few - 1);
        for (what, range, expected) in [
            ("NODE", "node000000", 1),
            ("node[000000-000999]", &first, few),
            ("node000000-node000999", &between, few),
            ("node000000+999", &counted, few),
            ("rack0000", "rack0000", rack),
            ("all", "all", nodes),
            ("compute,-rack0000", "compute,-rack0000", nodes - rack),
            ("compute@rack0000", "compute@rack0000", rack),
            ("/node.*0", "/node.*0", tenth),
            ("nodetype.os==debian13", "nodetype.os==debian13", nodes),
            ("mac.mac=~:00$", "mac.mac=~:00$", nodes.div_ceil(256)),
            ("^FILE", &names, few),
        ] {
            self.ask(&format!("`nodels {what}`"), 10, &["nodels", range], expected)?;
        }
        Ok(())
    }

    fn changes(&mut self) -> Result<()> {
        let node = cluster::node(self.nodes / 2);
        self.change("`chdef NODE usercomment=x`", 50, &node)?;
        let first = self.first();
        self.change("`chdef` of 1,000 nodes", 5, &first)?;
        let attributes = "groups=compute,all arch=x86_64 os=debian13 mgt=ipmi netboot=xnba";
        let make: Vec<&str> =
            ["mkdef", "-t", "node", "-o", ADDED].into_iter().chain(attributes.split(' ')).collect();
        self.make_and_remove("`mkdef` of 1,000 nodes", &make)?;
        self.make_and_remove(
            "`nodeadd` of 1,000 nodes",
            &["nodeadd", ADDED, "groups=compute,all"],
        )?;
        thread::sleep(SETTLING);
        self.note_memory("two seconds after the changes")
    }

    /// Another text each time: the same again would change nothing.
    fn change(&mut self, what: &str, runs: usize, nodes: &str) -> Result<()> {
        let (place, mut round) = (&self.place, 0);
        let times = repeat(runs, PATIENCE, || {
            round += 1;
            let text = format!("usercomment=round {round}");
            place.run(&["chdef", "-t", "node", "-o", nodes, &text]).map(|ran| ran.time)
        })?;
        self.note(what, times);
        Ok(())
    }

    fn make_and_remove(&mut self, what: &str, words: &[&str]) -> Result<()> {
        let (place, mut removals) = (&self.place, Vec::new());
        let times = repeat(3, PATIENCE, || {
            let made = place.run(words)?;
            removals.push(place.run(&["noderm", ADDED])?.time);
            anyhow::Ok(made.time)
        })?;
        self.note(what, times);
        self.note(format!("`noderm` of what {} made", words[0]), Times::new(removals));
        Ok(())
    }

    fn dumps(&mut self) -> Result<()> {
        let dump = self.place.path("dump");
        let dump = dump.to_str().context("a path that is not text")?;
        for words in [["dumpxCATdb", "-p", dump], ["restorexCATdb", "-p", dump]] {
            let place = &self.place;
            let times = repeat(3, PATIENCE, || place.run(&words).map(|ran| ran.time))?;
            self.note(format!("`{}`", words[0]), times);
        }
        thread::sleep(SETTLING);
        self.note_memory("two seconds after the restore")
    }

    fn crowds(&mut self) -> Result<()> {
        let node = cluster::node(self.nodes / 2);
        for words in [["lsdef", &node], ["nodels", &node]] {
            let rate = crowd::of_processes(&self.place, &words)?;
            self.note(format!("50 clients at once, `{} NODE`", words[0]), rate);
        }
        let rate = crowd::of_connections(&self.place.socket(), "lsdef", &[&node])?;
        self.note("50 connections at once, `lsdef NODE` without processes", rate);
        let rate = crowd::of_idle_processes()?;
        self.note("50 at once of `true`, which does nothing", rate);
        self.note_memory("at the end")
    }
}
