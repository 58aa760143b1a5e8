//! tabgrep: the tables that say something about a node, by itself or through its groups.

use base::Failure;
use command::{Answer, Item};
use tables::TableId;

use crate::call::Call;
use crate::shape::{Behaviour, Command};

pub(crate) static COMMAND: Command = Command::new("tabgrep", Behaviour::Query(tabgrep));

fn tabgrep(call: &Call) -> Result<Answer, Failure> {
    let Some(node) = call.required_nodes()?.first() else { return Ok(Answer::new()) };
    let says = |table: &TableId| {
        table.def().node_column == Some("node")
            && !call.snapshot.node_rows(*table, node.as_str()).is_empty()
    };
    Ok(TableId::all().filter(says).map(|table| Item::data(table.name())).collect())
}
