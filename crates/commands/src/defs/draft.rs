//! Changes in the making: each is made on the outcome of the ones before.

use std::collections::BTreeSet;

use base::Failure;
use command::{Answer, Item};
use tables::objects::{self, Attribute, SetError};
use tables::{ObjectType, Patch, Snapshot};

use crate::chtab::apply;

/// The tables as they will be, and how they get there.
pub(super) struct Draft {
    pub(super) snapshot: Snapshot,
    pub(super) patch: Patch,
    /// How many objects were written.
    pub(super) updated: Vec<String>,
}

/// What becomes of a value that is given for an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It replaces the present one.
    Set,
    /// Its words are added to the list.
    Plus,
    /// Its words are removed from the list.
    Minus,
}

/// Whether the attributes of an object could be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// Some were not; the answer says which.
    Partly,
    /// None was.
    Refused,
}

impl Draft {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        Self { snapshot: snapshot.clone(), patch: Patch::new(), updated: Vec::new() }
    }

    /// Makes a change.
    pub(super) fn apply(&mut self, patch: Patch) -> Result<(), Failure> {
        self.snapshot = self.snapshot.apply(&patch).map_err(|error| apply(&error))?.0;
        self.patch.extend(patch);
        Ok(())
    }

    /// Sets attributes of an object; what does not work is said in the answer.
    pub(super) fn set(
        &mut self,
        kind: ObjectType,
        name: &str,
        attributes: &[(&str, &str)],
        mode: Mode,
        answer: &mut Answer,
    ) -> Outcome {
        let mut outcome = Outcome::Done;
        let values = match mode {
            Mode::Set => owned(attributes),
            Mode::Plus => self.plus(kind, name, attributes),
            Mode::Minus => {
                let (values, complete) = self.minus(kind, name, attributes, answer);
                if !complete {
                    outcome = Outcome::Partly;
                }
                values
            }
        };
        if values.is_empty() {
            return outcome;
        }
        let values: Vec<(&str, &str)> =
            values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        match objects::set(&self.snapshot, kind, name, &values) {
            Ok(change) => {
                answer.0.extend(change.warnings.into_iter().map(Item::Warning));
                if let Err(failure) = self.apply(change.patch) {
                    answer.push(failure.into());
                    return Outcome::Refused;
                }
                self.updated.push(name.to_owned());
                outcome
            }
            Err(errors) => {
                answer.0.extend(errors.iter().map(|error| Item::error(set_error(error))));
                Outcome::Refused
            }
        }
    }

    fn present(&self, kind: ObjectType, name: &str, attribute: &str) -> Option<String> {
        let found = self.found(kind, name, attribute)?;
        Some(found.value.to_string())
    }

    fn found(&self, kind: ObjectType, name: &str, attribute: &str) -> Option<Attribute> {
        objects::value(&self.snapshot, kind, name, attribute)
    }

    fn plus(
        &self,
        kind: ObjectType,
        name: &str,
        attributes: &[(&str, &str)],
    ) -> Vec<(String, String)> {
        let delimiter = self.delimiter(kind, name);
        let joined = |attribute: &str, value: &str| {
            let present = self.present(kind, name, attribute).unwrap_or_default();
            let mut list: Vec<&str> =
                present.split(delimiter).filter(|word| !word.is_empty()).collect();
            let mut seen: BTreeSet<&str> = list.iter().copied().collect();
            let new = value.split(delimiter).filter(|word| !word.is_empty());
            list.extend(new.filter(|word| seen.insert(word)));
            list.join(delimiter)
        };
        attributes.iter().map(|(attr, value)| ((*attr).to_owned(), joined(attr, value))).collect()
    }

    /// The attributes without the words, and whether every word was there.
    fn minus(
        &self,
        kind: ObjectType,
        name: &str,
        attributes: &[(&str, &str)],
        answer: &mut Answer,
    ) -> (Vec<(String, String)>, bool) {
        let delimiter = self.delimiter(kind, name);
        let mut values = Vec::new();
        let mut complete = true;
        for (attribute, value) in attributes {
            let Some(found) = self.found(kind, name, attribute) else {
                answer.error(format!(
                    "No value got for attribute '{attribute}' for the '{name}' definition."
                ));
                continue;
            };
            let unwanted: Vec<&str> =
                value.split(delimiter).filter(|word| !word.is_empty()).collect();
            let list: Vec<&str> = found.value.split(delimiter).collect();
            let missing: Vec<&&str> = unwanted.iter().filter(|word| !list.contains(word)).collect();
            for word in &missing {
                answer.error(format!(
                    "{word} is not in the attribute of '{attribute}' for the '{name}' definition."
                ));
            }
            if !missing.is_empty() {
                complete = false;
                continue;
            }
            let kept: Vec<&str> =
                list.into_iter().filter(|word| !unwanted.contains(word)).collect();
            if let Some(group) = found.from.as_deref().filter(|_| kept.is_empty()) {
                answer.error(inherited(name, attribute, value, group));
                complete = false;
                continue;
            }
            if let Some(group) = &found.from {
                answer.push(Item::Warning(format!(
                    "{name}: '{attribute}' was inherited from group '{group}'; the rest of it is the \
                     node's own now."
                )));
            }
            values.push(((*attribute).to_owned(), kept.join(delimiter)));
        }
        (values, complete)
    }

    /// What separates the words of a list: the tests of a dynamic group may have commas.
    fn delimiter(&self, kind: ObjectType, name: &str) -> &'static str {
        let dynamic = kind == ObjectType::Group
            && self.present(kind, name, "grouptype").as_deref() == Some("dynamic");
        if dynamic { "::" } else { "," }
    }
}

/// What is said when nothing would be left of an inherited value: the node would inherit it all again.
fn inherited(name: &str, attribute: &str, value: &str, group: &str) -> String {
    format!(
        "{name} has '{attribute}' from group '{group}' and not by itself: change it there, with \
         chdef -t group -o {group} -m {attribute}={value}, or give the node a value of its own."
    )
}

fn owned(attributes: &[(&str, &str)]) -> Vec<(String, String)> {
    attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn set_error(error: &SetError) -> String {
    base::chain(error)
}
