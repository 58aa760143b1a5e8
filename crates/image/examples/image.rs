//! Builds and packs an image without a management node:
//! `cargo run -p image --example image -- DIR OSVERS PROFILE AGENT LISTS [MIRROR]`.

use std::path::PathBuf;
use std::process::ExitCode;

use base::Failure;
use image::{OsImageSpec, Sink, Tools, genimage, packimage};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

#[tokio::main]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "an example speaks to its user")]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, osvers, profile, agent, lists, mirror @ ..] = args.as_slice() else {
        eprintln!("usage: image DIR OSVERS PROFILE AGENT LISTS [MIRROR]");
        return ExitCode::from(2);
    };
    let dir = PathBuf::from(dir);
    let spec = OsImageSpec {
        name: format!("{osvers}-x86_64-netboot-{profile}"),
        osvers: osvers.clone(),
        osarch: "x86_64".to_owned(),
        profile: profile.clone(),
        rootimgdir: dir.join(format!("netboot/{osvers}/x86_64/{profile}")),
        ..OsImageSpec::default()
    };
    let mut tools = Tools::installed(&dir, mirror.first().cloned());
    tools.node_program = agent.into();
    tools.list_dirs = vec![lists.into()];
    let (send, mut lines) = mpsc::channel(16);
    let cancel = CancellationToken::new();
    let work = async {
        let sink = Sink::to(send);
        genimage(&spec, &tools, &sink, &cancel).await?;
        packimage(&spec, &tools, &sink, &cancel).await
    };
    let show = async {
        while let Some(line) = lines.recv().await {
            println!("{line}");
        }
    };
    match tokio::join!(work, show).0 {
        Ok(publication) => {
            println!("{publication:#?}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("Error: {}", Failure::from(error));
            ExitCode::FAILURE
        }
    }
}
