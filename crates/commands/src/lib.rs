//! What each command does, one file each, in one of four shapes, and the framework that runs them.
//!
//! To add a command: declare its `Meta` in the crate `command`, write `src/<name>.rs` with
//! `pub(crate) static COMMAND: Command`, and add that to [`COMMANDS`]. Choose the shape:
//!
//! - [`Behaviour::Query`]: `fn(&Call) -> Result<Answer, Failure>`, a pure function of the snapshot.
//! - [`Behaviour::Edit`]: `fn(&Call) -> Result<(Patch, Answer), Failure>`, a pure function whose patch
//!   is committed before the answer is given. It runs inside the writer: `call.snapshot` is the very
//!   state that the patch applies to, and `call.nodes` is expanded in it. An answer with an error
//!   and a patch commits the patch: what half succeeded is said in the answer.
//! - [`Behaviour::Nodes`]: `fn(&Call, &Services, &Sink) -> Result<Plan, Failure>`, a plan with one
//!   future per node; the framework runs a bounded number at a time, each with a deadline.
//! - [`Behaviour::Procedure`]: `fn(Call, Services, Sink) -> BoxFuture<Result<(), Failure>>`, long steps
//!   that report through the sink and watch `sink.cancelled()`.
//!
//! The framework has already done: expansion of the noderange and refusal of unknown names in
//! xCAT's words, options by the command's `Meta` (`call.options`), `--help`, and usage after a
//! `Failure` of kind `Usage`. A command never sees sockets, XML or standard output.
//!
//! The daemon calls [`run`] with a [`Request`] and drains the items that the [`Sink`] was made with.

mod boot;
mod call;
mod check;
mod chtab;
mod column;
mod complete;
mod defs;
mod dumpxcatdb;
mod files;
mod first_restore;
mod future;
mod gettab;
mod history;
mod images;
mod lsxcatd;
mod makedhcp;
mod makedns;
mod makehosts;
mod makenetworks;
mod nodech;
mod nodels;
mod nodepurge;
mod nodes;
mod nodeset;
mod nodestat;
mod power;
mod publication;
mod restore;
mod restorexcatdb;
mod run;
mod served;
mod services;
mod shape;
mod sink;
mod skipped;
mod sql_test;
mod tabdump;
mod tabgrep;
mod table_file;
mod tabprune;
mod tabrestore;
mod undo;
mod xcatconfig;
mod xdsh;

pub use call::{Call, Request, Upload, expand_noderange};
pub use first_restore::{Restored, restore_first};
pub use future::BoxFuture;
pub use nodes::by_number;
pub use run::{edit, query, run};
pub use services::{Follower, Host, Overwrite, Part, Services};
pub use shape::{Behaviour, Command, Help, Job, Plan};
pub use sink::Sink;

/// The version that commands report.
pub const VERSION: &str = command::VERSION;

/// The commands that have a behaviour, sorted by name.
pub static COMMANDS: &[&Command] = &[
    &defs::CHDEF,
    &chtab::CHTAB,
    &dumpxcatdb::COMMAND,
    &images::GENIMAGE,
    &gettab::COMMAND,
    &defs::LSDEF,
    &lsxcatd::COMMAND,
    &makedhcp::COMMAND,
    &makedns::COMMAND,
    &makehosts::COMMAND,
    &makenetworks::COMMAND,
    &defs::MKDEF,
    &nodech::NODEADD,
    &nodech::NODECH,
    &nodech::NODEGRPCH,
    &nodels::COMMAND,
    &nodepurge::COMMAND,
    &nodech::NODERM,
    &nodeset::COMMAND,
    &nodestat::COMMAND,
    &images::PACKIMAGE,
    &restorexcatdb::COMMAND,
    &defs::RMDEF,
    &power::RPOWER,
    &power::RSETBOOT,
    &chtab::TABCH,
    &tabdump::COMMAND,
    &tabgrep::COMMAND,
    &tabprune::COMMAND,
    &tabrestore::COMMAND,
    &boot::COMMAND,
    &check::COMMAND,
    &complete::COMMAND,
    &history::COMMAND,
    &undo::COMMAND,
    &xcatconfig::COMMAND,
    &xdsh::COMMAND,
];

/// The behaviour of the command called `name`.
pub fn find(name: &str) -> Option<&'static Command> {
    let at = COMMANDS.binary_search_by(|command| command.meta().name.cmp(name)).ok()?;
    Some(COMMANDS[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_sorted_and_declared() {
        assert!(COMMANDS.windows(2).all(|pair| pair[0].name < pair[1].name));
        for entry in COMMANDS {
            assert!(command::find(entry.name).is_some(), "{} is not declared", entry.name);
        }
    }
}
