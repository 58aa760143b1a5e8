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
    let (time, arguments) = (now.local(), request.shown_arguments());
    let status = if verdict.allowed { "Allowed" } else { "Denied" };
    let noderange = request.shown_noderange();
    let cells = [
        ("audittime", &*time),
        ("userid", &*verdict.username),
        ("clientname", &*peer.host),
        ("clienttype", client_type),
        ("command", &*request.command),
        ("noderange", &*noderange),
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
    fn every_secret_of_the_tables_and_objects_is_masked() {
        let columns = tables::TableId::all().flat_map(|table| {
            let columns = table.def().columns.iter().filter(|column| column.secret);
            columns.map(move |column| format!("{table}.{}", column.name))
        });
        let attributes = tables::ObjectType::ALL.iter().flat_map(|object| {
            let secret = object.attributes().iter().filter(|attribute| attribute.is_secret());
            secret.map(|attribute| attribute.name.to_owned()).collect::<Vec<_>>()
        });
        let names: Vec<String> = columns.chain(attributes).collect();
        assert!(names.len() > 20, "{names:?}");
        for name in names {
            for operator in ["=", "==", "!=", "=~", "!~", ",=", "^="] {
                let masked = command::masked([&*format!("{name}{operator}s3cret")]);
                assert!(!masked.contains("s3cret"), "{masked}");
            }
        }
    }

    #[test]
    fn the_site_decides_what_is_audited() {
        let request = |command: &str| Request {
            command: command.to_owned(),
            arguments: vec!["on".to_owned()],
            ..Request::default()
        };
        let verdict = Verdict { allowed: true, rule: None, username: "root".to_owned() };
        let peer =
            Peer { identity: Some("root".to_owned()), host: "mn".to_owned(), door: Door::Local };
        let now = Timestamp::default();
        let with = |skip: &str| {
            let mut patch = Patch::new();
            patch.set(ids::SITE, &["auditskipcmds"], &[("value", Some(skip))]);
            Snapshot::empty().apply(&patch).unwrap().0
        };
        let row_of = |snapshot: &Snapshot, command: &str| {
            super::row(snapshot, &request(command), &verdict, &peer, now)
        };
        let rpower = row_of(&Snapshot::empty(), "rpower").unwrap();
        assert_eq!((rpower.get("args"), rpower.get("status")), (Some("on"), Some("Allowed")));
        let secret = Request {
            command: "nodels".to_owned(),
            noderange: Some("all,ipmi.password==s3cret".to_owned()),
            arguments: vec!["passwd.password=s3cret".to_owned()],
            ..Request::default()
        };
        let row = super::row(&Snapshot::empty(), &secret, &verdict, &peer, now).unwrap();
        assert_eq!(row.get("noderange"), Some("all,ipmi.password=xxxxxxxx"));
        assert_eq!(row.get("args"), Some("passwd.password=xxxxxxxx"));
        assert!(row_of(&Snapshot::empty(), "getdestiny").is_none());
        assert!(row_of(&with("ALL"), "rpower").is_none());
        assert!(row_of(&with("rpower,x"), "rpower").is_none());
        assert!(row_of(&with("clienttype:other"), "rpower").is_none());
        assert!(row_of(&with("tabdump"), "rpower").is_some());
    }
}
