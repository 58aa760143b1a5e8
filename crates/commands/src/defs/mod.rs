//! lsdef, mkdef, chdef, rmdef: the objects that the tables together describe.
//!
//! `ask` reads the command line, which the four share, into what is asked for; `draft` collects
//! changes one after the other, each seeing the ones before; `list`, `make`, `change` and `remove`
//! are the commands. The words of all messages are xCAT's, because scripts read them.

mod ask;
mod change;
mod draft;
mod list;
mod make;
mod members;
mod name;
mod remove;
mod stanza;

use command::{Answer, Item};

pub(crate) use change::COMMAND as CHDEF;
pub(crate) use list::COMMAND as LSDEF;
pub(crate) use make::COMMAND as MKDEF;
pub(crate) use remove::COMMAND as RMDEF;

/// What is said when some of the changes were not made.
const SOME_ERRORS: &str =
    "One or more errors occured when attempting to create or modify xCAT object definitions.";

/// A line of progress or outcome.
fn info(answer: &mut Answer, text: impl Into<String>) {
    answer.push(Item::Info(text.into()));
}

/// A line of an error whose exit code another item carries.
fn more_error(answer: &mut Answer, text: impl Into<String>) {
    answer.push(Item::Error { text: text.into(), code: 0 });
}
