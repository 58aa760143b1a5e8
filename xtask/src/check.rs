//! `cargo xtask check`: what has to hold before a change goes in, cheapest first.

use anyhow::Result;

use crate::run::{shown, succeeds};
use crate::say::say;
use crate::{reference, tidy};

/// Runs every check; the first that fails ends it.
pub(crate) fn check() -> Result<()> {
    step("fmt", &["cargo", "fmt", "--all", "--check"])?;
    say("== tidy");
    tidy::tidy()?;
    step(
        "clippy",
        &["cargo", "clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"],
    )?;
    if succeeds(&["cargo", "nextest", "--version"]) {
        step("tests", &["cargo", "nextest", "run", "--locked", "--workspace", "--no-fail-fast"])?;
    } else {
        step("tests", &["cargo", "test", "--locked", "--workspace", "--no-fail-fast"])?;
    }
    say("== generated pages");
    reference::run(reference::Mode::Check)
}

fn step(name: &str, words: &[&str]) -> Result<()> {
    say(&format!("== {name}"));
    shown(words)
}
