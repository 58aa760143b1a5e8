//! The front end of xdsh and xdcp: the noderange first, the rest as arguments, and the shell settings of the caller's
//! environment as `NAME=value` items (spec/protocol.md section 3.2). Pure.

use crate::caller::Caller;

/// The settings in the order in which the original sends them; the first five are masked by an option.
#[rustfmt::skip]
const SETTINGS: &[&str] = &[
    "DSH_NODE_RSH", "DSH_NODE_RCP", "DSH_NODE_OPTS", "DSH_FANOUT", "DSH_TIMEOUT",
    "DSH_REMOTE_PASSWORD", "DSH_FROM_USERID", "DSH_TO_USERID", "DEVICETYPE", "DSH_RSYNC_FILE",
    "RSYNCSN", "RSYNCSNONLY", "DCP_PULL", "DSHEXECUTE", "DSH_ENVIRONMENT", "DSH_VERIFY",
    "XCAT_OSIMAGE_ENV",
];

/// Long options that take a value, and the letter that stands for them here.
#[rustfmt::skip]
const LONG_WITH_VALUE: &[(&str, char)] = &[
    ("fanout", 'f'), ("user", 'l'), ("node-options", 'o'), ("node-rsh", 'r'), ("rootimg", 'i'),
    ("timeout", 't'), ("environment", 'E'), ("ignore-sig", 'I'), ("ignoresig", 'I'),
    ("syntax", 'S'), ("ip", ' '), ("show", ' '), ("devicetype", 'd'), ("command-name", ' '),
    ("commandName", ' '), ("command-description", ' '), ("commandDescription", ' '),
];

/// What the options say that the client must know.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    given: Vec<(char, String)>,
    execute: bool,
    operands: Vec<String>,
}

impl Options {
    /// Reads bundled options up to the first operand.
    fn read(arguments: &[String]) -> Self {
        let mut options = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if let Some(long) = argument.strip_prefix("--").filter(|long| !long.is_empty()) {
                options.long(long, &mut rest);
            } else if let Some(letters) = argument.strip_prefix('-').filter(|text| !text.is_empty())
            {
                options.bundle(letters, &mut rest);
            } else {
                options.operands = std::iter::once(argument).chain(rest).cloned().collect();
                break;
            }
        }
        options
    }

    fn long<'a>(&mut self, text: &str, rest: &mut impl Iterator<Item = &'a String>) {
        let (name, value) = text.split_once('=').map_or((text, None), |(a, b)| (a, Some(b)));
        self.execute |= name == "execute";
        if let Some((_, letter)) = LONG_WITH_VALUE.iter().find(|(long, _)| *long == name) {
            let value = value.map(str::to_owned).or_else(|| rest.next().cloned());
            self.given.push((*letter, value.unwrap_or_default()));
        }
    }

    fn bundle<'a>(&mut self, letters: &str, rest: &mut impl Iterator<Item = &'a String>) {
        for (at, letter) in letters.char_indices() {
            let attached = &letters[at + letter.len_utf8()..];
            match letter {
                'f' | 'l' | 'o' | 'r' | 'i' | 't' | 'E' | 'I' | 'S' => {
                    let value = if attached.is_empty() {
                        rest.next().cloned()
                    } else {
                        Some(attached.to_owned())
                    };
                    self.given.push((letter, value.unwrap_or_default()));
                    return;
                }
                'X' => {
                    self.given.push((letter, attached.to_owned()));
                    return;
                }
                'e' => self.execute = true,
                _ => {}
            }
        }
    }

    fn value(&self, letter: char) -> Option<&str> {
        self.given.iter().rfind(|(given, _)| *given == letter).map(|(_, value)| value.as_str())
    }
}

/// What is sent.
#[derive(Debug)]
pub(crate) struct RemoteShell<'a> {
    /// The noderange, unless the first word is an option.
    pub(crate) noderange: Option<&'a str>,
    /// The words after it.
    pub(crate) arguments: &'a [String],
    /// The shell settings, `NAME=value`.
    pub(crate) settings: Vec<String>,
}

impl<'a> RemoteShell<'a> {
    /// Reads the command line of `caller`.
    pub(crate) fn read(arguments: &'a [String], caller: &Caller) -> Self {
        let (noderange, arguments) = match arguments.split_first() {
            Some((first, rest)) if !first.starts_with('-') => (Some(first.as_str()), rest),
            _ => (None, arguments),
        };
        let options = Options::read(arguments);
        let written = |name: &&str| {
            let value = setting(name, &options, caller).filter(|value| !value.is_empty());
            value.map(|value| format!("{name}={value}"))
        };
        Self { noderange, arguments, settings: SETTINGS.iter().filter_map(written).collect() }
    }
}

fn setting(name: &str, options: &Options, caller: &Caller) -> Option<String> {
    let masked_by = match name {
        "DSH_NODE_RSH" => Some('r'),
        "DSH_NODE_OPTS" => Some('o'),
        "DSH_FANOUT" => Some('f'),
        "DSH_TIMEOUT" => Some('t'),
        _ => None,
    };
    if masked_by.is_some_and(|letter| options.value(letter).is_some()) || is_ignored(name, options)
    {
        return None;
    }
    match name {
        "DSH_FROM_USERID" => Some(caller.user.clone()),
        "DSH_TO_USERID" => Some(options.value('l').unwrap_or(&caller.user).to_owned()),
        "DSHEXECUTE" if options.execute && !options.operands.is_empty() => {
            Some(script(options, caller))
        }
        "DSH_ENVIRONMENT" => caller.variable(name).or(options.value('E')).map(str::to_owned),
        "DEVICETYPE" => options.value('d').or(caller.variable(name)).map(str::to_owned),
        _ => caller.variable(name).map(str::to_owned),
    }
}

/// `-X` hides all five maskable settings, `-X NAME,NAME` all but those.
fn is_ignored(name: &str, options: &Options) -> bool {
    SETTINGS[..5].contains(&name)
        && options.value('X').is_some_and(|kept| kept.split(',').all(|kept| kept != name))
}

fn script(options: &Options, caller: &Caller) -> String {
    let words = options.operands.join(" ");
    if words.starts_with('/') {
        words
    } else {
        format!("{}/{words}", caller.cwd.trim_end_matches('/'))
    }
}
