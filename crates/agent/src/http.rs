//! A small HTTP/1.1 client (RFC 9112): GET with a range, and POST, one connection per request, to
//! addresses only. Heads are bounded, every read and write has a deadline, redirects are not followed.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(30);
/// The longest response head accepted, in bytes.
const LONGEST_HEAD: u64 = 16 << 10;
/// The most of a short answer that is kept.
const SHORT: u64 = 4 << 20;

/// An `http://` address of a server given by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    host: Ipv4Addr,
    port: u16,
    path: String,
}

impl Url {
    pub(crate) fn new(host: Ipv4Addr, port: u16, path: impl Into<String>) -> Self {
        Self { host, port, path: path.into() }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, HttpError> {
        let bad = || HttpError::BadUrl { url: text.to_owned() };
        let rest = text.strip_prefix("http://").ok_or_else(bad)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
        let usable = path.bytes().all(|byte| byte.is_ascii_graphic());
        let (Ok(host), Ok(port), true) = (host.parse(), port.parse(), usable) else {
            return Err(bad());
        };
        Ok(Self::new(host, port, format!("/{}", path.trim_start_matches('/'))))
    }

    pub(crate) fn host(&self) -> Ipv4Addr {
        self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}{}", self.host, self.port, self.path)
    }
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error(
        "'{url}' is not a usable address: write http://ADDRESS[:PORT]/PATH with a number as address"
    )]
    BadUrl { url: String },
    #[error("cannot connect to {server}")]
    Connect { server: SocketAddr, source: io::Error },
    #[error("{url}: the connection broke")]
    Broke { url: Url, source: io::Error },
    #[error("{url}: the server's answer is not HTTP")]
    NotHttp { url: Url },
    #[error("{url}: the server answered {status}")]
    Status { url: Url, status: u16 },
    #[error("{url}: the answer is longer than {SHORT} bytes")]
    TooLong { url: Url },
}

/// The answer to a GET: its head, and a body still to be read.
#[derive(Debug)]
pub(crate) struct Response {
    /// The status code.
    pub(crate) status: u16,
    /// How many bytes the body has, when the server said so.
    pub(crate) length: Option<u64>,
    /// The rest of the connection.
    pub(crate) body: Body,
}

/// Asks for `url` from byte `offset` on.
pub(crate) fn get(url: &Url, offset: u64) -> Result<Response, HttpError> {
    let range = if offset == 0 { String::new() } else { format!("Range: bytes={offset}-\r\n") };
    let head = format!("GET {} HTTP/1.1\r\n{}{range}\r\n", url.path, common(url));
    exchange(url, head.as_bytes(), &[])
}

/// Gets a short text; anything but 200 is an error.
pub(crate) fn get_text(url: &Url) -> Result<String, HttpError> {
    get_bytes(url).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Gets a short file; anything but 200 is an error.
pub(crate) fn get_bytes(url: &Url) -> Result<Vec<u8>, HttpError> {
    let response = get(url, 0)?;
    if response.status != 200 {
        return Err(HttpError::Status { url: url.clone(), status: response.status });
    }
    let mut bytes = Vec::new();
    let broke = |source| HttpError::Broke { url: url.clone(), source };
    response.body.take(SHORT + 1).read_to_end(&mut bytes).map_err(broke)?;
    if bytes.len() as u64 > SHORT {
        return Err(HttpError::TooLong { url: url.clone() });
    }
    Ok(bytes)
}

/// Sends `text` to `url`; any status of the 200s is success.
pub(crate) fn post_text(url: &Url, text: &str) -> Result<(), HttpError> {
    let head = format!(
        "POST {} HTTP/1.1\r\n{}Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
        url.path,
        common(url),
        text.len()
    );
    let response = exchange(url, head.as_bytes(), text.as_bytes())?;
    if !(200..300).contains(&response.status) {
        return Err(HttpError::Status { url: url.clone(), status: response.status });
    }
    Ok(())
}

fn common(url: &Url) -> String {
    format!("Host: {}:{}\r\nUser-Agent: xcat-node\r\nConnection: close\r\n", url.host, url.port)
}

fn exchange(url: &Url, head: &[u8], body: &[u8]) -> Result<Response, HttpError> {
    let server = SocketAddr::from((url.host, url.port));
    let connect = |source| HttpError::Connect { server, source };
    let broke = |source| HttpError::Broke { url: url.clone(), source };
    let mut stream = TcpStream::connect_timeout(&server, CONNECT).map_err(connect)?;
    stream.set_read_timeout(Some(SILENCE)).map_err(connect)?;
    stream.set_write_timeout(Some(SILENCE)).map_err(connect)?;
    stream.write_all(head).and_then(|()| stream.write_all(body)).map_err(broke)?;
    let mut reader = BufReader::with_capacity(256 << 10, stream);
    let head = read_head(&mut reader).map_err(broke)?;
    let head = parse_head(&head).ok_or_else(|| HttpError::NotHttp { url: url.clone() })?;
    let framing = match (head.chunked, head.length) {
        (true, _) => Framing::Chunked { left: 0, first: true },
        (false, Some(length)) => Framing::Length(length),
        (false, None) => Framing::ToTheEnd,
    };
    Ok(Response { status: head.status, length: head.length, body: Body { reader, framing } })
}

fn read_head(reader: &mut impl BufRead) -> io::Result<String> {
    let mut head = Vec::new();
    let mut limited = reader.take(LONGEST_HEAD);
    while !head.ends_with(b"\r\n\r\n") && !head.ends_with(b"\n\n") {
        if limited.read_until(b'\n', &mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    length: Option<u64>,
    chunked: bool,
}

fn parse_head(text: &str) -> Option<Head> {
    let mut lines = text.lines();
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let mut head = Head { status, length: None, chunked: false };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => head.length = Some(value.parse().ok()?),
            "transfer-encoding" => head.chunked = value.eq_ignore_ascii_case("chunked"),
            _ => {}
        }
    }
    Some(head)
}

/// A body as it arrives; a connection that ends too early is an error, not an end.
#[derive(Debug)]
pub(crate) struct Body {
    reader: BufReader<TcpStream>,
    framing: Framing,
}

#[derive(Debug)]
enum Framing {
    Length(u64),
    Chunked { left: u64, first: bool },
    ToTheEnd,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_framed(&mut self.reader, &mut self.framing, buffer)
    }
}

fn read_framed(
    reader: &mut impl BufRead,
    framing: &mut Framing,
    buffer: &mut [u8],
) -> io::Result<usize> {
    if let Framing::Chunked { left: left @ 0, first } = framing {
        *left = next_chunk(reader, std::mem::replace(first, false))?;
        if *left == 0 {
            *framing = Framing::Length(0);
        }
    }
    let left = match framing {
        Framing::ToTheEnd => return reader.read(buffer),
        Framing::Length(left) | Framing::Chunked { left, .. } => left,
    };
    let wanted = buffer.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
    if wanted == 0 {
        return Ok(0);
    }
    let length = reader.read(&mut buffer[..wanted])?;
    if length == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    *left -= length as u64;
    Ok(length)
}

/// Reads the line that says how long the next chunk is; 0 after the last (trailers are not read).
fn next_chunk(reader: &mut impl BufRead, first: bool) -> io::Result<u64> {
    let mut line = String::new();
    let lines = if first { 1 } else { 2 };
    for _ in 0..lines {
        line.clear();
        reader.take(1024).read_line(&mut line)?;
    }
    let digits = line.trim_end().split(';').next().unwrap_or("");
    u64::from_str_radix(digits, 16).map_err(|_| io::Error::other("a chunk without a length"))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Answers the given texts to the connections that come, one each; hands back what was asked.
    pub(crate) fn serve(answers: Vec<Vec<u8>>) -> (u16, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            answers.into_iter().map(|answer| serve_one(&listener, &answer)).collect()
        });
        (port, server)
    }

    fn serve_one(listener: &TcpListener, answer: &[u8]) -> String {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let head = read_head(&mut reader).unwrap();
        let length = parse_head(&format!("HTTP/1.1 0\n{head}")).unwrap().length.unwrap_or(0);
        let mut body = String::new();
        reader.take(length).read_to_string(&mut body).unwrap();
        stream.write_all(answer).unwrap();
        head + &body
    }

    fn local(port: u16, path: &str) -> Url {
        Url::new(Ipv4Addr::LOCALHOST, port, path)
    }

    #[test]
    fn urls_take_numbers_only() {
        let url = Url::parse("http://10.0.0.1:8080//install/a.sfs").unwrap();
        assert_eq!(url.to_string(), "http://10.0.0.1:8080/install/a.sfs");
        assert_eq!(Url::parse("http://10.0.0.1").unwrap().to_string(), "http://10.0.0.1:80/");
        for bad in [
            "https://10.0.0.1/",
            "http://mn/",
            "http://10.0.0.1:x/",
            "nfs://a",
            "http://10.0.0.1/\u{e9}",
        ] {
            assert!(Url::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn text_arrives_whole_in_every_framing() {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
            "HTTP/1.0 200 OK\r\n\r\nhello",
        ] {
            let (port, server) = serve(vec![answer.into()]);
            assert_eq!(get_text(&local(port, "/x")).unwrap(), "hello", "{answer}");
            assert!(server.join().unwrap()[0].starts_with("GET /x HTTP/1.1\r\n"));
        }
    }

    #[test]
    fn short_bodies_bad_heads_and_refusals_are_errors() {
        for (answer, words) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "the connection broke"),
            ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answered 404"),
            ("220 mail\r\n\r\n", "not HTTP"),
            ("", "the connection broke"),
        ] {
            let (port, server) = serve(vec![answer.into()]);
            let error = get_text(&local(port, "/x")).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
            server.join().unwrap();
        }
    }

    #[test]
    fn posts_carry_their_text() {
        let (port, server) = serve(vec![b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()]);
        post_text(&local(port, "/xcat/node/event"), "hello").unwrap();
        let asked = server.join().unwrap().remove(0);
        assert!(asked.starts_with("POST /xcat/node/event HTTP/1.1\r\n"));
        assert!(asked.ends_with("Content-Length: 5\r\n\r\nhello"));
    }
}
