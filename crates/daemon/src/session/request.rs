//! A request document as a value (spec/protocol.md section 3).

use std::path::PathBuf;

use base::Timestamp;
use commands::Upload;
use wire::xml::{Element, XmlError};

use crate::session::login::Login;

/// A request as it arrived; nothing in it is proven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) command: String,
    pub(crate) noderange: Option<String>,
    pub(crate) nodes: Vec<String>,
    pub(crate) arguments: Vec<String>,
    pub(crate) env: Vec<String>,
    pub(crate) cwd: PathBuf,
    pub(crate) stdin: Option<String>,
    /// A table that is sent along, which only tabrestore does.
    pub(crate) upload: Option<Upload>,
    pub(crate) client_type: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) transaction: Option<String>,
    pub(crate) remote_client: Option<String>,
    /// The port on which a node says that it asks for secrets.
    pub(crate) callback: Option<u16>,
    /// Whether the document only asks to stop what runs.
    pub(crate) abort: bool,
    /// How it proves who sends it, if by a password or a token.
    pub(crate) login: Option<Login>,
}

impl Request {
    /// Reads a document.
    pub(crate) fn parse(document: &[u8]) -> Result<Self, XmlError> {
        let root = Element::parse(document)?;
        let text = |name: &str| root.text_of(name).map(str::to_owned);
        let filled = |name: &str| text(name).filter(|text| !text.is_empty());
        let texts = |name| root.all(name).map(|element| element.text.clone());
        Ok(Self {
            command: text("command").unwrap_or_default(),
            noderange: filled("noderange"),
            nodes: texts("node").collect(),
            arguments: texts("arg").collect(),
            env: texts("env").chain(environment(&root)).collect(),
            cwd: text("cwd").unwrap_or_default().into(),
            stdin: text("stdin"),
            upload: upload(&root),
            client_type: filled("clienttype")
                .or_else(|| root.has("becomeuser").then(|| "webui".to_owned())),
            username: text("username"),
            transaction: filled("transid"),
            remote_client: filled("remote_client"),
            callback: text("callback_port").and_then(|port| port.trim().parse().ok()),
            abort: root.has("abortcommand"),
            login: Login::read(&root),
        })
    }

    /// The arguments in one line, without secrets.
    pub(crate) fn shown_arguments(&self) -> String {
        command::masked_of(&self.command, self.arguments.iter().map(String::as_str))
    }

    /// The noderange without secrets: it can compare a password.
    pub(crate) fn shown_noderange(&self) -> String {
        command::masked(self.noderange.as_deref())
    }

    /// What the commands need of it.
    pub(crate) fn into_call(self, user: String, now: Timestamp) -> commands::Request {
        commands::Request {
            command: self.command,
            noderange: self.noderange,
            nodes: None,
            args: self.arguments,
            env: self.env,
            cwd: self.cwd,
            stdin: self.stdin,
            upload: self.upload,
            user,
            now,
        }
    }
}

/// The variables that generic clients send, as `NAME=value`.
fn environment(root: &Element) -> impl Iterator<Item = String> {
    let variables = root.all("environment").flat_map(|environment| &environment.children);
    variables.map(|variable| format!("{}={}", variable.name, variable.text))
}

/// A table as tabrestore sends it, each line in an element of its own.
fn upload(root: &Element) -> Option<Upload> {
    let table = root.text_of("table")?.to_owned();
    let mut text = String::new();
    for line in root.all("data") {
        text.push_str(&line.text);
        if !line.text.ends_with('\n') {
            text.push('\n');
        }
    }
    Some(Upload { table, text, add: root.has("addrows") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_of_the_original_client_is_understood() {
        let text = "<xcatrequest>\n  <arg>stat</arg>\n  <arg>-x</arg>\n  <clienttype>cli</clienttype>\n  \
                    <command>rpower</command>\n  <cwd>/root</cwd>\n  <noderange></noderange>\n  <stdin></stdin>\n</xcatrequest>";
        let request = Request::parse(text.as_bytes()).unwrap();
        assert_eq!((&*request.command, request.arguments.len()), ("rpower", 2));
        assert_eq!((request.noderange, request.stdin.as_deref()), (None, Some("")));
        assert!(!request.abort && request.login.is_none());
        assert_eq!((request.upload, request.env.len()), (None, 0));
        let text = b"<xcatrequest><addrows>yes</addrows><command>tabrestore</command><data>#key,value\n</data>\
                     <data>&quot;a&quot;,&quot;b</data><data>c&quot;\n</data><table>site</table>\
                     <environment><XCAT_X>1</XCAT_X></environment></xcatrequest>";
        let request = Request::parse(text).unwrap();
        let text = "#key,value\n\"a\",\"b\nc\"\n".to_owned();
        assert_eq!(request.upload, Some(Upload { table: "site".to_owned(), text, add: true }));
        assert_eq!(request.env, ["XCAT_X=1"]);
        assert!(
            Request::parse(b"<xcatrequest><abortcommand>1</abortcommand></xcatrequest>")
                .unwrap()
                .abort
        );
    }
}
