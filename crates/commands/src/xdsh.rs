//! xdsh: a command on many nodes over ssh. Lines come back as `node: line`, each node's together,
//! or as they arrive with `-s`.

mod shell;

use std::net::IpAddr;
use std::time::Duration;

use base::{Failure, NodeName};
use command::{Answer, Item};
use model::flight::{BootEvent, Step};
use model::names;
use remote::{Knock, Line, RunError, Stream, knock, ssh};
use tables::Snapshot;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::call::Call;
use crate::services::Services;
use crate::shape::{Behaviour, Command, Job, Plan};
use crate::sink::Sink;
use shell::{LONGEST, Printing, Shell};

pub(crate) static COMMAND: Command = Command::new("xdsh", Behaviour::Nodes(xdsh));

/// How much of a node's output waits for its end; with more, what there is goes out, so that a node
/// that prints without end fills no memory.
const MAX_KEPT: usize = 1024 * 1024;

/// ssh's exit code when it could not run the command.
const SSH_FAILED: i32 = 255;

/// How long a node that is verified may take to answer.
const VERIFYING: Duration = Duration::from_secs(5);

const SSH_PORT: u16 = 22;

fn xdsh(call: &Call, services: &Services, sink: &Sink) -> Result<Plan, Failure> {
    let shell = Shell::read(call)?;
    let nodes = call.required_nodes()?;
    let job = |node: &NodeName| {
        let target = Target { node: node.clone(), host: address(&call.snapshot, node) };
        let (services, sink, shell) = (services.clone(), sink.clone(), shell.clone());
        Job::new(node.clone(), async move { target.answer(&services, &sink, &shell).await })
    };
    Ok(Plan {
        first: Answer::new(),
        jobs: nodes.iter().map(job).collect(),
        limit: shell.fanout,
        deadline: LONGEST,
    })
}

/// The node's address if the tables know it, else its name.
fn address(snapshot: &Snapshot, node: &NodeName) -> String {
    let address = names::address_of(snapshot, node.as_str());
    address.as_ref().map_or_else(|| node.to_string(), IpAddr::to_string)
}

/// A node and where it is reached.
struct Target {
    node: NodeName,
    host: String,
}

/// How a node's run ended.
enum Ending {
    /// With this code.
    Code(i32),
    /// It printed nothing for so long that it was ended.
    Silence(Duration),
    /// Otherwise.
    Failed(RunError),
}

impl Target {
    async fn answer(&self, services: &Services, sink: &Sink, shell: &Shell) -> Answer {
        let node = &self.node;
        if shell.verify && !self.answers(services, shell).await {
            let text = format!(
                "{node} is not responding, make sure it is a node object and is defined in xCATdb. \
                 No command will be issued to this host."
            );
            return Answer(vec![Item::error(text)]);
        }
        if shell.monitor {
            sink.send(Item::data(format!("dsh>  Remote_command_started {node}"))).await;
        }
        let (ending, lines) = self.run(services, sink, shell).await;
        let mut answer = Answer(lines);
        self.conclude(services, &ending, shell, &mut answer);
        if shell.monitor {
            let good = matches!(ending, Ending::Code(0));
            let word = if good { "successful" } else { "failed" };
            answer.line(format!("dsh>  Remote_command_{word} {node}"));
        }
        answer
    }

    /// Whether something listens where ssh is going to be.
    async fn answers(&self, services: &Services, shell: &Shell) -> bool {
        let port = shell.port().or(services.ssh.port).unwrap_or(SSH_PORT);
        knock((self.host.as_str(), port), VERIFYING).await == Knock::Open
    }

    async fn run(&self, services: &Services, sink: &Sink, shell: &Shell) -> (Ending, Vec<Item>) {
        let mut options = (*services.ssh).clone();
        options.user.clone_from(&shell.user);
        options.options.push(format!("HostKeyAlias={}", self.node));
        options.options.extend(shell.options.iter().cloned());
        let program = ssh::command(&self.host, &options, &shell.script).keep(0);
        let (lines, received) = mpsc::channel::<Line>(64);
        let silent = sink.cancelled().child_token();
        let work = program.run_lines(&silent, lines);
        let (outcome, kept) = tokio::join!(work, self.collect(received, sink, shell, &silent));
        let ending = match (outcome, shell.timeout) {
            (Ok(output), _) => Ending::Code(output.exit.code()),
            (Err(RunError::Cancelled { .. }), Some(timeout))
                if !sink.cancelled().is_cancelled() =>
            {
                Ending::Silence(timeout)
            }
            (Err(error), _) => Ending::Failed(error),
        };
        (ending, kept)
    }

    /// Passes on what a node prints, or keeps it until the node has ended. A node that prints nothing for too long is
    /// ended by `silent`.
    async fn collect(
        &self,
        mut lines: mpsc::Receiver<Line>,
        sink: &Sink,
        shell: &Shell,
        silent: &CancellationToken,
    ) -> Vec<Item> {
        let (mut kept, mut size) = (Vec::new(), 0);
        loop {
            let next = tokio::time::timeout(shell.timeout.unwrap_or(LONGEST), lines.recv());
            let line = match next.await {
                Ok(Some(line)) => line,
                Ok(None) => return kept,
                Err(_) => {
                    silent.cancel();
                    return kept;
                }
            };
            if shell.output == Printing::Silent {
                continue;
            }
            size += line.text.len() + size_of::<Item>();
            kept.push(self.shown(&line));
            if shell.output == Printing::Stream || size > MAX_KEPT {
                sink.send_all(kept.drain(..)).await;
                size = 0;
            }
        }
    }

    fn shown(&self, line: &Line) -> Item {
        let text = format!("{}: {}", self.node, line.text);
        match line.stream {
            Stream::Stdout => Item::data(text),
            Stream::Stderr => Item::Stderr(text),
        }
    }

    /// Adds what is said of the end.
    fn conclude(&self, services: &Services, ending: &Ending, shell: &Shell, answer: &mut Answer) {
        let node = &self.node;
        let code = match ending {
            Ending::Code(code) => *code,
            Ending::Silence(limit) => {
                let text = format!("no output for {} s; the command was ended", limit.as_secs());
                answer.push(Item::node_error(node.as_str(), text));
                return;
            }
            Ending::Failed(error) => {
                answer.push(Item::node_error(node.as_str(), base::chain(error)));
                return;
            }
        };
        if code == SSH_FAILED {
            answer.error(format!("{node} remote shell had error code: {code}"));
            return;
        }
        if shell.exit_status {
            answer.line(format!("{node}: Remote_command_rc = {code}"));
        }
        if code != 0 {
            answer.error(format!(" {node} remote Command had return code: {code} "));
        }
        self.record(services);
    }

    /// Only the first such answer of a boot tells anything: a full recorder may lose others.
    fn record(&self, services: &Services) {
        let (time, node) = (services.clock.now(), Some(self.node.clone()));
        let text = "answered over ssh".to_owned();
        let event = BootEvent { time, node, mac: None, step: Step::Ssh, text };
        if services.events.try_send(event).is_err() {
            tracing::debug!(node = %self.node, "the recorder is busy; an ssh answer is not recorded");
        }
    }
}
