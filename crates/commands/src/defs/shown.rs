//! How lsdef prints definitions: names, lines, stanzas or XML.

use tables::ObjectType;
use wire::xml::Element;

use super::ask::{Ask, Source};
use super::stanza::{ROOT, element};

/// What stands in front of stanzas.
const STANZA_FILE: &str = "# <xCAT data object stanza file>";

/// The form in which definitions are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// For people.
    Lines,
    /// The object in front of each line.
    Compressed,
    Stanzas,
    Xml,
}

/// Definitions as they will be printed.
pub(super) struct Page {
    form: Form,
    long: bool,
    /// Whether objects of all types are listed, and whether there are several types.
    everything: bool,
    several: bool,
    lines: Vec<String>,
    document: Element,
}

impl Page {
    /// An empty page in the form that is asked for.
    pub(super) fn new(ask: &Ask<'_>, long: bool, several: bool) -> Self {
        let forms = [("x", Form::Xml), ("z", Form::Stanzas), ("c", Form::Compressed)];
        let form = forms.iter().find(|(option, _)| ask.has(option));
        Self {
            form: form.map_or(Form::Lines, |(_, form)| *form),
            long,
            everything: ask.source == Source::All,
            several,
            lines: Vec::new(),
            document: Element::new(ROOT),
        }
    }

    /// Whether attributes are printed.
    pub(super) fn is_long(&self) -> bool {
        self.long
    }

    /// Whether what is printed will be read by mkdef again.
    pub(super) fn is_for_reading_again(&self) -> bool {
        matches!(self.form, Form::Stanzas | Form::Xml)
    }

    /// Adds an object.
    pub(super) fn add(&mut self, kind: ObjectType, name: &str, attributes: &[(String, String)]) {
        match self.form {
            Form::Xml => {
                let pairs: Vec<(&str, &str)> =
                    attributes.iter().map(|(name, value)| (&**name, &**value)).collect();
                self.document.push(element(kind, name, &pairs));
                return;
            }
            Form::Stanzas => self.lines.push(format!("\n{name}:")),
            Form::Lines | Form::Compressed if !self.long => {
                let blanks = if self.everything { " " } else { "  " };
                self.lines.push(format!("{name}{blanks}({kind})"));
            }
            Form::Lines | Form::Compressed if self.several => {
                self.lines.push(format!("Object name: {name}  ({kind})"));
            }
            Form::Lines => self.lines.push(format!("Object name: {name}")),
            Form::Compressed => {}
        }
        if self.form == Form::Stanzas && self.long {
            self.lines.push(format!("    objtype={kind}"));
        }
        let front = if self.form == Form::Compressed { format!("{name}: ") } else { "    ".into() };
        let lines = attributes.iter().map(|(name, value)| format!("{front}{name}={value}"));
        self.lines.extend(lines);
    }

    /// Everything, line by line; nothing when there is nothing.
    pub(super) fn lines(self) -> Vec<String> {
        match self.form {
            Form::Xml => self.document.to_request().lines().map(str::to_owned).collect(),
            Form::Stanzas => std::iter::once(STANZA_FILE.to_owned()).chain(self.lines).collect(),
            Form::Lines | Form::Compressed => self.lines,
        }
    }
}
