//! What a command answers, and how each part looks on the wire (spec/protocol.md section 5).

use base::Failure;
use wire::xml::Element;

use crate::exit::exit_code;

/// How many items are put into one document at most.
pub const DOCUMENT_ITEMS: usize = 500;

/// One part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A line on standard output: `text`, or `desc: text`.
    Data {
        /// What the text is.
        desc: Option<String>,
        /// The text.
        text: String,
    },
    /// A line on standard output that tells about progress.
    Info(String),
    /// The same, to be overwritten by the next.
    Sinfo(String),
    /// A warning of the command.
    Warning(String),
    /// An error of the command.
    Error {
        /// The text.
        text: String,
        /// The exit code that it stands for; 0 when another item carries it.
        code: u8,
    },
    /// An error of the daemon before a command saw the request; it names no server.
    Refusal {
        /// The text.
        text: String,
        /// The exit code that it stands for.
        code: u8,
    },
    /// A line about a node: `name: text`, or `name: desc: text`.
    Node {
        /// The node.
        name: String,
        /// What the text is.
        desc: Option<String>,
        /// The text.
        text: String,
    },
    /// Only the name of a node.
    NodeName(String),
    /// A warning about a node.
    NodeWarning {
        /// The node.
        name: String,
        /// The text.
        text: String,
    },
    /// What failed on a node.
    NodeError {
        /// The node.
        name: String,
        /// The text.
        text: String,
        /// The exit code that it stands for.
        code: u8,
    },
    /// A line that a program on a node printed on its standard error.
    Stderr(String),
    /// Only an exit code.
    Code(u8),
}

impl Item {
    /// A line on standard output.
    pub fn data(text: impl Into<String>) -> Self {
        Self::Data { desc: None, text: text.into() }
    }

    /// An error with exit code 1.
    pub fn error(text: impl Into<String>) -> Self {
        Self::Error { text: text.into(), code: 1 }
    }

    /// A line about a node.
    pub fn node(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Node { name: name.into(), desc: None, text: text.into() }
    }

    /// What failed on a node, with exit code 1.
    pub fn node_error(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::NodeError { name: name.into(), text: text.into(), code: 1 }
    }

    /// The exit code that this item stands for.
    pub fn code(&self) -> u8 {
        match self {
            Self::Error { code, .. }
            | Self::Refusal { code, .. }
            | Self::NodeError { code, .. }
            | Self::Code(code) => *code,
            Self::Data { .. }
            | Self::Info(_)
            | Self::Sinfo(_)
            | Self::Warning(_)
            | Self::Node { .. }
            | Self::NodeName(_)
            | Self::Stderr(_)
            | Self::NodeWarning { .. } => 0,
        }
    }

    /// A response document with only this item; `source` is the short name of the server.
    pub fn to_element(&self, source: Option<&str>) -> Element {
        document(std::slice::from_ref(self), source)
    }

    /// Whether both may stand in one document: a document is rendered kind by kind, not in order.
    fn joins(&self, other: &Self) -> bool {
        matches!(
            (self, other),
            (Self::Data { .. }, Self::Data { .. })
                | (Self::Info(_), Self::Info(_))
                | (Self::Node { .. } | Self::NodeName(_), Self::Node { .. } | Self::NodeName(_))
        )
    }

    fn append_to(&self, response: &mut Element) {
        let mut code = self.code();
        match self {
            Self::Data { desc: None, text } => response.push(Element::leaf("data", text)),
            Self::Data { desc: Some(desc), text } => response.push(described(desc, text)),
            Self::Info(text) => response.push(Element::leaf("info", text)),
            Self::Sinfo(text) => response.push(Element::leaf("sinfo", text)),
            Self::Warning(text) => response.push(Element::leaf("warning", text)),
            Self::Error { text, .. } | Self::Refusal { text, .. } => {
                response.push(Element::leaf("error", text));
            }
            Self::Node { name, desc, text } => response.push(node(name, desc.as_deref(), text)),
            Self::NodeName(name) => response.push(Element::new("node").with_leaf("name", name)),
            Self::NodeWarning { name, text } => {
                let node = Element::new("node").with_leaf("name", name);
                response.push(node.with_leaf("warning", text));
            }
            Self::NodeError { name, text, .. } => {
                let node = Element::new("node").with_leaf("error", text);
                let node = node.with_leaf("errorcode", code.to_string());
                response.push(node.with_leaf("name", name));
                code = 0;
            }
            Self::Stderr(text) => {
                response.push(Element::leaf("error", text));
                response.push(Element::leaf("NoErrorPrefix", "1"));
            }
            Self::Code(_) => {}
        }
        if code != 0 {
            response.push(Element::leaf("errorcode", code.to_string()));
        }
    }
}

fn described(desc: &str, text: &str) -> Element {
    Element::new("data").with_leaf("contents", text).with_leaf("desc", desc)
}

fn node(name: &str, desc: Option<&str>, text: &str) -> Element {
    let data = match desc {
        Some(desc) => described(desc, text),
        None => Element::new("data").with_leaf("contents", text),
    };
    Element::new("node").with(data).with_leaf("name", name)
}

fn document(items: &[Item], source: Option<&str>) -> Element {
    let mut response = Element::new("xcatresponse");
    for item in items {
        item.append_to(&mut response);
    }
    let refused = items.iter().any(|item| matches!(item, Item::Refusal { .. }));
    match source {
        Some(source) if !refused => response.with_leaf("xcatdsource", source),
        _ => response,
    }
}

impl From<Failure> for Item {
    fn from(failure: Failure) -> Self {
        Self::Error { text: failure.to_string(), code: exit_code(failure.kind) }
    }
}

/// Everything that a command answers at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer(pub Vec<Item>);

impl Answer {
    /// An answer that says nothing.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds an item.
    pub fn push(&mut self, item: Item) -> &mut Self {
        self.0.push(item);
        self
    }

    /// Adds a line on standard output.
    pub fn line(&mut self, text: impl Into<String>) -> &mut Self {
        self.push(Item::data(text))
    }

    /// Adds an error with exit code 1.
    pub fn error(&mut self, text: impl Into<String>) -> &mut Self {
        self.push(Item::error(text))
    }

    /// The exit code of the whole: all codes combined, as the client does.
    pub fn code(&self) -> u8 {
        self.0.iter().fold(0, |code, item| code | item.code())
    }

    /// The response documents, without the one that ends the stream. Neighbours of one kind share
    /// a document, up to [`DOCUMENT_ITEMS`].
    pub fn documents<'a>(
        &'a self,
        source: Option<&'a str>,
    ) -> impl Iterator<Item = Element> + use<'a> {
        self.0
            .chunk_by(Item::joins)
            .flat_map(|items| items.chunks(DOCUMENT_ITEMS))
            .map(move |items| document(items, source))
    }
}

impl FromIterator<Item> for Answer {
    fn from_iter<I: IntoIterator<Item = Item>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml(item: &Item) -> String {
        let text = item.to_element(Some("mn")).to_request();
        text.lines().map(str::trim).collect()
    }

    #[test]
    fn items_have_the_shapes_of_the_protocol() {
        let node = Item::Node { name: "n1".into(), desc: Some("power".into()), text: "on".into() };
        for (item, expected) in [
            (Item::data("hello"), "<data>hello</data><xcatdsource>mn</xcatdsource>"),
            (
                Item::error("bad"),
                "<error>bad</error><errorcode>1</errorcode><xcatdsource>mn</xcatdsource>",
            ),
            (
                Item::Refusal { text: "no".into(), code: 1 },
                "<error>no</error><errorcode>1</errorcode>",
            ),
            (
                node,
                "<node><data><contents>on</contents><desc>power</desc></data><name>n1</name></node>\
                 <xcatdsource>mn</xcatdsource>",
            ),
            (
                Item::node_error("n1", "no BMC"),
                "<node><error>no BMC</error><errorcode>1</errorcode><name>n1</name></node>\
                 <xcatdsource>mn</xcatdsource>",
            ),
            (Item::Code(4), "<errorcode>4</errorcode><xcatdsource>mn</xcatdsource>"),
        ] {
            assert_eq!(xml(&item), format!("<xcatresponse>{expected}</xcatresponse>"));
        }
    }

    #[test]
    fn neighbours_of_a_kind_share_a_document_and_codes_are_combined() {
        let mut answer = Answer::new();
        answer.line("a").line("b").error("c").line("d").push(Item::Code(4));
        assert_eq!(answer.documents(None).count(), 4);
        assert_eq!(answer.code(), 5);
        let many: Answer = (0..1_001).map(|n| Item::data(n.to_string())).collect();
        assert_eq!(many.documents(None).count(), 3);
    }
}
