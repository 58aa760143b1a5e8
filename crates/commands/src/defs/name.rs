//! Which names objects can have.

use std::net::IpAddr;

use base::NodeName;
use command::{Answer, Item};
use noderange::Mode;
use tables::ObjectType;

use crate::call::Call;

/// Refuses names that objects cannot have and warns about those that name services fold.
pub(super) fn check(call: &Call, objects: &[(ObjectType, &str)], answer: &mut Answer) -> bool {
    let is_node = |kind: ObjectType| kind == ObjectType::Node;
    let upper = |name: &str| name.bytes().any(|byte| byte.is_ascii_uppercase());
    let with = |test: &dyn Fn(ObjectType, &str) -> bool| {
        let names = objects.iter().filter(|(kind, name)| test(*kind, name));
        names.map(|(_, name)| *name).collect::<Vec<_>>().join(",")
    };
    let dotted = with(&|kind, name| is_node(kind) && name.contains('.') && !upper(name));
    if !dotted.is_empty() {
        let text = format!("The object name '{dotted}' is invalid, Cannot use '.' in node name.");
        answer.error(text);
        return false;
    }
    let invalid = with(&|kind, name| !is_valid(call, kind, name));
    if !invalid.is_empty() {
        answer.error(invalid_text(&invalid));
        return false;
    }
    let capital = with(&|kind, name| is_node(kind) && upper(name));
    if !capital.is_empty() {
        answer.push(Item::Warning(capital_text(&capital)));
    }
    true
}

/// Whether an object of the type can have the name.
pub(super) fn is_valid(call: &Call, kind: ObjectType, name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match kind {
        ObjectType::Node => {
            let plain = NodeName::parse(name).is_ok() && name.bytes().all(word);
            plain || name.parse::<IpAddr>().is_ok()
        }
        ObjectType::Group => {
            let expansion = call.expand(name, Mode::Generic);
            expansion.is_ok_and(
                |expansion| matches!(expansion.names.as_slice(), [only] if only.as_str() == name),
            )
        }
        _ => true,
    }
}

pub(super) fn invalid_text(names: &str) -> String {
    format!(
        "The object name '{names}' is invalid, please refer to \"man xcatdb\" for the valid \
         \"xCAT Object Name Format\""
    )
}

pub(super) fn capital_text(names: &str) -> String {
    format!(
        "The node name '{names}' contains capital letters which may not be resolved correctly by \
         the dns server."
    )
}
