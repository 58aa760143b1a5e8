//! `cargo xtask durability`: kills the daemon while it writes, far more often than the tests do.

use anyhow::{Result, bail};

use crate::run::shown;
use crate::say::say;

/// How often the daemon is killed when nobody says how often.
pub(crate) const ROUNDS: &str = "250";

/// Kills the daemon `rounds` times; the seed of the moments is printed, and taken from `XCAT_DURABILITY_SEED` when that
/// is set.
pub(crate) fn run(rounds: &str) -> Result<()> {
    if rounds.parse::<u64>().is_err() {
        bail!("'{rounds}' is not a number of rounds");
    }
    let seed =
        std::env::var("XCAT_DURABILITY_SEED").unwrap_or_else(|_| std::process::id().to_string());
    say(&format!("== durability: {rounds} kills, XCAT_DURABILITY_SEED={seed}"));
    let (rounds, seed) =
        (format!("XCAT_DURABILITY_ROUNDS={rounds}"), format!("XCAT_DURABILITY_SEED={seed}"));
    let cargo =
        ["cargo", "test", "--locked", "-p", "daemon", "--test", "durability", "--", "--nocapture"];
    shown(&[&["env", &*rounds, &*seed], &cargo[..]].concat())
}
