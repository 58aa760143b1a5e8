//! The commands that carry whole tables out and in, and the ones that show and take back changes.

use super::tables::BASE;
use crate::front::FrontEnd;
use crate::meta::{Dir, Meta, OptionDef, Topic};

const VERSION: OptionDef = OptionDef::flag(&["v", "version"], "print the version");
const VERBOSE: OptionDef = OptionDef::flag(&["V", "verbose"], "name each table");
const ALL: OptionDef = OptionDef::flag(&["a", "all"], "with the logs, auditlog and eventlog");
const PATH: OptionDef = OptionDef::value(&["p", "path"], "DIRECTORY", "where the files are");

pub(super) static DUMPXCATDB: Meta = Meta {
    name: "dumpxCATdb",
    section: 1,
    summary: "write every table into a CSV file of its own",
    usage: &["[-a] [-V] -p DIRECTORY"],
    options: &[
        ALL,
        PATH,
        VERBOSE,
        OptionDef::flag(&["b", "bin"], "a binary copy (not supported)"),
        VERSION,
    ],
    ..BASE
};

pub(super) static RESTOREXCATDB: Meta = Meta {
    name: "restorexCATdb",
    section: 1,
    summary: "replace the tables by the CSV files of a directory, all or none",
    usage: &["[-a] [-V] -p DIRECTORY"],
    options: &[
        ALL,
        PATH,
        VERBOSE,
        OptionDef::flag(&["b", "binary"], "a binary copy (not supported)"),
        OptionDef::value(&["t", "timestamp"], "TIME", "goes with -b"),
        VERSION,
    ],
    ..BASE
};

pub(super) static TABRESTORE: Meta = Meta {
    name: "tabrestore",
    front: FrontEnd::TableFile,
    summary: "replace the rows of a table by those of a CSV file",
    usage: &["[-a] TABLE.csv"],
    options: &[OptionDef::flag(&["a", "addrows"], "add the rows to those that are there"), VERSION],
    ..BASE
};

pub(super) static TABEDIT: Meta = Meta {
    name: "tabedit",
    front: FrontEnd::TableEditor,
    summary: "edit a table as CSV in an editor: $TABEDITOR, $EDITOR or vi",
    usage: &["TABLE"],
    ..BASE
};

pub(super) static TABPRUNE: Meta = Meta {
    name: "tabprune",
    summary: "remove old rows of the logs, or all rows of a table",
    usage: &["auditlog|eventlog [-V] -i RECID|-n COUNT|-p PERCENT|-d DAYS|-a", "TABLE [-V] -a"],
    options: &[
        OptionDef::flag(&["V"], "print the rows that are removed"),
        OptionDef::flag(&["a"], "all rows"),
        OptionDef::value(&["i", "recid"], "RECID", "the rows before the one with this number"),
        OptionDef::value(&["n", "number"], "COUNT", "this many rows, the oldest"),
        OptionDef::value(&["p", "percent"], "PERCENT", "this part of the rows, the oldest"),
        OptionDef::value(&["d", "days"], "DAYS", "the rows that are older than this many days"),
        VERSION,
    ],
    ..BASE
};

pub(super) static NODEPURGE: Meta = Meta {
    name: "nodepurge",
    section: 1,
    dir: Dir::Bin,
    topic: Topic::Objects,
    front: FrontEnd::Noderange,
    summary: "remove nodes from all tables and the hosts file; DNS and DHCP follow",
    usage: &["NODERANGE"],
    options: &[VERSION],
    ..BASE
};

pub(super) static XCAT_HISTORY: Meta = Meta {
    name: "xcat-history",
    section: 1,
    dir: Dir::Bin,
    summary: "show who changed what, when and with which command, newest first",
    usage: &["[-l] [-n COUNT] [NODERANGE | TABLE]"],
    options: &[
        OptionDef::value(&["n", "number"], "COUNT", "how many changes to show (20)"),
        OptionDef::flag(&["l", "long"], "every row of each change, not only the first ones"),
    ],
    ..BASE
};

pub(super) static XCAT_UNDO: Meta = Meta {
    name: "xcat-undo",
    section: 1,
    dir: Dir::Bin,
    summary: "take one change back, unless a later one has changed the same",
    usage: &["CHANGE"],
    ..BASE
};
