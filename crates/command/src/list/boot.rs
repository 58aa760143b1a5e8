//! The commands between a definition and an answering node: images, boot state, power, remote
//! shell.

use crate::front::FrontEnd;
use crate::meta::{Dir, Getopt, Meta, OptionDef, Takes, Topic};

const VERSION: OptionDef = OptionDef::flag(&["v", "version"], "print the version");
const VERBOSE: OptionDef = OptionDef::flag(&["V", "verbose"], "tell more");

const BASE: Meta = Meta {
    name: "",
    section: 8,
    dir: Dir::Sbin,
    topic: Topic::Deployment,
    front: FrontEnd::Noderange,
    summary: "",
    usage: &[],
    getopt: Getopt::Bundling,
    options: &[],
    option_error: None,
};

pub(super) static NODESET: Meta = Meta {
    name: "nodeset",
    summary: "choose what nodes do at their next network boot",
    usage: &["NODERANGE boot|shell|stat|offline", "NODERANGE osimage[=NAME]"],
    options: &[
        OptionDef::flag(&["noupdateinitrd"], "keep the initrd as it is"),
        OptionDef::flag(&["ignorekernelchk"], "do not check kernel modules"),
        VERBOSE,
        VERSION,
    ],
    ..BASE
};

pub(super) static RPOWER: Meta = Meta {
    name: "rpower",
    section: 1,
    dir: Dir::Bin,
    topic: Topic::Hardware,
    summary: "control and show the power of nodes",
    usage: &["NODERANGE on|off|softoff|reset|boot|cycle|nmi|stat"],
    options: &[
        OptionDef::flag(&["nodeps"], "ignore dependencies"),
        OptionDef::value(&["r"], "RETRIES", "how often to try"),
        OptionDef::value(&["t"], "SECONDS", "how long to wait"),
        OptionDef::flag(&["V", "verbose"], "tell more"),
        VERSION,
    ],
    ..BASE
};

pub(super) static RSETBOOT: Meta = Meta {
    name: "rsetboot",
    section: 1,
    dir: Dir::Bin,
    topic: Topic::Hardware,
    summary: "choose the device of the next boot",
    usage: &["NODERANGE net|hd|cd|floppy|def|stat [-u] [-p]"],
    options: &[
        OptionDef::flag(&["u"], "boot in UEFI mode"),
        OptionDef::flag(&["p"], "for all boots to come"),
        VERBOSE,
        VERSION,
    ],
    ..BASE
};

pub(super) static NODESTAT: Meta = Meta {
    name: "nodestat",
    section: 1,
    dir: Dir::Bin,
    topic: Topic::Deployment,
    summary: "show whether nodes are up, and what they report",
    usage: &["[NODERANGE] [-m] [-p] [-f] [-u]"],
    options: &[
        OptionDef::flag(
            &["f", "usefping"],
            "accepted for compatibility: neither fping nor nmap is used",
        ),
        OptionDef::flag(&["m", "usemon"], "look at the applications of table monsetting"),
        OptionDef::flag(
            &["p", "powerstat"],
            "tell whether nodes that do not answer are switched on",
        ),
        OptionDef::flag(&["u", "updatedb"], "store it in status and appstatus of the nodes"),
        VERSION,
    ],
    ..BASE
};

pub(super) static GENIMAGE: Meta = Meta {
    name: "genimage",
    section: 1,
    dir: Dir::Bin,
    topic: Topic::Images,
    front: FrontEnd::Plain,
    summary: "build the root tree, kernel and initrd of a diskless image",
    usage: &["[OPTIONS] IMAGE"],
    options: &[
        OptionDef::value(&["a"], "ARCH", "architecture"),
        OptionDef::value(&["o"], "OSVER", "operating system"),
        OptionDef::value(&["p"], "PROFILE", "profile"),
        OptionDef::value(&["i"], "INTERFACE", "the interface to boot from"),
        OptionDef::value(&["n"], "DRIVERS", "kernel modules for the network, separated by commas"),
        OptionDef::value(&["k"], "VERSION", "kernel"),
        OptionDef::flag(&["onlyinitrd"], "only kernel and initrd"),
        OptionDef::value(&["permission"], "MODE", "mode of the root directory"),
        OptionDef::flag(&["interactive"], "accepted for compatibility"),
        OptionDef::flag(&["dryrun"], "print the steps"),
        OptionDef::flag(&["ignorekernelchk"], "do not check kernel modules"),
        OptionDef::flag(&["noupdate"], "do not update packages"),
        VERSION,
    ],
    ..BASE
};

pub(super) static PACKIMAGE: Meta = Meta {
    name: "packimage",
    topic: Topic::Images,
    front: FrontEnd::Plain,
    summary: "pack and publish the root tree of a diskless image",
    usage: &["[-m METHOD] [-c COMPRESSION] IMAGE"],
    options: &[
        OptionDef::value(&["m", "method"], "METHOD", "squashfs"),
        OptionDef::value(&["c", "compress"], "COMPRESSION", "zstd, xz or gzip"),
        OptionDef::flag(&["nosyncfiles"], "leave out the files of the synclists"),
        VERSION,
    ],
    ..BASE
};

pub(super) static XDSH: Meta = Meta {
    name: "xdsh",
    section: 1,
    dir: Dir::Bin,
    topic: Topic::Parallel,
    front: FrontEnd::RemoteShell,
    summary: "run a command on nodes in parallel",
    usage: &[
        "NODERANGE [-f COUNT] [-l USER] [-Q | -s] [-t SECONDS] [-v] [-z] [OPTIONS] COMMAND",
        "NODERANGE -e [OPTIONS] SCRIPT [ARGUMENTS]",
        "NODERANGE -c",
    ],
    getopt: Getopt::InOrder,
    options: &[
        OptionDef::flag(&["B", "bypass"], "not available: set XCATBYPASS=1"),
        OptionDef::flag(
            &["c", "cleanup"],
            "remove the files that synchronisation keeps on the nodes",
        ),
        OptionDef::flag(&["e", "execute"], "copy a script to the nodes and run it"),
        OptionDef::value(&["E", "environment"], "FILE", "export the variables of a file"),
        OptionDef::value(&["devicetype"], "TYPE", "not available: only nodes with a shell"),
        OptionDef::value(&["f", "fanout"], "COUNT", "how many nodes at a time (64)"),
        OptionDef::value(&["i", "rootimg"], "IMAGE", "not available: use chroot"),
        OptionDef::flag(&["K", "ssh-setup"], "not available: diskless nodes get the key at boot"),
        OptionDef::value(&["l", "user"], "USER", "log in as"),
        OptionDef::flag(&["L", "no-locale"], "accepted for compatibility: no locale is exported"),
        OptionDef::flag(&["m", "monitor"], "tell when each node starts and ends"),
        OptionDef::value(&["o", "node-options"], "OPTIONS", "options for the remote shell"),
        OptionDef::flag(&["q", "show-config"], "not available: there are no contexts"),
        OptionDef::flag(&["Q", "silent"], "no output"),
        OptionDef::value(&["r", "node-rsh"], "PROGRAM", "the remote shell; only ssh"),
        OptionDef::flag(&["s", "stream"], "print lines as they arrive"),
        OptionDef::flag(&["sudo"], "run the command with sudo"),
        OptionDef::value(&["S", "syntax"], "SHELL", "csh or ksh"),
        OptionDef::value(&["t", "timeout"], "SECONDS", "how long a node may print nothing"),
        OptionDef::flag(&["T", "trace"], "not available: see -m"),
        OptionDef::flag(&["v", "verify"], "send nothing to nodes that do not answer"),
        OptionDef::flag(&["V", "version"], "print the version"),
        OptionDef { names: &["X"], takes: Takes::Optional("NAMES"), help: "variables to ignore" },
        OptionDef::flag(&["z", "exit-status"], "print the exit status of each node"),
    ],
    option_error: None,
};

pub(super) static XDSHBAK: Meta = Meta {
    name: "xdshbak",
    section: 1,
    dir: Dir::Bin,
    topic: Topic::Parallel,
    front: FrontEnd::Filter,
    summary: "sort what xdsh prints by node, or show it once for all nodes that print the same",
    usage: &["[-c | -x [-b]] [-q]"],
    options: &[
        OptionDef::flag(&["b"], "with -x: without the names of the nodes"),
        OptionDef::flag(&["c"], "show what several nodes print alike once, with their names"),
        OptionDef::flag(&["q"], "no point for each 1000 lines"),
        OptionDef::flag(&["x"], "without headings, each line with its node"),
    ],
    ..BASE
};
