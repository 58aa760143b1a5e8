//! `xcat help`: the commands by topic, the manual, and what an installation takes from this program: links, manual pages and
//! completion. Everything comes from the declarations; the daemon is not asked.

use std::path::Path;

use command::{Dir, FrontEnd, Meta, Options, completion, manual};

use crate::output::Output;
use crate::render::Stream;

/// How this program is used.
pub(crate) const USAGE: &str = "\
Usage: xcat COMMAND [ARGUMENTS]
       xcat help [COMMAND|TABLE|noderange]
       xcat help --completion bash|zsh
       xcat help --install DIRECTORY    manual pages and completion, below share/

The commands are also programs of their own (lsdef, rpower, nodeset, ...).
XCATHOST=HOST:PORT names another management node.
";
/// The programs that take the command from their first argument.
pub(crate) const GENERIC: &[&str] = &["xcat", "xcatclient", "xcatclientnnr", "xcatDBcmds"];

/// What is printed, where, and the exit status.
type Said = (Stream, String, u8);

/// Answers `xcat help WORDS`; returns the exit status.
pub(crate) fn run(words: &[String], output: &Output) -> u8 {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    show(answer(&words), output)
}

/// Answers a command that never reaches the daemon and is asked about itself; none when it is to do its work.
pub(crate) fn about(meta: &Meta, arguments: &[String], output: &Output) -> Option<u8> {
    if meta.front.reaches_daemon() {
        return None;
    }
    let options = Options::parse(meta, arguments).ok()?;
    let text = if options.help() {
        meta.help()
    } else if options.version() {
        format!("{} - {}", meta.name, command::VERSION)
    } else {
        return None;
    };
    Some(show((Stream::Out, format!("{text}\n"), 0), output))
}

/// The version, as `xcat --version` prints it.
pub(crate) fn version(output: &Output) -> u8 {
    show((Stream::Out, format!("xcat - {}\n", command::VERSION), 0), output)
}

fn show((stream, text, status): Said, output: &Output) -> u8 {
    if output.write(stream, text.as_bytes()).is_ok() { status } else { 1 }
}

fn answer(words: &[&str]) -> Said {
    match words {
        [] => (Stream::Out, format!("{USAGE}{}", manual::listing()), 0),
        ["--links"] => (Stream::Out, links(), 0),
        ["--completion", "bash"] => (Stream::Out, completion::bash(), 0),
        ["--completion", "zsh"] => (Stream::Out, completion::zsh(), 0),
        ["--install", directory] => install(Path::new(directory)),
        ["xcat", name, ..] => page(name),
        [name, ..] if name.starts_with('-') => (Stream::Err, USAGE.to_owned(), 1),
        [name, ..] => page(name),
    }
}

fn page(name: &str) -> Said {
    if let Some(absent) = command::absent(name) {
        return (Stream::Err, format!("Error: {}\n", absent.message()), 1);
    }
    let words = [name.to_owned()];
    let of_command = command::resolve("xcat", &words).map(|(meta, _)| manual::page(meta));
    match of_command.or_else(|| manual::named(name)) {
        Some(page) => (Stream::Out, page.text(), 0),
        None => (Stream::Err, no_command(name), 1),
    }
}

/// What is said about a name that no command has.
pub(crate) fn no_command(name: &str) -> String {
    let own = command::ALL.iter().map(|meta| meta.name.strip_prefix("xcat-").unwrap_or(meta.name));
    let name = name.escape_debug();
    let hint = command::did_you_mean(&name.to_string(), own).map_or_else(
        || "xcat help lists all".to_owned(),
        |near| format!("{near} xcat help lists all"),
    );
    format!("Error: there is no command '{name}'; {hint}\n")
}

/// Where this program is to be linked to, a path below `/opt/xcat` on each line: what the container's image is made with.
/// Commands that do not exist here are linked too, so that whoever calls them is told so.
fn links() -> String {
    let linked = command::ALL.iter().filter(|meta| meta.front != FrontEnd::Local);
    let linked = linked.map(|meta| (meta.dir, meta.name));
    let absent = command::absents().map(|absent| (absent.dir, absent.name));
    let generic = GENERIC.iter().filter(|name| **name != "xcat").map(|name| (Dir::Bin, *name));
    let all = linked.chain(absent).chain(generic);
    let paths: Vec<String> = all.map(|(dir, name)| format!("{}/{name}\n", dir.as_str())).collect();
    paths.concat()
}

/// Writes every file of [`files`] below `directory`.
fn install(directory: &Path) -> Said {
    for (path, text) in files() {
        let path = directory.join(path);
        let parent = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        if let Err(error) = parent.and_then(|()| std::fs::write(&path, text)) {
            return (Stream::Err, format!("Error: cannot write {}: {error}\n", path.display()), 1);
        }
    }
    (Stream::Out, String::new(), 0)
}

/// What an installation has below its prefix.
fn files() -> Vec<(String, String)> {
    let pages = command::ALL.iter().map(|meta| manual::page(meta)).chain(manual::pages());
    let mut files: Vec<(String, String)> =
        pages.map(|page| (format!("share/man/{}", page.path()), page.roff())).collect();
    files.push(("share/bash-completion/completions/xcat".to_owned(), completion::bash()));
    files.push(("share/zsh/site-functions/_xcat".to_owned(), completion::zsh()));
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_linked_once() {
        let links = links();
        let paths: std::collections::BTreeSet<&str> = links.lines().collect();
        assert_eq!(paths.len(), links.lines().count());
        for path in ["sbin/tabedit", "bin/xcatclient", "bin/mkdsklsnode", "bin/lsdef", "bin/psh"] {
            assert!(paths.contains(path), "{path}");
        }
        assert!(!paths.contains("sbin/xcatd") && !paths.contains("bin/xcat-lab"));
    }

    #[test]
    fn commands_are_listed_by_topic_and_explained() {
        let (_, listing, status) = answer(&[]);
        assert_eq!(status, 0);
        let at = |text: &str| listing.find(text).unwrap_or_else(|| panic!("{text}: {listing}"));
        assert!(at("Definitions of nodes") < at("  lsdef ") && at("  lsdef ") < at("\nTables\n"));
        assert!(at("\nTables\n") < at("  tabdump ") && at("  tabdump ") < at("\nThis product\n"));
        let (_, page, status) = answer(&["boot"]);
        assert!(status == 0 && page.starts_with("NAME\n    xcat boot - "), "{page}");
        assert_eq!(answer(&["xcat", "boot"]).1, page);
        assert!(answer(&["noderange"]).1.starts_with("NAME\n    noderange - "));
        assert_eq!(answer(&["frobnicate"]).2, 1);
        assert_eq!(
            no_command("lsdfe"),
            "Error: there is no command 'lsdfe'; did you mean lsdef? xcat help lists all\n"
        );
        assert!(no_command("bot").contains("did you mean boot?"), "{}", no_command("bot"));
        assert_eq!(
            no_command("frobnicate"),
            "Error: there is no command 'frobnicate'; xcat help lists all\n"
        );
        assert_eq!(answer(&["--frobnicate"]).2, 1);
        assert!(answer(&["mkdsklsnode"]).1.contains("retired"));
    }

    #[test]
    fn an_installation_has_a_page_for_every_command() {
        let directory = tempfile::tempdir().unwrap();
        let text = directory.path().display().to_string();
        assert_eq!(answer(&["--install", &text]), (Stream::Out, String::new(), 0));
        let page =
            std::fs::read_to_string(directory.path().join("share/man/man8/nodeset.8")).unwrap();
        assert!(page.starts_with(".TH NODESET 8 "), "{page}");
        assert!(directory.path().join("share/bash-completion/completions/xcat").is_file());
        let nowhere = directory.path().join("share/man/man8/nodeset.8").display().to_string();
        let (_, error, status) = answer(&["--install", &nowhere]);
        assert!(status == 1 && error.contains("cannot write"), "{error}");
    }
}
