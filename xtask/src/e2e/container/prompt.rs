//! The prompt of `docker attach`, and a person at it: `script` gives the client the terminal that it wants.

use std::io::Write;
use std::process::Child;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::e2e::container::place::{Container, SHORT, before, ok};
use crate::run::{reader, spawned};

/// What Ctrl-C, Ctrl-D, Ctrl-Z and Ctrl-\ send.
const INTERRUPT: &str = "\x03";
const END: &str = "\x04";
const SUSPEND: &str = "\x1a";
const QUIT: &str = "\x1c";
/// Nothing of the supervisor may be stopped.
const NOTHING_IS_STOPPED: &str = "! ps -eo stat=,args= | grep '^T'";

/// A terminal with `docker attach` in it.
struct Terminal {
    client: Child,
    shown: Receiver<Vec<u8>>,
    /// What was shown and not yet waited for.
    text: String,
    answers: u32,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.client.kill().ok();
        self.client.wait().ok();
    }
}

impl Terminal {
    fn attach(place: &Container) -> Result<Self> {
        // Without a size bash shows no prompt; raw, so that no key is for the client's own terminal.
        let attach = format!(
            "stty rows 24 cols 80 raw -echo; echo it is raw; exec docker attach {}",
            place.name
        );
        let mut client = spawned(&["script", "-qec", &attach, "/dev/null"])?;
        let shown = reader(client.stdout.take());
        let mut terminal = Self { client, shown, text: String::new(), answers: 0 };
        terminal.wait_for("it is raw")?;
        Ok(terminal)
    }

    fn press(&mut self, keys: &str) -> Result<()> {
        let pipe = self.client.stdin.as_mut().context("no keyboard")?;
        pipe.write_all(keys.as_bytes())?;
        Ok(pipe.flush()?)
    }

    fn wait_for(&mut self, words: &str) -> Result<()> {
        let end = Instant::now() + SHORT;
        loop {
            if let Some(at) = self.text.find(words) {
                self.text.drain(..at + words.len());
                return Ok(());
            }
            ensure!(Instant::now() < end, "no {words:?} on the terminal: {:?}", self.text);
            if let Ok(bytes) = self.shown.recv_timeout(Duration::from_millis(100)) {
                self.text.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
    }

    /// Runs a command at the prompt and waits for the prompt after it.
    fn answers(&mut self) -> Result<()> {
        self.answers += 1;
        // What is typed is shown too; what is computed is the answer.
        self.press(&format!("echo answer $((1000 + {}))\n", self.answers))?;
        self.wait_for(&format!("answer {}", 1000 + self.answers))?;
        self.wait_for("# ")
    }
}

pub(super) fn attach() -> Result<()> {
    let place = Container::new("xcate2e-attach")?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    let commands = "lsdef -t site -i domain >/tmp/attached\nexit\n";
    for keys in ["exit\n", END, commands] {
        let mut terminal = Terminal::attach(&place)?;
        terminal.answers()?;
        let before = place.sh("pgrep -fx 'bash -l'")?;
        terminal.press(keys)?;
        place.wait_until(&format!("[ -n \"$(pgrep -fx 'bash -l' | grep -vx {before})\" ]"))?;
        terminal.answers()?;
        ensure!(place.is_running()?, "it ended: {}", place.log()?);
    }
    ensure!(
        place.sh("cat /tmp/attached")?.contains("domain=clusters.com"),
        "the commands are on the PATH"
    );
    ensure!(
        place.sh("stat -c %T /proc/1 >/dev/null; ps -o comm= -p 1")?.trim() == "tini",
        "the first process"
    );
    Ok(())
}

/// A shell that is killed leaves the terminal to nobody: the next one has to take it.
pub(super) fn killed_shell() -> Result<()> {
    let place = Container::new("xcate2e-prompt")?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    let mut terminal = Terminal::attach(&place)?;
    terminal.answers()?;
    for _ in 0..3 {
        terminal.press("kill -9 $$\n")?;
        terminal.answers()?;
        place.sh(NOTHING_IS_STOPPED)?;
    }
    terminal.press("sleep 1000\n")?;
    place.wait_until("pgrep -fx 'sleep 1000'")?;
    place.sh("pkill -KILL -fx 'bash -l'")?;
    place.wait_until("! pgrep -fx 'sleep 1000'")?;
    terminal.answers()?;
    terminal.press("stty -a | grep -c -w -e icanon -e echo >/tmp/modes\n")?;
    terminal.answers()?;
    ensure!(place.sh("cat /tmp/modes")?.trim() != "0", "the modes of the killed shell");
    terminal.press("sleep 1001\n")?;
    place.wait_until("pgrep -fx 'sleep 1001'")?;
    terminal.press(INTERRUPT)?;
    place.wait_until("! pgrep -fx 'sleep 1001'")?;
    terminal.answers()?;
    terminal.press("sleep 1002\n")?;
    place.wait_until("pgrep -fx 'sleep 1002'")?;
    terminal.press(SUSPEND)?;
    terminal.wait_for("Stopped")?;
    terminal.press("kill %1; fg\n")?;
    place.wait_until("! pgrep -fx 'sleep 1002'")?;
    terminal.answers()?;
    place.sh(NOTHING_IS_STOPPED)?;
    let begun = Instant::now();
    ok(&["docker", "stop", "-t", "30", place.name])?;
    ensure!(begun.elapsed() < Duration::from_secs(15), "docker stop had to kill it");
    place.ends(0, &["log in"])
}

/// Keys before there is a prompt end and stop nothing; a banner that is late comes after the prompt.
pub(super) fn slow_start() -> Result<()> {
    let place = Container::new("xcate2e-slow")?;
    let wait = "[ \"$1\" = health ] || until [ -e /tmp/go ]; do sleep 0.2; done";
    place.start_changed(&before("/opt/xcat/sbin/xcatd", wait), &[])?;
    place.wait_until("pgrep -x sshd")?;
    let mut terminal = Terminal::attach(&place)?;
    for (keys, shown) in [(SUSPEND, "^Z"), (INTERRUPT, "^C"), (QUIT, "^\\")] {
        terminal.press(keys)?;
        terminal.wait_for(shown)?;
        place.sh(NOTHING_IS_STOPPED)?;
    }
    // The prompt comes when a minute is over.
    terminal.answers().or_else(|_| terminal.answers())?;
    place.wait_for_line(&["xcatd does not answer yet"])?;
    place.sh("touch /tmp/go")?;
    place.wait_until_healthy()?;
    place.sh("test -e /run/xcat/answered")?;
    place.sh("echo root:changed-e2e | chpasswd")?;
    place.wait_until("! grep -q 'default password' /etc/motd")
}
