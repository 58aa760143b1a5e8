//! Definitions as text, `name:` and indented `attribute=value` lines, or the same as XML. Both are what
//! `lsdef -z` and `lsdef -x` print.

use std::collections::HashMap;

use tables::ObjectType;
use wire::xml::Element;

/// The element around all definitions in XML.
pub(super) const ROOT: &str = "xcatobjects";
/// The element of one definition.
pub(super) const OBJECT: &str = "object";
/// The elements of its name and its type; all others are attributes.
pub(super) const NAME: &str = "objname";
pub(super) const TYPE: &str = "objtype";
/// The element of an attribute whose name cannot be the name of an element, with `name` and `value`.
pub(super) const ATTRIBUTE: &str = "attribute";

/// The definition of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stanza {
    /// The name of the object.
    pub(super) name: String,
    /// The value of `objtype`.
    pub(super) kind: Option<String>,
    /// The attributes, each once.
    pub(super) attributes: Vec<(String, String)>,
}

/// Text that is no definition, with where it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("line {line}: '{text}' is neither NAME: nor ATTRIBUTE=VALUE")]
    Line { line: usize, text: String },
    #[error("line {line}: '{text}' stands before the first NAME:")]
    Homeless { line: usize, text: String },
    #[error("the XML cannot be read: {0}")]
    Xml(#[source] wire::xml::XmlError),
    #[error("the XML has <{0}> where <{1}> is expected")]
    Element(String, &'static str),
    #[error("object {0} of the XML has no <objname>")]
    Nameless(usize),
}

impl Stanza {
    /// The type, when it is one.
    pub(super) fn object_type(&self) -> Option<ObjectType> {
        ObjectType::named(self.kind.as_deref()?)
    }

    /// Sets an attribute, or the type and with it the attributes that all of the type have.
    fn assign(&mut self, name: &str, value: &str, defaults: &[Self]) {
        if name != TYPE {
            return self.set(name, value);
        }
        self.kind = Some(value.to_owned());
        for default in defaults.iter().filter(|default| default.kind.as_deref() == Some(value)) {
            default.attributes.iter().for_each(|(name, value)| self.set(name, value));
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.attributes.retain(|(known, _)| known != name);
        self.attributes.push((name.to_owned(), value.to_owned()));
    }
}

/// Reads definitions: XML when it begins like XML, stanzas otherwise. Of definitions of one object the
/// later ones add to the first.
pub(super) fn parse(text: &str) -> Result<Vec<Stanza>, Malformed> {
    let xml = text.trim_start().starts_with('<');
    Ok(joined(if xml { parse_xml(text)? } else { parse_stanzas(text)? }))
}

/// Reads stanzas. `default-TYPE:` gives attributes to the stanzas of that type that follow.
fn parse_stanzas(text: &str) -> Result<Vec<Stanza>, Malformed> {
    let mut stanzas: Vec<Stanza> = Vec::new();
    let mut defaults: Vec<Stanza> = Vec::new();
    let mut place = Place::Nowhere;
    for (number, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let shown = || (number + 1, line.chars().take(60).collect::<String>());
        if let Some(name) = line.strip_suffix(':').filter(|name| !name.contains('=')) {
            place = open(name.trim(), &mut stanzas, &mut defaults);
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            let (line, text) = shown();
            return Err(Malformed::Line { line, text });
        };
        let (name, value) = (name.trim(), unquoted(value.trim()));
        match place {
            Place::Default => {
                defaults.last_mut().into_iter().for_each(|stanza| stanza.set(name, value));
            }
            Place::Object => {
                let last = stanzas.last_mut().into_iter();
                last.for_each(|stanza| stanza.assign(name, value, &defaults));
            }
            Place::Nowhere => {
                let (line, text) = shown();
                return Err(Malformed::Homeless { line, text });
            }
        }
    }
    Ok(stanzas)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Nowhere,
    Object,
    Default,
}

fn open(name: &str, stanzas: &mut Vec<Stanza>, defaults: &mut Vec<Stanza>) -> Place {
    if let Some(kind) = name.strip_prefix("default-").filter(|kind| !kind.contains('-')) {
        defaults.push(Stanza { kind: Some(kind.to_owned()), ..Stanza::default() });
        return Place::Default;
    }
    stanzas.push(Stanza { name: name.to_owned(), ..Stanza::default() });
    Place::Object
}

fn unquoted(value: &str) -> &str {
    let value = value.strip_prefix('"').map_or(value, str::trim_start);
    value.strip_suffix('"').map_or(value, str::trim_end)
}

/// The definitions with each object once.
fn joined(stanzas: Vec<Stanza>) -> Vec<Stanza> {
    let mut places: HashMap<(Option<String>, String), usize> = HashMap::new();
    let mut all: Vec<Stanza> = Vec::with_capacity(stanzas.len());
    for stanza in stanzas {
        let place = *places.entry((stanza.kind.clone(), stanza.name.clone())).or_insert(all.len());
        match all.get_mut(place) {
            Some(first) => {
                stanza.attributes.iter().for_each(|(name, value)| first.set(name, value));
            }
            None => all.push(stanza),
        }
    }
    all
}

fn parse_xml(text: &str) -> Result<Vec<Stanza>, Malformed> {
    let root = Element::parse(text.as_bytes()).map_err(Malformed::Xml)?;
    if root.name != ROOT {
        return Err(Malformed::Element(root.name, ROOT));
    }
    root.children.iter().enumerate().map(|(at, object)| from_element(at + 1, object)).collect()
}

fn from_element(number: usize, object: &Element) -> Result<Stanza, Malformed> {
    if object.name != OBJECT {
        return Err(Malformed::Element(object.name.clone(), OBJECT));
    }
    let name = object.text_of(NAME).filter(|name| !name.is_empty());
    let name = name.ok_or(Malformed::Nameless(number))?.to_owned();
    let mut stanza = Stanza { name, ..Stanza::default() };
    for child in &object.children {
        match child.name.as_str() {
            NAME => {}
            TYPE => stanza.kind = Some(child.text.clone()),
            ATTRIBUTE => stanza.set(
                child.text_of("name").unwrap_or_default(),
                child.text_of("value").unwrap_or_default(),
            ),
            name => stanza.set(name, &child.text),
        }
    }
    Ok(stanza)
}

/// A definition as XML.
pub(super) fn element(kind: ObjectType, name: &str, attributes: &[(&str, &str)]) -> Element {
    let object = Element::new(OBJECT).with_leaf(NAME, name).with_leaf(TYPE, kind.name());
    attributes.iter().fold(object, |object, (name, value)| {
        if is_element_name(name) {
            return object.with_leaf(name, *value);
        }
        let pair = Element::new(ATTRIBUTE).with_leaf("name", *name).with_leaf("value", *value);
        object.with(pair)
    })
}

fn is_element_name(name: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && name.bytes().all(rest) && ![NAME, TYPE, ATTRIBUTE].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(a: &str, b: &str) -> (String, String) {
        (a.to_owned(), b.to_owned())
    }

    #[test]
    fn stanzas_have_types_attributes_and_defaults() {
        let text = "# <xCAT data object stanza file>\n\ndefault-node:\n  os=x\nn1:\n    objtype=node\n\
                    \tarch = \"y z\"\n    comment=a:b=c\n  nicips.eth0=1.2.3.4\nfd59::/64:\n objtype=network\n\
                    n1:\n objtype=node\n rack=r1\n";
        let stanzas = parse(text).unwrap();
        assert_eq!(stanzas.len(), 2);
        assert_eq!(stanzas[0].object_type(), Some(ObjectType::Node));
        let expected = [
            pair("arch", "y z"),
            pair("comment", "a:b=c"),
            pair("nicips.eth0", "1.2.3.4"),
            pair("os", "x"),
            pair("rack", "r1"),
        ];
        let mut attributes = stanzas[0].attributes.clone();
        attributes.sort();
        assert_eq!(attributes, expected);
        assert_eq!(stanzas[1].name, "fd59::/64");
    }

    #[test]
    fn what_is_no_definition_is_named_with_its_line() {
        let error = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(
            error("# x\nn1:\n  objtype=node\nbroken line\n"),
            "line 4: 'broken line' is neither NAME: nor ATTRIBUTE=VALUE"
        );
        assert_eq!(error("\n arch=x\n"), "line 2: 'arch=x' stands before the first NAME:");
        assert!(error("<a></a>").contains("<a> where <xcatobjects> is expected"));
        assert!(error("<xcatobjects><object></xcatobjects>").starts_with("the XML cannot be read"));
        let nameless = "<xcatobjects><object><objtype>node</objtype></object></xcatobjects>";
        assert_eq!(error(nameless), "object 1 of the XML has no <objname>");
    }

    #[test]
    fn xml_is_written_and_read_again() {
        let attributes = [("arch", "a&b<c>"), ("prescripts-begin", "x"), ("nicips.a b", "1.2.3.4")];
        let object = element(ObjectType::Node, "n1", &attributes);
        let text = Element::new(ROOT).with(object).to_request();
        let [read] = &parse(&text).unwrap()[..] else { panic!("{text}") };
        assert_eq!((read.name.as_str(), read.kind.as_deref()), ("n1", Some("node")));
        let mut back = read.attributes.clone();
        back.sort();
        let mut sent = attributes.map(|(name, value)| pair(name, value));
        sent.sort();
        assert_eq!(back, sent);
    }
}
