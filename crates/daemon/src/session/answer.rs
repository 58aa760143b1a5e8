//! The way of an answer to the client: items are gathered into documents and written in blocks; a client that does not
//! read is given up after a while.

use std::io;
use std::time::Duration;

use base::Failure;
use command::{Answer, Item};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use wire::xml::{BLOCK, Element, Encoding, FrameReader};

/// How long a client may take to read one block: long enough for somebody who reads the answer in a pager.
const PATIENCE: Duration = Duration::from_hours(1);
/// How long a request that is refused anyway may pause on its way.
const ARRIVAL: Duration = Duration::from_secs(15);
/// How many items are gathered before they are written.
const GATHERED: usize = 2_000;

/// Writes what a command answers until it has ended, and says whether it is without errors; an error here means that the
/// client is gone.
pub(crate) async fn relay(
    items: &mut mpsc::Receiver<Item>,
    to: &mut (impl AsyncWrite + Unpin),
    source: &str,
    encoding: Encoding,
    heard: &mut (dyn FnMut(&[Item]) + Send),
) -> io::Result<bool> {
    let (mut gathered, mut good) = (Vec::new(), true);
    while items.recv_many(&mut gathered, GATHERED).await > 0 {
        good &= !gathered.iter().any(is_error);
        heard(&gathered);
        let answer = Answer(std::mem::take(&mut gathered));
        let documents: Vec<Vec<u8>> =
            answer.documents(Some(source)).map(|it| it.to_response(encoding)).collect();
        write(to, &documents.concat()).await?;
    }
    Ok(good)
}

/// Whether the item says that something was not done; some errors leave the exit status alone, as in the original.
fn is_error(item: &Item) -> bool {
    let error = matches!(item, Item::Error { .. } | Item::Refusal { .. } | Item::NodeError { .. });
    error || item.code() != 0
}

/// Writes one document.
pub(crate) async fn send(to: &mut (impl AsyncWrite + Unpin), document: &Element) -> io::Result<()> {
    write(to, &document.to_response(Encoding::Ascii)).await
}

/// The document that ends an answer.
pub(crate) fn done(transaction: Option<&str>) -> Element {
    let done = Element::new("xcatresponse").with(Element::new("serverdone"));
    match transaction {
        Some(transaction) => done.with_leaf("transid", transaction),
        None => done,
    }
}

/// An answer that is only an error.
pub(crate) fn refusal(text: &str) -> Element {
    done(None).with_leaf("error", text).with_leaf("errorcode", "1")
}

/// Takes one request, and answers that nothing can be done.
pub(crate) async fn refuse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    reason: &Failure,
) -> io::Result<()> {
    let (mut frames, mut chunk) = (FrameReader::requests(), vec![0; 8192]);
    while let Ok(None) = frames.next_document() {
        match tokio::time::timeout(ARRIVAL, stream.read(&mut chunk)).await {
            Ok(Ok(count)) if count > 0 => frames.push(&chunk[..count]),
            _ => return Ok(()),
        }
    }
    send(&mut stream, &refusal(&reason.to_string())).await
}

async fn write(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    for block in bytes.chunks(BLOCK) {
        tokio::time::timeout(PATIENCE, to.write_all(block)).await.map_err(late)??;
    }
    tokio::time::timeout(PATIENCE, to.flush()).await.map_err(late)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_given_up() {
        let (mut ours, theirs) = tokio::io::duplex(1024);
        let (sink, mut items) = mpsc::channel(4);
        sink.send(Item::data("x".repeat(5000))).await.unwrap();
        drop(sink);
        let error =
            relay(&mut items, &mut ours, "mn", Encoding::Ascii, &mut |_| ()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(theirs);
    }

    #[tokio::test]
    async fn items_arrive_as_documents_that_name_the_server() {
        let (mut ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let (sink, mut items) = mpsc::channel(4);
        for text in ["a", "b"] {
            sink.send(Item::data(text)).await.unwrap();
        }
        drop(sink);
        relay(&mut items, &mut ours, "mn", Encoding::Ascii, &mut |_| ()).await.unwrap();
        send(&mut ours, &done(Some("7"))).await.unwrap();
        drop(ours);
        let mut text = String::new();
        theirs.read_to_string(&mut text).await.unwrap();
        assert_eq!(
            text,
            "<xcatresponse>\n  <data>a</data>\n  <data>b</data>\n  <xcatdsource>mn</xcatdsource>\n</xcatresponse>\n\
             <xcatresponse>\n  <serverdone></serverdone>\n  <transid>7</transid>\n</xcatresponse>\n"
        );
    }
}
