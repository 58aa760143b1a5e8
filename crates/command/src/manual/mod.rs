//! The manual: a page for every command, made of its declaration and of [`prose`], and for every table and type of object,
//! made of the schema. A page is a value that is written as roff for `man`, as text for a terminal, and as Markdown for the
//! reference.

mod prose;
mod render;
mod schema;

use crate::environment::{self, Reader};
use crate::front::FrontEnd;
use crate::list::ALL;
use crate::meta::{Meta, OptionDef, Takes, Topic};
use crate::text::{append, capitalized};

pub use schema::{named, pages};

/// A page of the manual.
#[derive(Debug)]
pub struct Page {
    /// What it is about, as it is typed.
    name: String,
    /// The name of the page: `xcat-boot` for `xcat boot`.
    title: &'static str,
    section: u8,
    parts: Vec<Part>,
}

/// A heading and what stands below it.
#[derive(Debug)]
struct Part {
    heading: &'static str,
    blocks: Vec<Block>,
}

#[derive(Debug)]
enum Block {
    Text(String),
    /// Lines as they are typed or printed.
    Lines(Vec<String>),
    /// Something and what it means.
    Entry(String, String),
}

/// The page of a command.
pub fn page(meta: &Meta) -> Page {
    let prose = prose::of(meta.name);
    let forms = meta.usage.iter().map(|form| format!("{} {form}", meta.typed()));
    let forms = forms.map(|form| form.trim_end().to_owned()).collect();
    let mut parts = vec![
        part("Name", vec![Block::Text(format!("{} - {}", meta.typed(), meta.summary))]),
        part("Synopsis", vec![Block::Lines(forms)]),
        part("Description", description(meta, prose.description)),
        part("Options", meta.listed_options().map(entry).chain(common(meta)).collect()),
    ];
    if !prose.examples.is_empty() {
        parts.push(part("Examples", prose.examples.iter().flat_map(example).collect()));
    }
    parts.push(part("Exit status", vec![Block::Text(exit_status(meta).to_owned())]));
    let variables = environment::of(Reader::Client);
    let entries = variables.map(|it| Block::Entry(it.name.to_owned(), it.help.to_owned()));
    parts.push(part("Environment", entries.collect()));
    parts.push(part("See also", vec![Block::Text(see_also(meta))]));
    Page { name: meta.typed(), title: meta.name, section: meta.section, parts }
}

/// The list of all commands by topic, as `xcat help` prints it.
pub fn listing() -> String {
    let mut text = String::new();
    for topic in Topic::ALL {
        append(&mut text, format_args!("\n{}\n", topic.title()));
        for meta in of_topic(*topic) {
            append(&mut text, format_args!("  {:<14} {}\n", meta.typed(), meta.summary));
        }
    }
    text
}

/// The reference of all commands, as Markdown.
pub fn reference() -> String {
    let mut text = String::from("# Commands\n");
    for topic in Topic::ALL {
        append(&mut text, format_args!("\n## {}\n\n", topic.title()));
        for meta in of_topic(*topic) {
            let anchor = meta.typed().replace(' ', "-").to_lowercase();
            append(&mut text, format_args!("- [{}](#{anchor}): {}\n", meta.typed(), meta.summary));
        }
    }
    for meta in ALL {
        text.push('\n');
        text.push_str(&page(meta).markdown());
    }
    text
}

fn of_topic(topic: Topic) -> impl Iterator<Item = &'static Meta> {
    ALL.iter().copied().filter(move |meta| meta.topic == topic)
}

const fn part(heading: &'static str, blocks: Vec<Block>) -> Part {
    Part { heading, blocks }
}

fn description(meta: &Meta, paragraphs: &[&str]) -> Vec<Block> {
    let first = capitalized(meta.summary);
    let mut blocks = vec![Block::Text(first)];
    blocks.extend(paragraphs.iter().map(|text| Block::Text((*text).to_owned())));
    if matches!(meta.front, FrontEnd::Noderange | FrontEnd::RemoteShell) {
        blocks.push(Block::Text(NODERANGE.to_owned()));
    }
    if meta.front == FrontEnd::Definitions {
        blocks.push(Block::Text(DEFINITIONS.to_owned()));
    }
    blocks
}

const NODERANGE: &str = "NODERANGE names nodes: a name, a group, a range such as n[1-4] or n1-n4, a regular expression \
     after /, a file of names after ^; several with commas, without what follows a -, and only what is on both sides of @.";
const DEFINITIONS: &str = "Attributes and what they mean are printed by -h -t TYPE. Definitions in stanza format are read \
     from standard input with -z.";

fn entry(option: &OptionDef) -> Block {
    let repeat = if matches!(option.takes, Takes::Values(_)) { " (may be repeated)" } else { "" };
    Block::Entry(option.spelling(), format!("{}{repeat}", option.help))
}

/// The options that a command has without declaring them.
fn common(meta: &Meta) -> Vec<Block> {
    let declared = |name: &str| meta.options.iter().any(|option| option.names.contains(&name));
    let all =
        [(["h", "help"], "print how the command is used"), (["v", "version"], "print the version")];
    let missing = all.into_iter().filter_map(|(names, help)| {
        let free: Vec<String> =
            names.iter().filter(|name| !declared(name)).map(|name| dashed(name)).collect();
        (free.len() == names.len()).then(|| Block::Entry(free.join("|"), help.to_owned()))
    });
    missing.collect()
}

fn dashed(name: &str) -> String {
    if name.len() == 1 { format!("-{name}") } else { format!("--{name}") }
}

fn example((command, meaning): &(&str, &str)) -> [Block; 2] {
    let lines = command.lines().map(str::to_owned).collect();
    [Block::Text((*meaning).to_owned()), Block::Lines(lines)]
}

fn exit_status(meta: &Meta) -> &'static str {
    match meta.front {
        FrontEnd::RemoteShell => {
            "0 when the command succeeded on all nodes; another value when it failed on a node or could not be run."
        }
        _ => {
            "0 when everything was done; 1 when something was not, which standard error then names."
        }
    }
}

fn see_also(meta: &Meta) -> String {
    let related = of_topic(meta.topic).filter(|other| other.name != meta.name);
    let related: Vec<String> =
        related.map(|other| format!("{}({})", other.name, other.section)).collect();
    if related.is_empty() { "xcat help".to_owned() } else { related.join(", ") }
}

impl Page {
    /// What the page belongs to, in the middle of its first line.
    fn volume(&self) -> &'static str {
        match self.section {
            3 | 5 | 7 => "xCAT nodes, tables and objects",
            _ => "xCAT commands",
        }
    }

    /// Where the page lies below a directory of manuals: `man8/nodeset.8`.
    pub fn path(&self) -> String {
        format!("man{0}/{1}.{0}", self.section, self.title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::find;

    #[test]
    fn every_command_has_a_whole_page() {
        for meta in ALL {
            let page = page(meta);
            let text = page.text();
            for heading in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "SEE ALSO"]
            {
                assert!(text.contains(heading), "{}: {heading}", meta.name);
            }
            assert!(text.contains("-h|--help") && text.contains("--version"), "{}", meta.name);
            assert!(text.lines().all(|line| line.len() <= 100), "{text}");
            assert!(listing().contains(meta.summary) && reference().contains(&page.markdown()));
        }
    }

    #[test]
    fn a_page_is_written_for_man_for_terminals_and_for_the_reference() {
        let page = page(find("tabgrep").unwrap());
        assert_eq!(page.path(), "man1/tabgrep.1");
        let roff = page.roff();
        assert!(
            roff.starts_with(".TH TABGREP 1 \"\" xcat\\-rs \"xCAT commands\"\n.SH NAME\n"),
            "{roff}"
        );
        assert!(roff.contains(".SH OPTIONS\n.TP\n\\fB\\-h|\\-\\-help\\fR\n"), "{roff}");
        assert!(page.text().contains("\nSYNOPSIS\n    tabgrep NODE\n"), "{}", page.text());
        assert!(page.markdown().starts_with("## tabgrep\n"), "{}", page.markdown());
    }
}
