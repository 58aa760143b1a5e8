//! What each of the original front ends sends: command line to request document (spec/protocol.md section 3.1).
//!
//! Pure: the caller's surroundings arrive as a value. Which front end a command has is part of its declaration.

use std::path::Path;

use command::FrontEnd;
use wire::xml::Element;

use crate::caller::Caller;
use crate::remote_shell::RemoteShell;
use crate::table_file::Upload;

/// The variable that asks for text beyond ASCII.
pub(crate) const ALL_TEXT: &str = "XCAT_UTF8";

/// A request and how its answer is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The document to send.
    pub request: Element,
    /// Whether a verbose option asks for the answering server's name on each line.
    pub show_server: bool,
}

/// Makes the request for `command` with `arguments`.
pub fn prepare(command: &str, front: FrontEnd, arguments: &[String], caller: &Caller) -> Prepared {
    let mut request = Element::new("xcatrequest")
        .with_leaf("clienttype", "cli")
        .with_leaf("command", command)
        .with_leaf("cwd", &caller.cwd);
    if let Some(stdin) = &caller.stdin {
        request.push(Element::leaf("stdin", stdin));
    }
    let show_server = match front {
        FrontEnd::Noderange => {
            let sent = front.send(arguments, Path::new(&caller.cwd));
            request.push(Element::leaf("noderange", sent.noderange.unwrap_or_default()));
            push_arguments(&mut request, &sent.args);
            let after = arguments.iter().skip_while(|argument| argument.starts_with('-')).skip(1);
            is_verbose(after)
        }
        FrontEnd::TableFile => {
            match &caller.upload {
                Some(upload) => push_upload(&mut request, upload),
                None => push_arguments(&mut request, arguments),
            }
            false
        }
        FrontEnd::Plain | FrontEnd::TableEditor | FrontEnd::Filter | FrontEnd::Local => {
            push_arguments(&mut request, arguments);
            is_verbose(arguments.iter())
        }
        FrontEnd::Definitions => {
            push_arguments(&mut request, &front.send(arguments, Path::new(&caller.cwd)).args);
            false
        }
        FrontEnd::RemoteShell => {
            push_remote_shell(&mut request, &RemoteShell::read(arguments, caller));
            false
        }
    };
    match front {
        FrontEnd::Noderange | FrontEnd::Plain => push_environment(&mut request, caller, |_| true),
        // The original sends none; this one says how the answer is to be written.
        FrontEnd::Definitions => push_environment(&mut request, caller, |it| it == ALL_TEXT),
        FrontEnd::TableFile
        | FrontEnd::TableEditor
        | FrontEnd::RemoteShell
        | FrontEnd::Filter
        | FrontEnd::Local => {}
    }
    Prepared { request, show_server }
}

fn push_arguments(request: &mut Element, arguments: &[String]) {
    for argument in arguments {
        request.push(Element::leaf("arg", argument));
    }
}

/// A table as the original sends it: its name, and each line in an element of its own.
fn push_upload(request: &mut Element, upload: &Upload) {
    request.push(Element::leaf("table", &upload.table));
    if upload.add {
        request.push(Element::leaf("addrows", "yes"));
    }
    for line in upload.text.split_inclusive('\n') {
        request.push(Element::leaf("data", line));
    }
}

fn push_remote_shell(request: &mut Element, sent: &RemoteShell) {
    if let Some(noderange) = sent.noderange {
        request.push(Element::leaf("noderange", noderange));
    }
    push_arguments(request, sent.arguments);
    for setting in &sent.settings {
        request.push(Element::leaf("env", setting));
    }
}

fn push_environment(request: &mut Element, caller: &Caller, is_wanted: impl Fn(&str) -> bool) {
    let mut environment = Element::new("environment");
    for (name, value) in &caller.environment {
        let is_tag = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if name.starts_with("XCAT_") && is_tag && is_wanted(name) {
            environment.push(Element::leaf(name, value));
        }
    }
    if !environment.children.is_empty() {
        request.push(environment);
    }
}

fn is_verbose<'a>(mut arguments: impl Iterator<Item = &'a String>) -> bool {
    arguments.any(|argument| argument == "-V" || argument == "--verbose")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Caller {
        Caller {
            cwd: "/root".to_owned(),
            user: "root".to_owned(),
            stdin: None,
            upload: None,
            environment: vec![
                ("XCAT_X".to_owned(), "1".to_owned()),
                ("HOME".to_owned(), "/root".to_owned()),
                ("DSH_FANOUT".to_owned(), "4".to_owned()),
            ],
        }
    }

    fn sent(command_line: &str) -> Vec<String> {
        let words: Vec<String> = command_line.split(' ').map(str::to_owned).collect();
        let (meta, arguments) = command::resolve(&words[0], &words[1..]).unwrap();
        let prepared = prepare(meta.name, meta.front, arguments, &caller());
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
    }

    #[test]
    fn definitions_ask_for_all_text() {
        let mut caller = caller();
        caller.environment.push((ALL_TEXT.to_owned(), "1".to_owned()));
        let sent = prepare("lsdef", FrontEnd::Definitions, &["-z".to_owned()], &caller).request;
        let environment = sent.children.iter().find(|child| child.name == "environment").unwrap();
        let names: Vec<&str> = environment.children.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, [ALL_TEXT]);
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
    fn a_table_travels_line_by_line() {
        let text = "#key,value\n\"k\",\"a\nb\"\n".to_owned();
        let upload = Upload { table: "site".to_owned(), text: text.clone(), add: true };
        let caller = Caller { upload: Some(upload), ..caller() };
        let sent = prepare("tabrestore", FrontEnd::TableFile, &["x".to_owned()], &caller).request;
        assert_eq!((sent.text_of("table"), sent.text_of("addrows")), (Some("site"), Some("yes")));
        let arrived = Element::parse(sent.to_request().as_bytes()).unwrap();
        let lines: String = arrived.all("data").map(|line| line.text.as_str()).collect();
        assert_eq!((lines, arrived.has("arg")), (text, false));
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
