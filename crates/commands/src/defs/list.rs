//! lsdef: shows objects.

use std::collections::BTreeMap;
use std::path::Path;

use base::Failure;
use command::{Answer, Item};
use tables::objects::{self, Attribute, nics};
use tables::{ObjectType, Row, Snapshot, ids};

use super::ask::{Ask, Source, Verb};
use super::beside::{Beside, MAX_ENTRIES};
use super::fill::{self, Basis};
use super::shown::Page;
use super::{info, members, template};
use crate::call::Call;
use crate::future::BoxFuture;
use crate::run::blocking;
use crate::services::Services;
use crate::shape::{Behaviour, Command, Help};
use crate::sink::Sink;

pub(crate) static COMMAND: Command =
    Command { name: "lsdef", behaviour: Behaviour::Procedure(lsdef), help: Help::Own };

/// The attributes that `--nics` asks for.
const NICS: &str = "nicips,nichostnamesuffixes,nichostnameprefixes,nictypes,niccustomscripts,\
                    nicnetworks,nicaliases,nicextraparams,nicdevices";
/// The node whose scripts every node runs.
const EVERY_NODE: &str = "xcatdefaults";
/// What a node's `provmethod` can be besides an osimage.
const METHODS: &[&str] = &["install", "netboot", "statelite"];

fn lsdef(call: Call, services: Services, sink: Sink) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        let types = call.options.value("t").unwrap_or_default();
        let beside = Beside::of(&services).with_logs(types, &services).await?;
        let answer = blocking(move || answer(&call, &beside)).await??;
        sink.send_all(answer.0).await;
        Ok(())
    })
}

fn answer(call: &Call, beside: &Beside) -> Result<Answer, Failure> {
    let ask = match Ask::read(call, Verb::List, beside) {
        Ok(ask) => ask,
        Err(answer) => return Ok(answer),
    };
    if ask.has("template") {
        return template::list(&ask);
    }
    let mut answer = Answer::new();
    let list = List::new(&ask);
    let mut page = Page::new(&ask, list.long, ask.kinds.len() > 1);
    let mut total = 0;
    for kind in &ask.kinds {
        let wanted = list.wanted(*kind, &mut answer);
        for name in list.names(*kind) {
            total += 1;
            list.object((*kind, name), wanted.as_deref(), &mut page, &mut answer);
        }
        if beside.log(*kind).is_some_and(|log| log.len() >= MAX_ENTRIES as usize) {
            let text = format!("only the newest {MAX_ENTRIES} entries of {kind} are objects");
            answer.push(Item::Warning(text));
        }
    }
    let lines = page.lines();
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
        let again = ask.has("z") || ask.has("x");
        let row = snapshot.row(ids::POSTSCRIPTS, &[EVERY_NODE]).filter(|row| row.enabled());
        Self {
            ask,
            snapshot,
            long: !ask.has("s") && (ask.has("l") || named || only.is_some() || again),
            only,
            everywhere: row.filter(|_| !again),
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

    /// The objects of the type that are asked for, sorted.
    fn names(&self, kind: ObjectType) -> Vec<&'a str> {
        let of_kind = self.ask.objects.iter().filter(|(of, _)| *of == kind);
        let mut names: Vec<&str> = of_kind.map(|(_, name)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|name| !self.is_hidden(kind, name));
        names
    }

    fn object(
        &self,
        (kind, name): (ObjectType, &str),
        wanted: Option<&[Wanted]>,
        page: &mut Page,
        answer: &mut Answer,
    ) {
        let log = self.ask.beside.log(kind);
        let entry = log.and_then(|log| log.get(name));
        if let Some(tests) = &self.ask.tests {
            let holds = match entry {
                Some(row) => tests.holds(|attribute| entry_value(kind, row, attribute)),
                None => tests.holds_for(self.snapshot, kind, name),
            };
            if !holds {
                return;
            }
        }
        let exists = || entry.is_some() || objects::exists(self.snapshot, kind, name);
        if self.ask.source == Source::Named && !exists() {
            answer.error(format!("Could not find an object named '{name}' of type '{kind}'."));
            return;
        }
        if !page.is_long() {
            return page.add(kind, name, &[]);
        }
        let attributes = match entry {
            Some(row) => entry_attributes(kind, row),
            None => self.attributes(kind, name),
        };
        let pairs = match wanted {
            Some(wanted) => selected(kind, name, wanted, &attributes),
            None => self.complete(kind, name, &attributes, page, answer),
        };
        page.add(kind, name, &pairs);
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
        page: &Page,
        answer: &mut Answer,
    ) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for (attribute, value) in attributes {
            if attribute.starts_with("nic") {
                pairs.extend(interfaces(kind, name, attribute, value, &[]));
            } else if !(page.is_for_reading_again() && value.is_empty()) {
                pairs.push((attribute.clone(), value.clone()));
            }
        }
        if kind == ObjectType::Node && self.ask.has("osimage") {
            pairs.extend(self.image_of(name, attributes, answer));
        }
        pairs
    }

    /// The attributes of a node's image.
    fn image_of(
        &self,
        node: &str,
        attributes: &BTreeMap<String, String>,
        answer: &mut Answer,
    ) -> Vec<(String, String)> {
        let of = |name: &str| attributes.get(name).map(String::as_str);
        let basis = (of("provmethod"), of("profile"), of("os"), of("arch"));
        match basis {
            (Some(image), ..) if !METHODS.contains(&image) => {
                let image_attributes = objects::read(self.snapshot, ObjectType::OsImage, image);
                if image_attributes.is_empty() {
                    let text = format!("{node}: could not find information for osimage {image}");
                    answer.push(Item::Warning(text));
                }
                let pair = |found: &Attribute| (found.name.to_string(), found.value.to_string());
                image_attributes.iter().map(pair).collect()
            }
            (Some(method), Some(profile), Some(osvers), Some(osarch)) => {
                self.lists_of(&Basis { method, profile, osvers, osarch })
            }
            _ => {
                answer.error(format!(
                    "Missing attributes for node {node}, check the node attributes 'os', \
                     'arch','profile' and 'provmethod'."
                ));
                Vec::new()
            }
        }
    }

    /// What an image would be made of for a node that names a way of provisioning only.
    fn lists_of(&self, basis: &Basis<'_>) -> Vec<(String, String)> {
        let Basis { method, profile, osvers, osarch } = *basis;
        let install = Path::new(self.snapshot.site("installdir").unwrap_or("/install"));
        let found = fill::found(basis, self.ask.beside, install).unwrap_or_default();
        let own = [
            ("imagetype", "linux"),
            ("osarch", osarch),
            ("osname", "Linux"),
            ("osvers", osvers),
            ("profile", profile),
            ("provmethod", method),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let found = found.into_iter().map(|(name, value)| (name.to_owned(), value));
        let mut all: Vec<_> = own.into_iter().chain(found).collect();
        all.sort();
        all
    }
}

/// Attributes that were asked for are shown also when they have no value.
fn selected(
    kind: ObjectType,
    name: &str,
    wanted: &[Wanted],
    attributes: &BTreeMap<String, String>,
) -> Vec<(String, String)> {
    let free = matches!(kind, ObjectType::Site | ObjectType::Monitoring);
    let mut pairs = Vec::new();
    for Wanted { name: attribute, interfaces: only } in wanted {
        let value = attributes.get(attribute);
        let text = value.map_or("", String::as_str);
        if attribute.starts_with("nic") {
            pairs.extend(interfaces(kind, name, attribute, text, only));
        } else if value.is_some() || !free {
            pairs.push((attribute.clone(), text.to_owned()));
        }
    }
    pairs
}

/// One `nic*` attribute for each interface that is wanted, all when none is named.
fn interfaces(
    kind: ObjectType,
    name: &str,
    attribute: &str,
    value: &str,
    only: &[String],
) -> Vec<(String, String)> {
    let node = (kind != ObjectType::Group).then_some(name);
    let wanted = |interface: &String| only.is_empty() || only.contains(interface);
    let values = nics::expand(value, node).into_iter();
    let values = values.filter(|(interface, _)| wanted(interface));
    values.map(|(interface, value)| (format!("{attribute}.{interface}"), value)).collect()
}

/// What an entry of a log says, by attribute.
fn entry_attributes(kind: ObjectType, row: &Row) -> BTreeMap<String, String> {
    let others = kind.attributes().iter().filter(|definition| definition.name != kind.key());
    let filled = others.filter_map(|definition| {
        let value = row.get(definition.column).filter(|value| !value.is_empty())?;
        Some((definition.name.to_owned(), value.to_owned()))
    });
    filled.collect()
}

fn entry_value<'r>(kind: ObjectType, row: &'r Row, attribute: &str) -> Option<&'r str> {
    row.get(kind.definitions(attribute).next()?.column)
}
