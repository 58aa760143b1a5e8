//! The daemon, and the commands that only this product has: `xcat boot`, `xcat lab`.

use crate::front::FrontEnd;
use crate::meta::{Dir, Getopt, Meta, OptionDef, Topic};

const BASE: Meta = Meta {
    name: "",
    section: 1,
    dir: Dir::Bin,
    topic: Topic::System,
    front: FrontEnd::Plain,
    summary: "",
    usage: &[],
    getopt: Getopt::Bundling,
    options: &[],
    option_error: None,
};

pub(super) static LSXCATD: Meta = Meta {
    name: "lsxcatd",
    summary: "print the version of the daemon, its database and its role",
    usage: &["-v|-d|-t|-a"],
    options: &[
        OptionDef::flag(&["v", "version"], "the version"),
        OptionDef::flag(&["d", "database"], "the database"),
        OptionDef::flag(&["t", "nodetype"], "whether this is a management or a service node"),
        OptionDef::flag(&["a", "all"], "all of it"),
    ],
    ..BASE
};

pub(super) static XCAT_BOOT: Meta = Meta {
    name: "xcat-boot",
    topic: Topic::Deployment,
    front: FrontEnd::Noderange,
    summary: "show how the last boot of nodes went, step by step, and where it stands",
    usage: &["NODERANGE"],
    ..BASE
};

pub(super) static XCAT_COMPLETE: Meta = Meta {
    name: "xcat-complete",
    summary: "print the names that begin with a word, as shells complete them",
    usage: &["KIND WORD [TYPE]"],
    getopt: Getopt::InOrder,
    ..BASE
};

pub(super) static XCAT_LAB: Meta = Meta {
    name: "xcat-lab",
    front: FrontEnd::Local,
    summary: "start and stop virtual nodes to try everything with",
    usage: &["up COUNT [--uefi]", "down", "status"],
    getopt: Getopt::InOrder,
    ..BASE
};
