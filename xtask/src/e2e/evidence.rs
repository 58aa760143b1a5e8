//! What a failure leaves: whole in a folder for who can look there, its ends on the terminal for who cannot.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::e2e::world::{CONTAINER, NODES, RANGE};
use crate::run::captured;
use crate::say::say;

/// Where the lab keeps its machines on the host.
const LAB_STATE: &str = "/var/lib/xcat-lab";
/// How many last lines of each answer are shown.
const SHOWN: usize = 40;
/// Longest time for one question: what has failed may not answer any more.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked: the name of the file, then the command.
const QUESTIONS: [(&str, &[&str]); 8] = [
    ("container.log", &["docker", "logs", "--tail", "300", CONTAINER]),
    ("xcatd.log", &["docker", "exec", CONTAINER, "tail", "-n", "2000", "/var/log/xcat/xcatd.log"]),
    ("lsdef.txt", &["docker", "exec", CONTAINER, "/opt/xcat/bin/lsdef", RANGE]),
    ("nodestat.txt", &["docker", "exec", CONTAINER, "/opt/xcat/bin/nodestat", RANGE]),
    ("boot-1.txt", &["docker", "exec", CONTAINER, "/opt/xcat/bin/xcat", "boot", NODES[0]]),
    ("boot-2.txt", &["docker", "exec", CONTAINER, "/opt/xcat/bin/xcat", "boot", NODES[1]]),
    ("lab.txt", &["xcat", "lab", "status"]),
    ("processes.txt", &["top", "-b", "-n", "1", "-w", "150"]),
];

/// Keeps everything in `folder` and shows the end of each.
pub(super) fn keep(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for (name, words) in QUESTIONS {
        let text = captured(words, PATIENCE)
            .map_or_else(|error| format!("{error:#}"), |output| output.text());
        fs::write(folder.join(name), &text)?;
        show(name, &text);
    }
    let lab = Path::new(LAB_STATE);
    copy(&lab.join("serve.log"), folder, "lab.log")?;
    for node in NODES {
        copy(&serial(node), folder, &format!("{node}.serial.log"))?;
    }
    Ok(())
}

/// The file with what a machine of the lab printed on its serial line.
pub(super) fn serial(node: &str) -> PathBuf {
    Path::new(LAB_STATE).join(node).join("serial.log")
}

fn copy(from: &Path, folder: &Path, name: &str) -> Result<()> {
    if from.exists() {
        fs::copy(from, folder.join(name))?;
        show(name, &String::from_utf8_lossy(&fs::read(from)?));
    }
    Ok(())
}

fn show(name: &str, text: &str) {
    say(&format!("--- the end of {name}"));
    for line in last_lines(text, SHOWN) {
        say(&format!("    {line}"));
    }
}

/// The last lines that are not empty, without what would confuse a terminal.
fn last_lines(text: &str, count: usize) -> Vec<String> {
    let plain = plain(text);
    let lines: Vec<&str> = plain.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| (*line).to_owned()).collect()
}

/// Text without escape sequences ("ESC [ numbers letter", or one character after ESC) and control characters.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                if chars.next() == Some('[') {
                    chars.by_ref().find(|c| c.is_ascii_alphabetic() || *c == '@');
                }
            }
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_serial_line_can_be_read() {
        let text = "one\r\n\u{1b}[2J\u{1b}[01;31mtwo\u{1b}[0m\r\n\r\nthree";
        assert_eq!(last_lines(text, 2), ["two", "three"]);
        assert_eq!(last_lines("", 2), [""; 0]);
    }
}
