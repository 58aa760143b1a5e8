//! The commands for names and addresses: hosts file, name service, DHCP, networks.

use crate::front::FrontEnd;
use crate::meta::{Dir, Getopt, Meta, OptionDef, Topic};

const VERBOSE: OptionDef = OptionDef::flag(&["V", "verbose"], "tell more");
const VERSION: OptionDef = OptionDef::flag(&["v", "version"], "print the version");

const BASE: Meta = Meta {
    name: "",
    section: 8,
    dir: Dir::Sbin,
    topic: Topic::Network,
    front: FrontEnd::Noderange,
    summary: "",
    usage: &[],
    getopt: Getopt::Bundling,
    options: &[],
    option_error: None,
};

pub(super) static MAKEHOSTS: Meta = Meta {
    name: "makehosts",
    summary: "publish the names and addresses of nodes",
    usage: &["[-n] [-l] [-a] [-o] [NODERANGE]", "-d NODERANGE"],
    options: &[
        OptionDef::flag(&["n"], "replace everything that is published"),
        OptionDef::flag(&["l", "longnamefirst"], "the long name first"),
        OptionDef::flag(&["a", "adddomaintohostnames"], "further names with the domain too"),
        OptionDef::flag(&["o", "othernamesfirst"], "further names first"),
        OptionDef::flag(&["m", "mactolinklocal"], "link-local addresses from MAC addresses"),
        OptionDef::flag(&["d"], "remove the nodes"),
    ],
    ..BASE
};

pub(super) static MAKEDNS: Meta = Meta {
    name: "makedns",
    summary: "wait until the name service serves the tables, and report problems",
    usage: &["[-n] [-e] [NODERANGE]", "-d NODERANGE"],
    options: &[
        VERBOSE,
        OptionDef::flag(&["n", "new"], "the whole zone"),
        OptionDef::flag(&["d", "delete"], "remove the nodes"),
        OptionDef::flag(&["e", "external"], "an external name server"),
    ],
    ..BASE
};

pub(super) static MAKEDHCP: Meta = Meta {
    name: "makedhcp",
    summary: "wait until DHCP serves the tables, and report problems",
    usage: &["-n", "-a [-d]", "NODERANGE", "-d NODERANGE", "-q NODERANGE"],
    options: &[
        OptionDef::flag(&["n"], "everything anew"),
        OptionDef::flag(&["a"], "all nodes"),
        OptionDef::value(&["s"], "STATEMENTS", "additional statements"),
        OptionDef::flag(&["d"], "remove the nodes"),
        OptionDef::flag(&["l", "localonly"], "only this server"),
        OptionDef::flag(&["q"], "show what is answered to the nodes"),
    ],
    ..BASE
};

pub(super) static MAKENETWORKS: Meta = Meta {
    name: "makenetworks",
    front: FrontEnd::Plain,
    summary: "define the networks that this machine is connected to",
    usage: &["[-V] [-d]"],
    options: &[
        OptionDef::flag(&["d", "display"], "print the definitions as stanzas and store nothing"),
        VERBOSE,
        VERSION,
    ],
    ..BASE
};
