//! How the client turns a command line into a request (spec/protocol.md section 3.1).

use std::path::Path;

/// The way a command's arguments travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrontEnd {
    /// The first argument that is not an option is the noderange; the others are arguments.
    Noderange,
    /// Everything is an argument.
    Plain,
    /// Everything is an argument; standard input is read whenever it is not a terminal.
    Definitions,
    /// The noderange comes first, and the environment that xdsh reads travels along.
    RemoteShell,
    /// The operand is a file, whose lines are sent with the name of the table that it is for.
    TableFile,
    /// Nothing is sent: the client starts an editor on what another command prints.
    TableEditor,
    /// Nothing is sent: the client formats its standard input.
    Filter,
    /// Nothing is sent: the client starts another program.
    Local,
}

/// What is sent of a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// The element `noderange`.
    pub noderange: Option<String>,
    /// The elements `arg`, in order.
    pub args: Vec<String>,
}

impl FrontEnd {
    /// Distributes `args` as this front end does. Paths of node files become absolute against
    /// `cwd`, because the daemon reads them.
    pub fn send(self, args: &[String], cwd: &Path) -> Sent {
        match self {
            Self::Noderange | Self::RemoteShell => with_noderange(args, cwd),
            Self::Plain | Self::TableFile | Self::TableEditor | Self::Filter | Self::Local => {
                Sent { noderange: None, args: args.to_vec() }
            }
            Self::Definitions => Sent { noderange: None, args: definitions(args, cwd) },
        }
    }

    /// Whether the daemon knows the command: the others are the client's alone.
    pub fn reaches_daemon(self) -> bool {
        !matches!(self, Self::TableEditor | Self::Filter | Self::Local)
    }

    /// Whether standard input is read also when it is not a pipe.
    pub fn always_reads_stdin(self) -> bool {
        self == Self::Definitions
    }
}

fn with_noderange(args: &[String], cwd: &Path) -> Sent {
    let Some(at) = args.iter().position(|arg| !arg.starts_with('-')) else {
        return Sent { noderange: None, args: args.to_vec() };
    };
    let mut rest = args.to_vec();
    let noderange = rest.remove(at);
    Sent { noderange: Some(absolute(&noderange, cwd)), args: rest }
}

fn definitions(args: &[String], cwd: &Path) -> Vec<String> {
    let is_operand = |arg: &str| !arg.contains('=') && !arg.starts_with('-');
    args.iter().map(|arg| if is_operand(arg) { absolute(arg, cwd) } else { arg.clone() }).collect()
}

/// Makes the paths of `^file` items absolute.
fn absolute(noderange: &str, cwd: &Path) -> String {
    let item = |item: &str| match item.strip_prefix('^') {
        Some(path) => format!("^{}", cwd.join(path).display()),
        None => item.to_owned(),
    };
    noderange.split(',').map(item).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(front: FrontEnd, args: &[&str]) -> (Option<String>, Vec<String>) {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let sent = front.send(&args, Path::new("/root"));
        (sent.noderange, sent.args)
    }

    #[test]
    fn each_front_end_distributes_arguments_its_way() {
        let (noderange, args) = send(FrontEnd::Noderange, &["-b", "n1,^f", "hosts.ip"]);
        assert_eq!(noderange.as_deref(), Some("n1,^/root/f"));
        assert_eq!(args, ["-b", "hosts.ip"]);
        let (noderange, args) = send(FrontEnd::Plain, &["-d", "node=n1", "noderes"]);
        assert_eq!((noderange, args.len()), (None, 3));
        let (noderange, args) = send(FrontEnd::Definitions, &["^f", "a=^b"]);
        assert_eq!((noderange, args), (None, vec!["^/root/f".to_owned(), "a=^b".to_owned()]));
    }
}
