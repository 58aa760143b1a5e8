//! What is written down about a request, and what is left out or masked (spec/protocol.md section 6). Pure.

use base::Timestamp;
use model::policy::Verdict;
use tables::{Row, Snapshot, ids};

use crate::session::{Peer, Request};

/// Requests that come all the time and are never logged.
const UNLOGGED: &[&str] = &[
    "getdestiny",
    "getbladecons",
    "getipmicons",
    "getopenbmccons",
    "getcons",
    "getpostscript",
    "getcredentials",
    "xcat-complete",
];
/// The row for the audit log, unless the request is not to be audited.
pub(crate) fn row(
    snapshot: &Snapshot,
    request: &Request,
    verdict: &Verdict,
    peer: &Peer,
    now: Timestamp,
) -> Option<Row> {
    let client_type = request.client_type.as_deref().unwrap_or("other");
    if UNLOGGED.contains(&&*request.command) || skipped(snapshot, &request.command, client_type) {
        return None;
    }
    let (time, arguments) =
        (now.local(), command::masked(request.arguments.iter().map(String::as_str)));
    let status = if verdict.allowed { "Allowed" } else { "Denied" };
    let noderange = request.noderange.as_deref().unwrap_or_default();
    let cells = [
        ("audittime", &*time),
        ("userid", &*verdict.username),
        ("clientname", &*peer.host),
        ("clienttype", client_type),
        ("command", &*request.command),
        ("noderange", noderange),
        ("args", &*arguments),
        ("status", status),
    ];
    Row::new(ids::AUDITLOG, cells.into_iter().filter(|(_, text)| !text.is_empty())).ok()
}

/// `site.auditskipcmds`: ALL, or commands and client types.
fn skipped(snapshot: &Snapshot, command: &str, client_type: &str) -> bool {
    let Some(skip) = snapshot.site("auditskipcmds") else { return false };
    skip.to_ascii_lowercase().contains("all")
        || skip.contains(command)
        || skip.contains(&format!("clienttype:{client_type}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Door;
    use tables::Patch;

    #[test]
    fn the_site_decides_what_is_audited() {
        let request = |command: &str| Request {
            command: command.to_owned(),
            arguments: vec!["on".to_owned()],
            ..Request::default()
        };
        let verdict = Verdict { allowed: true, rule: None, username: "root".to_owned() };
        let peer =
            Peer { identity: Some("root".to_owned()), host: "mn".to_owned(), door: Door::Tls };
        let now = Timestamp::default();
        let with = |skip: &str| {
            let mut patch = Patch::new();
            patch.set(ids::SITE, &["auditskipcmds"], &[("value", Some(skip))]);
            Snapshot::empty().apply(&patch).unwrap().0
        };
        let row_of = |snapshot: &Snapshot, command: &str| {
            row(snapshot, &request(command), &verdict, &peer, now)
        };
        let rpower = row_of(&Snapshot::empty(), "rpower").unwrap();
        assert_eq!((rpower.get("args"), rpower.get("status")), (Some("on"), Some("Allowed")));
        assert!(row_of(&Snapshot::empty(), "getdestiny").is_none());
        assert!(row_of(&with("ALL"), "rpower").is_none());
        assert!(row_of(&with("rpower,x"), "rpower").is_none());
        assert!(row_of(&with("clienttype:other"), "rpower").is_none());
        assert!(row_of(&with("tabdump"), "rpower").is_some());
    }
}
