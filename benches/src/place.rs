//! A management node in a directory of its own: the real programs, loopback sockets, nothing of this machine's.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use benches::cluster;
use wire::xml::{Element, FrameReader};

/// How long the daemon may take to serve, and a request to be answered.
const PATIENCE: Duration = Duration::from_mins(2);
/// The commands that are measured; each is a link to the client, as it is installed.
const COMMANDS: &[&str] = &[
    "chdef",
    "dumpxCATdb",
    "lsdef",
    "mkdef",
    "nodeadd",
    "nodels",
    "noderm",
    "restorexCATdb",
    "tabdump",
];
const DIRECTORIES: &[&str] = &["state", "install", "tftp", "share", "log", "etc", "home", "bin"];
const LISTEN: &str = "[listen]\naddress = \"127.0.0.1\"\nclient = 0\nmonitor = 0\nhttp = 0\ndns = 0\nmetrics = 0\n\
                      off = [\"dhcp\", \"tftp\", \"ra\"]\n";

/// The directory, and the daemon while it runs.
pub(crate) struct Place {
    dir: PathBuf,
    programs: PathBuf,
    daemon: Option<Child>,
}

/// What a program left behind.
pub(crate) struct Ran {
    pub(crate) time: Duration,
    pub(crate) lines: usize,
}

impl Place {
    /// An empty place in `dir`, for the programs of `programs`.
    pub(crate) fn new(dir: &Path, programs: &Path) -> Result<Self> {
        for name in DIRECTORIES {
            fs::create_dir_all(dir.join(name))?;
        }
        for name in COMMANDS {
            symlink(programs.join("xcat"), dir.join("bin").join(name))?;
        }
        let setting = |name: &&str| format!("{name} = \"{}\"\n", dir.join(name).display());
        let own = ["state", "install", "tftp", "share", "log", "etc", "home", "hosts", "socket"];
        fs::write(dir.join("hosts"), "")?;
        fs::write(dir.join("xcatd.toml"), own.iter().map(setting).collect::<String>() + LISTEN)?;
        Ok(Self { dir: dir.to_owned(), programs: programs.to_owned(), daemon: None })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("socket")
    }

    /// Starts the daemon; the time until it has answered its first question.
    pub(crate) fn start(&mut self) -> Result<Duration> {
        let log = fs::File::create(self.path("xcatd.log"))?;
        let begun = Instant::now();
        let mut command = program(&self.programs.join("xcatd"));
        command.arg("--config").arg(self.path("xcatd.toml")).stdin(Stdio::null()).stderr(log);
        let daemon = self.daemon.insert(command.spawn().context("xcatd")?);
        while begun.elapsed() < PATIENCE {
            if ask(&self.dir.join("socket"), "lsxcatd", &["-v"]).is_ok() {
                return Ok(begun.elapsed());
            }
            ensure!(
                daemon.try_wait()?.is_none(),
                "xcatd has ended: see {}",
                self.dir.join("xcatd.log").display()
            );
            thread::sleep(Duration::from_millis(1));
        }
        bail!("xcatd does not serve")
    }

    /// Ends the daemon in order.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let Some(mut daemon) = self.daemon.take() else { return Ok(()) };
        let ended = program(Path::new("kill")).arg(daemon.id().to_string()).status()?;
        ensure!(ended.success(), "xcatd cannot be ended");
        daemon.wait()?;
        Ok(())
    }

    /// Restores a dump of so many nodes over what the first start has made; the time that the restore takes.
    pub(crate) fn fill(&self, nodes: usize) -> Result<Duration> {
        let dump = self.path("filling");
        let path = dump.to_str().context("a path that is not text")?;
        self.run(&["dumpxCATdb", "-p", path])?;
        cluster::write(&cluster::snapshot(nodes)?, &dump)?;
        Ok(self.run(&["restorexCATdb", "-p", path])?.time)
    }

    /// The memory that the daemon has in use, in MiB.
    pub(crate) fn resident(&self) -> Result<u64> {
        let daemon = self.daemon.as_ref().context("xcatd does not run")?;
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.id()))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib.div_ceil(1024))
    }

    /// Runs one command of the client to its end, and reads what it prints.
    pub(crate) fn run(&self, words: &[&str]) -> Result<Ran> {
        let (name, arguments) = words.split_first().context("no command")?;
        let mut command = program(&self.dir.join("bin").join(name));
        command.args(arguments).env_clear().env("TERM", "dumb").env("XCATSOCKET", self.socket());
        timed(&mut command).with_context(|| words.join(" "))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take()
            && let Err(error) = daemon.kill().and_then(|()| daemon.wait())
        {
            eprintln!("xcatd cannot be ended: {error}");
        }
    }
}

/// A program to be started; what it is asked for is added by the caller.
#[expect(clippy::disallowed_methods, reason = "a development tool; the rule guards the product")]
pub(crate) fn program(path: &Path) -> Command {
    Command::new(path)
}

/// Runs a program to its end, from before it exists until all that it prints has been read.
pub(crate) fn timed(command: &mut Command) -> Result<Ran> {
    let begun = Instant::now();
    let output = command.stdin(Stdio::null()).output()?;
    let time = begun.elapsed();
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {}", output.status, errors.trim());
    Ok(Ran { time, lines: String::from_utf8_lossy(&output.stdout).lines().count() })
}

/// Asks the daemon on a connection of its own, without a process, and reads the answer to its end.
pub(crate) fn ask(socket: &Path, command: &str, arguments: &[&str]) -> Result<()> {
    let mut request = Element::new("xcatrequest").with_leaf("command", command);
    for argument in arguments {
        request.push(Element::leaf("arg", *argument));
    }
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.to_request().as_bytes())?;
    let (mut frames, mut chunk) = (FrameReader::responses(), [0; 16 * 1024]);
    loop {
        while let Some(document) = frames.next_document()? {
            let response = Element::parse(&document)?;
            ensure!(!response.has("error"), "{command}: {:?}", response.text_of("error"));
            if response.has("serverdone") {
                return Ok(());
            }
        }
        let count = stream.read(&mut chunk)?;
        ensure!(count > 0, "{command}: the answer has no end");
        frames.push(&chunk[..count]);
    }
}
