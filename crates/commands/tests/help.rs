//! What commands say about themselves.

mod common;

use command::FrontEnd;
use common::{Cluster, printed};
use tables::{ObjectType, Patch, TableId};

#[tokio::test]
async fn every_command_answers_help_and_version() {
    let cluster = Cluster::with(Patch::new()).await;
    for meta in command::ALL.iter().filter(|meta| meta.front.reaches_daemon()) {
        let help = printed(&cluster.answer(&format!("{} --help", meta.name)).await);
        assert_eq!(help.code, 0, "{}", meta.name);
        assert!(help.stdout.starts_with("Usage: "), "{}: {}", meta.name, help.stdout);
        assert_eq!(help.stderr, "", "{}", meta.name);
        let short = printed(&cluster.answer(&format!("{} -h", meta.name)).await);
        assert_eq!(short.stdout, help.stdout, "{}", meta.name);
        // xdsh has -v for something else, as in the original.
        let option = if meta.front == FrontEnd::RemoteShell { "-V" } else { "-v" };
        let version = printed(&cluster.answer(&format!("{} {option}", meta.name)).await);
        assert!(version.stdout.contains(command::VERSION), "{}: {}", meta.name, version.stdout);
        assert_eq!(version.code, 0, "{}", meta.name);
    }
}

#[tokio::test]
async fn every_command_names_an_option_that_it_does_not_have() {
    let cluster = Cluster::with(Patch::new()).await;
    for meta in command::ALL.iter().filter(|meta| meta.front.reaches_daemon()) {
        for option in ["--no-such-option", "-%"] {
            let said = printed(&cluster.answer(&format!("{} {option}", meta.name)).await);
            assert_ne!(said.code, 0, "{} {option}", meta.name);
            let name = option.trim_start_matches('-');
            let lines = format!("{}{}", said.stderr, said.stdout);
            let named = lines.lines().filter(|line| line.contains(name)).count();
            assert_eq!(named, 1, "{} {option}: {lines}", meta.name);
        }
    }
}

#[tokio::test]
async fn object_commands_list_only_their_own_options() {
    let cluster = Cluster::with(Patch::new()).await;
    for (name, own, others) in [
        ("lsdef", &["-i ", "--nics", "-x|--xml"][..], &["-p|--plus", "-n ", "-f|--force"][..]),
        ("mkdef", &["-f|--force", "--template", "-u "], &["--nics", "-m|--minus", "-n "]),
        ("chdef", &["-p|--plus", "-m|--minus", "-n "], &["-f|--force", "-l|--long", "--template"]),
        ("rmdef", &["-C|--cleanup", "-f|--force"], &["-w ", "-z|--stanza", "-p|--plus"]),
    ] {
        let help = printed(&cluster.answer(&format!("{name} -h")).await).stdout;
        let options: Vec<&str> = help.lines().filter(|line| line.starts_with("  -")).collect();
        let has = |option: &&&str| options.iter().any(|line| line[2..].starts_with(**option));
        let missing: Vec<_> = own.iter().filter(|option| !has(option)).collect();
        let surplus: Vec<_> = others.iter().filter(has).collect();
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "{name}: {missing:?} {surplus:?}\n{help}"
        );
    }
}

#[tokio::test]
async fn tables_columns_and_attributes_are_described() {
    let cluster = Cluster::with(Patch::new()).await;
    let tables = printed(&cluster.answer("tabdump -d").await).stdout;
    let lines: Vec<&str> = tables.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), TableId::COUNT);
    assert!(lines.contains(&"site:\t\tsettings of the whole cluster"), "{tables}");
    let columns = printed(&cluster.answer("tabdump -d noderes").await).stdout;
    assert!(columns.contains("netboot:\t"), "{columns}");
    for kind in ObjectType::ALL {
        let help = printed(&cluster.answer(&format!("lsdef -h -t {kind}")).await);
        assert_eq!(help.code, 0, "{kind}");
        for attribute in kind.attributes() {
            let line =
                help.stdout.lines().find(|line| line.split(':').next() == Some(attribute.name));
            let (_, meaning) = line.unwrap().split_once(':').unwrap();
            assert!(!meaning.trim().is_empty(), "{kind}.{}", attribute.name);
        }
    }
}
