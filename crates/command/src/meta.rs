//! What a command says about itself.

use crate::front::FrontEnd;
use crate::text::{append, capitalized};

/// One command.
#[derive(Debug)]
pub struct Meta {
    /// The name of the program and of the request. `xcat-boot` is also `xcat boot`.
    pub name: &'static str,
    /// The section of the manual.
    pub section: u8,
    /// Where it is installed.
    pub dir: Dir,
    /// What it is listed under.
    pub topic: Topic,
    /// How the client turns its arguments into a request.
    pub front: FrontEnd,
    /// What it does, in one lower-case line.
    pub summary: &'static str,
    /// The forms of its command line, without the name.
    pub usage: &'static [&'static str],
    /// How its options are read.
    pub getopt: Getopt,
    /// Its options; `-h`, `--help` is understood by all.
    pub options: &'static [OptionDef],
    /// What is said about an option that cannot be read, when not what is wrong with it.
    pub option_error: Option<&'static str>,
}

/// Where a command is installed, below `/opt/xcat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dir {
    /// `bin`
    Bin,
    /// `sbin`
    Sbin,
}

impl Dir {
    /// The directory's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bin => "bin",
            Self::Sbin => "sbin",
        }
    }
}

/// What commands are grouped by in lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Definitions of nodes, groups, networks, images.
    Objects,
    /// The tables themselves.
    Tables,
    /// Names and addresses.
    Network,
    /// Network boot and deployment.
    Deployment,
    /// Power and service processors.
    Hardware,
    /// Images of operating systems.
    Images,
    /// Running things on nodes.
    Parallel,
    /// The daemon and this product.
    System,
}

impl Topic {
    /// All topics, in the order of lists.
    pub const ALL: &'static [Self] = &[
        Self::Objects,
        Self::Tables,
        Self::Network,
        Self::Deployment,
        Self::Hardware,
        Self::Images,
        Self::Parallel,
        Self::System,
    ];

    /// The heading above its commands.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Objects => "Definitions of nodes, groups, networks, images",
            Self::Tables => "Tables",
            Self::Network => "Names and addresses",
            Self::Deployment => "Booting and deployment",
            Self::Hardware => "Power and service processors",
            Self::Images => "Images of operating systems",
            Self::Parallel => "Running things on nodes",
            Self::System => "This product",
        }
    }
}

/// How options are told from operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Getopt {
    /// `-lc` is `-l -c`; options may follow operands.
    Bundling,
    /// The same, but the first operand ends the options: what follows is somebody else's.
    InOrder,
}

/// One option under all its names; names of one letter have one dash.
#[derive(Debug)]
pub struct OptionDef {
    /// The names, without dashes.
    pub names: &'static [&'static str],
    /// Its value.
    pub takes: Takes,
    /// What it is for, in one line; empty when it is understood only to be refused, and nowhere listed.
    pub help: &'static str,
}

/// The value of an option, with the word that stands for it in the usage text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// None.
    Nothing,
    /// One; the last one given counts.
    Value(&'static str),
    /// One, which may be left out.
    Optional(&'static str),
    /// One each time that the option is given.
    Values(&'static str),
}

impl OptionDef {
    /// An option without value.
    pub const fn flag(names: &'static [&'static str], help: &'static str) -> Self {
        Self { names, takes: Takes::Nothing, help }
    }

    /// An option with one value.
    pub const fn value(
        names: &'static [&'static str],
        value: &'static str,
        help: &'static str,
    ) -> Self {
        Self { names, takes: Takes::Value(value), help }
    }

    /// The same option, understood but not listed.
    pub(crate) const fn unlisted(mut self) -> Self {
        self.help = "";
        self
    }

    /// The names as they are written, with the value.
    pub fn spelling(&self) -> String {
        let names: Vec<String> = self
            .names
            .iter()
            .map(|name| if name.len() == 1 { format!("-{name}") } else { format!("--{name}") })
            .collect();
        let names = names.join("|");
        match self.takes {
            Takes::Nothing => names,
            Takes::Value(value) | Takes::Values(value) => format!("{names} {value}"),
            Takes::Optional(value) => format!("{names} [{value}]"),
        }
    }
}

impl Meta {
    /// The program as it is typed: `lsdef`, `xcat boot`.
    pub fn typed(&self) -> String {
        self.name.replacen("xcat-", "xcat ", 1)
    }

    /// The options that help, the manual and completion show.
    pub fn listed_options(&self) -> impl Iterator<Item = &'static OptionDef> + use<> {
        self.options.iter().filter(|option| !option.help.is_empty())
    }

    /// What `--help` prints.
    pub fn help(&self) -> String {
        let mut text = String::new();
        for (index, form) in self.usage.iter().enumerate() {
            let lead = if index == 0 { "Usage: " } else { "       " };
            append(&mut text, format_args!("{lead}{} {form}\n", self.typed()));
        }
        append(&mut text, format_args!("\n{}\n", capitalized(self.summary)));
        if !self.options.is_empty() {
            text.push('\n');
        }
        for option in self.listed_options() {
            append(&mut text, format_args!("  {:<26} {}\n", option.spelling(), option.help));
        }
        text.truncate(text.trim_end().len());
        text
    }
}
