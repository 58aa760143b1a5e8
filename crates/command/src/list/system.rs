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
        OptionDef::flag(
            &["t", "nodetype", "type"],
            "whether this is a management or a service node",
        ),
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

pub(super) static XCATCONFIG: Meta = Meta {
    name: "xcatconfig",
    section: 8,
    dir: Dir::Sbin,
    summary: "do parts of the first start again",
    usage: &["-i|-u [-V]", "[-k] [-c] [-d] [-m] [-V]", "-f [-V]"],
    options: &[
        OptionDef::flag(
            &["i", "initinstall", "initialinstall"],
            "make what is missing, and define the networks of this machine",
        ),
        OptionDef::flag(&["u", "updateinstall"], "make what is missing"),
        OptionDef::flag(&["k", "sshkeys"], "a new pair of ssh keys for root"),
        OptionDef::flag(&["c", "credentials"], "new certificates of the server and of root"),
        OptionDef::flag(&["d", "database"], "put back missing rows of site, policy, postscripts"),
        OptionDef::flag(&["m", "mgtnode"], "define the management node as a node"),
        OptionDef::flag(
            &["f", "force"],
            "-i, -k, -c, and the values of site, policy and postscripts as at the first start",
        ),
        OptionDef::flag(&["s", "sshnodehostkeys"], "refused: nodes make their own host keys"),
        OptionDef::flag(&["t", "tunables"], "refused: kernel parameters belong to the host"),
        OptionDef::value(&["installdir"], "DIRECTORY", "").unlisted(),
        OptionDef::value(&["tftpdir"], "DIRECTORY", "").unlisted(),
        OptionDef::flag(&["V", "verbose"], "tell also what was in order"),
        OptionDef::flag(&["v", "version"], "print the version"),
    ],
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
