//! Reads options as the original's commands do: bundles of single letters, long names that may be
//! abbreviated, values attached or apart, options after operands, `--`.

use crate::meta::{Getopt, Meta, OptionDef, Takes};

/// The options and operands of one command line.
#[derive(Clone, Debug, Default)]
pub struct Options {
    given: Vec<(&'static OptionDef, Option<String>)>,
    operands: Vec<String>,
    help: bool,
    version: bool,
}

/// Why a command line cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// There is no such option.
    #[error("unknown option: {0}")]
    Unknown(String),
    /// The abbreviation fits several options.
    #[error("option {0} is ambiguous: {1}")]
    Ambiguous(String, String),
    /// The value is missing.
    #[error("option {0} requires a value")]
    NoValue(String),
    /// The option has no value.
    #[error("option {0} does not take a value")]
    SurplusValue(String),
}

/// The options that every command has, unless it declares them itself.
const HELP: &[&str] = &["h", "?", "help"];
const VERSION: &[&str] = &["v", "version"];

impl Options {
    /// Reads the arguments of a command.
    pub fn parse(meta: &Meta, args: &[String]) -> Result<Self, OptionError> {
        let mut options = Self::default();
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            if arg == "--" {
                break;
            }
            if let Some(long) = arg.strip_prefix("--") {
                options.long(meta, long, &mut rest)?;
            } else if arg.len() > 1 && arg.starts_with('-') {
                options.bundle(meta, &arg[1..], &mut rest)?;
            } else {
                options.operands.push(arg.clone());
                if meta.getopt == Getopt::InOrder {
                    break;
                }
            }
        }
        options.operands.extend(rest.cloned());
        Ok(options)
    }

    /// Whether the option with this name was given.
    pub fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(option, _)| option.names.contains(&name))
    }

    /// The last value of the option with this name; empty when it was given without.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values(name).pop()
    }

    /// Every value of the option with this name.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let given = self.given.iter().filter(|(option, _)| option.names.contains(&name));
        given.map(|(_, value)| value.as_deref().unwrap_or_default()).collect()
    }

    /// What is not an option.
    pub fn operands(&self) -> &[String] {
        &self.operands
    }

    /// Whether usage is asked for.
    pub fn help(&self) -> bool {
        self.help
    }

    /// Whether the version is asked for.
    pub fn version(&self) -> bool {
        self.version || self.has("version")
    }

    /// Notes an option that every command has.
    fn common(&mut self, common: Common) {
        match common {
            Common::Help => self.help = true,
            Common::Version => self.version = true,
        }
    }

    fn long<'a>(
        &mut self,
        meta: &Meta,
        text: &str,
        rest: &mut (impl Iterator<Item = &'a String> + Clone),
    ) -> Result<(), OptionError> {
        let (name, attached) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        let option = match find_long(meta, name)? {
            Found::Own(option) => option,
            Found::Common(common) => {
                self.common(common);
                return Ok(());
            }
        };
        let value = match (option.takes, attached) {
            (Takes::Nothing, Some(_)) => return Err(OptionError::SurplusValue(name.to_owned())),
            (Takes::Nothing, None) => None,
            (_, Some(value)) => Some(value),
            (_, None) => take_value(option, name, rest)?,
        };
        self.given.push((option, value));
        Ok(())
    }

    fn bundle<'a>(
        &mut self,
        meta: &Meta,
        letters: &str,
        rest: &mut (impl Iterator<Item = &'a String> + Clone),
    ) -> Result<(), OptionError> {
        for (at, letter) in letters.char_indices() {
            let mut buffer = [0; 4];
            let name: &str = letter.encode_utf8(&mut buffer);
            let Some(option) = meta.options.iter().find(|option| option.names.contains(&name))
            else {
                let common = common_named(name);
                self.common(common.ok_or_else(|| OptionError::Unknown(name.to_owned()))?);
                continue;
            };
            if option.takes == Takes::Nothing {
                self.given.push((option, None));
                continue;
            }
            let attached = &letters[at + letter.len_utf8()..];
            let value = match attached {
                "" => take_value(option, name, rest)?,
                _ => Some(attached.to_owned()),
            };
            self.given.push((option, value));
            break;
        }
        Ok(())
    }
}

/// An option that every command has.
#[derive(Clone, Copy)]
enum Common {
    Help,
    Version,
}

/// What a long name means.
#[derive(Clone, Copy)]
enum Found {
    Own(&'static OptionDef),
    Common(Common),
}

impl Found {
    const fn name(self) -> &'static str {
        match self {
            Self::Own(option) => option.names[0],
            Self::Common(Common::Help) => "help",
            Self::Common(Common::Version) => "version",
        }
    }
}

fn common_named(name: &str) -> Option<Common> {
    let help = HELP.contains(&name).then_some(Common::Help);
    help.or_else(|| VERSION.contains(&name).then_some(Common::Version))
}

/// The option that `name` is or abbreviates. What a command declares comes before what all have.
fn find_long(meta: &Meta, name: &str) -> Result<Found, OptionError> {
    let declares = |name: &&str| meta.options.iter().any(|option| option.names.contains(name));
    let exact = meta.options.iter().find(|option| option.names.contains(&name));
    let exact = exact.map(Found::Own).or_else(|| common_named(name).map(Found::Common));
    if let Some(found) = exact {
        return Ok(found);
    }
    let fits = |option: &OptionDef| option.names.iter().any(|long| long.starts_with(name));
    let own = meta.options.iter().filter(|option| fits(option)).map(Found::Own);
    let common = ["help", "version"].into_iter().filter(|long| long.starts_with(name));
    let common = common.filter(|long| !declares(long)).filter_map(common_named).map(Found::Common);
    let fitting: Vec<Found> = own.chain(common).collect();
    match fitting.as_slice() {
        [] => Err(OptionError::Unknown(name.to_owned())),
        [only] => Ok(*only),
        several => {
            let names = several.iter().map(|found| found.name()).collect::<Vec<_>>().join(", ");
            Err(OptionError::Ambiguous(name.to_owned(), names))
        }
    }
}

fn take_value<'a>(
    option: &OptionDef,
    name: &str,
    rest: &mut (impl Iterator<Item = &'a String> + Clone),
) -> Result<Option<String>, OptionError> {
    if matches!(option.takes, Takes::Optional(_)) {
        let next = rest.clone().next().filter(|next| !next.starts_with('-'));
        return Ok(next.and_then(|_| rest.next()).cloned());
    }
    rest.next().cloned().map(Some).ok_or_else(|| OptionError::NoValue(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::FrontEnd;
    use crate::meta::{Dir, Topic};

    static META: Meta = Meta {
        name: "try",
        section: 1,
        dir: Dir::Bin,
        topic: Topic::System,
        front: FrontEnd::Plain,
        summary: "try options",
        usage: &["[OPTIONS]"],
        getopt: Getopt::Bundling,
        options: &[
            OptionDef::flag(&["a", "all"], ""),
            OptionDef::flag(&["c", "compress"], ""),
            OptionDef::value(&["t"], "TYPE", ""),
            OptionDef { names: &["w"], takes: Takes::Values("TEST"), help: "" },
            OptionDef { names: &["template"], takes: Takes::Optional("NAME"), help: "" },
            OptionDef::flag(&["nics"], ""),
            OptionDef::flag(&["nocache"], ""),
        ],
        option_error: None,
    };

    fn parse(line: &str) -> Result<Options, OptionError> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&META, &args)
    }

    #[test]
    fn options_are_read_wherever_they_stand() {
        let options = parse("n1 -ac -tnode x=y --templ -w a==b -w c==d -- -a").unwrap();
        assert!(options.has("all") && options.has("c") && !options.has("nics"));
        assert_eq!(options.value("t"), Some("node"));
        assert_eq!(options.values("w"), ["a==b", "c==d"]);
        assert_eq!(options.value("template"), Some(""));
        assert_eq!(options.operands(), ["n1", "x=y", "-a"]);
        assert!(parse("-h").unwrap().help() && parse("--he").unwrap().help());
        assert!(parse("-av").unwrap().version() && parse("--vers").unwrap().version());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = |line: &str| parse(line).unwrap_err().to_string();
        assert_eq!(error("--members"), "unknown option: members");
        assert_eq!(error("-ax"), "unknown option: x");
        assert_eq!(error("-t"), "option t requires a value");
        assert_eq!(error("--all=1"), "option all does not take a value");
        assert_eq!(error("--n"), "option n is ambiguous: nics, nocache");
    }

    #[test]
    fn in_order_leaves_the_rest_alone() {
        let meta = Meta { getopt: Getopt::InOrder, ..Meta { options: META.options, ..base() } };
        let args: Vec<String> = ["-a", "ls", "-t"].map(str::to_owned).into();
        let options = Options::parse(&meta, &args).unwrap();
        assert_eq!(options.operands(), ["ls", "-t"]);
    }

    fn base() -> Meta {
        Meta {
            name: "try",
            section: 1,
            dir: Dir::Bin,
            topic: Topic::System,
            front: FrontEnd::Plain,
            summary: "",
            usage: &[],
            getopt: Getopt::InOrder,
            options: &[],
            option_error: None,
        }
    }
}
