//! Templates: definitions that come with the product, for mkdef to begin with. lsdef lists them.

use std::collections::BTreeSet;

use base::{ErrorKind, Failure};
use command::Answer;
use tables::{ObjectType, objects};

use super::ask::Ask;
use super::beside::{MANDATORY, OPTIONAL, Template};
use super::info;
use super::make::Wanted;
use super::shown::Page;

/// What changes by itself and is not taken over from another object.
const STATES: &[&str] =
    &["status", "statustime", "appstatus", "appstatustime", "updatestatus", "updatestatustime"];

/// Gives the objects the attributes of the template, or of the object, that `--template` names; false when
/// that cannot be done.
pub(super) fn inherit(
    ask: &Ask<'_>,
    wanted: &mut [Wanted],
    answer: &mut Answer,
) -> Result<bool, Failure> {
    let Some(name) = ask.call.options.value("template") else { return Ok(true) };
    let kind = ask.kind();
    let templates = ask.beside.templates(&[kind])?;
    if let Some(template) = templates.into_iter().find(|template| template.stanza.name == name) {
        return Ok(from_template(&template, wanted, answer));
    }
    if !objects::exists(&ask.call.snapshot, kind, name) {
        let text = format!("Could not find the template object named '{name}' of type '{kind}'.");
        return Err(Failure::new(ErrorKind::NotFound, text));
    }
    if wanted.iter().any(|object| object.name == name) {
        answer.error("The template node cannot be the same as the node to create.");
        return Ok(false);
    }
    let attributes = objects::read(&ask.call.snapshot, kind, name).into_iter();
    let attributes: Vec<_> = attributes.filter(|found| !STATES.contains(&&*found.name)).collect();
    for object in wanted {
        for found in &attributes {
            add(object, &found.name, &found.value);
        }
    }
    Ok(true)
}

fn from_template(template: &Template, wanted: &mut [Wanted], answer: &mut Answer) -> bool {
    let mut missing = BTreeSet::new();
    for object in wanted {
        for (name, value) in &template.stanza.attributes {
            if value.starts_with(MANDATORY) && object.get(name).is_none() {
                missing.insert(name);
            } else if !value.starts_with(MANDATORY) && !value.starts_with(OPTIONAL) {
                add(object, name, value);
            }
        }
    }
    for name in &missing {
        answer.error(format!("The attribute \"{name}\" must be specified!"));
    }
    missing.is_empty()
}

/// Sets an attribute that is not given.
fn add(object: &mut Wanted, name: &str, value: &str) {
    if object.get(name).is_none() && !value.is_empty() {
        object.put(name, value);
    }
}

/// What `lsdef --template` prints.
pub(super) fn list(ask: &Ask<'_>) -> Result<Answer, Failure> {
    let kinds = if ask.has("a") { ObjectType::ALL } else { &ask.kinds };
    let mut templates = ask.beside.templates(kinds)?;
    let names = ask.call.options.value("template").unwrap_or_default();
    let names: Vec<&str> = names.split(',').filter(|name| !name.is_empty()).collect();
    let mut answer = Answer::new();
    for name in &names {
        if !templates.iter().any(|template| template.stanza.name == *name) {
            answer.error(format!("Could not find {name} in xCAT templates."));
            return Ok(answer);
        }
    }
    if !names.is_empty() {
        templates.retain(|template| names.contains(&template.stanza.name.as_str()));
    }
    if let Some(tests) = &ask.tests {
        templates.retain(|template| tests.holds(|name| template.value(name)));
    }
    if templates.is_empty() {
        info(&mut answer, "Could not find any objects to display.");
        return Ok(answer);
    }
    let detailed = ["l", "i", "z", "x"].iter().any(|option| ask.has(option));
    let long = !ask.has("s") && (detailed || !names.is_empty());
    let several = templates.iter().any(|template| template.kind != templates[0].kind);
    let mut page = Page::new(ask, long, several);
    for template in &templates {
        page.add(template.kind, &template.stanza.name, &template.shown(ask, page.is_long()));
    }
    page.lines().into_iter().for_each(|line| info(&mut answer, line));
    Ok(answer)
}

impl Template {
    fn value(&self, name: &str) -> Option<&str> {
        let mut attributes = self.stanza.attributes.iter();
        attributes.find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The attributes that are asked for, sorted.
    fn shown(&self, ask: &Ask<'_>, long: bool) -> Vec<(String, String)> {
        let only: Option<Vec<&str>> =
            ask.call.options.value("i").map(|names| names.split(',').collect());
        let wanted = |name: &str| only.as_ref().is_none_or(|only| only.contains(&name));
        let mut attributes: Vec<_> = self
            .stanza
            .attributes
            .iter()
            .filter(|(name, _)| long && wanted(name))
            .cloned()
            .collect();
        attributes.sort();
        attributes
    }
}
