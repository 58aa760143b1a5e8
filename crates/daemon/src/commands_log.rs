//! The log of requests, `commands.log`: one block for each, readable by root only (spec/protocol.md section 6). What does
//! not fit into the channel is dropped: a log must not hold up commands. An answer is written up to a bound, and not at
//! all when it may tell a password.

use std::path::PathBuf;

use base::Timestamp;
use command::Item;
use runtime::LogFile;
use tokio::sync::mpsc;

use crate::session::Request;

const RULE: &str = "====================================================";
/// Requests that come with every console and every key for completion.
const UNRECORDED: &[&str] =
    &["getbladecons", "getcons", "getipmicons", "getopenbmccons", "xcat-complete"];
/// How many blocks wait for the disk.
pub(crate) const WAITING: usize = 256;
/// How much of one answer is written, in bytes.
const LONGEST: usize = 64 * 1024;
/// How large the file grows, and how many of that size are kept beside it.
const LARGEST: u64 = 16 * 1024 * 1024;
const OLDER: u32 = 4;
/// What stands for an answer that may tell a password.
const REDACTED: &str = "*REDACTED*\n";

/// A request that is not yet answered to the end.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    head: String,
    secret: bool,
    response: String,
    nodes: usize,
    begun: Timestamp,
}

/// What is written about one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block(String);

impl Entry {
    /// What is written about `request` to `nodes` nodes, if anything is.
    pub(crate) fn new(request: &Request, nodes: usize, now: Timestamp) -> Option<Self> {
        if UNRECORDED.contains(&&*request.command) {
            return None;
        }
        let (given, asked) =
            (request.arguments.join(" "), request.noderange.as_deref().unwrap_or_default());
        let (shown, noderange) = (request.shown_arguments(), request.shown_noderange());
        let masked = shown != given || noderange != asked;
        let secret = request.command == "getcredentials" || tells(&given) || masked;
        let mut words = vec![request.command.clone(), noderange, shown];
        words.retain(|word| !word.is_empty());
        let client_type = request.client_type.as_deref().unwrap_or("other");
        let head = format!(
            "{RULE}\n[Date]       {}\n[ClientType] {client_type} \n[Request]    {} \n[Response]\n",
            now.local(),
            words.join(" ").trim_end()
        );
        Some(Self { head, secret, response: String::new(), nodes, begun: now })
    }

    /// Takes down what is answered.
    pub(crate) fn hear(&mut self, items: &[Item]) {
        for item in items {
            if self.secret || self.response.len() >= LONGEST {
                return;
            }
            let line = line(item).unwrap_or_default();
            self.secret = tells(&line);
            self.response.push_str(&line);
            if self.response.len() >= LONGEST {
                let end = self.response.floor_char_boundary(LONGEST);
                self.response.truncate(end);
                self.response.push_str("\n...\n");
            }
        }
    }

    /// The whole of it.
    pub(crate) fn finish(self, now: Timestamp) -> Block {
        let response = if self.secret { REDACTED } else { &self.response };
        Block(format!(
            "{}{response}[NumberNodes] {} \n[ElapsedTime] {} s\n",
            self.head,
            self.nodes,
            now.since(self.begun).as_secs()
        ))
    }
}

/// Whether the text may tell a password.
fn tells(text: &str) -> bool {
    let word = b"passw";
    text.as_bytes().windows(word.len()).any(|found| found.eq_ignore_ascii_case(word))
}

/// How the client prints an item.
fn line(item: &Item) -> Option<String> {
    let described = |desc: &Option<String>| match desc {
        Some(desc) => format!("{desc}: "),
        None => String::new(),
    };
    Some(match item {
        Item::Data { desc, text } => format!("{}{text}\n", described(desc)),
        Item::Info(text) | Item::Stderr(text) => format!("{text}\n"),
        Item::Sinfo(text) => format!("{text} "),
        Item::Warning(text) => format!("Warning: {text}\n"),
        Item::Error { text, .. } | Item::Refusal { text, .. } => format!("Error: {text}\n"),
        Item::Node { name, desc, text } => format!("{name}: {}{text}\n", described(desc)),
        Item::NodeName(name) => format!("{name}\n"),
        Item::NodeWarning { name, text } => format!("{name}: Warning: {text}\n"),
        Item::NodeError { name, text, .. } => format!("{name}: Error: {text}\n"),
        Item::Code(_) => return None,
    })
}

/// Writes blocks until there are no more senders.
pub(crate) async fn write(path: PathBuf, mut blocks: mpsc::Receiver<Block>) {
    let mut file = LogFile::new(path.clone(), 0o600, LARGEST, OLDER);
    let mut failed = false;
    let mut batch = Vec::new();
    while blocks.recv_many(&mut batch, WAITING).await > 0 {
        let text: String = batch.drain(..).map(|block| block.0).collect();
        let appended = tokio::task::spawn_blocking(move || {
            let written = file.append(text.as_bytes());
            (file, written)
        });
        let Ok((same, written)) = appended.await else { return };
        file = same;
        if let Err(error) = &written
            && !failed
        {
            tracing::error!(path = %path.display(), %error, "the command log cannot be written");
        }
        failed = written.is_err();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(command: &str, arguments: &[&str], items: &[Item]) -> String {
        let request = Request {
            command: command.to_owned(),
            noderange: Some("n1,n2".to_owned()),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            client_type: Some("cli".to_owned()),
            ..Request::default()
        };
        let now = Timestamp::from_unix_millis(5_000);
        let mut entry = Entry::new(&request, 2, now).unwrap();
        for item in items {
            entry.hear(std::slice::from_ref(item));
        }
        entry.finish(Timestamp::from_unix_millis(8_400)).0
    }

    #[test]
    fn a_block_tells_the_request_its_answer_and_its_time() {
        let items = [Item::node("n1", "on"), Item::node_error("n2", "timed out"), Item::Code(1)];
        let text = block("rpower", &["stat"], &items);
        let (head, rest) = text.split_once("[ClientType]").unwrap();
        assert!(head.starts_with(RULE) && head.contains("\n[Date]       19"), "{text}");
        assert_eq!(
            rest,
            " cli \n[Request]    rpower n1,n2 stat \n[Response]\nn1: on\nn2: Error: timed out\n\
             [NumberNodes] 2 \n[ElapsedTime] 3 s\n"
        );
    }

    #[test]
    fn answers_that_may_tell_a_password_are_left_out() {
        let secret = [Item::data("hunter2")];
        for text in [
            block("tabdump", &["passwd"], &secret),
            block("chdef", &["bmcpassword=hunter2"], &secret),
            block("getcredentials", &[], &secret),
            block("lsdef", &[], &[Item::data("    bmcPassword=hunter2"), Item::data("hunter2")]),
        ] {
            assert!(text.contains("[Response]\n*REDACTED*\n[Number"), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn a_long_answer_is_cut() {
        let items = vec![Item::data("x".repeat(1000)); 1000];
        let text = block("nodels", &[], &items);
        assert!(text.len() < LONGEST + 1000 && text.contains("x\n...\n[Number"));
        let wide = block("nodels", &[], &[Item::data("\u{20ac}".repeat(LONGEST))]);
        assert!(wide.len() < LONGEST + 1000);
    }
}
