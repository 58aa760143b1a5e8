//! lsdef, mkdef, chdef, rmdef: one set of options, understood by all four as in the original.

use crate::front::FrontEnd;
use crate::meta::{Dir, Getopt, Meta, OptionDef, Takes, Topic};

const OPTIONS: &[OptionDef] = &[
    OptionDef::flag(&["a", "all"], "all objects"),
    OptionDef::flag(&["c", "compress"], "one line per attribute, with the object in front"),
    OptionDef::flag(&["d", "dynamic"], "the group is dynamic: its members follow from -w"),
    OptionDef::flag(&["f", "force"], "replace existing definitions, remove those with members"),
    OptionDef::value(&["i"], "ATTRIBUTES", "only these attributes, separated by commas"),
    OptionDef::flag(&["l", "long"], "complete definitions"),
    OptionDef::flag(&["s", "short"], "only the names"),
    OptionDef::flag(&["m", "minus"], "remove the values from the lists they are in"),
    OptionDef::value(&["n"], "NEW-NAME", "give the object another name"),
    OptionDef::value(&["o"], "NAMES", "these objects: names, or a noderange for nodes"),
    OptionDef::flag(&["p", "plus"], "append the values to the lists"),
    OptionDef::value(&["t"], "TYPES", "the type of the objects: node, group, network, ..."),
    OptionDef::flag(&["V", "verbose"], "tell more"),
    OptionDef::flag(&["v", "version"], "print the version"),
    OptionDef {
        names: &["w"],
        takes: Takes::Values("ATTR==VALUE"),
        help: "only where the attribute matches: ==, !=, =~, !~; repeat for more",
    },
    OptionDef::flag(&["x", "xml"], "XML format (not supported)"),
    OptionDef::flag(&["z", "stanza"], "stanza format: written by lsdef, read from standard input"),
    OptionDef::flag(&["nocache"], "accepted for compatibility"),
    OptionDef::flag(&["S"], "nodes that are hidden too"),
    OptionDef::flag(&["osimage"], "the osimage of the nodes as well"),
    OptionDef::flag(&["nics"], "the attributes of network interfaces"),
    OptionDef::flag(&["u"], "fill in the attributes of an osimage from its profile"),
    OptionDef {
        names: &["template"],
        takes: Takes::Optional("NAME"),
        help: "use or show a template",
    },
    OptionDef::flag(&["C", "cleanup"], "clean up what belongs to the nodes"),
];

const fn meta(name: &'static str, summary: &'static str, usage: &'static [&'static str]) -> Meta {
    Meta {
        name,
        section: 1,
        dir: Dir::Bin,
        topic: Topic::Objects,
        front: FrontEnd::Definitions,
        summary,
        usage,
        getopt: Getopt::Bundling,
        options: OPTIONS,
        option_error: Some("Invalid option.."),
    }
}

pub(super) static LSDEF: Meta = meta(
    "lsdef",
    "list object definitions",
    &[
        "[-t TYPES] [-o NAMES|NODERANGE] [-l|-s] [-i ATTRIBUTES] [-c] [-z] [-w TEST]...",
        "[-a] [-l|-s] [-z]",
    ],
);

pub(super) static MKDEF: Meta = meta(
    "mkdef",
    "create object definitions",
    &[
        "-t TYPE -o NAMES [-f] ATTRIBUTE=VALUE...",
        "-t group -o NAME [-d] -w TEST... [ATTRIBUTE=VALUE...]",
        "-z [-f]  < STANZAS",
    ],
);

pub(super) static CHDEF: Meta = meta(
    "chdef",
    "change object definitions",
    &[
        "-t TYPE -o NAMES [-p|-m] ATTRIBUTE=VALUE...",
        "NODERANGE [-p|-m] ATTRIBUTE=VALUE...",
        "-t TYPE -o NAME -n NEW-NAME",
        "-z [-p|-m]  < STANZAS",
    ],
);

pub(super) static RMDEF: Meta =
    meta("rmdef", "remove object definitions", &["-t TYPES -o NAMES [-f]", "NODERANGE", "-a [-f]"]);
