//! chdef: changes objects, and creates those that do not exist.

use base::{ErrorKind, Failure};
use command::{Answer, Item};
use tables::objects::Is;
use tables::{ObjectType, Patch, objects};

use super::ask::{Ask, Verb};
use super::beside::Beside;
use super::draft::{Draft, Mode, Outcome};
use super::fill::Given;
use super::make::{self, Wanted};
use super::members::{self, Change};
use super::{SOME_ERRORS, edit, info, more_error, name};
use crate::call::Call;
use crate::chtab::apply;
use crate::shape::{Behaviour, Command, Help};

pub(crate) static COMMAND: Command = Command {
    name: "chdef",
    behaviour: Behaviour::Procedure(|call, services, sink| {
        edit(&COMMAND, chdef, (call, services, sink))
    }),
    help: Help::Own,
};

/// What follows when an object could not be changed.
const NOTHING: &str = "Nothing is changed, not even what could be.";

/// How the changes went.
#[derive(Default)]
struct Progress {
    created: Vec<String>,
    failed: bool,
    /// An object cannot be changed, so none is.
    refused: bool,
    /// A word to be removed was not there: an error, but not of the whole.
    incomplete: bool,
}

fn chdef(call: &Call, beside: &Beside) -> Result<(Patch, Answer), Failure> {
    let refused = |answer: Answer| Ok((Patch::new(), answer));
    let ask = match Ask::read(call, Verb::Change, beside) {
        Ok(ask) => ask,
        Err(answer) => return refused(answer),
    };
    if let Some(new) = call.options.value("n") {
        return rename(&ask, new);
    }
    if ask.has("f") {
        return refused(ask.misused("The '-f' option is not valid for the chdef command."));
    }
    if let Some(text) = make::stanza_misuse(&ask) {
        return refused(ask.misused(text));
    }
    if ask.has("u") && (ask.has("p") || ask.has("m")) {
        let mut answer = Answer::new();
        answer.error("Cannot use '-u' with '-p' or '-m'.");
        return refused(answer);
    }
    let mut answer = Answer::new();
    let Some(wanted) = make::wanted(&ask, &mut answer) else {
        answer.error(SOME_ERRORS);
        return refused(answer);
    };
    let mut progress = Progress { failed: answer.code() != 0, ..Progress::default() };
    let mut draft = Draft::of(&call.snapshot);
    for object in wanted {
        change(&ask, &mut draft, object, &mut progress, &mut answer);
    }
    if progress.refused {
        answer.error(SOME_ERRORS);
        more_error(&mut answer, NOTHING);
        return refused(answer);
    }
    finish(&ask, &draft, &progress, &mut answer);
    Ok((draft.patch, answer))
}

fn change(
    ask: &Ask<'_>,
    draft: &mut Draft,
    mut object: Wanted,
    progress: &mut Progress,
    answer: &mut Answer,
) {
    let kind = object.kind;
    let exists = objects::exists(&draft.snapshot, kind, &object.name);
    if let Some(text) = problem(ask, draft, &object, exists) {
        answer.error(text);
        progress.refused = true;
        return;
    }
    if kind == ObjectType::Group && !change_group(ask, draft, &mut object, exists, answer) {
        progress.refused = true;
        return;
    }
    if kind == ObjectType::OsImage && ask.has("u") {
        known_basis(draft, &mut object);
    }
    if let Err(text) = make::fill_in(ask, draft, &mut object, Given::FoundAgain) {
        answer.error(text);
        progress.refused = true;
        return;
    }
    if kind == ObjectType::OsImage && !exists && object.get("imagetype").is_none() {
        object.put("imagetype", "linux");
    }
    if kind == ObjectType::Site && object.name != "clustersite" {
        return;
    }
    let mode = match (ask.has("p"), ask.has("m")) {
        (true, _) => Mode::Plus,
        (false, true) => Mode::Minus,
        (false, false) => Mode::Set,
    };
    match draft.set(kind, &object.name, &object.pairs(), mode, answer) {
        Outcome::Done if !exists => progress.created.push(object.name),
        Outcome::Done => {}
        Outcome::Partly => progress.incomplete = true,
        Outcome::Refused => progress.refused = true,
    }
}

/// Gives an image what is known of it, as far as it is not given anew.
fn known_basis(draft: &Draft, image: &mut Wanted) {
    for attribute in ["imagetype", "provmethod", "profile", "osname", "osvers", "osarch"] {
        let stored = objects::value(&draft.snapshot, image.kind, &image.name, attribute);
        if let Some(stored) = stored.filter(|_| image.get(attribute).is_none()) {
            image.put(attribute, &stored.value);
        }
    }
}

/// Why the object cannot be changed at all.
fn problem(ask: &Ask<'_>, draft: &Draft, object: &Wanted, exists: bool) -> Option<String> {
    let name = &object.name;
    if exists {
        return None;
    }
    match object.kind {
        ObjectType::Network => {
            if let Some(text) = make::network_problem(draft, object, false) {
                return Some(text);
            }
        }
        ObjectType::Node if object.get("groups").is_none() => return Some(make::no_groups(name)),
        _ => {}
    }
    ask.has("m").then(|| {
        format!("The '-m' option is not valid since the '{name}' definition does not exist.")
    })
}

/// Changes the members of a group and completes its attributes; false when that cannot be done.
fn change_group(
    ask: &Ask<'_>,
    draft: &mut Draft,
    group: &mut Wanted,
    exists: bool,
    answer: &mut Answer,
) -> bool {
    let name = group.name.clone();
    let stored = objects::value(&draft.snapshot, ObjectType::Group, &name, "grouptype");
    let stored_dynamic = stored.is_some_and(|found| &*found.value == "dynamic");
    let asked_dynamic = ask.has("d") || group.get("grouptype") == Some("dynamic");
    if (ask.has("d") || stored_dynamic) && !group.attributes.is_empty() {
        answer.error(format!("Can not assign attributes to dynamic node group '{name}'."));
        return false;
    }
    if stored_dynamic || asked_dynamic {
        group.put("grouptype", "dynamic");
        if stored_dynamic && ask.tests.is_none() {
            return true;
        }
        return make::make_dynamic(ask, group, answer);
    }
    if ask.tests.is_some() && group.get("members").is_some() {
        answer.error("Cannot use a list of members together with the '-w' option.");
        return false;
    }
    if !exists {
        group.put("grouptype", "static");
    }
    let Some(nodes) = members::asked_for(ask, draft, group.get("members"), answer) else {
        return true;
    };
    let kind_of_change = match (exists, ask.has("p"), ask.has("m")) {
        (true, false, true) => Change::Leave,
        (true, false, false) => Change::Replace,
        _ => Change::Join,
    };
    group.attributes.retain(|(attribute, _)| attribute != "members");
    if !(ask.has("p") || ask.has("m")) {
        group.put("members", "static");
    }
    draft.updated.push(name.clone());
    members::change(draft, &name, &nodes, kind_of_change, answer) != Outcome::Refused
}

fn finish(ask: &Ask<'_>, draft: &Draft, progress: &Progress, answer: &mut Answer) {
    if progress.failed {
        answer.error(SOME_ERRORS);
        return;
    }
    if progress.incomplete {
        answer.push(Item::Code(1));
    }
    let mut updated = draft.updated.clone();
    updated.sort();
    updated.dedup();
    if ask.has("V") {
        if updated.is_empty() {
            info(answer, "No database was updated");
        } else {
            info(answer, "The database was updated for the following objects:");
            for name in updated {
                info(answer, name);
            }
        }
        return;
    }
    match updated.len() {
        0 => info(answer, "No object definitions have been created or modified."),
        count => {
            info(answer, format!("{count} object definitions have been created or modified."));
        }
    }
    if !progress.created.is_empty() {
        let names = progress.created.join(",");
        info(answer, format!("New object definitions '{names}' have been created."));
    }
}

/// Gives the one object that is named another name.
fn rename(ask: &Ask<'_>, new: &str) -> Result<(Patch, Answer), Failure> {
    let refused = |text: &str| Ok((Patch::new(), ask.misused(text)));
    if ["d", "p", "m", "z", "w"].iter().any(|flag| ask.has(flag)) {
        return refused("Cannot combine '-n' and '-d','-p','-m','-z','-w' options.");
    }
    let [(kind, old)] = ask.objects.as_slice() else {
        return refused("The '-n' option (changing object name) can only work on one object.");
    };
    let snapshot = &ask.call.snapshot;
    if !name::is_valid(ask.call, *kind, new) {
        return refused(&format!(
            "The new object name '{new}' is not valid.Please refer to \"man xcatdb\" for the \
             valid \"xCAT Object Name Format\" "
        ));
    }
    if !objects::exists(snapshot, *kind, old) {
        let text = format!("The {old} is not a valid object.");
        return Err(Failure::new(ErrorKind::NotFound, text));
    }
    if objects::exists(snapshot, *kind, new) {
        return Err(Failure::new(ErrorKind::Conflict, format!("Object {new} already exists.")));
    }
    let mut draft = Draft::of(snapshot);
    let mut answer = Answer::new();
    if *kind == ObjectType::Group {
        let members = snapshot.group_members(old).cloned().unwrap_or_default();
        let members: Vec<String> = members.iter().map(ToString::to_string).collect();
        members::change(&mut draft, new, &members, Change::Join, &mut answer);
        members::change(&mut draft, old, &members, Change::Leave, &mut answer);
    }
    for definition in kind.attributes() {
        let conditions = definition.conditions(old);
        let rows = draft.snapshot.rows_where(definition.table, &conditions);
        if rows.map_err(|error| apply(&error))?.is_empty() {
            continue;
        }
        let columns = definition.row.iter().filter(|condition| condition.is == Is::Name);
        let cells: Vec<_> = columns.map(|condition| (condition.column, Some(new))).collect();
        let patch = draft.snapshot.set_where(definition.table, &conditions, &cells);
        draft.apply(patch.map_err(|error| apply(&error))?)?;
    }
    info(&mut answer, format!("Changed the object name from {old} to {new}."));
    Ok((draft.patch, answer))
}
