//! nodepurge: removes nodes from the hosts file and from all tables; DNS and DHCP follow the tables.
//!
//! The hosts file comes first: what is in it is known from the tables, and a file that cannot be
//! written leaves them as they are.

use base::Failure;
use command::Answer;
use tables::Snapshot;

use crate::call::Call;
use crate::future::BoxFuture;
use crate::makehosts;
use crate::nodech::removal;
use crate::run::{blocking, commit};
use crate::services::Services;
use crate::shape::{Behaviour, Command};
use crate::sink::Sink;

pub(crate) static COMMAND: Command = Command::new("nodepurge", Behaviour::Procedure(nodepurge));

fn nodepurge(
    call: Call,
    services: Services,
    sink: Sink,
) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        let nodes = call.required_nodes()?.to_vec();
        let path = services.hosts_file.clone().lock_owned().await;
        let (asked, named) = (call.clone(), nodes.clone());
        blocking(move || makehosts::remove(&asked, &named, &path)).await??;
        let decide = move |snapshot: &Snapshot| {
            removal(snapshot, &nodes).map_err(|failure| Answer(vec![failure.into()]))
        };
        commit(&call, "nodepurge", &services, &sink, decide).await;
        Ok(())
    })
}
