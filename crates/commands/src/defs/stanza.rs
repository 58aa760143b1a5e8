//! Stanzas: definitions as text, `name:` and indented `attribute=value` lines.

use tables::ObjectType;

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

impl Stanza {
    /// The type, when it is one.
    pub(super) fn object_type(&self) -> Option<ObjectType> {
        ObjectType::named(self.kind.as_deref()?)
    }

    /// Sets an attribute, or the type and with it the attributes that all of the type have.
    fn assign(&mut self, name: &str, value: &str, defaults: &[Self]) {
        if name != "objtype" {
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

/// Reads stanzas. `default-TYPE:` gives attributes to the stanzas of that type that follow. Lines
/// that are neither are skipped with the rest of their stanza.
pub(super) fn parse(text: &str) -> Vec<Stanza> {
    let mut stanzas: Vec<Stanza> = Vec::new();
    let mut defaults: Vec<Stanza> = Vec::new();
    let mut place = Place::Nowhere;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_suffix(':') {
            place = open(name.trim(), &mut stanzas, &mut defaults);
            continue;
        }
        let Some((name, value)) = line.split_once('=').filter(|_| place != Place::Nowhere) else {
            place = Place::Nowhere;
            continue;
        };
        let (name, value) = (name.trim(), unquoted(value.trim()));
        if place == Place::Default {
            defaults.iter_mut().next_back().into_iter().for_each(|stanza| stanza.set(name, value));
        } else if let Some(stanza) = stanzas.last_mut() {
            stanza.assign(name, value, &defaults);
        }
    }
    stanzas
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Nowhere,
    Object,
    Default,
}

fn open(name: &str, stanzas: &mut Vec<Stanza>, defaults: &mut Vec<Stanza>) -> Place {
    if name.contains('=') {
        return Place::Nowhere;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_have_types_attributes_and_defaults() {
        let text = "# <xCAT data object stanza file>\n\ndefault-node:\n  os=x\nn1:\n    objtype=node\n\
                    \tarch = \"y z\"\n    comment=a:b=c\nbroken line\n    lost=1\nsite1:\n objtype=site\n";
        let stanzas = parse(text);
        assert_eq!(stanzas.len(), 2);
        assert_eq!(stanzas[0].object_type(), Some(ObjectType::Node));
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            stanzas[0].attributes,
            [pair("os", "x"), pair("arch", "y z"), pair("comment", "a:b=c")]
        );
        assert_eq!(stanzas[1].name, "site1");
    }
}
