//! lsdef: shows objects.

use std::collections::BTreeMap;

use base::Failure;
use command::Answer;
use tables::objects::{self, Attribute, nics};
use tables::{ObjectType, Row, Snapshot, ids};

use super::ask::{Ask, Source, Verb};
use super::{info, members};
use crate::call::Call;
use crate::shape::{Behaviour, Command, Help};

pub(crate) static COMMAND: Command =
    Command { name: "lsdef", behaviour: Behaviour::Query(lsdef), help: Help::Own };

/// The attributes that `--nics` asks for.
const NICS: &str = "nicips,nichostnamesuffixes,nichostnameprefixes,nictypes,niccustomscripts,\
                    nicnetworks,nicaliases,nicextraparams,nicdevices";
/// The node whose scripts every node runs.
const EVERY_NODE: &str = "xcatdefaults";

#[expect(clippy::unnecessary_wraps, reason = "every query has this signature")]
fn lsdef(call: &Call) -> Result<Answer, Failure> {
    let ask = match Ask::read(call, Verb::List) {
        Ok(ask) => ask,
        Err(answer) => return Ok(answer),
    };
    let mut answer = Answer::new();
    let before =
        if ask.has("z") { vec!["# <xCAT data object stanza file>".to_owned()] } else { vec![] };
    let list = List::new(&ask);
    let mut lines = before;
    let mut total = 0;
    for kind in &ask.kinds {
        let wanted = list.wanted(*kind, &mut answer);
        let mut objects: Vec<&str> = ask
            .objects
            .iter()
            .filter(|(of, _)| of == kind)
            .map(|(_, name)| name.as_str())
            .collect();
        objects.sort_unstable();
        objects.dedup();
        for name in objects {
            if list.is_hidden(*kind, name) {
                continue;
            }
            total += 1;
            list.object(*kind, name, wanted.as_deref(), &mut lines, &mut answer);
        }
    }
    if lines.is_empty() && total > 0 {
        info(&mut answer, "No object definitions have been found");
    }
    for line in lines {
        info(&mut answer, line);
    }
    Ok(answer)
}

/// An attribute that `-i` asks for, with the interfaces when only some are meant.
struct Wanted {
    name: String,
    interfaces: Vec<String>,
}

/// How objects are shown.
struct List<'a> {
    ask: &'a Ask<'a>,
    snapshot: &'a Snapshot,
    long: bool,
    stanza: bool,
    only: Option<String>,
    /// The scripts that every node runs.
    everywhere: Option<&'a Row>,
}

impl<'a> List<'a> {
    fn new(ask: &'a Ask<'a>) -> Self {
        let snapshot = &ask.call.snapshot;
        let only = ask.call.options.value("i").map(str::to_owned);
        let only = only.or_else(|| ask.has("nics").then(|| NICS.to_owned()));
        let named = ask.has("o") || ask.noderange;
        let stanza = ask.has("z");
        let row = snapshot.row(ids::POSTSCRIPTS, &[EVERY_NODE]).filter(|row| row.enabled());
        Self {
            ask,
            snapshot,
            long: !ask.has("s") && (ask.has("l") || named || only.is_some() || stanza),
            stanza,
            only,
            everywhere: row.filter(|_| !stanza),
        }
    }

    /// The attributes of the type that are asked for; those that it does not have are reported.
    fn wanted(&self, kind: ObjectType, answer: &mut Answer) -> Option<Vec<Wanted>> {
        let mut wanted: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for name in self.only.as_deref()?.split(',').filter(|name| !name.is_empty()) {
            let (name, interface) = match nics::split_name(name) {
                Some((name, interface)) => (name, Some(interface.to_owned())),
                None => (name, None),
            };
            let any = matches!(kind, ObjectType::Site | ObjectType::Monitoring);
            if any || kind.has_attribute(name) {
                wanted.entry(name).or_default().extend(interface);
            } else {
                answer.error(format!(
                    "'{name}' is not a valid attribute name for an object type of '{kind}'."
                ));
            }
        }
        let wanted = wanted.into_iter();
        Some(
            wanted.map(|(name, interfaces)| Wanted { name: name.to_owned(), interfaces }).collect(),
        )
    }

    fn is_hidden(&self, kind: ObjectType, name: &str) -> bool {
        if kind != ObjectType::Node || self.ask.has("S") {
            return false;
        }
        let row = self.snapshot.row(ids::NODELIST, &[name]);
        row.is_some_and(|row| row.get("hidden") == Some("1"))
    }

    fn object(
        &self,
        kind: ObjectType,
        name: &str,
        wanted: Option<&[Wanted]>,
        lines: &mut Vec<String>,
        answer: &mut Answer,
    ) {
        if let Some(tests) = &self.ask.tests
            && !tests.holds_for(self.snapshot, kind, name)
        {
            return;
        }
        if self.ask.source == Source::Named && !objects::exists(self.snapshot, kind, name) {
            answer.error(format!("Could not find an object named '{name}' of type '{kind}'."));
            return;
        }
        if !self.long {
            let blanks = if self.ask.source == Source::All { " " } else { "  " };
            lines.push(format!("{name}{blanks}({kind})"));
            return;
        }
        if self.stanza {
            lines.push(format!("\n{name}:"));
            lines.push(format!("    objtype={kind}"));
        } else if self.ask.kinds.len() > 1 {
            lines.push(format!("Object name: {name}  ({kind})"));
        } else if !self.ask.has("c") {
            lines.push(format!("Object name: {name}"));
        }
        let attributes = self.attributes(kind, name);
        match wanted {
            Some(wanted) => self.selected(kind, name, wanted, &attributes, lines),
            None => self.complete(kind, name, &attributes, lines),
        }
    }

    /// The attributes by name, with their values as they are shown.
    fn attributes(&self, kind: ObjectType, name: &str) -> BTreeMap<String, String> {
        let verbose = self.ask.has("V");
        let shown = |attribute: &Attribute| {
            let source = if verbose { format!("\t{}", attribute.source()) } else { String::new() };
            format!("{}{source}", attribute.value)
        };
        let mut attributes: BTreeMap<String, String> = objects::read(self.snapshot, kind, name)
            .iter()
            .map(|attribute| (attribute.name.to_string(), shown(attribute)))
            .collect();
        if kind == ObjectType::Group {
            attributes.insert("members".to_owned(), members::shown(self.snapshot, name));
        }
        if let Some(row) = self.everywhere.filter(|_| kind == ObjectType::Node) {
            for column in ["postscripts", "postbootscripts"] {
                let Some(all) = row.get(column).filter(|scripts| !scripts.is_empty()) else {
                    continue;
                };
                let own = attributes.get(column).map(|own| format!(",{own}")).unwrap_or_default();
                attributes.insert(column.to_owned(), format!("{all}{own}"));
            }
        }
        attributes
    }

    fn complete(
        &self,
        kind: ObjectType,
        name: &str,
        attributes: &BTreeMap<String, String>,
        lines: &mut Vec<String>,
    ) {
        for (attribute, value) in attributes {
            if attribute.starts_with("nic") {
                lines.extend(interface_lines(kind, name, attribute, value, &[], "    "));
            } else {
                lines.push(format!("    {attribute}={value}"));
            }
        }
        if kind == ObjectType::Node
            && self.ask.has("osimage")
            && let Some(image) = attributes.get("provmethod")
        {
            let image = objects::read(self.snapshot, ObjectType::OsImage, image);
            lines.extend(image.iter().map(|found| format!("    {}={}", found.name, found.value)));
        }
    }

    /// Attributes that were asked for are shown also when they have no value.
    fn selected(
        &self,
        kind: ObjectType,
        name: &str,
        wanted: &[Wanted],
        attributes: &BTreeMap<String, String>,
        lines: &mut Vec<String>,
    ) {
        let prefix = if self.ask.has("c") { format!("{name}: ") } else { "    ".to_owned() };
        let free = matches!(kind, ObjectType::Site | ObjectType::Monitoring);
        for Wanted { name: attribute, interfaces } in wanted {
            let value = attributes.get(attribute);
            if attribute.starts_with("nic") {
                let value = value.map_or("", String::as_str);
                lines.extend(interface_lines(kind, name, attribute, value, interfaces, &prefix));
            } else if value.is_some() || !free {
                let value = value.map_or("", String::as_str);
                lines.push(format!("{prefix}{attribute}={value}"));
            }
        }
    }
}

/// The lines of one `nic*` attribute: one per interface, all when none is named.
fn interface_lines(
    kind: ObjectType,
    name: &str,
    attribute: &str,
    value: &str,
    interfaces: &[String],
    prefix: &str,
) -> Vec<String> {
    let node = (kind != ObjectType::Group).then_some(name);
    let wanted = |interface: &String| interfaces.is_empty() || interfaces.contains(interface);
    let values = nics::expand(value, node).into_iter();
    let values = values.filter(|(interface, _)| wanted(interface));
    values.map(|(interface, value)| format!("{prefix}{attribute}.{interface}={value}")).collect()
}
