//! The shapes that the behaviour of a command can have.

use std::future::Future;
use std::time::Duration;

use base::{Failure, NodeName};
use command::{Answer, Meta};
use tables::Patch;

use crate::call::Call;
use crate::future::BoxFuture;
use crate::services::Services;
use crate::sink::Sink;

/// A command with its behaviour.
pub struct Command {
    /// The name under which it is declared in the crate `command`.
    pub name: &'static str,
    /// What it does.
    pub behaviour: Behaviour,
    /// Who answers `--help` and `--version`.
    pub help: Help,
}

/// Who answers `--help` and `--version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Help {
    /// The framework, from the declaration.
    Common,
    /// The command itself.
    Own,
}

/// What a command does.
pub enum Behaviour {
    /// Answers from the tables.
    Query(fn(&Call) -> Result<Answer, Failure>),
    /// Changes the tables.
    Edit(fn(&Call) -> Result<(Patch, Answer), Failure>),
    /// Does something with each node.
    Nodes(fn(&Call, &Services, &Sink) -> Result<Plan, Failure>),
    /// Does something long.
    Procedure(fn(Call, Services, Sink) -> BoxFuture<'static, Result<(), Failure>>),
}

/// What to do with the nodes of a command.
pub struct Plan {
    /// What is answered before the first job.
    pub first: Answer,
    /// One job per node, in the order in which they start.
    pub jobs: Vec<Job>,
    /// How many run at a time.
    pub limit: usize,
    /// How long one may take.
    pub deadline: Duration,
}

/// The work for one node. Nothing happens before the future is polled.
pub struct Job {
    /// The node.
    pub node: NodeName,
    /// The work; its answer is given when it ends.
    pub work: BoxFuture<'static, Answer>,
}

impl Command {
    /// A command whose help is answered by the framework.
    pub const fn new(name: &'static str, behaviour: Behaviour) -> Self {
        Self { name, behaviour, help: Help::Common }
    }

    /// The declaration.
    pub fn meta(&self) -> &'static Meta {
        command::find(self.name).expect("every behaviour has a declaration: a test checks it")
    }
}

impl Job {
    /// A job for `node`.
    pub fn new(node: NodeName, work: impl Future<Output = Answer> + Send + 'static) -> Self {
        Self { node, work: Box::pin(work) }
    }
}
