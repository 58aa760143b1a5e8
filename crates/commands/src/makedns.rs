//! makedns: waits until the name service shows the tables, and tells which names it cannot serve.

use base::{ErrorKind, Failure};
use command::Item;
use model::check::{Finding, Kind};

use crate::call::Call;
use crate::future::BoxFuture;
use crate::served;
use crate::services::Services;
use crate::shape::{Behaviour, Command};
use crate::sink::Sink;

pub(crate) static COMMAND: Command = Command::new("makedns", Behaviour::Procedure(makedns));

fn makedns(call: Call, services: Services, sink: Sink) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        let domain = domain(&call)?;
        if call.options.has("d") {
            sink.send(served::not_removed(&call, "DNS", "rmdef NODES, or chdef NODES ip=")).await;
            return Ok(());
        }
        if call.options.has("V") {
            let servers = call.snapshot.site("nameservers").unwrap_or_default();
            sink.send(Item::data(format!("domain name = {domain}"))).await;
            sink.send(Item::data(format!("nameservers = {servers}"))).await;
        }
        served::view(&call, &services).await?;
        let nodes = call.noderange.as_ref().map(|_| call.nodes.clone());
        sink.send_all(served::faults(&call, &services, nodes, concerns_names).await?).await;
        sink.send(Item::data("DNS setup is completed")).await;
        Ok(())
    })
}

/// The domain of the site, when what is asked for can be done.
fn domain(call: &Call) -> Result<String, Failure> {
    if call.options.has("d") && call.noderange.is_none() {
        return Err(Failure::new(ErrorKind::Usage, "-d needs a noderange"));
    }
    let domain = call.snapshot.site("domain").filter(|domain| !domain.is_empty());
    let Some(domain) = domain else {
        return Err(Failure::new(ErrorKind::Conflict, "domain not defined in site table")
            .hint("chdef -t site clustersite domain=DOMAIN"));
    };
    if call.options.has("e") {
        let text = "other name servers are not changed from here";
        let hint = format!("let them forward the zone {domain} to this server");
        return Err(Failure::new(ErrorKind::Conflict, text).hint(hint));
    }
    Ok(domain.to_owned())
}

fn concerns_names(finding: &Finding) -> bool {
    match finding.kind {
        Kind::Site => matches!(finding.attribute, "domain" | "nameservers" | "forwarders"),
        Kind::Network => matches!(finding.attribute, "net" | "mask" | "nameservers"),
        Kind::Node | Kind::Group => {
            matches!(finding.attribute, "ip" | "hostnames" | "otherinterfaces" | "nicips" | "name")
        }
        Kind::OsImage | Kind::Policy | Kind::Row => false,
    }
}
