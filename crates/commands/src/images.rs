//! genimage and packimage: build and publish images of operating systems. What they do lies in the
//! crate `image`; here the tables are read into its specification, and nodes that boot an image are
//! given its new publication.

use std::path::PathBuf;

use base::{ErrorKind, Failure, NodeName};
use command::{Answer, Item};
use image::{OsImageSpec, Publication};
use model::{OsImage, Site};
use tables::{Patch, Snapshot};
use tokio::sync::mpsc;

use crate::call::Call;
use crate::future::BoxFuture;
use crate::publication::boot_params;
use crate::run::commit;
use crate::services::Services;
use crate::shape::{Behaviour, Command};
use crate::sink::Sink;

pub(crate) static GENIMAGE: Command = Command::new("genimage", Behaviour::Procedure(genimage));
pub(crate) static PACKIMAGE: Command = Command::new("packimage", Behaviour::Procedure(packimage));

/// Progress lines that wait for a slow client before the work waits too.
const PROGRESS_LINES: usize = 256;

fn genimage(call: Call, services: Services, sink: Sink) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        let mut spec = spec(&call)?;
        if let Some(drivers) = call.options.value("n") {
            spec.netdrivers = list(Some(drivers));
        }
        refuse_options(&call, &["a", "o", "p", "k", "onlyinitrd", "permission", "dryrun"])?;
        let (lines, progress) = image_sink();
        let work = image::genimage(&spec, &services.tools, &lines, sink.cancelled());
        with_progress(work, progress, &sink).await.map_err(Failure::from)?;
        Ok(())
    })
}

fn packimage(
    call: Call,
    services: Services,
    sink: Sink,
) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        let spec = spec(&call)?;
        refuse_packing(&call)?;
        let (lines, progress) = image_sink();
        let work = image::packimage(&spec, &services.tools, &lines, sink.cancelled());
        let publication = with_progress(work, progress, &sink).await.map_err(Failure::from)?;
        let name = spec.name.clone();
        let follow = move |snapshot: &Snapshot| Ok(follow(snapshot, &name, &publication));
        commit(&call, "packimage", &services, &sink, follow).await;
        Ok(())
    })
}

/// Gives the nodes that boot this image its new publication.
fn follow(snapshot: &Snapshot, image: &str, publication: &Publication) -> (Patch, Answer) {
    let (mut patch, mut answer) = (Patch::new(), Answer::new());
    let boots = |node: &&NodeName| {
        let cell = |table, column| snapshot.node_cell(table, column, node.as_str());
        cell("nodetype", "provmethod").is_some_and(|cell| &*cell.text == image)
            && cell("chain", "currstate").is_some_and(|cell| cell.text.starts_with("netboot"))
    };
    let mut count = 0;
    for node in snapshot.nodes().filter(boots) {
        patch.extend(boot_params(snapshot, node, image, publication));
        count += 1;
    }
    if count > 0 {
        answer.line(format!("{count} nodes will boot it the next time."));
    }
    (patch, answer)
}

fn spec(call: &Call) -> Result<OsImageSpec, Failure> {
    let [name] = call.options.operands() else {
        return Err(Failure::new(ErrorKind::Usage, "name one image"));
    };
    let missing = format!("Cannot find image '{name}' from the osimage table.");
    let image = OsImage::read(&call.snapshot, name).ok_or_else(|| {
        Failure::new(ErrorKind::NotFound, missing).hint("lsdef -t osimage lists the images")
    })?;
    if let [attribute, ..] = image.missing()[..] {
        let text = format!("osimage.{attribute} for {name} must be set.");
        return Err(Failure::new(ErrorKind::Conflict, text));
    }
    if image.provmethod.as_deref() != Some("netboot") {
        let text = format!("{name} is not a diskless image: its provmethod is not netboot");
        return Err(Failure::new(ErrorKind::Conflict, text));
    }
    let install = Site::read(&call.snapshot).install_dir;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    Ok(OsImageSpec {
        name: name.clone(),
        osvers: text(&image.osvers),
        osarch: text(&image.osarch),
        profile: text(&image.profile),
        rootimgdir: image.image_dir(&install),
        pkgdirs: list(image.pkgdir.as_deref()),
        pkglists: paths(image.pkglist.as_deref()),
        otherpkgdirs: list(image.otherpkgdir.as_deref()),
        otherpkglists: paths(image.otherpkglist.as_deref()),
        postinstall: list(image.postinstall.as_deref()),
        exlists: paths(image.exlist.as_deref()),
        netdrivers: list(image.netdrivers.as_deref()),
        environment: pairs(image.environvar.as_deref()),
    })
}

fn list(text: Option<&str>) -> Vec<String> {
    let parts = text.unwrap_or_default().split(',').map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn paths(text: Option<&str>) -> Vec<PathBuf> {
    list(text).into_iter().map(PathBuf::from).collect()
}

fn pairs(text: Option<&str>) -> Vec<(String, String)> {
    let pair = |text: &String| {
        text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    list(text).iter().filter_map(pair).collect()
}

/// Options of the original that would change the image and are not there: better refused than
/// silently without effect.
fn refuse_options(call: &Call, names: &[&str]) -> Result<(), Failure> {
    match names.iter().find(|name| call.options.has(name)) {
        Some(name) => Err(Failure::new(
            ErrorKind::NotFound,
            format!("the option {name} is not available yet; set it in the image's definition"),
        )),
        None => Ok(()),
    }
}

fn refuse_packing(call: &Call) -> Result<(), Failure> {
    let other = |name, kept: &str| call.options.value(name).filter(|value| *value != kept);
    let refused = other("method", "squashfs").or_else(|| other("compress", "zstd"));
    match refused {
        Some(value) => Err(Failure::new(
            ErrorKind::NotFound,
            format!("{value} is not available; images are packed as squashfs with zstd"),
        )),
        None => Ok(()),
    }
}

fn image_sink() -> (image::Sink, mpsc::Receiver<String>) {
    let (sender, receiver) = mpsc::channel(PROGRESS_LINES);
    (image::Sink::to(sender), receiver)
}

/// Runs `work` and passes on its progress lines.
async fn with_progress<T>(
    work: impl Future<Output = T>,
    mut progress: mpsc::Receiver<String>,
    sink: &Sink,
) -> T {
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            Some(line) = progress.recv() => sink.send(Item::data(line)).await,
            outcome = &mut work => {
                while let Ok(line) = progress.try_recv() {
                    sink.send(Item::data(line)).await;
                }
                return outcome;
            }
        }
    }
}
