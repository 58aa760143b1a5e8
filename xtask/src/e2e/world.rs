//! The machine under test: the container, its commands, its nodes, and the evidence that a failure leaves.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::e2e::evidence;
use crate::e2e::patience::wait_for_nodes;
use crate::run::{Output, captured, top};
use crate::say::say;

/// The container of `container/.env`.
pub(crate) const CONTAINER: &str = "xcatmn";
/// Its address on the management network.
pub(crate) const ADDRESS: &str = "10.5.107.101";
/// The image that the journey builds and boots.
pub(crate) const OSIMAGE: &str = "debian13-x86_64-netboot-lab";
/// The two nodes of the lab: the first boots by BIOS, the second by UEFI.
pub(crate) const NODES: [&str; 2] = ["vnode01", "vnode02"];
/// Both of them.
pub(crate) const RANGE: &str = "vnode01-vnode02";
/// Longest time for a command that has only to answer.
pub(crate) const SHORT: Duration = Duration::from_mins(1);

/// What the cases share.
pub(crate) struct World {
    artifacts: PathBuf,
    /// Containers that cases have made for themselves.
    helpers: Vec<&'static str>,
}

impl World {
    pub(crate) fn new() -> Result<Self> {
        let artifacts = top().join("artifacts/e2e");
        if artifacts.exists() {
            fs::remove_dir_all(&artifacts).with_context(|| artifacts.display().to_string())?;
        }
        Ok(Self { artifacts, helpers: Vec::new() })
    }

    /// Stops what the cases started; the management node and its volumes stay for a look.
    pub(crate) fn end(&mut self) {
        let down = captured(&["xcat", "lab", "down"], SHORT);
        report("xcat lab down", &down);
        for name in self.helpers.drain(..) {
            report("docker rm", &captured(&["docker", "rm", "-f", "-v", name], SHORT));
        }
    }

    /// Runs a helper container that is removed in the end.
    pub(crate) fn helper(&mut self, name: &'static str, words: &[&str]) -> Result<Output> {
        captured(&["docker", "rm", "-f", "-v", name], SHORT)?;
        self.helpers.push(name);
        let mut line = vec!["docker", "run", "--name", name];
        line.extend_from_slice(words);
        captured(&line, SHORT)
    }

    /// Keeps logs, timelines and serial output, and shows their ends.
    pub(crate) fn keep_evidence(&self, case: &str) {
        let folder = self.artifacts.join(case.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
        if let Err(error) = evidence::keep(&folder) {
            say(&format!("evidence is incomplete: {error:#}"));
        }
        say(&format!("evidence in {}", folder.display()));
    }
}

fn report(what: &str, result: &Result<Output>) {
    if let Err(error) = result {
        say(&format!("{what}: {error:#}"));
    }
}

/// Runs a command of the management node and gives back how it ended.
pub(crate) fn mn(words: &[&str], deadline: Duration) -> Result<Output> {
    let mut line = vec!["docker", "exec", CONTAINER];
    line.extend_from_slice(words);
    captured(&line, deadline)
}

/// Runs a command of the management node that has to succeed; gives back its standard output.
pub(crate) fn ok(words: &[&str], deadline: Duration) -> Result<String> {
    let output = mn(words, deadline)?;
    ensure!(
        output.status == 0,
        "`{}` ended with {}: {}",
        words.join(" "),
        output.status,
        output.text()
    );
    Ok(output.stdout)
}

/// Runs a command that has to fail with one clear line, and only that line, which has these words in it.
pub(crate) fn refused(words: &[&str], expected: &[&str]) -> Result<()> {
    let output = mn(words, Duration::from_mins(4))?;
    let text = output.text();
    ensure!(output.status != 0, "`{}` succeeded: {text}", words.join(" "));
    one_clear_line(&text, expected).with_context(|| format!("`{}`", words.join(" ")))
}

/// Of what a failed command said, exactly one line is an error and it has these words in it.
pub(crate) fn one_clear_line(text: &str, expected: &[&str]) -> Result<()> {
    let errors: Vec<&str> = text.lines().filter(|line| line.contains("Error")).collect();
    ensure!(errors.len() == 1, "{} lines of error, wanted one: {text}", errors.len());
    let line = errors[0].to_lowercase();
    for word in expected {
        ensure!(
            line.contains(&word.to_lowercase()),
            "the error does not mention {word:?}: {}",
            errors[0]
        );
    }
    ensure!(!line.contains("panicked"), "a panic: {text}");
    Ok(())
}

/// Asks again every second until the answer is yes; what it waits for stands in the failure.
pub(crate) fn wait_until(
    what: &str,
    deadline: Duration,
    mut ask: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let end = Instant::now() + deadline;
    loop {
        if ask()? {
            return Ok(());
        }
        if Instant::now() >= end {
            bail!("{what}: not within {} s", deadline.as_secs());
        }
        thread::sleep(Duration::from_secs(1));
    }
}

/// Waits until both nodes have reported that they booted, and their sshd answers: it starts beside that report.
pub(crate) fn wait_booted() -> Result<()> {
    wait_for_lines(&["nodels", RANGE, "nodelist.status"], ": booted")?;
    wait_for_lines(&["nodestat", RANGE], ": sshd")
}

/// Waits until a command says of every node what it should.
fn wait_for_lines(words: &[&str], ending: &str) -> Result<()> {
    wait_for_nodes(&format!("`{}` saying{ending}", words.join(" ")), || {
        let answer = ok(words, SHORT)?;
        let said = |node: &str| {
            let line = |line: &&str| line.starts_with(node) && line.trim_end().ends_with(ending);
            answer.lines().find(line).is_some()
        };
        Ok(NODES.into_iter().filter(|node| !said(node)).collect())
    })
}
