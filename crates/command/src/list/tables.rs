//! The commands that show and edit tables and the cells of nodes.

use crate::front::FrontEnd;
use crate::meta::{Dir, Getopt, Meta, OptionDef, Takes, Topic};

const VERSION: OptionDef = OptionDef::flag(&["v", "version"], "print the version");
const DELETE: OptionDef = OptionDef::flag(&["d", "delete"], "delete rows");

/// What the commands that work on whole tables have in common.
pub(super) const BASE: Meta = Meta {
    name: "",
    section: 8,
    dir: Dir::Sbin,
    topic: Topic::Tables,
    front: FrontEnd::Plain,
    summary: "",
    usage: &[],
    getopt: Getopt::Bundling,
    options: &[],
    option_error: None,
};

pub(super) static CHTAB: Meta = Meta {
    name: "chtab",
    summary: "set, add or delete rows of tables",
    usage: &[
        "KEY=VALUE[,KEY=VALUE...] TABLE.COLUMN=VALUE...",
        "-d KEY=VALUE[,KEY=VALUE...] TABLE...",
    ],
    options: &[DELETE, VERSION],
    ..BASE
};

pub(super) static TABCH: Meta = Meta {
    name: "tabch",
    summary: "set, add or delete rows of tables",
    usage: CHTAB.usage,
    options: &[DELETE],
    ..BASE
};

pub(super) static TABDUMP: Meta = Meta {
    name: "tabdump",
    summary: "print a table as CSV, the names of the tables, or what a column means",
    usage: &["", "[-d] TABLE", "[-f FILE] [-w TEST]... TABLE"],
    options: &[
        OptionDef::flag(&["d"], "describe the columns"),
        OptionDef::value(&["f"], "FILE", "write to a file on the management node"),
        OptionDef::value(&["n", "lines"], "COUNT", "only the last entries of a log"),
        OptionDef {
            names: &["w"],
            takes: Takes::Values("COLUMN==VALUE"),
            help: "only matching rows: ==, !=, >, >=, <, <=, =~ and !~ as LIKE; repeat",
        },
        VERSION,
    ],
    ..BASE
};

pub(super) static GETTAB: Meta = Meta {
    name: "gettab",
    section: 1,
    dir: Dir::Bin,
    summary: "print columns of the row with a key",
    usage: &["[-H] KEY=VALUE[,KEY=VALUE...] TABLE.COLUMN..."],
    options: &[OptionDef::flag(&["H", "with-fieldname"], "the column's name in front")],
    ..BASE
};

pub(super) static TABGREP: Meta = Meta {
    name: "tabgrep",
    section: 1,
    dir: Dir::Bin,
    front: FrontEnd::Noderange,
    summary: "list the tables that say something about a node",
    usage: &["NODE"],
    ..BASE
};

pub(super) static NODELS: Meta = Meta {
    name: "nodels",
    section: 1,
    dir: Dir::Bin,
    topic: Topic::Objects,
    front: FrontEnd::Noderange,
    summary: "list nodes, or columns of tables for nodes",
    usage: &[
        "[NODERANGE] [-b] [-H] [-S] [TABLE | TABLE.COLUMN | SHORTNAME]...",
        "NODERANGE TEST...",
    ],
    options: &[
        OptionDef::flag(&["b", "blame"], "tell from which group a value is inherited"),
        OptionDef::flag(&["H", "with-fieldname"], "always print the column's name"),
        OptionDef::flag(&["S"], "nodes that are hidden too"),
        VERSION,
    ],
    ..BASE
};

pub(super) static NODECH: Meta = Meta {
    name: "nodech",
    section: 1,
    dir: Dir::Bin,
    topic: Topic::Objects,
    front: FrontEnd::Noderange,
    summary: "change columns of tables for nodes",
    usage: &[
        "NODERANGE TABLE.COLUMN=VALUE...",
        "NODERANGE TABLE.COLUMN,=VALUE... (append) or ^=VALUE (remove)",
        "-d NODERANGE TABLE...",
    ],
    options: &[DELETE, VERSION],
    ..BASE
};

pub(super) static NODEADD: Meta = Meta {
    name: "nodeadd",
    topic: Topic::Objects,
    summary: "add nodes with columns of tables",
    usage: &["NODERANGE groups=GROUPS [TABLE.COLUMN=VALUE...]"],
    options: &[VERSION],
    ..BASE
};

pub(super) static NODEGRPCH: Meta = Meta {
    name: "nodegrpch",
    section: 1,
    dir: Dir::Bin,
    topic: Topic::Objects,
    summary: "change columns of tables for groups",
    usage: &["GROUP[,GROUP...] TABLE.COLUMN=VALUE..."],
    options: &[VERSION],
    ..BASE
};

pub(super) static NODERM: Meta = Meta {
    name: "noderm",
    section: 1,
    dir: Dir::Bin,
    topic: Topic::Objects,
    front: FrontEnd::Noderange,
    summary: "remove nodes from all tables",
    usage: &["NODERANGE"],
    ..BASE
};
