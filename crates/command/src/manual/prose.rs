//! What the manual says about a command beyond its declaration: facts in a few sentences, and examples. Apart from the
//! declarations, so that those stay tables that can be read at a glance.

/// The words about a command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prose {
    /// Paragraphs.
    pub(super) description: &'static [&'static str],
    /// Command lines, and what each does.
    pub(super) examples: &'static [(&'static str, &'static str)],
}

/// What is said about the command `name`; nothing when its declaration says it all.
pub(super) fn of(name: &str) -> Prose {
    let found = PROSE.binary_search_by(|(known, _)| (*known).cmp(name)).ok();
    found.map_or(Prose { description: &[], examples: &[] }, |at| PROSE[at].1)
}

const fn about(
    description: &'static [&'static str],
    examples: &'static [(&'static str, &'static str)],
) -> Prose {
    Prose { description, examples }
}

/// Sorted by name.
static PROSE: &[(&str, Prose)] = &[
    (
        "chdef",
        about(
            &[
                "Without -p and -m a value replaces the one that is there, and an empty value removes it. Objects \
                 that do not exist are created. All objects of one call are changed, or none is.",
            ],
            &[
                ("chdef -t node -o n1-n4 groups=compute,all", "Put four nodes into groups."),
                ("chdef n1 -p groups=rack1", "Add one more group."),
                ("lsdef n1 -z | sed s/n1/n9/ | chdef -z", "Make a definition from another one."),
            ],
        ),
    ),
    (
        "chtab",
        about(
            &[
                "A row that does not exist is added. Rows are found by the columns before the first TABLE.COLUMN.",
            ],
            &[
                ("chtab key=domain site.value=example.org", "Set an attribute of the site."),
                ("chtab -d node=n1 noderes", "Delete a row."),
            ],
        ),
    ),
    (
        "dumpxCATdb",
        about(
            &[
                "Each table becomes TABLE.csv in the directory, exactly as tabdump prints it. xCAT reads these files, \
                 and restorexCATdb reads those of xCAT.",
            ],
            &[("dumpxCATdb -p /tmp/tables", "Write all tables but the logs.")],
        ),
    ),
    (
        "genimage",
        about(
            &[
                "The tree is built beside the old one and takes its place when it is whole. Nothing is mounted, and no \
                 privileges are needed. Run packimage next.",
            ],
            &[("genimage debian13-x86_64-netboot-compute", "Build the image.")],
        ),
    ),
    ("gettab", about(&[], &[("gettab key=domain site.value", "Print the domain of the site.")])),
    (
        "lsdef",
        about(
            &[
                "Without -t the objects are nodes. Values that a node has from its groups are shown as its own; \
                 nodels -b tells which group each is from.",
            ],
            &[
                ("lsdef", "List all nodes."),
                ("lsdef n1", "Show a node."),
                ("lsdef -t osimage -l", "Show all images."),
                ("lsdef -w arch==x86_64 -w status==booted -s", "Find nodes."),
                ("lsdef -h -t network", "Print what the attributes of networks mean."),
                ("lsdef --template", "List the templates of nodes."),
                ("lsdef -t auditlog -w userid==root -l", "Show entries of a log."),
                ("lsdef -a -l -x", "Print everything as XML."),
            ],
        ),
    ),
    (
        "makedhcp",
        about(
            &[
                "DHCP answers from the tables as they are, so there is nothing to make: the command waits until the \
                 service shows all changes, and tells which nodes (with -n: which networks) it cannot serve, and what \
                 to run. For the same reason -d removes nothing and says how a node is no longer answered.",
            ],
            &[
                ("makedhcp -a", "Check that all nodes with a MAC address are served."),
                ("makedhcp -q n1", "Show what a node is answered."),
            ],
        ),
    ),
    (
        "makedns",
        about(
            &[
                "The name service answers from the tables as they are: the command waits until it shows all changes, \
                 and tells which names it cannot serve. -d removes nothing and says how a name goes away.",
            ],
            &[("makedns compute", "Check the names of a group.")],
        ),
    ),
    (
        "makehosts",
        about(
            &[
                "Addresses and names come from hosts.ip, hosts.hostnames, hosts.otherinterfaces and table nics, the \
                 domain from the closest network, else from site.domain. A line is replaced when it has the address \
                 of a node, or its name with an address of the same kind; other lines stay. The file as it was is \
                 kept with .xcatbak at the end of its name. DNS and DHCP do not read the file. A node without an \
                 address keeps the one that the file has for it.",
            ],
            &[
                ("makehosts compute", "Write the lines of a group."),
                ("makehosts -m compute", "Add link-local IPv6 addresses."),
                ("makehosts -d n1", "Remove a node."),
            ],
        ),
    ),
    (
        "makenetworks",
        about(
            &[
                "A network is called by its address and mask, such as 10_1_0_0-255_255_0_0, and one of IPv6 by its \
                 prefix. What is defined already, by name or by address, stays as it is. The first start of the \
                 management node does the same.",
            ],
            &[
                ("makenetworks", "Define what is not defined."),
                ("makenetworks -d >nets\nmkdef -z <nets", "Look at the definitions first."),
            ],
        ),
    ),
    (
        "mkdef",
        about(
            &[
                "An object that exists is refused, unless -f is given, which replaces it.",
                "A template says which attributes must be given: lsdef --template lists them. --template also takes the \
                 name of an object of the same type.",
                "-u finds the lists of packages and the directories of an osimage below custom in the install directory, \
                 then among our own; without osvers and osarch they are those of the management node.",
            ],
            &[
                (
                    "mkdef -t node n[1-4] groups=compute ip='|n(\\d+)|10.0.0.($1+10)|'",
                    "Define four nodes whose addresses follow from their numbers.",
                ),
                ("mkdef -t group -o up -d -w status==booted", "Define a group by a condition."),
                (
                    "mkdef -t node n5 --template x86_64-template ip=10.0.0.15 bmc=10.0.1.15",
                    "Define a node by a template.",
                ),
                (
                    "mkdef img1 -u profile=compute provmethod=netboot osvers=debian13",
                    "Define an image.",
                ),
            ],
        ),
    ),
    (
        "nodech",
        about(
            &["A row that does not exist is added. An empty value clears the cell."],
            &[
                ("nodech n1 noderes.netboot=xnba", "Set a cell."),
                ("nodech n1 nodelist.groups,=rack1", "Add a word to a list."),
            ],
        ),
    ),
    (
        "nodels",
        about(
            &[],
            &[
                ("nodels compute", "List the nodes of a group."),
                ("nodels n1 hosts.ip mac.mac", "Print cells."),
                (
                    "nodels all nodelist.status==booted",
                    "List the nodes for which a cell has a value.",
                ),
                ("nodels n1 noderes -b", "Tell which group each value is from."),
            ],
        ),
    ),
    (
        "nodeset",
        about(
            &[
                "What is chosen takes effect with the next network boot: boot scripts are rendered when nodes ask for \
                 them. osimage without a name keeps the image that the node has (provmethod).",
            ],
            &[
                (
                    "nodeset compute osimage=debian13-x86_64-netboot-compute\nrsetboot compute net\nrpower compute boot",
                    "Boot nodes with an image.",
                ),
                ("nodeset n1 stat", "Show what is chosen."),
            ],
        ),
    ),
    (
        "packimage",
        about(
            &[
                "The packed tree is published under its hash and at once: a node that is loading an image is never \
                 given half of another.",
            ],
            &[("packimage debian13-x86_64-netboot-compute", "Pack and publish an image.")],
        ),
    ),
    (
        "restorexCATdb",
        about(
            &[
                "All files are read and checked before anything is changed: the tables are as in the files then, or \
                 as they were. A directory without the files that every dump has is refused; other tables without a \
                 file stay as they are. The status of nodes comes back as the dump has it.",
            ],
            &[("restorexCATdb -p /tmp/tables", "Take the tables of a dump, ours or xCAT's.")],
        ),
    ),
    (
        "rpower",
        about(
            &[
                "All service processors are asked at the same time. One that does not answer is an error of its node, \
                 and holds up no other.",
            ],
            &[
                ("rpower compute stat", "Show the power of a group."),
                ("rpower n1 boot", "Reset a node, or turn it on if it is off."),
            ],
        ),
    ),
    (
        "tabdump",
        about(
            &[
                "The output is what tabrestore and restorexCATdb read, of this product and of xCAT. Without a table, -d \
                 tells what each table is for.",
            ],
            &[
                ("tabdump site", "Print a table."),
                ("tabdump -d noderes", "Print what its columns mean."),
                ("tabdump -w status==booted nodelist", "Print some of its rows."),
            ],
        ),
    ),
    (
        "tabrestore",
        about(
            &[
                "The rows of the file replace those of the table, all or none; with -a they are added.",
            ],
            &[("tabdump hosts >hosts.csv\ntabrestore hosts.csv", "Keep a table and take it back.")],
        ),
    ),
    (
        "xcat-boot",
        about(
            &[
                "Every packet that the node was answered, every one that it was not and why, power, and what the node \
                 reported, in order; the last sentence says where the node stands and what to do.",
            ],
            &[("xcat boot n1", "See why a node does not boot.")],
        ),
    ),
    (
        "xcat-check",
        about(
            &[
                "The tables take any text. This command tells what no service can use: addresses that are none, that \
                 two nodes have, or that lie in no network or in a dynamic range; ranges that end before they begin; \
                 networks that overlap; names without an address; unknown architectures, images and ways to boot; \
                 missing service processors; groups that are nodes, or lead back to themselves; rows that belong to \
                 nothing; expressions that cannot be evaluated. One line names the object, the attribute, and what to \
                 run. What a group says is told once. Of many nodes with the same fault ten are shown.",
                "The exit status is 1 when there are errors. Warnings are what may be meant.",
            ],
            &[
                ("xcat check", "Look at everything."),
                ("xcat check rack1 -q", "Look for errors of some nodes."),
            ],
        ),
    ),
    (
        "xcat-complete",
        about(
            &[
                "KIND is noderange (nodes and groups), group, table, column, attribute or attributes (of objects of \
                 TYPE, else of nodes), type, object (of TYPE), or a type itself, such as osimage. At most 2000 names \
                 are printed. Requests of this kind are not logged.",
            ],
            &[("xcat complete noderange comp", "Print the nodes and groups that begin with comp.")],
        ),
    ),
    (
        "xcat-history",
        about(
            &[],
            &[
                ("xcat history n1", "See who changed a node."),
                ("xcat history site", "See who changed a table."),
            ],
        ),
    ),
    (
        "xcat-lab",
        about(
            &["It runs on the host of the container, as root, with KVM where that is there."],
            &[(
                "xcat lab up 2",
                "Start two virtual nodes with service processors, and define them.",
            )],
        ),
    ),
    (
        "xcat-undo",
        about(
            &[
                "Changes are numbered by xcat history. What was undone is a change itself, and can be undone.",
            ],
            &[("xcat undo 17", "Take back change 17.")],
        ),
    ),
    (
        "xcatconfig",
        about(
            &[
                "The management node configures itself when it starts; this does parts of that again, while it runs. \
                 What an administrator has set stays, unless -f is given. The certificate authority is never \
                 replaced, because clients and nodes know it. After -k nodes take the new key when they boot.",
            ],
            &[
                ("xcatconfig -u -V", "Check everything and make what is missing."),
                (
                    "xcatconfig -d",
                    "Put back rows of site, policy and postscripts that were removed.",
                ),
            ],
        ),
    ),
    (
        "xdsh",
        about(
            &[
                "Lines are printed with the name of their node in front. -- ends the options of xdsh.",
            ],
            &[
                ("xdsh compute uptime", "Run a command on a group."),
                ("xdsh n1-n4 -t 10 'systemctl is-system-running'", "Give each node ten seconds."),
            ],
        ),
    ),
    (
        "xdshbak",
        about(
            &[
                "Reads lines of the form NODE: TEXT from standard input and writes them when all have come. The nodes are \
                 sorted by name.",
            ],
            &[
                ("xdsh rack1 uname -r | xdshbak -c", "Which nodes run which kernel."),
                ("xdsh rack1 date | xdshbak -x", "One line for each node, sorted."),
            ],
        ),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::{find, resolve};

    #[test]
    fn what_is_said_is_about_commands_that_there_are() {
        assert!(PROSE.is_sorted_by(|a, b| a.0 < b.0));
        for (name, prose) in PROSE {
            assert!(find(name).is_some(), "{name}");
            for (lines, meaning) in prose.examples {
                assert!(meaning.ends_with('.'), "{meaning}");
                for line in lines.lines() {
                    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
                    assert!(resolve(&words[0], &words[1..]).is_some(), "{line}");
                }
            }
        }
    }
}
