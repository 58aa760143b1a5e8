//! lsdef, mkdef, chdef, rmdef. Each lists its own options, and understands those of the others as the original does,
//! to say in the same words why they do not go together.

use crate::front::FrontEnd;
use crate::meta::{Dir, Getopt, Meta, OptionDef, Takes, Topic};

const COMPRESS: OptionDef =
    OptionDef::flag(&["c", "compress"], "with -i: one line per attribute, the object in front");
const LONG: OptionDef = OptionDef::flag(&["l", "long"], "complete definitions");
const SHORT: OptionDef = OptionDef::flag(&["s", "short"], "only the names");
const ATTRIBUTES: OptionDef =
    OptionDef::value(&["i"], "ATTRIBUTES", "only these attributes, separated by commas");
const HIDDEN: OptionDef = OptionDef::flag(&["S"], "nodes that are hidden too");
const OSIMAGE: OptionDef = OptionDef::flag(&["osimage"], "the osimage of the nodes as well");
const NICS: OptionDef = OptionDef::flag(&["nics"], "the attributes of network interfaces");
const DYNAMIC: OptionDef =
    OptionDef::flag(&["d", "dynamic"], "the group is dynamic: its members follow from -w");
const MINUS: OptionDef =
    OptionDef::flag(&["m", "minus"], "remove the values from the lists they are in");
const PLUS: OptionDef = OptionDef::flag(&["p", "plus"], "append the values to the lists");
const NEW_NAME: OptionDef = OptionDef::value(&["n"], "NEW-NAME", "give the object another name");
const NAMES: OptionDef =
    OptionDef::value(&["o"], "NAMES", "these objects: names, or a noderange for nodes");
const TYPE: OptionDef =
    OptionDef::value(&["t"], "TYPE", "the type of the objects: node, group, network, ...");
const TYPES: OptionDef =
    OptionDef::value(&["t"], "TYPES", "the types of the objects: node, group, network, ...");
const VERBOSE: OptionDef = OptionDef::flag(&["V", "verbose"], "tell more");
const VERSION: OptionDef = OptionDef::flag(&["v", "version"], "print the version");
const CLEANUP: OptionDef =
    OptionDef::flag(&["C", "cleanup"], "clean up what belongs to the nodes, which is always done");
const FILL: OptionDef = OptionDef::flag(
    &["u"],
    "fill in the lists and directories of an osimage from provmethod and profile",
);
const NOCACHE: OptionDef = OptionDef::flag(&["nocache"], "");

const fn all(help: &'static str) -> OptionDef {
    OptionDef::flag(&["a", "all"], help)
}

const fn force(help: &'static str) -> OptionDef {
    OptionDef::flag(&["f", "force"], help)
}

const fn tests(help: &'static str) -> OptionDef {
    OptionDef { names: &["w"], takes: Takes::Values("ATTR==VALUE"), help }
}

const fn xml(help: &'static str) -> OptionDef {
    OptionDef::flag(&["x", "xml"], help)
}

const fn stanza(help: &'static str) -> OptionDef {
    OptionDef::flag(&["z", "stanza"], help)
}

const fn template(help: &'static str) -> OptionDef {
    OptionDef { names: &["template"], takes: Takes::Optional("NAME"), help }
}

const fn meta(
    name: &'static str,
    summary: &'static str,
    usage: &'static [&'static str],
    options: &'static [OptionDef],
) -> Meta {
    Meta {
        name,
        section: 1,
        dir: Dir::Bin,
        topic: Topic::Objects,
        front: FrontEnd::Definitions,
        summary,
        usage,
        getopt: Getopt::Bundling,
        options,
        option_error: Some("Invalid option.."),
    }
}

pub(super) static LSDEF: Meta = meta(
    "lsdef",
    "list object definitions",
    &[
        "[-t TYPES] [-o NAMES|NODERANGE] [-l|-s] [-i ATTRIBUTES] [-c] [-z|-x] [-w TEST]...",
        "[-a] [-l|-s] [-z|-x]",
        "[-a | -t TYPES] --template [NAME] [-z]",
    ],
    &[
        all("objects of all types but the logs"),
        COMPRESS,
        ATTRIBUTES,
        LONG,
        NICS,
        NAMES,
        OSIMAGE,
        SHORT,
        HIDDEN,
        TYPES,
        template("the templates that mkdef can begin with, or the one that is named"),
        VERBOSE,
        VERSION,
        tests("only where the attribute matches: ==, !=, =~, !~; repeat for more"),
        xml("XML, as mkdef -x and chdef -x read it"),
        stanza("stanzas, as mkdef -z and chdef -z read them"),
        NOCACHE,
        DYNAMIC.unlisted(),
        force(""),
        MINUS.unlisted(),
        NEW_NAME.unlisted(),
        PLUS.unlisted(),
        FILL.unlisted(),
        CLEANUP.unlisted(),
    ],
);

pub(super) static MKDEF: Meta = meta(
    "mkdef",
    "create object definitions",
    &[
        "-t TYPE -o NAMES [-f] [--template NAME] ATTRIBUTE=VALUE...",
        "-t group -o NAME [-d] -w TEST... [ATTRIBUTE=VALUE...]",
        "-t osimage -o NAME -u provmethod=METHOD profile=PROFILE [ATTRIBUTE=VALUE...]",
        "-z|-x [-f]  < DEFINITIONS",
    ],
    &[
        DYNAMIC,
        force("replace definitions that exist"),
        NAMES,
        TYPE,
        template("begin with this template, or with this object"),
        FILL,
        VERBOSE,
        VERSION,
        tests("the members of the group: ==, !=, =~, !~; repeat for more"),
        xml("read definitions as XML from standard input"),
        stanza("read definitions as stanzas from standard input"),
        NOCACHE,
        all(""),
        COMPRESS.unlisted(),
        ATTRIBUTES.unlisted(),
        LONG.unlisted(),
        SHORT.unlisted(),
        MINUS.unlisted(),
        NEW_NAME.unlisted(),
        PLUS.unlisted(),
        HIDDEN.unlisted(),
        OSIMAGE.unlisted(),
        NICS.unlisted(),
        CLEANUP.unlisted(),
    ],
);

pub(super) static CHDEF: Meta = meta(
    "chdef",
    "change object definitions",
    &[
        "-t TYPE -o NAMES [-p|-m] ATTRIBUTE=VALUE...",
        "NODERANGE [-p|-m] ATTRIBUTE=VALUE...",
        "-t TYPE -o NAME -n NEW-NAME",
        "-t group -o NAME [-d] -w TEST...",
        "-t osimage -o NAME -u [ATTRIBUTE=VALUE...]",
        "-z|-x [-p|-m]  < DEFINITIONS",
    ],
    &[
        DYNAMIC,
        MINUS,
        NEW_NAME,
        NAMES,
        PLUS,
        TYPE,
        FILL,
        VERBOSE,
        VERSION,
        tests("the members of the group: ==, !=, =~, !~; repeat for more"),
        xml("read definitions as XML from standard input"),
        stanza("read definitions as stanzas from standard input"),
        NOCACHE,
        all(""),
        COMPRESS.unlisted(),
        force(""),
        ATTRIBUTES.unlisted(),
        LONG.unlisted(),
        SHORT.unlisted(),
        HIDDEN.unlisted(),
        OSIMAGE.unlisted(),
        NICS.unlisted(),
        template(""),
        CLEANUP.unlisted(),
    ],
);

pub(super) static RMDEF: Meta = meta(
    "rmdef",
    "remove object definitions",
    &["-t TYPE -o NAMES [-C]", "NODERANGE [-C]", "-a -f"],
    &[
        all("all objects of all types; only with -f"),
        CLEANUP,
        force("with -a: yes, all of them"),
        NAMES,
        TYPE,
        VERBOSE,
        VERSION,
        NOCACHE,
        COMPRESS.unlisted(),
        DYNAMIC.unlisted(),
        ATTRIBUTES.unlisted(),
        LONG.unlisted(),
        SHORT.unlisted(),
        MINUS.unlisted(),
        NEW_NAME.unlisted(),
        PLUS.unlisted(),
        HIDDEN.unlisted(),
        OSIMAGE.unlisted(),
        NICS.unlisted(),
        FILL.unlisted(),
        template(""),
        tests(""),
        xml(""),
        stanza(""),
    ],
);
