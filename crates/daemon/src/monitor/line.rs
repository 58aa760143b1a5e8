//! What a line from a node asks for (spec/protocol.md section 8). Pure; the tests are made in the original's order.

use base::Timestamp;
use tables::{Patch, Snapshot, ids};

/// The words that can become a node's status.
const STATUSES: &[&str] = &[
    "alive",
    "unreachable",
    "installing",
    "installed",
    "booting",
    "postbooting",
    "netbooting",
    "booted",
    "powering-on",
    "powering-off",
    "discovering",
    "discovered",
    "configuring",
    "configured",
    "standingby",
    "shell",
    "defined",
    "unknown",
    "failed",
    "bmcready",
];

/// How many words of one line are applied.
const MAX_WORDS: usize = 8;

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// The next state of the chain.
    Next,
    /// These words become the status, one after the other.
    Status(Vec<String>),
    /// The application status.
    AppStatus(String),
    /// A place below the TFTP root to write files to, or no more of that.
    Upload(Wish),
    /// The node's script.
    Script,
    /// The files that are kept the same on all nodes.
    SyncFiles,
    /// Only whether somebody listens.
    Probe,
    /// Something that is not done here.
    Other,
}

/// What a node wants of a place to write files to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To have it.
    Open,
    /// To have it closed.
    Closed,
}

impl Ask {
    /// Reads a line without its end.
    pub(crate) fn read(line: &str) -> Self {
        if line.contains("next") {
            return Self::Next;
        }
        if let Some((_, words)) = line.split_once("installstatus") {
            let known = words.split_whitespace().filter(|word| STATUSES.contains(word));
            return Self::Status(known.take(MAX_WORDS).map(str::to_owned).collect());
        }
        if line.contains("locktftpdir") {
            let wish = if line.starts_with("unlock") { Wish::Open } else { Wish::Closed };
            return Self::Upload(wish);
        }
        if line.starts_with("getpostscript") {
            return Self::Script;
        }
        if line.starts_with("syncfiles") {
            return Self::SyncFiles;
        }
        if let Some((_, text)) = line.split_once("hpcbootstatus") {
            // It is shown on terminals, which must not take orders from nodes.
            return Self::AppStatus(text.trim().replace(char::is_control, " "));
        }
        if line.contains("installmonitor") { Self::Probe } else { Self::Other }
    }
}

/// The change of a node's status; nothing when the site keeps no status.
pub(crate) fn status_patch(snapshot: &Snapshot, node: &str, status: &str, now: Timestamp) -> Patch {
    let mut patch = Patch::new();
    let kept = !matches!(snapshot.site("nodestatus"), Some("n" | "N" | "0"));
    if kept && snapshot.has_node(node) {
        let time = now.table_text();
        let cells = [("status", Some(status)), ("statustime", Some(&*time))];
        patch.set(ids::NODELIST, &[node], &cells);
    }
    patch
}

/// The change of a node's application status.
pub(crate) fn app_status_patch(
    snapshot: &Snapshot,
    node: &str,
    text: &str,
    now: Timestamp,
) -> Patch {
    let mut patch = Patch::new();
    if snapshot.has_node(node) {
        let time = now.table_text();
        let cells = [("appstatus", Some(text)), ("appstatustime", Some(&*time))];
        patch.set(ids::NODELIST, &[node], &cells);
    }
    patch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_in_the_order_of_the_original() {
        let status =
            |words: &[&str]| Ask::Status(words.iter().map(|word| (*word).to_owned()).collect());
        for (line, ask) in [
            ("next", Ask::Next),
            ("installstatus nextish", Ask::Next),
            ("installstatus booted", status(&["booted"])),
            ("installstatus powering-off bogus failed", status(&["powering-off", "failed"])),
            ("hpcbootstatus gpfs=up", Ask::AppStatus("gpfs=up".to_owned())),
            ("hpcbootstatus a\u{1b}]2;x\u{7}", Ask::AppStatus("a ]2;x ".to_owned())),
            ("unlocktftpdir", Ask::Upload(Wish::Open)),
            ("locktftpdir", Ask::Upload(Wish::Closed)),
            ("getpostscript", Ask::Script),
            ("syncfiles", Ask::SyncFiles),
            ("installmonitor", Ask::Probe),
            ("hello", Ask::Other),
        ] {
            assert_eq!(Ask::read(line), ask, "{line}");
        }
        let flood = format!("installstatus {}", "booted ".repeat(500));
        assert_eq!(Ask::read(&flood), status(&["booted"; MAX_WORDS]));
    }

    #[test]
    fn a_status_is_written_with_its_time_unless_the_site_keeps_none() {
        let mut patch = Patch::new();
        patch.set(ids::NODELIST, &["n1"], &[("groups", Some("all"))]);
        let snapshot = Snapshot::empty().apply(&patch).unwrap().0;
        let after = |snapshot: &Snapshot, node| {
            snapshot.apply(&status_patch(snapshot, node, "booted", Timestamp::default())).unwrap().0
        };
        let row = after(&snapshot, "n1");
        let row = row.row(ids::NODELIST, &["n1"]).unwrap();
        assert_eq!((row.get("status"), row.get("groups")), (Some("booted"), Some("all")));
        assert!(row.get("statustime").is_some());
        assert!(!after(&snapshot, "n2").has_node("n2"));
        let mut off = Patch::new();
        off.set(ids::SITE, &["nodestatus"], &[("value", Some("n"))]);
        let off = snapshot.apply(&off).unwrap().0;
        assert!(status_patch(&off, "n1", "booted", Timestamp::default()).is_empty());
    }
}
