//! lsxcatd: the daemon's version, database, role and the state of its services.

use base::{ErrorKind, Failure};
use command::Item;

use crate::VERSION;
use crate::call::{Call, usage_items};
use crate::future::BoxFuture;
use crate::services::Services;
use crate::shape::{Behaviour, Command, Help};
use crate::sink::Sink;

pub(crate) static COMMAND: Command =
    Command { name: "lsxcatd", behaviour: Behaviour::Procedure(lsxcatd), help: Help::Own };

fn lsxcatd(call: Call, services: Services, sink: Sink) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        if call.options.help() {
            sink.send_all(usage_items(COMMAND.meta(), None)).await;
            return Ok(());
        }
        let all = call.options.has("a");
        let wants = |name: &str| all || call.options.has(name);
        if !["v", "d", "t"].into_iter().any(wants) {
            return Err(Failure::new(ErrorKind::Usage, "say what to list"));
        }
        if wants("v") {
            sink.send(Item::data(VERSION)).await;
        }
        if wants("t") {
            sink.send(Item::data("This is a Management Node")).await;
        }
        if wants("d") {
            sink.send(Item::data("dbengine=SQLite")).await;
        }
        if all {
            sink.send(Item::data(format!("cfgloc=SQLite:{}", services.database))).await;
            let generation = services.store.snapshot().generation();
            sink.send(Item::data(format!("generation={generation}"))).await;
            sink.send_all((services.status)().into_iter().map(Item::data)).await;
        }
        Ok(())
    })
}
