//! Waiting for nodes: not longer than it makes sense, and never in silence.
//!
//! A node that boots writes on its serial line all the time. One that has written nothing for minutes stands still, and
//! waiting longer would only hide that; one that writes may be slow. So there are two limits.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::e2e::evidence::serial;
use crate::say::say;

/// Two nodes may boot at the same time on two busy cores without hardware virtualisation.
const LONGEST: Duration = Duration::from_mins(15);
/// The longest silence of a node that is still booting: its firmware's attempts take up to three minutes each.
const SILENCE: Duration = Duration::from_mins(5);
/// How often it is said what is waited for.
const SAY: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_secs(1);

/// Asks again every second until no node is missing.
pub(super) fn wait_for_nodes(
    what: &str,
    mut missing: impl FnMut() -> Result<Vec<&'static str>>,
) -> Result<()> {
    let begun = Instant::now();
    let mut watch = Watch::default();
    let mut said = begun;
    loop {
        let nodes = missing()?;
        if nodes.is_empty() {
            return Ok(());
        }
        let now = Instant::now();
        if let Some(node) =
            nodes.iter().copied().find(|node| watch.is_still(node, length(node), now))
        {
            let minutes = SILENCE.as_secs() / 60;
            bail!("{what}: {node} stands still: nothing on its serial line for {minutes} min");
        }
        if now - begun >= LONGEST {
            bail!("{what}: not within {} s: missing {}", LONGEST.as_secs(), nodes.join(" "));
        }
        if now - said >= SAY {
            said = now;
            say(&format!(
                "  {:5} s  waiting for {what}: {}",
                (now - begun).as_secs(),
                nodes.join(" ")
            ));
        }
        thread::sleep(PAUSE);
    }
}

/// How long the serial output of a node is; nothing is 0.
fn length(node: &str) -> u64 {
    fs::metadata(serial(node)).map_or(0, |meta| meta.len())
}

/// When each node was last seen to write.
#[derive(Default)]
struct Watch(BTreeMap<&'static str, (u64, Instant)>);

impl Watch {
    /// Whether the node has written nothing for too long; `length` is that of all it wrote.
    fn is_still(&mut self, node: &'static str, length: u64, now: Instant) -> bool {
        let (before, since) = self.0.entry(node).or_insert((length, now));
        if *before != length {
            (*before, *since) = (length, now);
        }
        now - *since >= SILENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_node_is_waited_for_and_a_silent_one_is_not() {
        let (mut watch, begun) = (Watch::default(), Instant::now());
        let after = |seconds| begun + Duration::from_secs(seconds);
        assert!(!watch.is_still("n1", 10, begun));
        assert!(!watch.is_still("n1", 11, after(290)));
        assert!(!watch.is_still("n1", 11, after(580)));
        assert!(!watch.is_still("n2", 5, after(580)));
        assert!(watch.is_still("n1", 11, after(590)));
        // a log that was put aside is shorter
        assert!(!watch.is_still("n1", 0, after(590)));
    }
}
