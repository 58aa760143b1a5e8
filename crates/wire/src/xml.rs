//! The XML of xCAT's wire: an element tree, a bounded reader, a writer with the layout that line-oriented readers on
//! the nodes depend on, and a splitter of byte streams into documents (spec/protocol.md sections 3 and 5).
//!
//! Invariants: reading is bounded in size, depth and number of elements; nothing external is ever expanded; attributes
//! carry no meaning and are skipped. A character reference arrives from the tokenizer as an event of its own, so text
//! is gathered from three kinds of events.

use quick_xml::events::{BytesRef, Event};

mod frame;

pub use frame::{FrameError, FrameReader};

/// The largest document that is read, in bytes.
pub const MAX_DOCUMENT: usize = 16 * 1024 * 1024;
const MAX_DEPTH: usize = 32;
const MAX_ELEMENTS: usize = 1_000_000;
/// The size of the blocks in which the original daemon writes its responses.
pub const BLOCK: usize = 4096;

/// Why a document cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// The document is larger than [`MAX_DOCUMENT`].
    #[error("the document has {0} bytes, more than {MAX_DOCUMENT}")]
    TooLarge(usize),
    /// The document is not UTF-8.
    #[error("the document is not UTF-8")]
    NotUtf8,
    /// Elements are nested too deeply.
    #[error("elements are nested more than {MAX_DEPTH} deep")]
    TooDeep,
    /// There are too many elements.
    #[error("the document has more than {MAX_ELEMENTS} elements")]
    TooMany,
    /// A document type declaration, which could define entities.
    #[error("a document type declaration is not accepted")]
    DocType,
    /// An entity other than the five of XML.
    #[error("unknown entity '&{0};'")]
    Entity(String),
    /// The document is not well-formed.
    #[error("not well-formed at byte {position}: {reason}")]
    Syntax {
        /// Where, in bytes from the beginning.
        position: u64,
        /// What is wrong there.
        reason: String,
    },
}

/// What a response can carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// The bytes of the original daemon: octal 011 to 177.
    #[default]
    Ascii,
    /// All text, for clients that ask for it.
    Utf8,
}

/// An element: either text or children; an element with both keeps both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// The tag.
    pub name: String,
    /// The character data, entities resolved.
    pub text: String,
    /// The elements inside, in document order.
    pub children: Vec<Element>,
}

impl Element {
    /// An empty element.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), text: String::new(), children: Vec::new() }
    }

    /// An element that holds `text`.
    pub fn leaf(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), children: Vec::new() }
    }

    /// The same element with one more child.
    #[must_use]
    pub fn with(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    /// The same element with one more child that holds `text`.
    #[must_use]
    pub fn with_leaf(self, name: &str, text: impl Into<String>) -> Self {
        self.with(Self::leaf(name, text))
    }

    /// Adds a child.
    pub fn push(&mut self, child: Self) {
        self.children.push(child);
    }

    /// The first child called `name`.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children called `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child called `name`.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    /// Whether a child is called `name`.
    pub fn has(&self, name: &str) -> bool {
        self.child(name).is_some()
    }

    /// Reads one document.
    pub fn parse(document: &[u8]) -> Result<Self, XmlError> {
        if document.len() > MAX_DOCUMENT {
            return Err(XmlError::TooLarge(document.len()));
        }
        let text = std::str::from_utf8(document).map_err(|_| XmlError::NotUtf8)?;
        Tree::default().read(text)
    }

    /// Writes the document as the original client writes a request: two blanks of indentation, elements sorted by name.
    pub fn to_request(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0);
        out
    }

    /// Writes the document as a response: like a request, and every byte that `encoding` cannot carry becomes `?`.
    pub fn to_response(&self, encoding: Encoding) -> Vec<u8> {
        let mut bytes = self.to_request().into_bytes();
        let carried = |byte: u8| match encoding {
            Encoding::Ascii => (0o11..=0o177).contains(&byte),
            Encoding::Utf8 => byte >= 0o11,
        };
        for byte in &mut bytes {
            if !carried(*byte) {
                *byte = b'?';
            }
        }
        bytes
    }

    fn write(&self, out: &mut String, depth: usize) {
        out.extend(std::iter::repeat_n("  ", depth));
        out.push('<');
        out.push_str(&self.name);
        out.push('>');
        escape(&self.text, out);
        if !self.children.is_empty() {
            out.push('\n');
            let mut sorted: Vec<&Self> = self.children.iter().collect();
            sorted.sort_by(|a, b| a.name.cmp(&b.name));
            for child in sorted {
                child.write(out, depth + 1);
            }
            out.extend(std::iter::repeat_n("  ", depth));
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push_str(">\n");
    }
}

fn escape(text: &str, out: &mut String) {
    if !text.bytes().any(|byte| matches!(byte, b'&' | b'<' | b'>' | b'"')) {
        out.push_str(text);
        return;
    }
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
}

/// The elements that are open, outermost first, while a document is read.
#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
}

impl Tree {
    fn read(mut self, text: &str) -> Result<Element, XmlError> {
        let mut reader = quick_xml::Reader::from_str(text);
        loop {
            let event = reader.read_event().map_err(|error| XmlError::Syntax {
                position: reader.error_position(),
                reason: error.to_string(),
            })?;
            match event {
                Event::Start(tag) => self.start(tag.name().as_ref())?,
                Event::Empty(tag) => {
                    self.start(tag.name().as_ref())?;
                    self.end();
                }
                Event::End(_) => self.end(),
                Event::Text(text) => self.text(&text.xml10_content()),
                Event::CData(text) => self.text(&text.xml10_content()),
                Event::GeneralRef(reference) => self.reference(&reference)?,
                Event::DocType(_) => return Err(XmlError::DocType),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::Eof => break,
            }
        }
        let unfinished = || XmlError::Syntax {
            position: text.len() as u64,
            reason: "the document ends too early".to_owned(),
        };
        if self.open.is_empty() { self.root.ok_or_else(unfinished) } else { Err(unfinished()) }
    }

    fn start(&mut self, name: &str) -> Result<(), XmlError> {
        self.elements += 1;
        if self.elements > MAX_ELEMENTS {
            return Err(XmlError::TooMany);
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(XmlError::TooDeep);
        }
        if self.root.is_some() {
            return Err(XmlError::Syntax {
                position: 0,
                reason: "there is more than one root element".to_owned(),
            });
        }
        self.open.push(Element::new(name));
        Ok(())
    }

    fn end(&mut self) {
        let Some(mut element) = self.open.pop() else { return };
        if !element.children.is_empty() && element.text.trim().is_empty() {
            element.text.clear();
        }
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(element) = self.open.last_mut() {
            element.text.push_str(text);
        }
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), XmlError> {
        let name = reference.xml10_content();
        let unknown = || XmlError::Entity(name.escape_debug().to_string());
        let character = match &*name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => reference.resolve_char_ref().ok().flatten().ok_or_else(unknown)?,
        };
        self.text(character.encode_utf8(&mut [0; 4]));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_has_the_layout_of_the_original_client() {
        let request = Element::new("xcatrequest")
            .with_leaf("command", "rpower")
            .with_leaf("noderange", "n[1-2]")
            .with_leaf("clienttype", "cli")
            .with_leaf("cwd", "/root")
            .with_leaf("arg", "stat")
            .with_leaf("arg", "-a \"<&>\"");
        assert_eq!(
            request.to_request(),
            "<xcatrequest>\n  <arg>stat</arg>\n  <arg>-a &quot;&lt;&amp;&gt;&quot;</arg>\n  <clienttype>cli</clienttype>\n  \
             <command>rpower</command>\n  <cwd>/root</cwd>\n  <noderange>n[1-2]</noderange>\n</xcatrequest>\n"
        );
    }

    #[test]
    fn a_response_nests_and_loses_what_is_not_ascii() {
        let data =
            Element::new("data").with_leaf("desc", "power").with_leaf("contents", "\u{e9}\u{0}on");
        let node = Element::new("node").with_leaf("name", "n1").with(data);
        let response = Element::new("xcatresponse").with(node).with(Element::new("serverdone"));
        let utf8 = String::from_utf8(response.to_response(Encoding::Utf8)).unwrap();
        assert!(utf8.contains("<contents>\u{e9}?on</contents>"), "{utf8}");
        assert_eq!(
            String::from_utf8(response.to_response(Encoding::Ascii)).unwrap(),
            "<xcatresponse>\n  <node>\n    <data>\n      <contents>???on</contents>\n      <desc>power</desc>\n    </data>\n    \
             <name>n1</name>\n  </node>\n  <serverdone></serverdone>\n</xcatresponse>\n"
        );
    }

    #[test]
    fn entities_references_and_character_data_all_reach_the_text() {
        let root =
            Element::parse(b"<a><b>x&amp;y&lt;&#65;&#x42;<![CDATA[<c>]]></b> <c/></a>").unwrap();
        assert_eq!(root.text_of("b"), Some("x&y<AB<c>"));
        assert_eq!(root.text, "");
        assert!(root.has("c"));
    }

    #[test]
    fn hostile_documents_are_refused_with_a_reason() {
        let deep = "<a>".repeat(40) + &"</a>".repeat(40);
        let many = format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS));
        let cases: [(&[u8], &str); 8] = [
            (b"<a>&xxe;</a>", "entity"),
            (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "document type"),
            (b"<a><b></a>", "well-formed"),
            (b"<a>", "well-formed"),
            (b"", "well-formed"),
            (b"<a>\xff</a>", "UTF-8"),
            (deep.as_bytes(), "deep"),
            (many.as_bytes(), "elements"),
        ];
        for (document, reason) in cases {
            let error = Element::parse(document).unwrap_err().to_string();
            assert!(error.contains(reason), "{error} should mention {reason}");
        }
        assert_eq!(
            Element::parse(&vec![b' '; MAX_DOCUMENT + 1]),
            Err(XmlError::TooLarge(MAX_DOCUMENT + 1))
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(texts in proptest::collection::vec("[ -~\n\t\u{e9}]{1,20}", 0..8)) {
            let mut root = Element::new("xcatrequest");
            for text in &texts {
                root.push(Element::leaf("arg", text.clone()));
            }
            prop_assert_eq!(Element::parse(root.to_request().as_bytes()), Ok(root));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Element::parse(&bytes).is_ok_and(|root| !root.name.is_empty()) || Element::parse(&bytes).is_err());
        }
    }
}
