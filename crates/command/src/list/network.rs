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
    summary: "write the names and addresses of nodes into the hosts file",
    usage: &["[-n] [-l] [-a] [-o] [-m] [NODERANGE]", "-d NODERANGE"],
    options: &[
        OptionDef::flag(&["n"], "replace the whole file"),
        OptionDef::flag(&["d"], "remove the nodes"),
        OptionDef::flag(&["l", "longnamefirst"], "the long name first"),
        OptionDef::flag(&["a", "adddomaintohostnames"], "further names with the domain too"),
        OptionDef::flag(&["o", "othernamesfirst"], "further names first"),
        OptionDef::flag(&["m", "mactolinklocal"], "link-local addresses, made of MAC addresses"),
        VERSION,
    ],
    ..BASE
};

pub(super) static MAKEDNS: Meta = Meta {
    name: "makedns",
    summary: "wait until the name service serves the tables, and tell what it cannot serve",
    usage: &["[-V] [-n] [NODERANGE]", "-d NODERANGE"],
    options: &[
        VERBOSE,
        OptionDef::flag(&["n", "new"], "accepted: the zones are always those of the tables"),
        OptionDef::flag(&["a", "all"], "accepted: all nodes are served"),
        OptionDef::flag(&["s", "slave"], "accepted: there are no slave servers"),
        OptionDef::flag(&["d", "delete"], "tell how nodes are removed"),
        OptionDef::flag(&["e", "external"], "refused: other name servers are not changed"),
        VERSION,
    ],
    ..BASE
};

pub(super) static MAKEDHCP: Meta = Meta {
    name: "makedhcp",
    summary: "wait until DHCP serves the tables, and tell what it cannot serve",
    usage: &["-n [-l]", "-a [-d] [-l]", "[-d] NODERANGE [-l]", "-q NODERANGE"],
    options: &[
        OptionDef::flag(&["n"], "the networks"),
        OptionDef::flag(&["a"], "all nodes"),
        OptionDef::flag(&["d"], "tell how nodes are removed"),
        OptionDef::flag(&["q"], "show what is answered to the nodes"),
        OptionDef::flag(&["l", "localonly"], "accepted: only this server answers"),
        OptionDef::flag(&["r"], "accepted for compatibility").unlisted(),
        OptionDef::value(&["s"], "STATEMENTS", "refused: statements of ISC DHCP"),
        VERBOSE,
        VERSION,
    ],
    ..BASE
};

pub(super) static XCAT_CHECK: Meta = Meta {
    name: "xcat-check",
    section: 1,
    dir: Dir::Bin,
    topic: Topic::Objects,
    summary: "tell what is wrong with the definitions, and what to run",
    usage: &["[-q] [-V] [NODERANGE]"],
    options: &[
        OptionDef::flag(&["q", "quiet"], "errors only, no warnings"),
        OptionDef::flag(&["V", "verbose"], "every node, also of many with the same fault"),
        VERSION,
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
