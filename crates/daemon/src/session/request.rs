//! A request document as a value (spec/protocol.md section 3).

use std::path::PathBuf;

use base::Timestamp;
use wire::xml::{Element, XmlError};

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
    pub(crate) client_type: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) transaction: Option<String>,
    pub(crate) remote_client: Option<String>,
    /// Whether the document only asks to stop what runs.
    pub(crate) abort: bool,
    /// Whether it wants to be somebody else by a password or a token.
    pub(crate) authenticates: bool,
}

impl Request {
    /// Reads a document.
    pub(crate) fn parse(document: &[u8]) -> Result<Self, XmlError> {
        let root = Element::parse(document)?;
        let text = |name: &str| root.text_of(name).map(str::to_owned);
        let filled = |name: &str| text(name).filter(|text| !text.is_empty());
        let texts = |name: &str| root.all(name).map(|element| element.text.clone()).collect();
        Ok(Self {
            command: text("command").unwrap_or_default(),
            noderange: filled("noderange"),
            nodes: texts("node"),
            arguments: texts("arg"),
            env: texts("env"),
            cwd: text("cwd").unwrap_or_default().into(),
            stdin: text("stdin"),
            client_type: filled("clienttype"),
            username: text("username"),
            transaction: filled("transid"),
            remote_client: filled("remote_client"),
            abort: root.has("abortcommand"),
            authenticates: ["becomeuser", "gettoken", "tokens"].iter().any(|name| root.has(name)),
        })
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
            user,
            now,
        }
    }
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
        assert!(!request.abort && !request.authenticates);
        assert!(
            Request::parse(b"<xcatrequest><abortcommand>1</abortcommand></xcatrequest>")
                .unwrap()
                .abort
        );
    }
}
