//! mkdef: creates objects.

use base::Failure;
use command::{Answer, Item};
use tables::{ObjectType, Patch, objects};

use super::ask::{Ask, Source, Verb, valid_attributes};
use super::beside::Beside;
use super::draft::{Draft, Mode, Outcome};
use super::fill::{self, Given};
use super::members::{self, Change};
use super::{SOME_ERRORS, edit, info, more_error, name, template};
use crate::call::Call;
use crate::chtab::apply;
use crate::shape::{Behaviour, Command, Help};

pub(crate) static COMMAND: Command = Command {
    name: "mkdef",
    behaviour: Behaviour::Procedure(|call, services, sink| {
        edit(&COMMAND, mkdef, (call, services, sink))
    }),
    help: Help::Own,
};

/// One object with its attributes.
pub(super) struct Wanted {
    pub(super) kind: ObjectType,
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
}

impl Wanted {
    /// The value of an attribute, when it is given and not empty.
    pub(super) fn get(&self, attribute: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(name, _)| name == attribute);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn put(&mut self, attribute: &str, value: &str) {
        self.attributes.retain(|(name, _)| name != attribute);
        self.attributes.push((attribute.to_owned(), value.to_owned()));
    }

    pub(super) fn pairs(&self) -> Vec<(&str, &str)> {
        self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

fn mkdef(call: &Call, beside: &Beside) -> Result<(Patch, Answer), Failure> {
    let refused = |answer: Answer| Ok((Patch::new(), answer));
    let ask = match Ask::read(call, Verb::Make, beside) {
        Ok(ask) => ask,
        Err(answer) => return refused(answer),
    };
    if let Some(text) = misuse(&ask) {
        return refused(ask.misused(text));
    }
    let mut answer = Answer::new();
    let mut wanted = match wanted(&ask, &mut answer) {
        Some(wanted) if answer.code() == 0 => wanted,
        Some(_) | None => return refused(answer),
    };
    if !template::inherit(&ask, &mut wanted, &mut answer)? {
        return refused(answer);
    }
    if wanted.is_empty() {
        answer.error(no_attributes(&ask));
        return refused(answer);
    }
    let mut draft = Draft::of(&call.snapshot);
    let mut complete = true;
    for object in wanted {
        complete &= make(&ask, &mut draft, object, &mut answer)?;
    }
    finish(&ask, &draft, complete, &mut answer);
    Ok((draft.patch, answer))
}

/// What is wrong with the combination of options.
fn misuse(ask: &Ask<'_>) -> Option<&'static str> {
    if ask.has("p") || ask.has("m") {
        return Some("The '-p' and '-m' options are not valid for the mkdef command.");
    }
    stanza_misuse(ask)
}

/// What is wrong with `-z` beside other sources of objects.
pub(super) fn stanza_misuse(ask: &Ask<'_>) -> Option<&'static str> {
    let reads = ask.has("z") || ask.has("x");
    if ask.has("t") && (ask.has("a") || reads) {
        return Some("Cannot combine '-t' and '-a', '-z', or '-x' options.");
    }
    let named = ask.has("o") || ask.noderange;
    (reads && named).then_some("Cannot use '-z' with '-o' or a noderange.")
}

/// Fills in the attributes of an osimage when that is asked for; otherwise says why it cannot be.
pub(super) fn fill_in(
    ask: &Ask<'_>,
    draft: &Draft,
    object: &mut Wanted,
    given: Given,
) -> Result<(), String> {
    if object.kind != ObjectType::OsImage || !ask.has("u") {
        return Ok(());
    }
    fill::fill(object, ask.beside, draft.snapshot.site("installdir"), given)
}

/// The objects of stanzas and command line with their valid attributes; none when a name cannot be
/// one. Invalid attributes are in the answer.
pub(super) fn wanted(ask: &Ask<'_>, answer: &mut Answer) -> Option<Vec<Wanted>> {
    let mut wanted = Vec::new();
    for stanza in &ask.stanzas {
        let Some(kind) = stanza.object_type() else {
            answer.error(format!(
                "\nNo objtype value was specified for '{}'. Cannot create object definition.",
                stanza.name
            ));
            continue;
        };
        let attributes = owned(&valid_attributes(kind, &stanza.attributes, answer));
        wanted.push(Wanted { kind, name: stanza.name.clone(), attributes });
    }
    // The members of groups must be there first.
    wanted.sort_by_key(|object| object.kind == ObjectType::Group);
    let names: Vec<(ObjectType, &str)> = wanted
        .iter()
        .map(|object: &Wanted| (object.kind, object.name.as_str()))
        .chain(ask.objects.iter().map(|(kind, name)| (*kind, name.as_str())))
        .collect();
    if !name::check(ask.call, &names, answer) {
        return None;
    }
    let alone = ask.kind() == ObjectType::Group || ask.has("template") || ask.has("u");
    if ask.source != Source::Named || (ask.attributes.is_empty() && !alone) {
        return Some(wanted);
    }
    let attributes = owned(&valid_attributes(ask.kind(), &ask.attributes, answer));
    wanted.extend(ask.objects.iter().map(|(kind, name)| Wanted {
        kind: *kind,
        name: name.clone(),
        attributes: attributes.clone(),
    }));
    Some(wanted)
}

fn owned(attributes: &[(&str, &str)]) -> Vec<(String, String)> {
    attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn no_attributes(ask: &Ask<'_>) -> String {
    let text = "No object definitions have been created or modified: no attributes were specified.";
    match ask.kind() {
        ObjectType::Node => {
            format!("{text} The 'groups' attribute is required when creating node definitions.")
        }
        _ => text.to_owned(),
    }
}

/// Makes one object; false when that is an error.
fn make(
    ask: &Ask<'_>,
    draft: &mut Draft,
    mut object: Wanted,
    answer: &mut Answer,
) -> Result<bool, Failure> {
    let Wanted { kind, ref name, .. } = object;
    // A group that only the nodes before it have made is still to be defined.
    let before = if kind == ObjectType::Group { &ask.call.snapshot } else { &draft.snapshot };
    let exists = objects::exists(before, kind, name);
    if kind == ObjectType::Network
        && let Some(text) = network_problem(draft, &object, exists)
    {
        answer.error(text);
        return Ok(false);
    }
    if exists && !ask.has("f") && kind != ObjectType::Site {
        answer.push(Item::Warning(format!(
            "A definition for '{name}' already exists. No changes will be made.  Run again with \
             '-f' option to force replace."
        )));
        return Ok(true);
    }
    if kind == ObjectType::Node && object.get("groups").is_none() {
        answer.error(no_groups(name));
        return Ok(false);
    }
    let name = name.clone();
    if let Err(text) = fill_in(ask, draft, &mut object, Given::Stays) {
        answer.error(text);
        return Ok(false);
    }
    if kind == ObjectType::Site || !exists && kind != ObjectType::Group {
        let outcome = draft.set(kind, &name, &object.pairs(), Mode::Set, answer);
        return Ok(outcome != Outcome::Refused);
    }
    let mut attempt = Draft::of(&draft.snapshot);
    if exists {
        let patch = objects::remove(&attempt.snapshot, kind, &name).map_err(|e| apply(&e))?;
        attempt.apply(patch)?;
    }
    if kind == ObjectType::Group && !make_group(ask, &mut attempt, &mut object, answer) {
        return Ok(false);
    }
    if attempt.set(kind, &name, &object.pairs(), Mode::Set, answer) == Outcome::Refused {
        return Ok(false);
    }
    draft.updated.append(&mut attempt.updated);
    draft.apply(attempt.patch)?;
    Ok(true)
}

pub(super) fn no_groups(name: &str) -> String {
    format!("Attribute 'groups' is not specified for node '{name}', skipping to the next node.")
}

/// Why the network cannot be made.
pub(super) fn network_problem(draft: &Draft, object: &Wanted, exists: bool) -> Option<String> {
    let name = &object.name;
    if exists {
        return Some(format!(
            "A network definition called '{name}' already exists. Cannot create a definition for \
             '{name}'."
        ));
    }
    let (Some(net), Some(mask)) = (object.get("net"), object.get("mask")) else {
        return Some(format!(
            "Net or mask value should not be empty for xCAT network object '{name}'."
        ));
    };
    let same = objects::names(&draft.snapshot, object.kind).into_iter().find(|other| {
        let value = |attribute| objects::value(&draft.snapshot, object.kind, other, attribute);
        value("net").is_some_and(|found| *found.value == *net)
            && value("mask").is_some_and(|found| *found.value == *mask)
    })?;
    Some(format!(
        "A network definition called '{same}' already exists that contains the same net and mask \
         values. Cannot create a definition for '{name}'."
    ))
}

/// Completes the attributes of a group and lets its members join; false when it cannot be made.
fn make_group(ask: &Ask<'_>, draft: &mut Draft, group: &mut Wanted, answer: &mut Answer) -> bool {
    let name = group.name.clone();
    if group.get("grouptype").is_none() {
        if ask.has("d") && !group.attributes.is_empty() {
            answer.error(format!("Can not assign attributes to dynamic node group '{name}'."));
            return false;
        }
        group.put("grouptype", if ask.has("d") { "dynamic" } else { "static" });
    }
    if group.get("grouptype") == Some("dynamic") {
        return make_dynamic(ask, group, answer);
    }
    if ask.tests.is_some() && group.get("members").is_some() {
        answer.error("Cannot use a list of members together with the '-w' option.");
        return false;
    }
    let Some(nodes) = members::asked_for(ask, draft, group.get("members"), answer) else {
        let text = format!("Cannot determine a member list for group '{name}'.");
        answer.push(Item::Warning(text));
        return true;
    };
    group.put("members", "static");
    members::change(draft, &name, &nodes, Change::Join, answer) != Outcome::Refused
}

/// Completes the attributes of a dynamic group; false when it has no tests.
pub(super) fn make_dynamic(ask: &Ask<'_>, group: &mut Wanted, answer: &mut Answer) -> bool {
    group.put("members", "dynamic");
    if group.get("wherevals").is_none() {
        if ask.tests.is_none() {
            answer.error(format!(
                "The 'where' attributes and values were not provided for dynamic group '{}'.",
                group.name
            ));
            more_error(answer, "Skipping to the next group.");
            return false;
        }
        group.put("wherevals", &ask.test_texts().join("::"));
    }
    true
}

fn finish(ask: &Ask<'_>, draft: &Draft, complete: bool, answer: &mut Answer) {
    if !complete {
        answer.error(SOME_ERRORS);
        return;
    }
    let count = draft.updated.len();
    if ask.has("V") && count > 0 {
        info(answer, "The database was updated for the following objects:");
        let mut names = draft.updated.clone();
        names.sort();
        for name in names {
            info(answer, name);
        }
    }
    let text = format!("{count} object definitions have been created or modified.");
    if count > 0 {
        info(answer, text);
    } else {
        answer.error(text);
    }
}
