//! The same questions to other programs on the same machine, in the same run.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use benches::cluster;
use benches::stopwatch::{Times, repeat};

use crate::place::{Place, program, timed};
use crate::scratch;

const NODES: usize = 10_000;
const RUNS: usize = 30;
const PATIENCE: Duration = Duration::from_secs(3);

/// What is asked of us, and what of others.
struct Contest {
    what: &'static str,
    ours: &'static [&'static str],
    theirs: Vec<(&'static str, Vec<String>)>,
}

/// Prints what we take for each question, what others take, and how many times as long that is.
pub(crate) fn compare(programs: &Path) -> Result<()> {
    let dir = scratch("peers")?;
    let mut place = Place::new(&dir, programs)?;
    place.start()?;
    place.fill(NODES)?;
    let database = files_of_peers(&place)?;
    println!("| with {NODES} nodes | ours | peer | its time | ratio |\n|---|---:|---|---:|---:|");
    for contest in contests(&place, &database) {
        let mut round = 0;
        let own = repeat(RUNS, PATIENCE, || {
            round += 1;
            let words: Vec<String> =
                contest.ours.iter().map(|word| word.replace("ROUND", &round.to_string())).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            place.run(&words).map(|ran| ran.time)
        })?;
        for (name, words) in &contest.theirs {
            let (time, ratio) = match of_peer(&place, words) {
                Ok(times) => {
                    let ratio = times.median().div_duration_f64(own.median());
                    (times.to_string(), format!("{ratio:.1}"))
                }
                Err(error) => (format!("not here: {error}"), String::new()),
            };
            println!("| {} | {own} | {name} | {time} | {ratio} |", contest.what);
        }
    }
    place.stop()?;
    fs::remove_dir_all(dir)?;
    Ok(())
}

fn of_peer(place: &Place, words: &[String]) -> Result<Times> {
    repeat(RUNS, PATIENCE, || {
        let mut command: Command = program(Path::new(&words[0]));
        command.args(&words[1..]).env("SLURM_CONF", place.path("slurm.conf"));
        timed(&mut command).map(|ran| ran.time)
    })
}

/// The same cluster in the files of genders and Slurm, and in a plain SQLite database.
fn files_of_peers(place: &Place) -> Result<String> {
    let names = (0..NODES).map(cluster::node);
    let line = |name: String| format!("{name} all,compute,os=debian13,arch=x86_64,netboot=xnba\n");
    fs::write(place.path("genders"), names.map(line).collect::<String>())?;
    fs::write(place.path("slurm.conf"), "ClusterName=bench\nSlurmctldHost=localhost\n")?;
    let database = place.path("plain.sqlite").to_string_lossy().into_owned();
    let rows: Vec<String> =
        (0..NODES).map(|index| format!("('{}','')", cluster::node(index))).collect();
    let script = format!(
        "PRAGMA journal_mode=WAL; CREATE TABLE nodelist (node TEXT PRIMARY KEY, comments TEXT); \
         INSERT INTO nodelist VALUES {};",
        rows.join(",")
    );
    let script_file = place.path("plain.sql");
    fs::write(&script_file, script)?;
    if let Err(error) = timed(
        program(Path::new("sqlite3"))
            .args([&database, &format!(".read {}", script_file.display())]),
    ) {
        eprintln!("sqlite3: {error}");
    }
    Ok(database)
}

fn contests(place: &Place, database: &str) -> Vec<Contest> {
    let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
    let genders = place.path("genders").to_string_lossy().into_owned();
    let nodeattr = |rest: &str| words(&format!("nodeattr -f {genders} {rest}"));
    let sql =
        |statement: &str| vec!["sqlite3".to_owned(), database.to_owned(), statement.to_owned()];
    let perl = |arguments: &str| words(&format!("perl {arguments} -e 1"));
    vec![
        Contest {
            what: "expand 10,000 names of a range",
            ours: &["nodels", "node[000000-009999]"],
            theirs: vec![
                (
                    "ClusterShell `nodeset -e` (looks nothing up)",
                    words("nodeset -e node[000000-009999]"),
                ),
                (
                    "Slurm `scontrol show hostnames` (looks nothing up)",
                    words("scontrol show hostnames node[000000-009999]"),
                ),
            ],
        },
        Contest {
            what: "all nodes of a group",
            ours: &["nodels", "compute"],
            theirs: vec![("genders `nodeattr -n`", nodeattr("-n compute"))],
        },
        Contest {
            what: "what is known of one node",
            ours: &["lsdef", "node005000"],
            theirs: vec![
                ("genders `nodeattr -l`", nodeattr("-l node005000")),
                (
                    "`sqlite3`, one row of one table",
                    sql("SELECT * FROM nodelist WHERE node='node005000'"),
                ),
                ("`perl`, start only", perl("")),
                (
                    "`perl` with the original client's XML and TLS modules, start only",
                    perl("-MXML::Simple -MIO::Socket::SSL"),
                ),
            ],
        },
        Contest {
            what: "change one cell, durably",
            ours: &["chdef", "-t", "node", "-o", "node005000", "usercomment=ROUND"],
            theirs: vec![(
                "`sqlite3`, WAL with full synchronisation, no history",
                sql(
                    "PRAGMA synchronous=FULL; UPDATE nodelist SET comments=random() WHERE node='node005000'",
                ),
            )],
        },
    ]
}
