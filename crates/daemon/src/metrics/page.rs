//! The metrics, what they mean, and the page of their values; health in words.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use model::BootView;
use netboot::{Ending, Recorder};
use runtime::metrics::MetricKind::{Counter, Gauge, Histogram};
use runtime::metrics::{Exposition, Metric, MetricKind};
use runtime::{TaskState, TaskStatus, Tasks, View};
use store::{LogPage, Store};
use tables::ids;

use super::commands::{CommandCounts, Ended};

/// How long each part may take to show that it works.
const PATIENCE: Duration = Duration::from_secs(2);

const fn metric(
    name: &'static str,
    kind: MetricKind,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind, help, labels }
}

/// Writes the samples of a metric.
type Samples = fn(&Sources, &Metric, &mut Exposition);

/// Every metric and where its values come from, in the order of the page.
static ALL: &[(Metric, Samples)] = &[
    (
        metric("xcat_build_info", Gauge, &["version"], "The version, as a label; always 1."),
        |_, metric, page| page.sample(metric, &[env!("CARGO_PKG_VERSION")], 1),
    ),
    (
        metric(
            "process_start_time_seconds",
            Gauge,
            &[],
            "When the daemon started, in seconds since 1970.",
        ),
        |it, metric, page| page.sample(metric, &[], it.started.unix_millis() / 1000),
    ),
    (
        metric("process_resident_memory_bytes", Gauge, &[], "The memory that the daemon holds."),
        |_, metric, page| page.sample(metric, &[], resident_bytes()),
    ),
    (
        metric("process_open_fds", Gauge, &[], "How many files and sockets are open."),
        |_, metric, page| page.sample(metric, &[], open_files()),
    ),
    (metric("xcat_nodes", Gauge, &[], "How many nodes are defined."), |it, metric, page| {
        page.sample(metric, &[], it.store.snapshot().node_count());
    }),
    (
        metric(
            "xcat_store_generation",
            Gauge,
            &[],
            "The generation of the tables: changes since the beginning.",
        ),
        |it, metric, page| page.sample(metric, &[], it.store.snapshot().generation()),
    ),
    (
        metric(
            "xcat_store_commits_total",
            Counter,
            &[],
            "Transactions since the start; changes that arrive together share one.",
        ),
        |it, metric, page| page.sample(metric, &[], it.store.commits()),
    ),
    (
        metric(
            "xcat_view_lag",
            Gauge,
            &["view"],
            "How many generations a view is behind the tables; it does not stay above 0.",
        ),
        |it, metric, page| page.sample(metric, &["boot"], it.lag()),
    ),
    (
        metric(
            "xcat_task_up",
            Gauge,
            &["task", "state"],
            "1 for a service that runs; 0 for one that waits to be tried again or has ended.",
        ),
        |it, metric, page| {
            for task in it.tasks.status() {
                let (state, up) = state_of(&task);
                page.sample(metric, &[&task.name, state], up);
            }
        },
    ),
    (
        metric(
            "xcat_task_restarts_total",
            Counter,
            &["task"],
            "How often a service was started again.",
        ),
        |it, metric, page| {
            for task in it.tasks.status() {
                page.sample(metric, &[&task.name], task.restarts);
            }
        },
    ),
    (
        metric(
            "xcat_boot_requests_total",
            Counter,
            &["service", "answered", "reason"],
            "Requests of machines to DHCP, TFTP, HTTP and DNS: answered (yes), refused, or met with silence (no), and why.",
        ),
        |it, metric, page| {
            for ending in Ending::ALL {
                page.sample(metric, &ending.labels(), it.recorder.counts().get(*ending));
            }
        },
    ),
    (
        metric(
            "xcat_boot_events_dropped_total",
            Counter,
            &[],
            "Events that were left out of the flight recorder: more than a machine's share, or than the disk takes.",
        ),
        |it, metric, page| page.sample(metric, &[], it.recorder.dropped()),
    ),
    (
        metric(
            "xcat_commands_total",
            Counter,
            &["command", "outcome"],
            "Requests for commands: done, failed, denied by the policy table, or abandoned by the client.",
        ),
        |it, metric, page| {
            for (name, numbers) in it.commands.asked() {
                for ended in Ended::ALL {
                    page.sample(metric, &[name, ended.name()], numbers.of(ended));
                }
            }
        },
    ),
    (
        metric(
            "xcat_command_seconds",
            Histogram,
            &["command"],
            "How long requests for commands took.",
        ),
        |it, metric, page| {
            for (name, numbers) in it.commands.asked() {
                page.durations(metric, &[name], &numbers.durations);
            }
        },
    ),
];

/// Where the values come from.
pub(crate) struct Sources {
    pub(crate) store: Store,
    pub(crate) view: Arc<View<BootView>>,
    pub(crate) tasks: Tasks,
    pub(crate) recorder: Recorder,
    pub(crate) commands: Arc<CommandCounts>,
    pub(crate) started: Timestamp,
}

impl Sources {
    /// The values now.
    pub(super) fn page(&self) -> String {
        let mut page = Exposition::default();
        for (metric, samples) in ALL {
            page.metric(metric);
            samples(self, metric, &mut page);
        }
        page.into_text()
    }

    fn lag(&self) -> u64 {
        self.store.snapshot().generation().saturating_sub(self.view.generation())
    }

    /// What is wrong, a line each; nothing when the tables answer, the views follow them and every service runs.
    pub(super) async fn problems(&self) -> Vec<String> {
        let waiting = self.tasks.status().into_iter().filter_map(|task| match task.state {
            TaskState::Running => None,
            TaskState::Waiting(reason) => Some(format!("{}: {reason}", task.name)),
            TaskState::Ended(reason) => {
                Some(format!("{}: ended: {}", task.name, reason.unwrap_or_default()))
            }
        });
        let mut problems: Vec<String> = waiting.collect();
        let generation = self.store.snapshot().generation();
        if let Err(stale) = self.view.wait_for(generation, PATIENCE).await {
            problems.push(format!("boot services: {stale}"));
        }
        let read = self.store.read_log(ids::AUDITLOG, LogPage::Newest { limit: 1 });
        match tokio::time::timeout(PATIENCE, read).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => problems.push(format!("tables: {}", base::chain(&error))),
            Err(_) => problems.push("tables: no answer in time".to_owned()),
        }
        problems
    }
}

fn state_of(task: &TaskStatus) -> (&'static str, u8) {
    match task.state {
        TaskState::Running => ("running", 1),
        TaskState::Waiting(_) => ("waiting", 0),
        TaskState::Ended(_) => ("ended", 0),
    }
}

/// The resident set, from the kernel; 0 where there is no `/proc`.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// The reference of all metrics, as Markdown.
pub(crate) fn reference() -> String {
    let mut text = String::from(
        "# Metrics\n\n`http://SERVER:3003/metrics` is a page for Prometheus; `/healthz` answers 200 when the tables answer, the \
         boot services show the latest of them and every service runs, else 503 with what is wrong, a line each. The port is \
         `listen.metrics`; `listen.off = [\"metrics\"]` closes it. The pages hold no names of nodes and no secrets.\n\n\
         | metric | kind | labels | meaning |\n|---|---|---|---|\n",
    );
    for (Metric { name, kind, help, labels }, _) in ALL {
        let (kind, labels) = (kind.name(), labels.join(", "));
        append(&mut text, format_args!("| `{name}` | {kind} | {labels} | {help} |\n"));
    }
    text.push_str("\nThe reasons of `xcat_boot_requests_total`:\n\n| service | answered | reasons |\n|---|---|---|\n");
    for (service, answered) in groups() {
        let reasons = Ending::ALL.iter().map(|ending| ending.labels());
        let reasons: Vec<&str> =
            reasons.filter(|it| it[0] == service && it[1] == answered).map(|it| it[2]).collect();
        append(&mut text, format_args!("| {service} | {answered} | {} |\n", reasons.join(", ")));
    }
    text
}

fn append(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a String does not fail");
}

fn groups() -> Vec<(&'static str, &'static str)> {
    let mut groups = Vec::new();
    for [service, answered, _] in Ending::ALL.iter().map(|ending| ending.labels()) {
        if !groups.contains(&(service, answered)) {
            groups.push((service, answered));
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_named_as_prometheus_asks() {
        for (metric, _) in ALL {
            let total = metric.name.ends_with("_total");
            assert_eq!(total, metric.kind == MetricKind::Counter, "{}", metric.name);
            assert!(metric.help.ends_with('.'), "{}", metric.name);
            assert!(reference().contains(metric.help));
        }
        assert!(resident_bytes() > 1_000_000 && open_files() > 2);
    }
}
