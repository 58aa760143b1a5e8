//! The management node's container, seen from its host: its networks, and commands run in it.

use std::io::Write;
use std::time::Duration;

use base::{ErrorKind, Failure};
use remote::{Line, Output, Program, RunError, Stream};
use runtime::Shutdown;
use serde_json::Value;
use tokio::sync::mpsc;

use super::internal;
use super::plan::Network;

const INSPECT_LIMIT: Duration = Duration::from_secs(30);
const BRIDGE_OPTION: &str = "com.docker.network.bridge.name";

/// A container by its name.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub(crate) name: String,
}

/// A command in the container, as it is shown and as it is run.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    words: Vec<String>,
    stdin: Option<String>,
    /// What stands on its standard input, in words, when that must not be shown.
    note: String,
    limit: Duration,
}

impl Step {
    /// A command that has this long.
    pub(crate) fn new(line: &str, limit: Duration) -> Self {
        let words = line.split_whitespace().map(str::to_owned).collect();
        Self { words, stdin: None, note: String::new(), limit }
    }

    /// Gives it text that is not shown, but described.
    pub(crate) fn stdin(mut self, text: String, note: &str) -> Self {
        self.stdin = Some(text);
        note.clone_into(&mut self.note);
        self
    }

    fn shown(&self) -> String {
        let note = if self.note.is_empty() { String::new() } else { format!("   # {}", self.note) };
        format!("+ {}{note}", self.words.join(" "))
    }
}

impl Container {
    /// Finds management and service network; one network may be both.
    pub(crate) async fn networks(
        &self,
        management: &str,
        service: &str,
    ) -> Result<(Network, Network), Failure> {
        let hint = "start the management node first: ./up";
        let inspected = docker(&["inspect", &self.name]).await.map_err(|f| f.hint(hint))?;
        let joined = joined_networks(&inspected);
        let management = self.network(&joined, management).await?;
        let service = if joined.iter().any(|name| name == service) {
            self.network(&joined, service).await?
        } else {
            management.clone()
        };
        Ok((management, service))
    }

    async fn network(&self, joined: &[String], name: &str) -> Result<Network, Failure> {
        if !joined.iter().any(|known| known == name) {
            let message = format!(
                "container {} is not on the network {name}, but on: {}",
                self.name,
                joined.join(", ")
            );
            let hint = "name it with --mgt-network and --svc-network";
            return Err(Failure::new(ErrorKind::NotFound, message).hint(hint));
        }
        let inspected = docker(&["network", "inspect", name]).await?;
        read_network(name, &inspected).ok_or_else(|| {
            let message = format!("docker network {name} is no bridge with an IPv4 subnet");
            Failure::new(ErrorKind::Conflict, message)
        })
    }

    /// Whether the container can be talked to.
    pub(crate) async fn answers(&self) -> bool {
        self.quietly(&Step::new("true", INSPECT_LIMIT)).await.is_ok_and(|output| output.success())
    }

    /// Runs a command and shows nothing.
    pub(crate) async fn quietly(&self, step: &Step) -> Result<Output, Failure> {
        let run = self.program(step).run(&Shutdown::new()).await;
        run.map_err(|error| run_failure(step, &error))
    }

    /// Shows a command, runs it, and shows what it prints while it does.
    pub(crate) async fn attempt(&self, step: &Step) -> Result<Output, Failure> {
        say(&step.shown());
        let (sender, mut lines) = mpsc::channel::<Line>(64);
        let (program, shutdown) = (self.program(step), Shutdown::new());
        let show = async {
            while let Some(line) = lines.recv().await {
                show(&line);
            }
        };
        let (run, ()) = tokio::join!(program.run_lines(&shutdown, sender), show);
        run.map_err(|error| run_failure(step, &error))
    }

    /// The same for a command without which there is no going on.
    pub(crate) async fn run(&self, step: &Step) -> Result<Output, Failure> {
        let output = self.attempt(step).await?;
        if output.success() {
            return Ok(output);
        }
        let message = format!("'{}' ended with {}", step.words.join(" "), output.exit);
        Err(Failure::new(ErrorKind::Conflict, message))
    }

    fn program(&self, step: &Step) -> Program {
        let path = "PATH=/opt/xcat/bin:/opt/xcat/sbin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        Program::new("docker")
            .args(["exec", "-i", "-e", path, &self.name])
            .args(step.words.iter().cloned())
            .stdin(step.stdin.clone().unwrap_or_default())
            .deadline(step.limit)
    }
}

fn run_failure(step: &Step, error: &RunError) -> Failure {
    Failure::new(error.kind(), format!("'{}': {}", step.words.join(" "), base::chain(error)))
}

/// One line for the user.
pub(crate) fn say(text: &str) {
    let mut stdout = std::io::stdout().lock();
    // whoever closed our standard output does not want to know
    if writeln!(stdout, "{text}").and_then(|()| stdout.flush()).is_err() {
        tracing::debug!("standard output is closed");
    }
}

fn show(line: &Line) {
    match line.stream {
        Stream::Stdout | Stream::Stderr => say(&format!("  {}", line.text)),
    }
}

async fn docker(arguments: &[&str]) -> Result<Value, Failure> {
    let program = Program::new("docker").args(arguments.iter().copied()).deadline(INSPECT_LIMIT);
    let line = format!("docker {}", arguments.join(" "));
    let output = program.run(&Shutdown::new()).await.map_err(|error| internal(&line, &error))?;
    if !output.success() {
        return Err(Failure::new(ErrorKind::NotFound, format!("{line}: {}", output.last_line())));
    }
    serde_json::from_str(&output.stdout).map_err(|error| internal(&line, &error))
}

fn joined_networks(inspected: &Value) -> Vec<String> {
    let networks = &inspected[0]["NetworkSettings"]["Networks"];
    networks.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default()
}

fn read_network(name: &str, inspected: &Value) -> Option<Network> {
    let network = inspected.get(0)?;
    let id = network["Id"].as_str()?.get(..12)?;
    let bridge = network["Options"][BRIDGE_OPTION]
        .as_str()
        .map_or_else(|| format!("br-{id}"), str::to_owned);
    let configs = network["IPAM"]["Config"].as_array()?;
    let mut subnets = configs.iter().filter_map(|config| config["Subnet"].as_str());
    let subnet = subnets.find_map(|text| text.parse().ok())?;
    Some(Network { name: name.to_owned(), bridge, subnet })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_network_is_read_with_its_bridge_and_first_ipv4_subnet() {
        let mut inspected = json!([{
            "Name": "mgtnet", "Id": "0123456789abcdef0123",
            "IPAM": {"Config": [{"Subnet": "fd00::/64"}, {"Subnet": "10.5.107.0/24"}]},
            "Options": {"com.docker.network.bridge.name": "mgtbr"}
        }]);
        let network = read_network("mgtnet", &inspected).unwrap();
        assert_eq!((network.bridge.as_str(), network.subnet.prefix_len()), ("mgtbr", 24));
        inspected[0]["Options"] = json!({});
        assert_eq!(read_network("mgtnet", &inspected).unwrap().bridge, "br-0123456789ab");
        inspected[0]["IPAM"]["Config"] = json!([]);
        assert_eq!(read_network("mgtnet", &inspected), None);
    }

    #[test]
    fn what_stands_on_standard_input_is_described_and_not_shown() {
        let step = Step::new("mkdef -z", INSPECT_LIMIT).stdin("hunter2".into(), "the nodes");
        assert_eq!(step.shown(), "+ mkdef -z   # the nodes");
    }
}
