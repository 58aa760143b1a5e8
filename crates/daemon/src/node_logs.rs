//! The logs that nodes send home: appended to one file for each node, which is begun anew when it grows too large.

use std::io;
use std::path::{Path, PathBuf};

use netboot::NodeLog;
use tokio::fs::{self, OpenOptions};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

/// How many logs wait for the disk.
pub(crate) const WAITING: usize = 64;
/// The size at which a node's file becomes its `.1`.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Writes logs into `directory` until there are no more senders.
pub(crate) async fn write(directory: PathBuf, mut logs: mpsc::Receiver<NodeLog>) {
    while let Some(log) = logs.recv().await {
        let path = directory.join(format!("{}.log", log.node));
        let mut text = format!("--- {}\n", log.time.local()).into_bytes();
        text.extend_from_slice(&log.text);
        if !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        if let Err(error) = append(&path, &text).await {
            tracing::error!(node = %log.node, path = %path.display(), %error, "the node's log cannot be written");
        }
    }
}

async fn append(path: &Path, text: &[u8]) -> io::Result<()> {
    let size = fs::metadata(path).await.map_or(0, |metadata| metadata.len());
    if size > LARGEST {
        fs::rename(path, path.with_extension("log.1")).await?;
    }
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path).await?;
    file.write_all(text).await?;
    file.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{NodeName, Timestamp};

    #[tokio::test]
    async fn logs_are_appended_and_a_large_file_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let (sender, logs) = mpsc::channel(WAITING);
        let big = vec![b'x'; usize::try_from(LARGEST).unwrap() + 1];
        for text in [b"one".to_vec(), big, b"three\n".to_vec()] {
            let node = NodeName::parse("n1").unwrap();
            sender
                .send(NodeLog { node, time: Timestamp::default(), text: text.into() })
                .await
                .unwrap();
        }
        drop(sender);
        write(dir.path().to_owned(), logs).await;
        let text = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert!(text("n1.log").ends_with("three\n") && text("n1.log").lines().count() == 2);
        assert!(text("n1.log.1").contains("\none\n"));
    }
}
