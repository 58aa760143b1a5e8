//! The variables of the environment that our programs read: one table, from which manual pages and the reference are made.

use crate::text::append;

/// A variable.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Who reads it.
    pub reader: Reader,
    /// What it does, in one line.
    pub help: &'static str,
}

/// Who reads a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The commands.
    Client,
    /// `xcatd`.
    Daemon,
    /// The supervisor of the container, at its start.
    Container,
    /// `./up`, on the host.
    Up,
}

impl Reader {
    const ALL: [Self; 4] = [Self::Client, Self::Daemon, Self::Container, Self::Up];

    const fn title(self) -> &'static str {
        match self {
            Self::Client => "The commands",
            Self::Daemon => "xcatd",
            Self::Container => "The container",
            Self::Up => "./up, on the host",
        }
    }
}

const fn variable(reader: Reader, name: &'static str, help: &'static str) -> Variable {
    Variable { name, reader, help }
}

/// Every variable.
pub static VARIABLES: &[Variable] = &[
    variable(
        Reader::Client,
        "XCATHOST",
        "HOST:PORT of another management node, which is asked over TLS",
    ),
    variable(Reader::Client, "XCATSOCKET", "another socket than /run/xcat/xcatd.sock"),
    variable(
        Reader::Client,
        "XCATCREDENTIALS",
        "the directory of client-cred.pem and ca.pem, instead of ~/.xcat",
    ),
    variable(
        Reader::Client,
        "XCATBYPASS",
        "when set and not 0, root's command works without xcatd, which must not be running",
    ),
    variable(Reader::Client, "XCATSSLVER", "TLSv1_2 or TLSv1_3: no other version of TLS"),
    variable(
        Reader::Client,
        "XCATSHOWXML",
        "when set, answers are printed as they arrived, in XML",
    ),
    variable(Reader::Client, "XCATSHOWSVR", "when set, lines name the server that they came from"),
    variable(Reader::Client, "XCATXMLTRACE", "when set, request and answer are printed in XML"),
    variable(
        Reader::Client,
        "XCAT_UTF8",
        "1 shows text beyond ASCII, 0 has it replaced by ? as in the original; without it the locale decides",
    ),
    variable(Reader::Client, "TABEDITOR", "the editor of tabedit; else EDITOR, else vi"),
    variable(
        Reader::Daemon,
        "XCAT_ROOT_PASSWORD_FILE",
        "a file whose first line becomes the nodes' root password when the tables are first filled; without it: cluster",
    ),
    variable(
        Reader::Daemon,
        "XCAT_DEBIAN_MIRROR",
        "the mirror of packages that images are built from; wins over the setting `mirror`",
    ),
    variable(Reader::Daemon, "XCATD_CONFIG", "the configuration file, where --config names none"),
    variable(
        Reader::Daemon,
        "XCATD_LOG",
        "what is logged: info, debug, or info,netboot=debug; without it: info",
    ),
    variable(
        Reader::Container,
        "XCAT_ROOT_PASSWORD_FILE",
        "a file whose first line becomes the container's root password; without it the one that was kept, else cluster",
    ),
    variable(
        Reader::Container,
        "XCAT_AUTHORIZED_KEYS",
        "public keys, a line each, that may log in as root",
    ),
    variable(
        Reader::Container,
        "XCAT_SSH_PORT",
        "the port of the container's sshd: 22; 2200 with ./up --host",
    ),
    variable(
        Reader::Up,
        "XCAT_COMPOSE",
        "how the container is wired: compose.yaml, compose.single.yaml, compose.macvlan.yaml or compose.host.yaml; without it as it was",
    ),
    variable(
        Reader::Up,
        "XCAT_MGT_NIC, XCAT_SVC_NIC",
        "the interfaces of this host that compose.macvlan.yaml connects to",
    ),
    variable(
        Reader::Up,
        "XCAT_DEBIAN_MIRROR",
        "the mirror of Debian packages; without it the one that this machine uses",
    ),
    variable(Reader::Up, "XCAT_UP_BUILD", "no: use the programs that were built before"),
    variable(Reader::Up, "XCAT_NAME", "the name of the container: xcatmn"),
    variable(Reader::Up, "XCAT_IMAGE", "the name of its image: xcat-rs:latest"),
    variable(
        Reader::Up,
        "XCAT_MGT_BRIDGE, XCAT_MGT_ADDRESS",
        "the bridge of the management network, and the container's address on it",
    ),
    variable(
        Reader::Up,
        "XCAT_SVC_BRIDGE, XCAT_SVC_ADDRESS",
        "the same for the network of service processors",
    ),
];

/// The variables that `reader` reads.
pub fn of(reader: Reader) -> impl Iterator<Item = &'static Variable> {
    VARIABLES.iter().filter(move |variable| variable.reader == reader)
}

/// The reference of all variables, as Markdown.
pub fn reference() -> String {
    let mut text = String::from("# Environment\n");
    for reader in Reader::ALL.into_iter().filter(|reader| of(*reader).next().is_some()) {
        append(
            &mut text,
            format_args!("\n## {}\n\n| variable | meaning |\n|---|---|\n", reader.title()),
        );
        for variable in of(reader) {
            append(&mut text, format_args!("| `{}` | {} |\n", variable.name, variable.help));
        }
    }
    text
}
