//! Runs a command in its shape and sends what it answers.
//!
//! Pure work runs on a blocking thread, so that a large answer holds up nobody and a panic is the
//! command's error. An edit is planned inside the writer, committed, and answered when every
//! follower shows it or the wait for them is over.

use std::time::Duration;

use base::{ErrorKind, Failure};
use command::{Answer, Item};
use runtime::fan_out;
use store::{Origin, UpdateError};
use tables::{Patch, Snapshot};

use crate::call::{Call, Request, usage_items};
use crate::services::Services;
use crate::shape::{Behaviour, Command, Help, Job, Plan};
use crate::sink::Sink;
use crate::{VERSION, find};

/// How long an edit waits for what follows the tables.
const FOLLOWERS_DEADLINE: Duration = Duration::from_secs(5);

/// Runs the command of a request. Everything that it answers goes to the sink; it has ended when
/// this returns.
pub async fn run(request: Request, services: Services, sink: Sink) {
    let Some(command) = find(&request.command) else {
        sink.send(unknown(&request.command)).await;
        return;
    };
    match command.behaviour {
        Behaviour::Query(_) => {
            let snapshot = services.store.snapshot();
            let answer = blocking(move || query(command, &request, &snapshot)).await;
            sink.send_all(flat(answer).0).await;
        }
        Behaviour::Edit(_) => run_edit(command, request, &services, &sink).await,
        Behaviour::Nodes(plan) => {
            if let Some(call) = prepared(command, request, &services, &sink).await {
                let (own, to) = (services.clone(), sink.clone());
                let planned = blocking(move || plan(&call, &own, &to)).await;
                run_nodes(command, planned.and_then(|plan| plan), &sink).await;
            }
        }
        Behaviour::Procedure(start) => {
            if let Some(call) = prepared(command, request, &services, &sink).await
                && let Err(failure) = start(call, services, sink.clone()).await
            {
                sink.send_all(failed(command, failure)).await;
            }
        }
    }
}

/// What is said about a command that does not exist: with exit code 0 as in the original, unless it is
/// one that the original has.
fn unknown(name: &str) -> Item {
    match command::absent(name) {
        Some(absent) => Item::error(absent.message()),
        None => Item::Refusal { text: "Unsupported request".to_owned(), code: 0 },
    }
}

/// What a query answers; `Err` carries an answer too, of why not.
pub fn query(
    command: &'static Command,
    request: &Request,
    snapshot: &Snapshot,
) -> Result<Answer, Answer> {
    let call = prepare(command, request, snapshot)?;
    let Behaviour::Query(behaviour) = command.behaviour else { return Err(wrong_shape(command)) };
    behaviour(&call).map_err(|failure| Answer(failed(command, failure)))
}

/// What an edit changes and answers; `Err` carries the answer of an edit that changes nothing.
pub fn edit(
    command: &'static Command,
    request: &Request,
    snapshot: &Snapshot,
) -> Result<(Patch, Answer), Answer> {
    let call = prepare(command, request, snapshot)?;
    let Behaviour::Edit(behaviour) = command.behaviour else { return Err(wrong_shape(command)) };
    behaviour(&call).map_err(|failure| Answer(failed(command, failure)))
}

/// The call, unless the request is answered without it: by usage, or by a refusal.
fn prepare(
    command: &'static Command,
    request: &Request,
    snapshot: &Snapshot,
) -> Result<Call, Answer> {
    let meta = command.meta();
    let call = Call::prepare(meta, request, snapshot).map_err(Answer)?;
    if command.help == Help::Own {
        return Ok(call);
    }
    if call.options.help() {
        return Err(Answer(usage_items(meta, None)));
    }
    if call.options.version() {
        return Err(Answer(vec![Item::data(format!("{} - {VERSION}", meta.name))]));
    }
    Ok(call)
}

async fn prepared(
    command: &'static Command,
    request: Request,
    services: &Services,
    sink: &Sink,
) -> Option<Call> {
    let snapshot = services.store.snapshot();
    match blocking(move || prepare(command, &request, &snapshot)).await {
        Ok(Ok(call)) => return Some(call),
        Ok(Err(answer)) => sink.send_all(answer.0).await,
        Err(failure) => sink.send(failure.into()).await,
    }
    None
}

async fn run_edit(command: &'static Command, request: Request, services: &Services, sink: &Sink) {
    let origin = Origin::new(request.user.clone(), command_line(&request));
    let decide = move |snapshot: &Snapshot| edit(command, &request, snapshot);
    commit_as(origin, services, sink, decide).await;
}

/// Commits what `decide` makes of the latest snapshot in the name of this call, and answers when
/// every follower shows it.
pub(crate) async fn commit(
    call: &Call,
    name: &str,
    services: &Services,
    sink: &Sink,
    decide: impl FnOnce(&Snapshot) -> Result<(Patch, Answer), Answer> + Send + 'static,
) {
    let mut words = vec![name];
    words.extend(call.noderange.as_deref());
    words.extend(call.args.iter().map(String::as_str));
    let origin = Origin::new(call.user.clone(), command::masked(words));
    commit_as(origin, services, sink, decide).await;
}

async fn commit_as(
    origin: Origin,
    services: &Services,
    sink: &Sink,
    decide: impl FnOnce(&Snapshot) -> Result<(Patch, Answer), Answer> + Send + 'static,
) {
    let before = services.store.snapshot().generation();
    match services.store.update_with(origin, decide).await {
        Ok((snapshot, answer)) => {
            sink.send_all(answer.0).await;
            if snapshot.generation() > before {
                await_followers(services, snapshot.generation(), sink).await;
            }
        }
        Err(UpdateError::Rejected(answer)) => sink.send_all(answer.0).await,
        Err(UpdateError::Apply(error)) => {
            sink.send(Failure::from_error(ErrorKind::Conflict, &error).into()).await;
        }
        Err(UpdateError::Store(error)) => sink.send(Failure::from(error).into()).await,
    }
}

pub(crate) async fn await_followers(services: &Services, generation: u64, sink: &Sink) {
    let deadline = tokio::time::Instant::now() + FOLLOWERS_DEADLINE;
    for follower in services.followers.iter() {
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        if !follower.wait_for(generation, left).await {
            let name = follower.name();
            let text = format!("the change is stored, but {name} does not show it yet");
            sink.send(Item::Warning(text)).await;
        }
    }
}

async fn run_nodes(command: &'static Command, plan: Result<Plan, Failure>, sink: &Sink) {
    let Plan { first, jobs, limit, deadline } = match plan {
        Ok(plan) => plan,
        Err(failure) => return sink.send_all(failed(command, failure)).await,
    };
    sink.send_all(first.0).await;
    let names: Vec<_> = jobs.iter().map(|job| job.node.clone()).collect();
    let mut jobs = jobs.into_iter();
    let cancel = sink.cancelled().clone();
    let mut running = fan_out(limit, names, move |_| {
        let job = jobs.next();
        let cancelled = cancel.is_cancelled();
        async move {
            match job {
                Some(job) if !cancelled => run_job(job, deadline).await,
                Some(_) | None => Answer::new(),
            }
        }
    });
    while let Some((node, finished)) = running.next().await {
        match finished {
            Ok(answer) => sink.send_all(answer.0).await,
            Err(panicked) => {
                sink.send(Item::node_error(node.as_str(), panicked.to_string())).await;
            }
        }
    }
}

async fn run_job(job: Job, deadline: Duration) -> Answer {
    let Job { node, work } = job;
    tokio::time::timeout(deadline, work).await.unwrap_or_else(|_| {
        let text = format!("not finished within {} s", deadline.as_secs());
        Answer(vec![Item::node_error(node.as_str(), text)])
    })
}

/// What a command says that failed: a wrong command line is followed by the right ones.
pub(crate) fn failed(command: &Command, failure: Failure) -> Vec<Item> {
    if failure.kind == ErrorKind::Usage {
        return usage_items(command.meta(), Some(&failure.to_string()));
    }
    vec![failure.into()]
}

fn wrong_shape(command: &Command) -> Answer {
    let text = format!("{} is not run this way", command.name);
    Answer(vec![Failure::new(ErrorKind::Internal, text).into()])
}

fn flat(outcome: Result<Result<Answer, Answer>, Failure>) -> Answer {
    match outcome {
        Ok(Ok(answer) | Err(answer)) => answer,
        Err(failure) => Answer(vec![failure.into()]),
    }
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        let reason = if error.is_panic() { "a defect" } else { "shutdown" };
        Failure::new(ErrorKind::Internal, format!("the command was ended by {reason}"))
    })
}

/// The command line for the history, without secrets.
fn command_line(request: &Request) -> String {
    let words = std::iter::once(request.command.as_str())
        .chain(request.noderange.as_deref().filter(|text| !text.is_empty()))
        .chain(request.args.iter().map(String::as_str));
    command::masked(words)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio_util::sync::CancellationToken;

    use super::*;

    static RPOWER: Command = Command::new("rpower", Behaviour::Query(|_| Ok(Answer::new())));

    fn plan(limit: usize, jobs: Vec<Job>) -> Plan {
        Plan { first: Answer::new(), jobs, limit, deadline: Duration::from_secs(10) }
    }

    fn job(node: &str, work: impl Future<Output = Answer> + Send + 'static) -> Job {
        Job::new(node.parse().unwrap(), work)
    }

    async fn items_of(plan: Plan, cancel: CancellationToken) -> Vec<Item> {
        let (sink, mut items) = Sink::new(cancel);
        let collecting = async {
            let mut all = Vec::new();
            while let Some(item) = items.recv().await {
                all.push(item);
            }
            all
        };
        let running = async move { run_nodes(&RPOWER, Ok(plan), &sink).await };
        tokio::join!(running, collecting).1
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_that_hangs_or_panics_is_an_error_of_its_node_only() {
        let jobs = vec![
            job("n1", std::future::pending()),
            job("n2", async { panic!("a defect") }),
            job("n3", async { Answer(vec![Item::node("n3", "on")]) }),
        ];
        let items = items_of(plan(64, jobs), CancellationToken::new()).await;
        assert_eq!(items.len(), 3, "{items:?}");
        assert!(items.contains(&Item::node("n3", "on")));
        assert!(items.contains(&Item::node_error("n1", "not finished within 10 s")));
        let panicked = |item: &Item| matches!(item, Item::NodeError { name, .. } if name == "n2");
        assert!(items.iter().any(panicked));
    }

    #[tokio::test(start_paused = true)]
    async fn after_cancellation_no_further_job_starts() {
        let cancel = CancellationToken::new();
        let started = Arc::new(AtomicUsize::new(0));
        let jobs = (1..=10).map(|number| {
            let (started, cancel) = (started.clone(), cancel.clone());
            job(&format!("n{number}"), async move {
                started.fetch_add(1, Ordering::SeqCst);
                cancel.cancel();
                Answer::new()
            })
        });
        items_of(plan(1, jobs.collect()), cancel.clone()).await;
        assert_eq!(started.load(Ordering::SeqCst), 1);
    }
}
