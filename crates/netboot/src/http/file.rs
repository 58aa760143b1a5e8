//! Files over HTTP: whole or a range, streamed in pieces.

use std::io::{self, SeekFrom};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
    IF_NONE_MATCH, IF_RANGE, RANGE,
};
use hyper::{Method, Request, Response, StatusCode};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::{Body, respond};

/// What is read from a file at once.
const PIECE: usize = 256 * 1024;

/// Answers with `file`. When the peer does not take it all, `broken` is told how much it took.
pub(super) fn answer(
    request: &Request<Incoming>,
    file: File,
    size: u64,
    tag: &str,
    broken: impl FnOnce(u64, u64) + Send + 'static,
) -> Response<Body> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    if header(IF_NONE_MATCH) == Some(tag) {
        return tagged(respond(StatusCode::NOT_MODIFIED, Bytes::new()), tag);
    }
    let same = header(IF_RANGE).is_none_or(|wanted| wanted == tag);
    let (status, start, length) =
        match header(RANGE).filter(|_| same).map_or(Part::Whole, |text| part(text, size)) {
            Part::Whole => (StatusCode::OK, 0, size),
            Part::Range(start, length) => (StatusCode::PARTIAL_CONTENT, start, length),
            Part::Impossible => {
                let mut response = respond(StatusCode::RANGE_NOT_SATISFIABLE, Bytes::new());
                insert(&mut response, CONTENT_RANGE, &format!("bytes */{size}"));
                return response;
            }
        };
    let mut response = if request.method() == Method::HEAD {
        respond(status, Bytes::new())
    } else {
        let mut response = Response::new(body(file, start, length, broken));
        *response.status_mut() = status;
        response
    };
    if status == StatusCode::PARTIAL_CONTENT {
        insert(
            &mut response,
            CONTENT_RANGE,
            &format!("bytes {start}-{}/{size}", start + length - 1),
        );
    }
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    insert(&mut response, CONTENT_TYPE, "application/octet-stream");
    tagged(response, tag)
}

fn tagged(mut response: Response<Body>, tag: &str) -> Response<Body> {
    insert(&mut response, ETAG, tag);
    insert(&mut response, ACCEPT_RANGES, "bytes");
    response
}

fn insert(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// What a range header asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// First byte and length.
    Range(u64, u64),
    Impossible,
}

/// Reads a range header. Several ranges, and what is no range, mean the whole file (RFC 9110).
fn part(text: &str, size: u64) -> Part {
    let Some((first, last)) =
        text.strip_prefix("bytes=").and_then(|text| text.trim().split_once('-'))
    else {
        return Part::Whole;
    };
    if last.contains(',') {
        return Part::Whole;
    }
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let (start, end) = match (first.trim(), last.trim()) {
        ("", suffix) => match number(suffix) {
            Some(count) => (size.saturating_sub(count), size),
            None => return Part::Whole,
        },
        (first, "") => match number(first) {
            Some(start) => (start, size),
            None => return Part::Whole,
        },
        (first, last) => match (number(first), number(last)) {
            (Some(start), Some(last)) if last >= start => (start, last.saturating_add(1).min(size)),
            _ => return Part::Whole,
        },
    };
    if start < end { Part::Range(start, end - start) } else { Part::Impossible }
}

/// Tells about a transfer that was dropped before its end.
struct Sending<F: FnOnce(u64, u64)> {
    file: File,
    started: bool,
    start: u64,
    sent: u64,
    length: u64,
    broken: Option<F>,
}

impl<F: FnOnce(u64, u64)> Drop for Sending<F> {
    fn drop(&mut self) {
        if self.sent < self.length
            && let Some(broken) = self.broken.take()
        {
            broken(self.sent, self.length);
        }
    }
}

impl<F: FnOnce(u64, u64)> Sending<F> {
    /// The next piece; none at the end.
    async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        if !self.started {
            self.file.seek(SeekFrom::Start(self.start)).await?;
            self.started = true;
        }
        let left = usize::try_from(self.length - self.sent).unwrap_or(usize::MAX).min(PIECE);
        if left == 0 {
            return Ok(None);
        }
        let mut piece = BytesMut::with_capacity(left);
        let read = (&mut self.file).take(left as u64).read_buf(&mut piece).await?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter"));
        }
        self.sent += read as u64;
        Ok(Some(piece.freeze()))
    }
}

fn body(
    file: File,
    start: u64,
    length: u64,
    broken: impl FnOnce(u64, u64) + Send + 'static,
) -> Body {
    let sending = Sending { file, started: false, start, sent: 0, length, broken: Some(broken) };
    let pieces = stream::try_unfold(sending, |mut sending| async {
        Ok(sending.piece().await?.map(|piece| (Frame::data(piece), sending)))
    });
    StreamBody::new(pieces).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        for (text, wanted) in [
            ("bytes=0-9", Part::Range(0, 10)),
            ("bytes=90-", Part::Range(90, 10)),
            ("bytes=90-500", Part::Range(90, 10)),
            ("bytes=-7", Part::Range(93, 7)),
            ("bytes=-700", Part::Range(0, 100)),
            ("bytes=100-", Part::Impossible),
            ("bytes=-0", Part::Impossible),
            ("bytes=9-3", Part::Whole),
            ("bytes=0-1,4-5", Part::Whole),
            ("items=0-1", Part::Whole),
            ("bytes=x-", Part::Whole),
        ] {
            assert_eq!(part(text, 100), wanted, "{text}");
        }
    }
}
