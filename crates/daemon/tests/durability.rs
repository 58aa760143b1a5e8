//! The daemon is killed with SIGKILL while several clients write, again and again: what was acknowledged is there
//! afterwards, and no command is half there.
//!
//! Every writer sends the same cycle of commands, each of which changes many rows of several tables, so that the state
//! after any number of them is known. After a kill the tables must be in the state after all acknowledged commands, or
//! in the state after the one that was on its way too. `XCAT_DURABILITY_ROUNDS` and `XCAT_DURABILITY_SEED` change how
//! often and when the daemon is killed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tables::{Row, csv, table};
use wire::xml::{Element, FrameReader};

const ROUNDS: &str = "XCAT_DURABILITY_ROUNDS";
const SEED: &str = "XCAT_DURABILITY_SEED";
const WRITERS: usize = 4;
/// At most so many commands are sent in a round.
const COMMANDS: u64 = 48;
/// The kill comes at most so long after one of them was sent, in microseconds.
const LINGER: u64 = 6_000;
/// A daemon that is killed while it starts lives at most so long, in microseconds.
const START: u64 = 150_000;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The tables in which a node has a row after each command that sets it.
const TABLES: &[(&str, &str)] =
    &[("nodelist", "comments"), ("nodepos", "rack"), ("hosts", "hostnames")];

#[test]
fn what_was_acknowledged_survives_and_nothing_is_half_there() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (rounds, seed) = (number(ROUNDS).unwrap_or(25), number(SEED).unwrap_or(20_261));
    println!("{rounds} rounds, {SEED}={seed}");
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path());
    let mut random = Random(seed.max(1));
    let mut done = [0; WRITERS];
    let mut server = Server::start(&place);
    for round in 0..rounds {
        let writers = run_until_killed(server, &place, &done, &mut random);
        if random.below(4) == 0 {
            Server::start_and_kill(&place, Duration::from_micros(random.below(START)));
        }
        server = Server::start(&place);
        let tables = Tables::read(&place.socket);
        for (writer, (acknowledged, sent)) in writers.into_iter().enumerate() {
            let name = format!("w{writer}");
            let found = tables.state(&name);
            done[writer] = (acknowledged..=sent).find(|count| found == Ok(state_after(*count))).unwrap_or_else(|| {
                panic!("round {round}: {acknowledged} of {sent} commands of {name} were acknowledged; found {found:?}")
            });
        }
    }
    assert!(done.iter().all(|count| *count > 0), "every writer has written: {done:?}");
    check_history(&place.socket, &done);
    println!("commands: {done:?}");
}

/// One entry of the history for each command.
fn check_history(socket: &Path, done: &[u64]) {
    if done.iter().sum::<u64>() > 9_000 {
        return;
    }
    let text = ask(socket, "xcat-history", &["-n", "10000"]).unwrap();
    let heads: Vec<&str> = text.lines().filter(|line| !line.starts_with(' ')).collect();
    for (writer, count) in done.iter().enumerate() {
        let names = [format!("w{writer}n["), format!("w{writer}t["), format!("key=w{writer} ")];
        let found = heads.iter().filter(|head| names.iter().any(|name| head.contains(name)));
        assert_eq!(found.count() as u64, *count, "the history of w{writer}");
    }
}

/// Lets all writers write, kills the daemon, and tells how many commands of each were acknowledged and sent.
fn run_until_killed(
    server: Server,
    place: &Place,
    done: &[u64],
    random: &mut Random,
) -> Vec<(u64, u64)> {
    let (sent, last) = (AtomicU64::new(0), 1 + random.below(COMMANDS));
    let (reached, reach) = mpsc::sync_channel(1);
    let linger = Duration::from_micros(random.below(LINGER));
    thread::scope(|scope| {
        let writers: Vec<_> = (0_u64..)
            .zip(done)
            .map(|(writer, done)| {
                let (sent, reached) = (&sent, reached.clone());
                scope.spawn(move || {
                    let announce = || {
                        if sent.fetch_add(1, Ordering::Relaxed) + 1 == last {
                            reached.send(()).unwrap();
                        }
                    };
                    write(&place.socket, writer, *done, announce)
                })
            })
            .collect();
        reach.recv_timeout(PATIENCE).unwrap();
        // Nothing more comes: this only passes the time.
        reach.recv_timeout(linger).unwrap_err();
        server.kill();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    })
}

/// Sends commands one after the other until the daemon is gone; gives the numbers of those that were acknowledged and
/// of those that were sent.
fn write(socket: &Path, writer: u64, done: u64, sending: impl Fn()) -> (u64, u64) {
    let mut count = done;
    loop {
        let (command, arguments) = command(writer, count);
        sending();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        if ask(socket, command, &arguments).is_none() {
            return (count, count + 1);
        }
        count += 1;
    }
}

/// The command that follows `count` others of this writer.
fn command(writer: u64, count: u64) -> (&'static str, Vec<String>) {
    let base = format!("w{writer}n[1-8]");
    let temporary = format!("w{writer}t[1-5]");
    let words = match count % 4 {
        0 => format!(
            "-t node -o {base} groups=all usercomment={count} rack={count} hostnames={count}"
        ),
        1 => format!(
            "-t node -o {temporary} groups=all,tmp mgt=ipmi bmc=10.0.0.1 rack={count} \
             usercomment={count} hostnames={count}"
        ),
        2 => format!("key=w{writer} site.value={count}"),
        _ => format!("-t node -o {temporary}"),
    };
    let name = match count {
        0 => "mkdef",
        _ => ["chdef", "mkdef", "chtab", "rmdef"][usize::try_from(count % 4).unwrap()],
    };
    (name, words.split(' ').map(str::to_owned).collect())
}

/// What the tables say of a writer's rows.
#[derive(Debug, Default, PartialEq, Eq)]
struct State {
    base: Option<u64>,
    temporary: Option<u64>,
    site: Option<u64>,
}

fn state_after(count: u64) -> State {
    let last = |kind: u64| (0..count).rev().take(4).find(|number| number % 4 == kind);
    let removed = last(3);
    State {
        base: last(0),
        temporary: last(1).filter(|made| removed.is_none_or(|removed| removed < *made)),
        site: last(2),
    }
}

struct Tables(BTreeMap<&'static str, Vec<Row>>);

impl Tables {
    fn read(socket: &Path) -> Self {
        let names = TABLES.iter().map(|(name, _)| *name).chain(["nodehm", "ipmi", "site"]);
        let rows =
            |name| csv::parse(table(name).unwrap(), &ask(socket, "tabdump", &[name]).unwrap());
        Self(names.map(|name| (name, rows(name).unwrap())).collect())
    }

    fn cell(&self, table: &str, key: &str, column: &str) -> Option<&str> {
        let row = self.0[table].iter().find(|row| row.key().next() == Some(key))?;
        Some(row.get(column).unwrap_or("nothing"))
    }

    /// The state of a writer's rows; the places that do not agree when a command is half there.
    fn state(&self, writer: &str) -> Result<State, BTreeSet<String>> {
        let temporary = self.agreed(&format!("{writer}t"), 5)?;
        for (node, table, column, value) in (1..=5).flat_map(|node| {
            let node = format!("{writer}t{node}");
            [(node.clone(), "nodehm", "mgt", "ipmi"), (node, "ipmi", "bmc", "10.0.0.1")]
        }) {
            let expected = temporary.map(|_| value);
            if self.cell(table, &node, column) != expected {
                return Err([format!("{table} {node}")].into());
            }
        }
        let site = self.cell("site", writer, "value").map(|value| value.parse().unwrap());
        Ok(State { base: self.agreed(&format!("{writer}n"), 8)?, temporary, site })
    }

    /// The number that is in every table for all nodes with this prefix.
    fn agreed(&self, prefix: &str, nodes: u64) -> Result<Option<u64>, BTreeSet<String>> {
        let names = (1..=nodes).map(|number| format!("{prefix}{number}"));
        let cells: BTreeSet<Option<&str>> = names
            .flat_map(|name| {
                TABLES.iter().map(move |(table, column)| (name.clone(), table, column))
            })
            .map(|(name, table, column)| self.cell(table, &name, column))
            .collect();
        match cells.iter().collect::<Vec<_>>()[..] {
            [only] => Ok(only.map(|value| value.parse().unwrap())),
            _ => Err(cells.into_iter().map(|cell| format!("{prefix}: {cell:?}")).collect()),
        }
    }
}

/// Sends one command and gives what it says; nothing when the daemon ended before it was acknowledged.
fn ask(socket: &Path, command: &str, arguments: &[&str]) -> Option<String> {
    let mut request = Element::new("xcatrequest").with_leaf("command", command);
    for argument in arguments {
        request.push(Element::leaf("arg", *argument));
    }
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.to_request().as_bytes()).ok()?;
    let (mut frames, mut chunk, mut said) = (FrameReader::responses(), [0; 8192], String::new());
    loop {
        while let Some(document) = frames.next_document().unwrap() {
            let response = Element::parse(&document).unwrap();
            assert!(
                !response.has("error"),
                "{command} {arguments:?}: {:?}",
                response.text_of("error")
            );
            for line in response.all("data") {
                said.push_str(&line.text);
                said.push('\n');
            }
            if response.has("serverdone") {
                return Some(said);
            }
        }
        match stream.read(&mut chunk) {
            Ok(count @ 1..) => frames.push(&chunk[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("{command} hangs")
            }
            Ok(0) | Err(_) => return None,
        }
    }
}

/// Where the daemon lives.
struct Place {
    config: PathBuf,
    socket: PathBuf,
}

impl Place {
    fn new(dir: &Path) -> Self {
        let place = Self { config: dir.join("xcatd.toml"), socket: dir.join("xcatd.sock") };
        let paths = ["state", "install", "tftp", "share", "log", "etc", "home", "hosts"];
        let line = |name: &str, path: &Path| format!("{name} = \"{}\"", path.display());
        let mut lines: Vec<String> = paths.iter().map(|name| line(name, &dir.join(name))).collect();
        lines.push(line("socket", &place.socket));
        lines.push("[listen]\naddress = \"127.0.0.1\"\nclient = 0".to_owned());
        lines.push("off = [\"dhcp\", \"tftp\", \"http\", \"dns\", \"ra\", \"monitor\"]".to_owned());
        std::fs::write(&place.config, lines.join("\n")).unwrap();
        place
    }
}

/// A running daemon; it is killed when it goes out of scope.
struct Server {
    child: Child,
    log: Option<JoinHandle<Vec<String>>>,
}

impl Server {
    fn start(place: &Place) -> Self {
        let (mut server, ready) = Self::begin(place);
        let in_time = ready.recv_timeout(PATIENCE).is_ok();
        assert!(in_time, "the daemon does not start: {:?}", server.end());
        server
    }

    /// Kills a daemon while it starts; whether it serves by then does not matter.
    fn start_and_kill(place: &Place, after: Duration) {
        let (server, ready) = Self::begin(place);
        ready.recv_timeout(after).ok();
        server.kill();
    }

    #[expect(clippy::disallowed_methods, reason = "the test kills a process of its own")]
    fn begin(place: &Place) -> (Self, Receiver<()>) {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_xcatd"))
            .arg("--config")
            .arg(&place.config)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (ready, wait) = mpsc::sync_channel(1);
        let errors = BufReader::new(child.stderr.take().unwrap());
        let log = Some(thread::spawn(move || drain(errors, &ready)));
        (Self { child, log }, wait)
    }

    fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.log.take().map(|log| log.join().unwrap()).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.log.is_some() {
            self.end();
        }
    }
}

/// Reads the daemon's log to its end, says when it serves, and keeps what looks like trouble.
fn drain(errors: impl BufRead, ready: &SyncSender<()>) -> Vec<String> {
    let mut kept = Vec::new();
    for line in errors.lines().map_while(Result::ok) {
        if line.contains("service=\"tls\"") {
            // Nobody waits any more when the start has taken too long.
            ready.send(()).ok();
        } else if !line.contains(" INFO ") {
            kept.push(line);
        }
    }
    kept
}

/// Numbers that look random and are the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
