//! makenetworks: definitions of the networks that this machine is connected to.

use base::{ErrorKind, Failure};
use command::{Answer, Item};
use model::machine::{Attached, Standing};
use tables::{Patch, Snapshot};

use crate::call::Call;
use crate::future::BoxFuture;
use crate::run::{blocking, commit};
use crate::services::Services;
use crate::shape::{Behaviour, Command};
use crate::sink::Sink;

pub(crate) static COMMAND: Command =
    Command::new("makenetworks", Behaviour::Procedure(makenetworks));

fn makenetworks(
    call: Call,
    services: Services,
    sink: Sink,
) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        if let [word, ..] = call.options.operands() {
            let text = format!("{word}: networks are found, not named");
            return Err(Failure::new(ErrorKind::Usage, text));
        }
        let host = services.host.clone();
        let machine = blocking(move || host.machine()).await?;
        let networks = machine.networks();
        if call.options.has("d") {
            let stanza = |net: &Attached| net.stanza(&machine.host_name, &call.snapshot);
            sink.send_all(networks.iter().flat_map(stanza).map(Item::data)).await;
            return Ok(());
        }
        let decide = move |snapshot: &Snapshot| Ok(define(&networks, snapshot));
        commit(&call, "makenetworks", &services, &sink, decide).await;
        Ok(())
    })
}

/// Defines what is new. A network that is defined under its name already is warned about, as the original does even
/// when the definition is the same.
fn define(networks: &[Attached], snapshot: &Snapshot) -> (Patch, Answer) {
    let (mut patch, mut answer) = (Patch::new(), Answer::new());
    for network in networks {
        match network.standing(snapshot) {
            Standing::New => network.define(&mut patch),
            Standing::Known => {}
            Standing::NameTaken => {
                let name = network.name();
                answer.push(Item::Warning(format!(
                    "The network entry '{name}' already exists in xCAT networks table. Cannot \
                     create a definition for '{name}'"
                )));
            }
        }
    }
    (patch, answer)
}
