//! Which services of nodes are looked at, and what their answers say of a node. Pure.

use base::{ErrorKind, Failure, NodeName};
use remote::Knock;
use tables::{Snapshot, ids};

/// The services that are looked at without settings.
const USUAL: &[(&str, u16)] =
    &[("sshd", 22), ("https", 443), ("pbs", 15002), ("xend", 8002), ("rdp", 3389), ("msrpc", 135)];

/// The ports of further services that settings may name.
const KNOWN: &[(&str, u16)] = &[
    ("ftp", 21),
    ("ssh", 22),
    ("pbs_mom", 15002),
    ("ll", 9616),
    ("loadl", 9616),
    ("loadl_master", 9616),
    ("loadleveler", 9616),
    ("gpfs", 1191),
];

/// The name under which table `monsetting` has these settings.
const PLUGIN: &str = "xcatmon";

/// A service of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct App {
    pub(super) name: String,
    pub(super) port: u16,
    /// The groups whose nodes have it; all nodes when there are none.
    groups: Vec<String>,
}

impl App {
    fn usual((name, port): (&str, u16)) -> Self {
        Self { name: name.to_owned(), port, groups: Vec::new() }
    }

    /// Whether `node` is to have it.
    pub(super) fn is_of(&self, snapshot: &Snapshot, node: &NodeName) -> bool {
        let member = |group: &String| {
            snapshot.group_members(group).is_some_and(|members| members.contains(node))
        };
        self.groups.is_empty() || self.groups.iter().any(member)
    }
}

/// The services that are looked at when nothing is set.
pub(super) fn usual() -> Vec<App> {
    USUAL.iter().copied().map(App::usual).collect()
}

/// The services that table `monsetting` names, and sshd; the usual ones when it names none.
pub(super) fn set(snapshot: &Snapshot) -> Result<Vec<App>, Failure> {
    let value = |key: &str| {
        let row = snapshot.row(ids::MONSETTING, &[PLUGIN, key]).filter(|row| row.enabled())?;
        row.get("value").map(str::trim).filter(|value| !value.is_empty())
    };
    let Some(names) = value("apps") else { return Ok(usual()) };
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    let mut apps = names
        .map(|name| app(name, value(name).unwrap_or_default()))
        .collect::<Result<Vec<_>, _>>()?;
    // As in the original, whatever groups are set: without it a node of no such group would never be asked anything.
    match apps.iter_mut().find(|app| app.name == "sshd") {
        Some(sshd) => sshd.groups.clear(),
        None => apps.push(App::usual(("sshd", 22))),
    }
    Ok(apps)
}

/// One service by its setting, such as `port=9616,group=compute`.
fn app(name: &str, setting: &str) -> Result<App, Failure> {
    let mut port =
        USUAL.iter().chain(KNOWN).find(|(known, _)| *known == name).map(|(_, port)| *port);
    let mut groups = Vec::new();
    for (key, value) in setting.split(',').filter_map(|part| part.trim().split_once('=')) {
        match key {
            "group" => groups.push(value.to_owned()),
            "port" => port = Some(value.parse().map_err(|_| bad_port(name, value))?),
            "cmd" | "lcmd" | "dcmd" => return Err(by_command(name, key)),
            _ => {}
        }
    }
    let port = port.ok_or_else(|| {
        Failure::new(
            ErrorKind::NotFound,
            format!(
                "Cannot find port number for application {name}. Please either specify a port \
                 number or a command in monsetting table for {name}."
            ),
        )
    })?;
    Ok(App { name: name.to_owned(), port, groups })
}

fn bad_port(name: &str, value: &str) -> Failure {
    let text = format!("monsetting: the port '{value}' of {name} is not a port number");
    Failure::new(ErrorKind::Conflict, text)
}

fn by_command(name: &str, key: &str) -> Failure {
    let text = format!("monsetting: asking {name} by a command ({key}=) is not available yet");
    Failure::new(ErrorKind::NotFound, text).hint(format!("set {name} to port=NUMBER"))
}

/// What is known of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// `ping`, `ping STATE`, `noping` or `nosuchhost`.
    pub(super) status: String,
    /// The services that answered, by name.
    pub(super) open: Vec<String>,
    /// `sshd=up,pbs=down`: all services that were looked at.
    pub(super) detail: Vec<(String, bool)>,
}

impl Report {
    /// The report of a node whose services answered so; `state` is what it was last told to boot.
    pub(super) fn of(knocks: &[(String, Knock)], state: Option<&str>) -> Self {
        let names = |wanted: Knock| knocks.iter().filter(move |(_, knock)| *knock == wanted);
        let mut open: Vec<String> = names(Knock::Open).map(|(name, _)| name.clone()).collect();
        open.sort();
        let status = match state {
            _ if !open.is_empty() => "ping".to_owned(),
            _ if names(Knock::Refused).next().is_none() => "noping".to_owned(),
            Some(state) => format!("ping {state}"),
            None => "ping".to_owned(),
        };
        let detail = knocks.iter().map(|(name, knock)| (name.clone(), *knock == Knock::Open));
        Self { status, open, detail: detail.collect() }
    }

    /// The report of a node whose address nobody knows.
    pub(super) fn nowhere() -> Self {
        Self { status: "nosuchhost".to_owned(), open: Vec::new(), detail: Vec::new() }
    }

    /// Whether nothing came back.
    pub(super) fn is_silent(&self) -> bool {
        self.status == "noping"
    }

    /// What is printed.
    pub(super) fn line(&self) -> String {
        if self.open.is_empty() { self.status.clone() } else { self.open.join(",") }
    }

    /// The new text of `nodelist.appstatus`: what else is noted there stays.
    pub(super) fn merged(&self, old: &str) -> String {
        if !self.status.starts_with("ping") {
            return String::new();
        }
        let mut parts: Vec<(&str, &str)> =
            old.split(',').filter_map(|part| part.split_once('=')).collect();
        for (name, up) in &self.detail {
            let value = if *up { "up" } else { "down" };
            match parts.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => *known = value,
                None => parts.push((name, value)),
            }
        }
        let parts: Vec<String> =
            parts.iter().map(|(name, value)| format!("{name}={value}")).collect();
        parts.join(",")
    }
}

#[cfg(test)]
mod tests {
    use tables::Patch;

    use super::*;

    fn cluster(settings: &[(&str, &str)]) -> Snapshot {
        let mut patch = Patch::new();
        patch.set(ids::NODELIST, &["n1"], &[("groups", Some("compute"))]);
        patch.set(ids::NODELIST, &["n2"], &[("groups", Some("login"))]);
        for (key, value) in settings {
            patch.set(ids::MONSETTING, &[PLUGIN, key], &[("value", Some(value))]);
        }
        Snapshot::empty().apply(&patch).unwrap().0
    }

    fn knocks(all: &[(&str, Knock)]) -> Vec<(String, Knock)> {
        all.iter().map(|(name, knock)| ((*name).to_owned(), *knock)).collect()
    }

    #[test]
    fn a_node_is_what_its_services_say() {
        use Knock::{Open, Refused, Silent};
        for (all, state, line, status) in [
            (knocks(&[("sshd", Open), ("https", Open)]), Some("boot"), "https,sshd", "ping"),
            (knocks(&[("sshd", Refused), ("pbs", Silent)]), Some("boot"), "ping boot", "ping boot"),
            (knocks(&[("sshd", Refused)]), None, "ping", "ping"),
            (knocks(&[("sshd", Silent)]), Some("boot"), "noping", "noping"),
        ] {
            let report = Report::of(&all, state);
            assert_eq!((&*report.line(), &*report.status), (line, status));
        }
    }

    #[test]
    fn what_others_noted_of_applications_stays() {
        let report = Report::of(&knocks(&[("sshd", Knock::Open), ("pbs", Knock::Refused)]), None);
        assert_eq!(report.merged(""), "sshd=up,pbs=down");
        assert_eq!(report.merged("gpfs=up,sshd=down"), "gpfs=up,sshd=up,pbs=down");
        assert_eq!(Report::of(&knocks(&[("sshd", Knock::Silent)]), None).merged("gpfs=up"), "");
    }

    #[test]
    fn settings_name_services_with_ports_and_groups() {
        let snapshot = cluster(&[("apps", "ll, some"), ("some", "port=77,group=compute,group=x")]);
        let apps = set(&snapshot).unwrap();
        let named: Vec<_> = apps.iter().map(|app| (&*app.name, app.port)).collect();
        assert_eq!(named, [("ll", 9616), ("some", 77), ("sshd", 22)]);
        let [n1, n2] = ["n1", "n2"].map(|name| NodeName::parse(name).unwrap());
        assert!(apps[1].is_of(&snapshot, &n1) && !apps[1].is_of(&snapshot, &n2));
        assert!(apps[0].is_of(&snapshot, &n2));
        assert_eq!(set(&cluster(&[])).unwrap(), usual());
        let limited = cluster(&[("apps", "sshd"), ("sshd", "group=compute")]);
        assert!(set(&limited).unwrap()[0].is_of(&limited, &n2), "sshd is looked at everywhere");
        for (setting, told) in [
            ("", "Cannot find port number for application odd."),
            ("port=many", "the port 'many' of odd is not a port number"),
            ("dcmd=/tmp/x", "hint: set odd to port=NUMBER"),
        ] {
            let refused = set(&cluster(&[("apps", "odd"), ("odd", setting)])).unwrap_err();
            assert!(refused.to_string().contains(told), "{refused}");
        }
    }
}
