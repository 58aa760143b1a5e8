//! The manual beyond the commands: noderange(3), the tables in section 5, the types of objects in section 7, under the names
//! that xCAT's manual has. Tables and objects are those of the schema; nothing is said twice.

use tables::objects::AttributeDef;
use tables::{ColumnDef, ObjectType, TableId};

use super::{Block, Page, Part, part};
use crate::text::capitalized;

/// Settings of the site that this product reads, sorted, with what they do. The table keeps every other key, too.
const SITE_KEYS: &[(&str, &str)] = &[
    ("FQDNfirst", "Whether makehosts writes the full name of a node before the short one."),
    ("auditskipcmds", "Commands that leave no row in table auditlog: names with commas, or ALL."),
    (
        "dhcpinterfaces",
        "The interfaces on which DHCP answers; without it all that are in a known network.",
    ),
    ("dhcplease", "How long an address is lent, in seconds; 43200 without it."),
    ("domain", "The DNS domain of the cluster."),
    ("excludenodes", "Nodes that no noderange names: a noderange."),
    ("forwarders", "Name servers that are asked what the tables do not know."),
    (
        "hierarchicalattrs",
        "Attributes of nodes that add up over the groups of a node instead of taking the first.",
    ),
    ("httpport", "The port of HTTP on the management node; 80 without it."),
    ("installdir", "Where images and postscripts are kept; /install without it."),
    ("ipmiretries", "How often a service processor is asked again."),
    ("ipmitimeout", "How long a service processor may take to answer, in seconds."),
    ("logservers", "Where nodes send their logs."),
    ("master", "The management node as nodes know it: a name or an address."),
    ("nameservers", "The name servers of nodes; <xcatmaster> means the management node."),
    ("nodeauthentication", "How nodes prove who they are when they ask for credentials."),
    (
        "nodestatus",
        "Whether states of nodes are written to nodelist.status; 0 or n turns that off.",
    ),
    ("nodesyncfiledir", "Where nodes keep files to be copied."),
    ("ntpservers", "The time servers of nodes."),
    ("skiptables", "Tables that dumpxCATdb and restorexCATdb leave alone, with commas."),
    (
        "sshbetweennodes",
        "Which groups of nodes may log in to one another: ALLGROUPS, NOGROUPS, or groups.",
    ),
    ("tftpdir", "Where files for TFTP are kept; /tftpboot without it."),
    ("timezone", "The time zone of nodes, such as America/New_York, for their postscripts."),
    ("tokenexpiredays", "How long a token for the REST interface is valid, in days, or never."),
    ("useflowcontrol", "Whether nodes take turns when they report to the management node."),
    ("xcatdport", "The port for commands and nodes; 3001 without it."),
    ("xcatiport", "The port for reports of nodes; 3002 without it."),
    ("xcatmaxconnections", "How many connections there may be at once."),
];

/// Expressions, and what each means.
const NODERANGES: &[(&str, &str)] = &[
    ("node1", "A node, or all nodes of a group."),
    ("node1,rack2", "Several of them."),
    (
        "node1-node9, node[1-9], node[1-3,7], node1+8",
        "Consecutive names; + counts on from the first one. Leading zeros are kept. A range of groups is one, too.",
    ),
    ("rack[1-2]n[1-8]", "Several brackets multiply."),
    ("compute@rack1", "What is on both sides."),
    ("compute,-rack1, -node5", "Without the nodes after -, wherever that stands."),
    ("(rack1,rack2)@compute", "Parentheses hold together; @ binds more than a comma."),
    ("/node[1-4]..", "Names that a regular expression matches from end to end."),
    (
        "nodehm.mgt==ipmi",
        "Nodes by a column of a table: == != for texts, =~ !~ for regular expressions, unanchored. What a node inherits from its groups counts. mgt and groups need no table.",
    ),
    (
        "^/root/maintenance",
        "A file on the management node with a noderange in each line, up to the first blank; lines that begin with # do not count.",
    ),
    ("12", "A number is node12; XCAT_NODE_PREFIX and XCAT_NODE_SUFFIX name what is put around it."),
];

/// Every page that is not about a command.
pub fn pages() -> Vec<Page> {
    let tables = TableId::all().map(of_table);
    let objects = ObjectType::ALL.iter().map(|kind| of_object(*kind));
    [noderange(), xcatdb(), stanza_file()].into_iter().chain(tables).chain(objects).collect()
}

/// The page called `title`, the tables before the objects of the same name.
pub fn named(title: &str) -> Option<Page> {
    pages().into_iter().find(|page| page.title == title)
}

fn page(title: &'static str, section: u8, summary: &str, parts: Vec<Part>) -> Page {
    let name = part("Name", vec![Block::Text(format!("{title} - {summary}"))]);
    let parts = std::iter::once(name).chain(parts).collect();
    Page { name: title.to_owned(), title, section, parts }
}

fn text(text: &str) -> Block {
    Block::Text(text.to_owned())
}

fn entries(list: &[(&str, &str)]) -> Vec<Block> {
    list.iter().map(|(term, help)| Block::Entry((*term).to_owned(), (*help).to_owned())).collect()
}

fn noderange() -> Page {
    let description = vec![
        text(
            "A noderange names nodes, for every command that works on them. It is one word: quote it where the shell \
              would take it apart.",
        ),
        text(
            "The first of these that fits is taken: a node, a dynamic group, a group, a condition, a number, a regular \
              expression, a range. Nodes come once each, sorted by name. A name that is none of these refuses the whole \
              command and is named; nothing is done then.",
        ),
        text(
            "Nodes that site.excludenodes names are never among them. `-^FILE` leaves out what is in a file.",
        ),
    ];
    let parts = vec![
        part("Description", description),
        part("Expressions", entries(NODERANGES)),
        part("See also", vec![text("nodels(1), mkdef(1), xcatdb(5), nodegroup(5)")]),
    ];
    page("noderange", 3, "how nodes are named in commands", parts)
}

fn xcatdb() -> Page {
    let description = vec![
        text(
            "Everything that the management node knows is in tables of texts. Commands on objects (mkdef, lsdef, chdef, \
              rmdef) work on several tables at once; commands on tables (tabdump, tabedit, chtab, gettab, nodels, nodech) \
              on one. A change is durable when the command ends, and the next packet of a booting node is answered from it: \
              nothing has to be generated or restarted.",
        ),
        text(
            "In tables with a column for nodes, a row may be about a group. What the row of a node does not say is taken \
              from the rows of its groups, in the order that nodelist.groups has.",
        ),
        text(
            "A value can be computed from the name of the node: |EXPRESSION|REPLACEMENT| matches the name from end to end, \
              and $1, $2, ... in the replacement are what its parentheses matched; calculations stand in parentheses. \
              In |REPLACEMENT| alone they are the numbers in the name. So |node(\\d+)|10.0.0.($1+100)| is 10.0.0.107 for \
              node7, and one row of a group holds the addresses of all its nodes.",
        ),
        text(
            "Every change is kept with who made it: xcat history shows them, xcat undo takes one back. dumpxCATdb and \
              restorexCATdb write and read all tables as files.",
        ),
    ];
    let list = TableId::all().map(|it| Block::Entry(it.name().to_owned(), sentence(it.def().help)));
    let parts = vec![
        part("Description", description),
        part("Tables", list.collect()),
        part(
            "See also",
            vec![text("tabdump(8), chdef(1), noderange(3), xcatstanzafile(5), node(7)")],
        ),
    ];
    page("xcatdb", 5, "the tables of the management node", parts)
}

fn stanza_file() -> Page {
    let example = [
        "n1:",
        "    objtype=node",
        "    groups=compute,all",
        "    ip=10.0.0.1",
        "",
        "n2:",
        "    objtype=node",
    ];
    let description = vec![
        text(
            "lsdef -z prints definitions in this format, and mkdef -z and chdef -z read it from standard input. A line that \
             ends in a colon names an object; its attributes follow as NAME=VALUE, and objtype says what type of object \
             it is. Empty lines and lines that begin with # do not count.",
        ),
        text(
            "Attributes below default-node (default- before a type) are given to the objects of that type that come after.",
        ),
        Block::Lines(example.iter().map(|line| (*line).to_owned()).collect()),
    ];
    let parts = vec![
        part("Description", description),
        part("See also", vec![text("lsdef(1), mkdef(1), chdef(1), rmdef(1)")]),
    ];
    page("xcatstanzafile", 5, "definitions of objects as text", parts)
}

fn of_table(table: TableId) -> Page {
    let def = table.def();
    let mut description = vec![Block::Text(sentence(def.help))];
    if let Some(column) = def.node_column {
        let about = format!("A row is about the node or the group that column {column} names.");
        description.push(Block::Text(about));
    }
    let columns = def.columns.iter().map(|column| {
        Block::Entry(column.name.to_owned(), [&*sentence(column.help), &*notes(column)].concat())
    });
    let mut parts = vec![part("Description", description), part("Columns", columns.collect())];
    if table == tables::ids::SITE {
        parts.push(part("Keys", entries(SITE_KEYS)));
    }
    let pages = ["xcatdb(5)", "tabdump(8)", "tabedit(8)", "chtab(8)"].map(str::to_owned);
    let see: Vec<String> = pages.into_iter().chain(objects_in(table)).collect();
    parts.push(part("See also", vec![Block::Text(see.join(", "))]));
    page(table.name(), 5, def.help, parts)
}

fn notes(column: &ColumnDef) -> String {
    let mut notes = Vec::new();
    notes.extend(column.key.then_some("part of the key"));
    notes.extend(column.required.then_some("required"));
    notes.extend(column.auto.then_some("numbered by itself"));
    notes.extend(column.secret.then_some("secret: most commands show ***"));
    if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) }
}

/// The pages of the types of objects that have an attribute in a table.
fn objects_in(table: TableId) -> impl Iterator<Item = String> {
    let kinds = ObjectType::ALL.iter();
    let kinds = kinds.filter(move |kind| kind.attributes().iter().any(|it| it.table == table));
    kinds.map(|kind| format!("{kind}(7)"))
}

fn of_object(kind: ObjectType) -> Page {
    let mut attributes: Vec<(&str, String)> = Vec::new();
    for attribute in kind.attributes().iter().filter(|it| it.name != "usercomment") {
        let before = attributes.iter_mut().find(|(name, _)| *name == attribute.name);
        if let Some((_, meaning)) = before {
            *meaning = format!("{meaning} {}", stored(attribute));
        } else {
            let meaning = format!("{} {}", sentence(attribute.help()), stored(attribute));
            attributes.push((attribute.name, meaning));
        }
    }
    let attributes = attributes.into_iter();
    let attributes = attributes.map(|(name, meaning)| Block::Entry(name.to_owned(), meaning));
    let description = vec![Block::Text(format!(
        "What lsdef, mkdef, chdef and rmdef -t {kind} work on. Each attribute is a cell of a table."
    ))];
    let parts = vec![
        part("Description", description),
        part("Attributes", attributes.collect()),
        part("See also", vec![text("lsdef(1), mkdef(1), chdef(1), rmdef(1), xcatdb(5)")]),
    ];
    page(kind.name(), 7, &format!("objects of type {kind}"), parts)
}

fn stored(attribute: &AttributeDef) -> String {
    let when =
        attribute.only_if.map_or(String::new(), |(name, value)| format!(" when {name} is {value}"));
    format!("[{}.{}{when}]", attribute.table, attribute.column)
}

/// A text of the schema as a sentence.
fn sentence(help: &str) -> String {
    if help.is_empty() { String::new() } else { capitalized(help.trim_end_matches('.')) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_table_and_object_has_a_page_of_its_own() {
        let pages = pages();
        let paths: BTreeSet<String> = pages.iter().map(Page::path).collect();
        assert_eq!(paths.len(), pages.len());
        for path in
            ["man3/noderange.3", "man5/xcatdb.5", "man5/site.5", "man7/site.7", "man7/osimage.7"]
        {
            assert!(paths.contains(path), "{path}");
        }
        for table in TableId::all() {
            let page = named(table.name()).unwrap().text();
            assert!(table.def().columns.iter().all(|it| page.contains(it.name)), "{page}");
        }
        for page in pages {
            let text = page.text();
            assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
            assert!(text.starts_with("NAME\n    ") && text.contains("\nSEE ALSO\n"), "{text}");
        }
    }

    #[test]
    fn an_attribute_that_is_stored_in_one_cell_or_another_is_there_once() {
        let page = of_object(ObjectType::Node).text();
        assert_eq!(page.matches("\n    power\n").count(), 1, "{page}");
        assert!(page.contains("[nodehm.power]"), "{page}");
        let osimage = of_object(ObjectType::OsImage).text();
        let words: Vec<&str> = osimage.split_whitespace().collect();
        assert_eq!(osimage.matches("\n    template\n").count(), 1);
        let place = "[linuximage.template when imagetype is linux]";
        assert!(words.join(" ").contains(place), "{osimage}");
    }

    #[test]
    fn the_keys_of_the_site_are_sorted() {
        assert!(SITE_KEYS.is_sorted_by_key(|(key, _)| *key));
        assert!(named("site").unwrap().text().contains("    dhcplease\n"));
    }
}
