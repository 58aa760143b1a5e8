//! Cuts a byte stream into XML documents by their literal root tags, as the original daemon and client do.
//!
//! It never holds more than its limit, at most [`MAX_DOCUMENT`] bytes, of an unfinished document plus what was pushed last, and looks at
//! each byte a constant number of times.

use super::MAX_DOCUMENT;

/// Why a stream cannot be cut further; the connection is of no use afterwards.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The stream does not begin with the root tag.
    #[error("the stream does not begin with {0}")]
    NotOurs(&'static str),
    /// A document does not end within the limit, in bytes.
    #[error("a document does not end within {0} bytes")]
    TooLarge(usize),
}

/// Collects bytes and hands out complete documents.
#[derive(Debug)]
pub struct FrameReader {
    open: &'static str,
    close: &'static str,
    buffer: Vec<u8>,
    /// How much of the buffer is known not to hold the end of a document.
    searched: usize,
    limit: usize,
}

impl FrameReader {
    /// A reader of `<xcatrequest>` documents.
    pub const fn requests() -> Self {
        Self::of("<xcatrequest>", "</xcatrequest>")
    }

    /// A reader of `<xcatresponse>` documents.
    pub const fn responses() -> Self {
        Self::of("<xcatresponse>", "</xcatresponse>")
    }

    const fn of(open: &'static str, close: &'static str) -> Self {
        Self { open, close, buffer: Vec::new(), searched: 0, limit: MAX_DOCUMENT }
    }

    /// The same reader for documents of at most `limit` bytes.
    #[must_use]
    pub const fn at_most(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Takes bytes that arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether part of a document has arrived.
    pub fn is_pending(&self) -> bool {
        !self.buffer.iter().all(u8::is_ascii_whitespace)
    }

    /// How many bytes have arrived that no document was made of yet.
    pub const fn waiting(&self) -> usize {
        self.buffer.len()
    }

    /// The next complete document, or nothing when more bytes are needed.
    pub fn next_document(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        if self.searched == 0 && !self.check_start()? {
            return Ok(None);
        }
        let from = self.searched.saturating_sub(self.close.len() - 1);
        let found = find(&self.buffer[from..], self.close.as_bytes());
        let Some(at) = found else {
            self.searched = self.buffer.len();
            return if self.buffer.len() > self.limit {
                Err(FrameError::TooLarge(self.limit))
            } else {
                Ok(None)
            };
        };
        let end = from + at + self.close.len();
        if end > self.limit {
            return Err(FrameError::TooLarge(self.limit));
        }
        let rest = self.buffer.split_off(end);
        self.searched = 0;
        Ok(Some(std::mem::replace(&mut self.buffer, rest)))
    }

    /// Puts a document that was taken too early before everything else.
    pub fn put_back(&mut self, mut document: Vec<u8>) {
        document.append(&mut self.buffer);
        self.buffer = document;
        self.searched = 0;
    }

    /// Drops leading blanks and checks the root tag as far as it has arrived; says whether all of it has.
    fn check_start(&mut self) -> Result<bool, FrameError> {
        let blanks = self.buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.buffer.drain(..blanks);
        let arrived = self.buffer.len().min(self.open.len());
        if self.buffer[..arrived] == self.open.as_bytes()[..arrived] {
            Ok(arrived == self.open.len())
        } else {
            Err(FrameError::NotOurs(self.open))
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = needle.first()?;
    let mut from = 0;
    while let Some(at) = haystack.get(from..)?.iter().position(|byte| byte == first) {
        let start = from + at;
        if haystack[start..].starts_with(needle) {
            return Some(start);
        }
        from = start + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_come_out_whole_however_the_bytes_are_cut() {
        let stream = b"\n<xcatrequest>\n <a>1</a></xcatrequest>\n<xcatrequest></xcatrequest>";
        for size in 1..stream.len() {
            let mut reader = FrameReader::requests();
            let mut documents = Vec::new();
            for chunk in stream.chunks(size) {
                reader.push(chunk);
                while let Some(document) = reader.next_document().unwrap() {
                    documents.push(String::from_utf8(document).unwrap());
                }
            }
            assert_eq!(
                documents,
                ["<xcatrequest>\n <a>1</a></xcatrequest>", "<xcatrequest></xcatrequest>"]
            );
            assert!(!reader.is_pending());
        }
    }

    #[test]
    fn a_stream_of_something_else_is_refused_at_its_first_wrong_byte() {
        let mut reader = FrameReader::requests();
        reader.push(b"GET / HTTP/1.1");
        assert_eq!(reader.next_document(), Err(FrameError::NotOurs("<xcatrequest>")));
    }

    #[test]
    fn an_endless_document_is_refused_at_the_limit() {
        let mut reader = FrameReader::requests();
        reader.push(b"<xcatrequest>");
        let chunk = vec![b'<'; 1024 * 1024];
        let mut pushed = 0;
        let error = loop {
            reader.push(&chunk);
            pushed += chunk.len();
            match reader.next_document() {
                Ok(None) => assert!(pushed <= MAX_DOCUMENT),
                Ok(Some(_)) => panic!("there is no document"),
                Err(error) => break error,
            }
        };
        assert_eq!(error, FrameError::TooLarge(MAX_DOCUMENT));
    }

    #[test]
    fn the_limit_can_be_lower() {
        let document = b"<xcatrequest>12345678</xcatrequest>";
        for (limit, fits) in [(document.len(), true), (document.len() - 1, false)] {
            let mut reader = FrameReader::requests().at_most(limit);
            reader.push(document);
            assert_eq!(reader.next_document().is_ok_and(|found| found.is_some()), fits);
        }
    }
}
