//! What a command line of the four asks for: types, objects, attributes, tests.

use command::{Answer, Item};
use model::selection::Selection;
use noderange::Mode;
use tables::{ObjectType, objects};

use super::beside::{Beside, log_of};
use super::stanza::{self, Stanza};
use super::{info, more_error};
use crate::call::{Call, usage_items};
use crate::{VERSION, find};

/// Which of the four commands it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    List,
    Make,
    Change,
    Remove,
}

impl Verb {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::List => "lsdef",
            Self::Make => "mkdef",
            Self::Change => "chdef",
            Self::Remove => "rmdef",
        }
    }
}

/// Where the names of the objects are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// They were given.
    Named,
    /// All of the types that were given.
    Types,
    /// All of all types.
    All,
    /// Only those of the stanzas.
    Stanzas,
}

/// What is asked for.
pub(super) struct Ask<'a> {
    pub(super) call: &'a Call,
    pub(super) beside: &'a Beside,
    pub(super) verb: Verb,
    pub(super) kinds: Vec<ObjectType>,
    pub(super) objects: Vec<(ObjectType, String)>,
    pub(super) source: Source,
    /// Attributes of the command line; of two with the same name the last counts.
    pub(super) attributes: Vec<(String, String)>,
    pub(super) stanzas: Vec<Stanza>,
    pub(super) tests: Option<Selection>,
    /// Whether nodes were named by a noderange operand.
    pub(super) noderange: bool,
}

/// The flags that cannot be combined, with what is said.
const CONFLICTS: &[(&str, &str)] = &[
    ("i", "osimage"),
    ("z", "osimage"),
    ("x", "osimage"),
    ("a", "t"),
    ("l", "s"),
    ("nics", "i"),
    ("i", "s"),
    ("x", "z"),
    ("x", "c"),
];

impl<'a> Ask<'a> {
    /// Reads the command line; otherwise what is to be answered instead.
    pub(super) fn read(call: &'a Call, verb: Verb, beside: &'a Beside) -> Result<Self, Answer> {
        let mut ask = Self {
            call,
            beside,
            verb,
            kinds: Vec::new(),
            objects: Vec::new(),
            source: Source::Named,
            attributes: Vec::new(),
            stanzas: Vec::new(),
            tests: None,
            noderange: false,
        };
        ask.check_flags()?;
        ask.check_template()?;
        let operand = ask.operands()?;
        if let Some(text) = ask.definitions() {
            ask.stanzas = stanza::parse(text).map_err(|error| {
                let text = format!("standard input, {error}; nothing is changed");
                one(Item::error(text))
            })?;
        }
        ask.read_types()?;
        if ask.verb == Verb::List && ask.has("template") {
            ask.source = if ask.has("a") { Source::All } else { Source::Types };
        } else {
            ask.read_objects(operand)?;
        }
        ask.read_tests()?;
        Ok(ask)
    }

    /// Whether an option was given.
    pub(super) fn has(&self, option: &str) -> bool {
        self.call.options.has(option)
    }

    /// The type of the objects on the command line.
    pub(super) fn kind(&self) -> ObjectType {
        self.kinds.first().copied().unwrap_or(ObjectType::Node)
    }

    /// The tests as they were written.
    pub(super) fn test_texts(&self) -> Vec<&str> {
        self.call.options.values("w")
    }

    /// An error, followed by usage.
    pub(super) fn misused(&self, text: &str) -> Answer {
        usage(self.verb, Some(text))
    }

    /// The type that was given, or the one that is meant when none was.
    fn given_type(&self) -> Option<&'a str> {
        let call: &'a Call = self.call;
        let given = call.options.value("t").filter(|kind| !kind.is_empty());
        let listed = (self.verb == Verb::List && !self.has("a")).then_some("node");
        let filled = (self.has("u") && self.definitions().is_none()).then_some("osimage");
        given.or(listed).or(filled)
    }

    /// The definitions on standard input.
    fn definitions(&self) -> Option<&'a str> {
        let call: &'a Call = self.call;
        call.stdin.as_deref().filter(|text| !text.trim().is_empty())
    }

    fn check_flags(&self) -> Result<(), Answer> {
        let options = &self.call.options;
        if options.help() && !options.has("t") {
            return Err(usage(self.verb, None));
        }
        if self.call.args.is_empty() && self.call.stdin.is_none() && self.verb != Verb::List {
            return Err(usage(self.verb, None));
        }
        if options.has("u") && !matches!(self.verb, Verb::Make | Verb::Change) {
            let text = format!("Option '-u' can not work with {}.", self.verb.name());
            return Err(self.misused(&text));
        }
        if options.has("C") && self.verb != Verb::Remove {
            let text = format!("Option '-C' can not be used with {}.", self.verb.name());
            return Err(self.misused(&text));
        }
        if options.has("u") && self.given_type() != Some("osimage") {
            return Err(self.misused("Option '-u' only work for objtype 'osimage'."));
        }
        for (one, other) in CONFLICTS {
            if options.has(one) && options.has(other) {
                let dashes = |name: &str| if name.len() == 1 { "-" } else { "--" };
                let (first, second) = (dashes(one), dashes(other));
                let text = format!(
                    "The flags '{first}{one}' and '{second}{other}' cannot be used together."
                );
                return Err(self.misused(&text));
            }
        }
        if options.has("c") && !options.has("i") {
            return Err(self.misused("The flags '-c' and '-i' must be used together."));
        }
        let not_removing = ["d", "i", "l", "m", "p", "w", "x", "z", "s"];
        if self.verb == Verb::Remove && not_removing.iter().any(|flag| options.has(flag)) {
            return Err(self.misused("Invalid flag specified, see rmdef manpage for details."));
        }
        if options.has("v") {
            return Err(one(Item::Info(format!("{} - {VERSION}", self.verb.name()))));
        }
        Ok(())
    }

    fn check_template(&self) -> Result<(), Answer> {
        let Some(template) = self.call.options.value("template") else { return Ok(()) };
        let verb = self.verb.name();
        let making = self.verb == Verb::Make;
        let text = if !matches!(self.verb, Verb::Make | Verb::List) {
            format!("The option '--template' can not be used with '{verb}'.")
        } else if making && template.is_empty() {
            "no object definition template specified for mkdef --template!".to_owned()
        } else if making && template.contains(',') {
            "Only 1 template object definition should be specified for mkdef!".to_owned()
        } else if !template.is_empty() && self.definitions().is_some() {
            "The file input can not be used with --template option!".to_owned()
        } else {
            return Ok(());
        };
        Err(self.misused(&text))
    }

    /// Takes the attributes; the operand that is none names the objects.
    fn operands(&mut self) -> Result<Option<&'a str>, Answer> {
        let call: &'a Call = self.call;
        let mut objects = None;
        for operand in call.options.operands() {
            if let Some((attribute, value)) = operand.split_once('=') {
                let (attribute, value) = (attribute.trim(), value.trim_start());
                self.attributes.retain(|(known, _)| known != attribute);
                self.attributes.push((attribute.to_owned(), value.to_owned()));
            } else if objects.replace(operand.as_str()).is_some() {
                return Err(self.misused(&self.surplus(operand)));
            }
        }
        let of_nic = |(name, _): &(String, String)| name.starts_with("nic") && name.contains('.');
        let lists = self.has("m") || self.has("p");
        let nodes = self.given_type().is_none_or(|kind| kind == "node");
        if self.verb == Verb::Change && lists && nodes && self.attributes.iter().any(of_nic) {
            return Err(Answer(vec![Item::error(
                "chdef does not support to change the nic related attributes with -m or -p flag.",
            )]));
        }
        Ok(objects)
    }

    /// What is said about a second operand that is no attribute with a value.
    fn surplus(&self, operand: &str) -> String {
        let kind = self.given_type().map_or(Some(ObjectType::Node), ObjectType::named);
        let is_attribute = kind.is_some_and(|kind| kind.has_attribute(operand));
        if is_attribute && matches!(self.verb, Verb::Make | Verb::Change) {
            return format!("Attribute '{operand}' has no value: write {operand}=VALUE.");
        }
        "noderange can not contain spaces.".to_owned()
    }

    fn read_types(&mut self) -> Result<(), Answer> {
        let Some(given) = self.given_type() else {
            if self.stanzas.is_empty() && !self.has("a") {
                self.kinds.push(ObjectType::Node);
            }
            return Ok(());
        };
        if given.contains(',') && !self.attributes.is_empty() {
            return Err(one(Item::error(
                "Cannot combine multiple types with 'att=val' pairs on the command line.",
            )));
        }
        for name in given.split(',') {
            let kind = ObjectType::named(name).ok_or_else(|| no_type(name))?;
            self.kinds.push(kind);
        }
        let log = self.kinds.iter().find(|kind| log_of(**kind).is_some());
        if let Some(kind) = log.filter(|_| self.verb != Verb::List && !self.call.options.help()) {
            return Err(one(Item::error(format!(
                "'{kind}' is a log: tabprune removes entries of it, and nothing else changes it."
            ))));
        }
        if self.call.options.help() {
            return Err(attribute_help(&self.kinds, self.call.options.value("i")));
        }
        Ok(())
    }

    fn read_objects(&mut self, operand: Option<&str>) -> Result<(), Answer> {
        let given = self.call.options.value("o").filter(|names| !names.is_empty());
        let has_type = self.given_type().is_some();
        if self.has("a") && (given.is_some() || operand.is_some() || !self.stanzas.is_empty()) {
            return Err(one(Item::error("Cannot use '-a' with '-o', a noderange or file input.")));
        }
        if self.has("a") {
            return self.all_objects();
        }
        let kind = self.kind();
        self.noderange = operand.is_some();
        if let Some(names) = given.or(operand) {
            let names = self.names(kind, names)?;
            self.objects = names.into_iter().map(|name| (kind, name)).collect();
        } else if kind == ObjectType::Site && has_type && self.verb != Verb::Remove {
            // To remove every setting of the site takes its name.
            self.objects = vec![(kind, "clustersite".to_owned())];
        } else if !self.stanzas.is_empty() {
            self.source = Source::Stanzas;
        } else if has_type {
            self.objects_of_types()?;
        }
        if self.objects.is_empty() && self.stanzas.is_empty() {
            return Err(one(Item::error("No object names were provided.")));
        }
        Ok(())
    }

    fn names(&self, kind: ObjectType, names: &str) -> Result<Vec<String>, Answer> {
        if kind == ObjectType::Site && names != "clustersite" {
            return Ok(vec![names.to_owned(), "clustersite".to_owned()]);
        }
        if kind != ObjectType::Node {
            let names = names.split(',').filter(|name| !name.is_empty());
            return Ok(names.map(str::to_owned).collect());
        }
        let pattern = self.verb != Verb::Make && names.starts_with('/');
        let mode = if pattern { Mode::Verify } else { Mode::NoVerify };
        let expansion =
            self.call.expand(names, mode).map_err(|failure| one(Item::from(failure)))?;
        if expansion.names.is_empty() {
            let text = format!("No node in '{names}', check the noderange syntax.");
            return Err(one(Item::error(text)));
        }
        Ok(expansion.names.iter().map(ToString::to_string).collect())
    }

    fn objects_of_types(&mut self) -> Result<(), Answer> {
        match self.verb {
            Verb::Remove | Verb::Change => {
                return Err(self.misused("No object names were provided."));
            }
            Verb::Make => return Ok(()),
            Verb::List => {}
        }
        self.source = Source::Types;
        for kind in &self.kinds {
            let names = self.names_of(*kind);
            if names.is_empty() {
                let text = format!("Could not get objects of type '{kind}'.");
                return Err(one(Item::error(text)));
            }
            self.objects.extend(names.into_iter().map(|name| (*kind, name)));
        }
        Ok(())
    }

    /// All objects of a type.
    fn names_of(&self, kind: ObjectType) -> Vec<String> {
        if let Some(entries) = self.beside.log(kind) {
            return entries.keys().cloned().collect();
        }
        let names = objects::names(&self.call.snapshot, kind);
        names.iter().map(ToString::to_string).collect()
    }

    fn all_objects(&mut self) -> Result<(), Answer> {
        self.source = Source::All;
        self.kinds = ObjectType::ALL
            .iter()
            .copied()
            .filter(|kind| !matches!(kind, ObjectType::AuditLog | ObjectType::EventLog))
            .collect();
        for kind in &self.kinds {
            let names = objects::names(&self.call.snapshot, *kind);
            self.objects.extend(names.iter().map(|name| (*kind, name.to_string())));
        }
        if self.objects.is_empty() {
            return Err(one(Item::error("No object names were provided.")));
        }
        Ok(())
    }

    fn read_tests(&mut self) -> Result<(), Answer> {
        if self.has("i") && self.verb != Verb::List {
            return Err(one(Item::error("The '-i' option is only valid for the lsdef command.")));
        }
        let written = self.test_texts();
        if written.is_empty() {
            return Ok(());
        }
        let tests = Selection::parse(&written)
            .map_err(|_| one(Item::error("Incorrect selection string specified with -w flag.")))?;
        let dynamic = self.kind() == ObjectType::Group && self.has("d");
        let unknown = tests.attributes().find(|name| !ObjectType::Node.has_attribute(name));
        if let Some(name) = unknown.filter(|_| dynamic) {
            return Err(one(Item::error(format!(
                "Incorrect attribute '{name}' in the selection string specified with -w flag."
            ))));
        }
        self.tests = Some(tests);
        Ok(())
    }
}

fn one(item: Item) -> Answer {
    Answer(vec![item])
}

/// What is said about a type that does not exist; when it looks like one that does, also which there are.
fn no_type(name: &str) -> Answer {
    let mut answer = one(Item::error(format!("\nType '{name}' is not a valid xCAT object type.")));
    let known = ObjectType::ALL.iter().map(|kind| kind.name());
    if let Some(hint) = command::did_you_mean(name, known.clone()) {
        info(&mut answer, format!("{hint} The types are: {}", known.collect::<Vec<_>>().join(" ")));
    }
    answer
}

fn usage(verb: Verb, error: Option<&str>) -> Answer {
    find(verb.name()).map_or_else(Answer::new, |command| {
        let mut answer = Answer(usage_items(command.meta(), error));
        let kinds: Vec<&str> = ObjectType::ALL.iter().map(|kind| kind.name()).collect();
        info(&mut answer, format!("\nTypes: {}", kinds.join(" ")));
        answer
    })
}

/// What `-h -t TYPE` prints: the attributes of the types.
fn attribute_help(kinds: &[ObjectType], only: Option<&str>) -> Answer {
    let only: Option<Vec<&str>> = only.map(|list| list.split(',').collect());
    let mut answer = Answer::new();
    for kind in kinds {
        if only.is_none() {
            let text = format!("The valid attribute names for object type '{kind}' are:");
            info(&mut answer, text);
        }
        info(&mut answer, "Attribute          Description\n");
        let mut lines: Vec<String> = Vec::new();
        for definition in kind.attributes() {
            let wanted = only.as_ref().is_none_or(|only| only.contains(&definition.name));
            let tabs = if definition.name.len() < 7 { "\t\t" } else { "\t" };
            let known = lines.iter().any(|line| line.split(':').next() == Some(definition.name));
            if wanted && !known {
                lines.push(format!("{}:{tabs}{}\n", definition.name, definition.help()));
            }
        }
        lines.sort();
        info(&mut answer, lines.join("\n").trim_end().to_owned());
    }
    answer
}

/// The attributes that the type has; the others are reported.
pub(super) fn valid_attributes<'a>(
    kind: ObjectType,
    attributes: &'a [(String, String)],
    answer: &mut Answer,
) -> Vec<(&'a str, &'a str)> {
    let any = matches!(kind, ObjectType::Site | ObjectType::Monitoring);
    let mut valid = Vec::new();
    for (name, value) in attributes {
        if any || kind.has_attribute(name) {
            valid.push((name.as_str(), value.as_str()));
            continue;
        }
        let name = name
            .split_once('.')
            .filter(|(base, _)| base.starts_with("nic"))
            .map_or(name.as_str(), |(base, _)| base);
        answer.error(format!(
            "'{name}' is not a valid attribute name for an object type of '{kind}'."
        ));
        more_error(answer, "Skipping to the next attribute.");
    }
    valid
}
