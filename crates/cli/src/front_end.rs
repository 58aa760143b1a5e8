//! What each of the original front ends sends: command line to request document (spec/protocol.md section 3.1).
//!
//! Pure: the caller's surroundings arrive as a value. The front end of a command is part of the wire's history, so it is
//! written down here and does not follow from what our daemon does with the command.

use wire::xml::Element;

use crate::remote_shell;

/// How a command line becomes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrontEnd {
    /// The first argument that is not an option is the noderange (xcatclient).
    Noderange,
    /// All arguments are arguments (xcatclientnnr).
    Plain,
    /// The object definition commands (xcatDBcmds).
    Definition,
    /// xdsh and xdcp: the noderange comes first, and shell settings travel along.
    RemoteShell,
}

/// The commands of xcatclient, and those of ours that work the same way.
#[rustfmt::skip]
const NODERANGE: &[&str] = &[
    "boot", "cfghost", "chhypervisor", "chvm", "clonevm", "getmacs", "imgcapture", "litefile",
    "litetree", "lsflexnode", "lshwconn", "lslite", "lstree", "lsvm", "makeconfluentcfg",
    "makeconservercf", "makedhcp", "makedns", "makegocons", "makehosts", "makeknownhosts",
    "mkflexnode", "mkhwconn", "mkvm", "nodech", "nodechmac", "nodechprofile", "nodels", "nodepurge",
    "noderange", "noderefresh", "noderegenips", "noderm", "nodeset", "nodestat", "opsaddbmnode",
    "rbeacon", "rbootseq", "renergy", "reventlog", "rflash", "rinv", "rmflexnode", "rmhwconn",
    "rmhypervisor", "rmigrate", "rmvm", "rnetboot", "rpower", "rscan", "rsetboot", "rshutdown",
    "rspconfig", "rspreset", "rvitals", "setupiscsidev", "switchblade", "tabgrep", "updatenode",
    "xCATWorld",
];
#[rustfmt::skip]
const DEFINITION: &[&str] = &[
    "chdef", "chkosimage", "lsdef", "mkdef", "mkdsklsnode", "mknimimage", "nimnodecust",
    "nimnodeset", "rmdef", "rmdsklsnode", "rmnimimage", "xcat2nim",
];
const REMOTE_SHELL: &[&str] = &["xdcp", "xdsh"];

impl FrontEnd {
    /// The front end of the command `name`.
    pub fn of(name: &str) -> Self {
        if NODERANGE.contains(&name) {
            Self::Noderange
        } else if DEFINITION.contains(&name) {
            Self::Definition
        } else if REMOTE_SHELL.contains(&name) {
            Self::RemoteShell
        } else {
            Self::Plain
        }
    }

    /// Whether standard input is read whenever it is no terminal, and not only from a pipe.
    pub const fn reads_any_input(self) -> bool {
        matches!(self, Self::Definition)
    }
}

/// The surroundings of the call.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The working directory.
    pub cwd: String,
    /// The user's name.
    pub user: String,
    /// What standard input held, if it was read.
    pub stdin: Option<String>,
    /// The environment.
    pub environment: Vec<(String, String)>,
}

impl Caller {
    /// The value of an environment variable.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A request and how its answer is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The document to send.
    pub request: Element,
    /// Whether a verbose option asks for the answering server's name on each line.
    pub show_server: bool,
}

/// Makes the request for `command` with `arguments`.
pub fn prepare(command: &str, arguments: &[String], caller: &Caller) -> Prepared {
    let mut request = Element::new("xcatrequest")
        .with_leaf("clienttype", "cli")
        .with_leaf("command", command)
        .with_leaf("cwd", &caller.cwd);
    if let Some(stdin) = &caller.stdin {
        request.push(Element::leaf("stdin", stdin));
    }
    let front_end = FrontEnd::of(command);
    let show_server = match front_end {
        FrontEnd::Noderange => with_noderange(&mut request, command, arguments, caller),
        FrontEnd::Plain => {
            push_arguments(&mut request, arguments);
            is_verbose(arguments)
        }
        FrontEnd::Definition => {
            definition(&mut request, command, arguments, caller);
            false
        }
        FrontEnd::RemoteShell => {
            remote_shell::fill(&mut request, arguments, caller);
            false
        }
    };
    if matches!(front_end, FrontEnd::Noderange | FrontEnd::Plain) {
        push_environment(&mut request, caller);
    }
    Prepared { request, show_server }
}

/// Takes the first operand as the noderange; says whether an argument after it asks for more words.
fn with_noderange(
    request: &mut Element,
    command: &str,
    arguments: &[String],
    caller: &Caller,
) -> bool {
    if command.contains("lslite") && arguments.join(",").contains("-i") {
        push_arguments(request, arguments);
        return is_verbose(arguments);
    }
    let options = arguments.iter().take_while(|argument| argument.starts_with('-')).count();
    let (before, rest) = arguments.split_at(options);
    let (noderange, after) = rest.split_first().map_or(("", rest), |(first, rest)| (first, rest));
    request.push(Element::leaf("noderange", absolute_files(noderange, &caller.cwd)));
    push_arguments(request, before);
    push_arguments(request, after);
    is_verbose(after)
}

fn definition(request: &mut Element, command: &str, arguments: &[String], caller: &Caller) {
    let arguments: Vec<String> = arguments
        .iter()
        .map(|argument| {
            if argument.contains('=') || argument.starts_with('-') {
                argument.clone()
            } else {
                absolute_files(argument, &caller.cwd)
            }
        })
        .collect();
    push_arguments(request, &arguments);
    let takes_noderange = ["nimnodeset", "mkdsklsnode", "rmdsklsnode", "xcat2nim", "nimnodecust"];
    let operand = arguments.iter().find(|text| !text.contains('=') && !text.starts_with('-'));
    if let Some(noderange) = operand.filter(|_| takes_noderange.contains(&command)) {
        request.push(Element::leaf("noderange", noderange));
    }
}

pub(crate) fn push_arguments(request: &mut Element, arguments: &[String]) {
    for argument in arguments {
        request.push(Element::leaf("arg", argument));
    }
}

fn push_environment(request: &mut Element, caller: &Caller) {
    let mut environment = Element::new("environment");
    for (name, value) in &caller.environment {
        let is_tag = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if name.starts_with("XCAT_") && is_tag {
            environment.push(Element::leaf(name, value));
        }
    }
    if !environment.children.is_empty() {
        request.push(environment);
    }
}

fn is_verbose(arguments: &[String]) -> bool {
    arguments.iter().any(|argument| argument == "-V" || argument == "--verbose")
}

/// Makes the paths of `^file` items absolute; as in the original, empty items at the end are lost.
fn absolute_files(noderange: &str, cwd: &str) -> String {
    let items: Vec<String> = noderange
        .split(',')
        .map(|item| match item.strip_prefix('^') {
            Some(path) if !path.starts_with('/') => {
                format!("^{}/{path}", cwd.trim_end_matches('/'))
            }
            _ => item.to_owned(),
        })
        .collect();
    items.join(",").trim_end_matches(',').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Caller {
        Caller {
            cwd: "/root".to_owned(),
            user: "root".to_owned(),
            stdin: None,
            environment: vec![
                ("XCAT_X".to_owned(), "1".to_owned()),
                ("HOME".to_owned(), "/root".to_owned()),
                ("DSH_FANOUT".to_owned(), "4".to_owned()),
            ],
        }
    }

    fn sent(command_line: &str) -> Vec<String> {
        let words: Vec<String> = command_line.split(' ').map(str::to_owned).collect();
        let prepared = prepare(&words[0], &words[1..], &caller());
        let body = prepared.request.to_request();
        let skip = ["<cwd>/root", "<clienttype>cli", "xcatrequest>"];
        let mut lines: Vec<String> = body
            .lines()
            .filter(|line| !skip.iter().any(|text| line.contains(text)))
            .map(|line| line.trim().split("</").next().unwrap_or_default().to_owned())
            .filter(|line| !line.is_empty())
            .collect();
        if prepared.show_server {
            lines.push("verbose".to_owned());
        }
        lines
    }

    #[test]
    fn the_first_operand_of_a_node_command_is_the_noderange() {
        let environment = ["<environment>", "<XCAT_X>1"];
        let with = |lines: &[&str]| -> Vec<String> {
            let at = lines.iter().position(|line| line.starts_with("<command")).unwrap() + 1;
            [&lines[..at], &environment, &lines[at..]]
                .concat()
                .iter()
                .map(ToString::to_string)
                .collect()
        };
        assert_eq!(
            sent("rpower n[1-2] stat"),
            with(&["<arg>stat", "<command>rpower", "<noderange>n[1-2]"])
        );
        assert_eq!(
            sent("nodeset -V ^f,n1 osimage=a --verbose"),
            with(&[
                "<arg>-V",
                "<arg>osimage=a",
                "<arg>--verbose",
                "<command>nodeset",
                "<noderange>^/root/f,n1",
                "verbose"
            ])
        );
        assert_eq!(sent("makedhcp -n"), with(&["<arg>-n", "<command>makedhcp", "<noderange>"]));
        assert_eq!(sent("lslite -i image"), with(&["<arg>-i", "<arg>image", "<command>lslite"]));
    }

    #[test]
    fn definitions_keep_their_arguments_and_send_no_environment() {
        assert_eq!(
            sent("lsdef -t node ^names,n1 -i a=^b"),
            [
                "<arg>-t",
                "<arg>node",
                "<arg>^/root/names,n1",
                "<arg>-i",
                "<arg>a=^b",
                "<command>lsdef"
            ]
        );
    }

    #[test]
    fn a_plain_command_sends_everything_as_arguments() {
        assert_eq!(
            sent("tabdump -w key==master site"),
            [
                "<arg>-w",
                "<arg>key==master",
                "<arg>site",
                "<command>tabdump",
                "<environment>",
                "<XCAT_X>1"
            ]
        );
    }

    #[test]
    fn a_remote_shell_takes_its_settings_along() {
        assert_eq!(
            sent("xdsh n1 -l bob date -e"),
            [
                "<arg>-l",
                "<arg>bob",
                "<arg>date",
                "<arg>-e",
                "<command>xdsh",
                "<env>DSH_FANOUT=4",
                "<env>DSH_FROM_USERID=root",
                "<env>DSH_TO_USERID=bob",
                "<noderange>n1"
            ]
        );
        assert_eq!(
            sent("xdsh n1 -f 9 -e script.sh a"),
            [
                "<arg>-f",
                "<arg>9",
                "<arg>-e",
                "<arg>script.sh",
                "<arg>a",
                "<command>xdsh",
                "<env>DSH_FROM_USERID=root",
                "<env>DSH_TO_USERID=root",
                "<env>DSHEXECUTE=/root/script.sh a",
                "<noderange>n1"
            ]
        );
    }
}
