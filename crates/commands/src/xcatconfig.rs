//! xcatconfig: does parts of the first start again. What an administrator has set stays, unless -f is given.

use base::{ErrorKind, Failure};
use command::{Answer, Item};
use model::machine::Standing;
use store::Origin;
use tables::{Patch, Snapshot, ids};

use crate::call::Call;
use crate::future::BoxFuture;
use crate::run::{await_followers, blocking, commit};
use crate::services::{Overwrite, Part, Services};
use crate::shape::{Behaviour, Command};
use crate::sink::Sink;

pub(crate) static COMMAND: Command = Command::new("xcatconfig", Behaviour::Procedure(xcatconfig));

/// The group of management nodes.
const MANAGEMENT: &str = "__mgmtnode";

/// What is done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Part(Part),
    Networks,
    ManagementNode,
}

fn xcatconfig(
    call: Call,
    services: Services,
    sink: Sink,
) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        for step in steps(&call)? {
            match step {
                Step::Part(part) => set_up(&call, &services, &sink, part).await?,
                Step::Networks => define_networks(&call, &services, &sink).await?,
                Step::ManagementNode => define_management_node(&call, &services, &sink).await?,
            }
        }
        Ok(())
    })
}

fn steps(call: &Call) -> Result<Vec<Step>, Failure> {
    let has = |name: &str| call.options.has(name);
    refuse(call)?;
    let missing = Step::Part(Part::Missing);
    if has("f") {
        return Ok(vec![
            missing,
            Step::Part(Part::SshKeys),
            Step::Part(Part::Credentials),
            Step::Part(Part::Defaults(Overwrite::Always)),
            Step::Networks,
        ]);
    }
    let defaults = Step::Part(Part::Defaults(Overwrite::Never));
    let all = [
        ("i", missing),
        ("u", missing),
        ("k", Step::Part(Part::SshKeys)),
        ("c", Step::Part(Part::Credentials)),
        ("d", defaults),
        ("i", defaults),
        ("u", defaults),
        ("i", Step::Networks),
        ("m", Step::ManagementNode),
    ];
    let mut steps: Vec<Step> = Vec::new();
    for (_, step) in all.into_iter().filter(|(option, _)| has(option)) {
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
    Ok(steps)
}

/// What cannot be combined, and what makes no sense here.
fn refuse(call: &Call) -> Result<(), Failure> {
    let has = |name: &&str| call.options.has(name);
    let conflict = |text: &str| Failure::new(ErrorKind::Conflict, text);
    if !["f", "i", "u", "k", "s", "c", "d", "m", "t", "installdir", "tftpdir"].iter().any(has) {
        let text = "No parameters were supplied on the xcatconfig command. Run xcatconfig -h";
        return Err(conflict(text));
    }
    if has(&"f") && ["i", "u", "k", "s", "c", "d", "t"].iter().any(has) {
        return Err(conflict("-f does what -i, -k, -c and -d do: give it alone"));
    }
    if has(&"i") && has(&"u") {
        return Err(conflict("give -i or -u, not both"));
    }
    if has(&"s") {
        let text = "every node makes its own ssh host keys; there are none to make here";
        return Err(conflict(text).hint("a node gets new ones when it boots its image again"));
    }
    if has(&"t") {
        let run = "run on the host: sysctl -w net.ipv4.neigh.default.gc_thresh1=1024 \
                   net.ipv4.neigh.default.gc_thresh2=4096 net.ipv4.neigh.default.gc_thresh3=8192";
        return Err(conflict("kernel parameters belong to the host of the container").hint(run));
    }
    for (option, directory) in [("installdir", "/install"), ("tftpdir", "/tftpboot")] {
        if call.options.has(option) {
            let text = format!("{option} is a volume of the container and is always {directory}");
            return Err(conflict(&text).hint(format!("mount another directory at {directory}")));
        }
    }
    Ok(())
}

async fn set_up(call: &Call, services: &Services, sink: &Sink, part: Part) -> Result<(), Failure> {
    let words = std::iter::once("xcatconfig").chain(call.args.iter().map(String::as_str));
    let origin = Origin::new(call.user.clone(), command::masked(words));
    let lines = services.host.set_up(part, origin).await?;
    if lines.is_empty() && call.options.has("V") {
        sink.send(Item::data(format!("{}: nothing was missing", name_of(part)))).await;
    }
    sink.send_all(lines.into_iter().map(Item::data)).await;
    await_followers(services, services.store.snapshot().generation(), sink).await;
    Ok(())
}

const fn name_of(part: Part) -> &'static str {
    match part {
        Part::Missing => "directories, certificates, keys, postscripts, tables",
        Part::SshKeys => "ssh keys",
        Part::Credentials => "certificates",
        Part::Defaults(_) => "site, policy, postscripts",
    }
}

async fn define_networks(call: &Call, services: &Services, sink: &Sink) -> Result<(), Failure> {
    let host = services.host.clone();
    let networks = blocking(move || host.machine().networks()).await?;
    let decide = move |snapshot: &Snapshot| {
        let (mut patch, mut answer) = (Patch::new(), Answer::new());
        for net in networks.iter().filter(|net| net.standing(snapshot) == Standing::New) {
            net.define(&mut patch);
            answer.line(format!("Defined the network {}.", net.name()));
        }
        Ok((patch, answer))
    };
    commit(call, "xcatconfig", services, sink, decide).await;
    Ok(())
}

async fn define_management_node(
    call: &Call,
    services: &Services,
    sink: &Sink,
) -> Result<(), Failure> {
    let host = services.host.clone();
    let name = blocking(move || host.machine().host_name).await?;
    let name = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let decide = move |snapshot: &Snapshot| Ok(management_node(snapshot, &name));
    commit(call, "xcatconfig", services, sink, decide).await;
    Ok(())
}

fn management_node(snapshot: &Snapshot, name: &str) -> (Patch, Answer) {
    let mut patch = Patch::new();
    let groups = snapshot.groups_of(name);
    if !groups.iter().any(|group| &**group == MANAGEMENT) {
        let all: Vec<&str> = groups.iter().map(|group| &**group).chain([MANAGEMENT]).collect();
        patch.set(ids::NODELIST, &[name], &[("groups", Some(&all.join(",")))]);
    }
    if snapshot.row(ids::SERVICENODE, &[MANAGEMENT]).is_none() {
        patch.set(ids::SERVICENODE, &[MANAGEMENT], &[("tftpserver", Some("yes"))]);
    }
    let mut answer = Answer::new();
    answer.line("Management Node defined in the database.");
    (patch, answer)
}
