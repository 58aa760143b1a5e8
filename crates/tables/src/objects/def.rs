//! The object types: which attributes they have, and in which cell of which table each is.

use std::fmt;

use super::{node, others};
use crate::schema::TableId;

/// Where an attribute of an object is stored.
///
/// Several definitions may have the same name; those whose `only_if` holds for the object apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributeDef {
    /// The name of the attribute.
    pub name: &'static str,
    /// The table.
    pub table: TableId,
    /// The column.
    pub column: &'static str,
    /// Which row it is.
    pub row: &'static [Condition],
    /// The attribute of the same object that must have this value as one of its words.
    pub only_if: Option<(&'static str, &'static str)>,
}

/// What a column must be in the row of an object.
#[derive(Debug, PartialEq, Eq)]
pub struct Condition {
    /// The column.
    pub column: &'static str,
    /// What it must be.
    pub is: Is,
}

/// What a column must be.
#[derive(Debug, PartialEq, Eq)]
pub enum Is {
    /// The name of the object.
    Name,
    /// This text.
    Literal(&'static str),
}

macro_rules! object_types {
    ($($variant:ident $name:literal $key:literal $attributes:expr;)*) => {
        /// A kind of object that `lsdef -t` knows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ObjectType {
            $(#[doc = concat!("Objects of type `", $name, "`.")] $variant,)*
        }

        impl ObjectType {
            /// Every type, sorted by name.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name of the type.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The attribute that is the name of the object.
            pub const fn key(self) -> &'static str {
                match self {
                    $(Self::$variant => $key,)*
                }
            }

            /// Where each attribute is stored, in the order in which conditions build on each other.
            pub const fn attributes(self) -> &'static [AttributeDef] {
                match self {
                    $(Self::$variant => $attributes,)*
                }
            }
        }
    };
}

object_types! {
    AuditLog "auditlog" "recid" others::AUDITLOG;
    BootTarget "boottarget" "bprofile" others::BOOTTARGET;
    EventLog "eventlog" "recid" others::EVENTLOG;
    Firmware "firmware" "cfgfile" others::FIRMWARE;
    Group "group" "groupname" node::GROUP;
    Kit "kit" "kitname" others::KIT;
    KitComponent "kitcomponent" "kitcompname" others::KITCOMPONENT;
    KitRepo "kitrepo" "kitreponame" others::KITREPO;
    Monitoring "monitoring" "name" others::MONITORING;
    Network "network" "netname" others::NETWORK;
    Node "node" "node" node::NODE;
    Notification "notification" "filename" others::NOTIFICATION;
    OsDistro "osdistro" "osdistroname" others::OSDISTRO;
    OsDistroUpdate "osdistroupdate" "osupdatename" others::OSDISTROUPDATE;
    OsImage "osimage" "imagename" others::OSIMAGE;
    Pdu "pdu" "node" others::PDU;
    Policy "policy" "priority" others::POLICY;
    Rack "rack" "rackname" others::RACK;
    Route "route" "routename" others::ROUTE;
    Site "site" "master" others::SITE;
    TaskState "taskstate" "node" others::TASKSTATE;
    Zone "zone" "zonename" others::ZONE;
}

impl ObjectType {
    /// The type called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// The definitions of the attribute `name`.
    pub fn definitions(self, name: &str) -> impl Iterator<Item = &'static AttributeDef> {
        self.attributes().iter().filter(move |definition| definition.name == name)
    }

    /// Whether objects of the type have the attribute `name`; `nicips.eth0` is one of `nicips`.
    pub fn has_attribute(self, name: &str) -> bool {
        let name = super::nics::split_name(name).map_or(name, |(attribute, _)| attribute);
        self.definitions(name).next().is_some()
    }
}

impl fmt::Display for ObjectType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl AttributeDef {
    /// What the attribute means, in one line.
    pub fn help(&self) -> &'static str {
        let def = self.table.def();
        def.column(self.column).map_or("", |index| def.columns[index].help)
    }

    /// Whether the values are secrets, which are shown as `***` where nobody asked for them.
    pub fn is_secret(&self) -> bool {
        let def = self.table.def();
        def.column(self.column).is_some_and(|index| def.columns[index].secret)
    }

    /// The columns and texts that the row of the object called `name` has.
    pub fn conditions<'a>(&self, name: &'a str) -> Vec<(&'static str, &'a str)>
    where
        'static: 'a,
    {
        let text = |condition: &Condition| match condition.is {
            Is::Name => name,
            Is::Literal(text) => text,
        };
        self.row.iter().map(|condition| (condition.column, text(condition))).collect()
    }

    pub(super) const fn when(mut self, attribute: &'static str, value: &'static str) -> Self {
        self.only_if = Some((attribute, value));
        self
    }
}

pub(super) const fn attribute(
    name: &'static str,
    table: TableId,
    column: &'static str,
    row: &'static [Condition],
) -> AttributeDef {
    AttributeDef { name, table, column, row, only_if: None }
}

pub(super) const fn object(column: &'static str) -> Condition {
    Condition { column, is: Is::Name }
}

pub(super) const fn literal(column: &'static str, text: &'static str) -> Condition {
    Condition { column, is: Is::Literal(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_sorted_and_complete() {
        assert!(ObjectType::ALL.is_sorted_by_key(|kind| kind.name()));
        assert_eq!(ObjectType::ALL.len(), 22);
        let attributes = ObjectType::ALL.iter().flat_map(|kind| kind.attributes());
        assert_eq!(attributes.clone().count(), 670);
        assert_eq!(attributes.filter(|attribute| attribute.only_if.is_some()).count(), 220);
    }

    #[test]
    fn every_attribute_has_a_cell_and_conditions_are_on_unconditional_attributes() {
        for kind in ObjectType::ALL {
            for attribute in kind.attributes() {
                let def = attribute.table.def();
                assert!(def.column(attribute.column).is_some(), "{attribute:?}");
                for condition in attribute.row {
                    assert!(def.column(condition.column).is_some(), "{attribute:?}");
                }
                let Some((on, _)) = attribute.only_if.filter(|_| *kind != ObjectType::Pdu) else {
                    continue;
                };
                assert!(kind.definitions(on).any(|on| on.only_if.is_none()), "{attribute:?}");
            }
        }
    }

    #[test]
    fn agrees_with_the_written_specification() {
        let Ok(text) = std::fs::read_to_string("../../../shared/spec/objects.tsv") else { return };
        let mut places = std::collections::HashMap::new();
        for line in text.lines().skip(1) {
            let fields: Vec<_> = line.split('\t').collect();
            let kind = ObjectType::named(fields[0]).unwrap();
            let place = places.entry(fields[0].to_owned()).or_insert(0);
            let attribute = &kind.attributes()[*place];
            *place += 1;
            assert_eq!(attribute.name, fields[1]);
            assert_eq!(format!("{}.{}", attribute.table, attribute.column), fields[2]);
            let only_if = attribute.only_if.map(|(name, value)| format!("{name}={value}"));
            assert_eq!(only_if.unwrap_or_default(), fields[4]);
            assert_eq!(kind.key(), fields[5]);
            assert_eq!(place.to_string(), fields[6]);
        }
    }
}
