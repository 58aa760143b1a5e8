//! lsdef, mkdef, chdef, rmdef: the objects that the tables together describe.
//!
//! `ask` reads the command line, which the four share, into what is asked for; `draft` collects
//! changes one after the other, each seeing the ones before; `list`, `make`, `change` and `remove`
//! are the commands. The words of all messages are xCAT's, because scripts read them.

mod ask;
mod beside;
mod change;
mod draft;
mod fill;
mod list;
mod make;
mod members;
mod name;
mod remove;
mod shown;
mod stanza;
mod template;

use base::Failure;
use command::{Answer, Item};
use tables::{Patch, Snapshot};

pub(crate) use change::COMMAND as CHDEF;
pub(crate) use list::COMMAND as LSDEF;
pub(crate) use make::COMMAND as MKDEF;
pub(crate) use remove::COMMAND as RMDEF;

use crate::call::Call;
use crate::future::BoxFuture;
use crate::run::{commit, failed};
use crate::services::Services;
use crate::shape::Command;
use crate::sink::Sink;
use beside::Beside;

/// What is said when some of the changes were not made.
const SOME_ERRORS: &str =
    "One or more errors occured when attempting to create or modify xCAT object definitions.";

/// What a command changes, and what it answers.
type Decide = fn(&Call, &Beside) -> Result<(Patch, Answer), Failure>;

/// Decides on the latest tables inside their writer, and commits.
fn edit(
    command: &'static Command,
    decide: Decide,
    (call, services, sink): (Call, Services, Sink),
) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        let beside = Beside::of(&services);
        let asked = call.clone();
        let decide = move |snapshot: &Snapshot| {
            let call = Call { snapshot: snapshot.clone(), ..asked };
            decide(&call, &beside).map_err(|failure| Answer(failed(command, failure)))
        };
        commit(&call, command.name, &services, &sink, decide).await;
        Ok(())
    })
}

/// A line of progress or outcome.
fn info(answer: &mut Answer, text: impl Into<String>) {
    answer.push(Item::Info(text.into()));
}

/// A line of an error whose exit code another item carries.
fn more_error(answer: &mut Answer, text: impl Into<String>) {
    answer.push(Item::Error { text: text.into(), code: 0 });
}
