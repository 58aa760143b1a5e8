//! The log of requests, `commands.log`: one block for each, readable by root only. What does not fit into the channel is
//! dropped: a log must not hold up commands.

use std::path::PathBuf;

use base::Timestamp;
use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::session::Request;

const RULE: &str = "====================================================";
/// Requests that come with every console and every key for completion.
const UNRECORDED: &[&str] =
    &["getbladecons", "getcons", "getipmicons", "getopenbmccons", "xcat-complete"];
/// How many blocks wait for the disk.
pub(crate) const WAITING: usize = 256;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry(String);

impl Entry {
    /// What is written about `request`, if anything is.
    pub(crate) fn new(request: &Request, now: Timestamp) -> Option<Self> {
        if UNRECORDED.contains(&&*request.command) {
            return None;
        }
        let mut words = vec![request.command.clone()];
        words.extend(request.noderange.clone());
        words.push(command::masked(request.arguments.iter().map(String::as_str)));
        let client_type = request.client_type.as_deref().unwrap_or("other");
        Some(Self(format!(
            "{RULE}\n[Date]       {}\n[ClientType] {client_type} \n[Request]    {} \n",
            now.local(),
            words.join(" ").trim_end()
        )))
    }
}

/// Writes entries until there are no more senders.
pub(crate) async fn write(path: PathBuf, mut entries: mpsc::Receiver<Entry>) {
    let mut failed = false;
    let mut batch = Vec::new();
    while entries.recv_many(&mut batch, WAITING).await > 0 {
        let text: String = batch.drain(..).map(|entry| entry.0).collect();
        let written = append(&path, text.as_bytes()).await;
        if let Err(error) = &written
            && !failed
        {
            tracing::error!(path = %path.display(), %error, "the command log cannot be written");
        }
        failed = written.is_err();
    }
}

async fn append(path: &PathBuf, text: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path).await?;
    file.write_all(text).await?;
    file.flush().await
}
