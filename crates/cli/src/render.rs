//! A response document as lines of text, exactly as the original client shows it (spec/protocol.md section 5).
//!
//! Pure. Text that is only blanks counts as absent, and the text `0` as untrue, because both do in the original.

use wire::xml::Element;

/// Where a line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// What a response shows, in order, and its contribution to the exit status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Pieces of text with their line ends.
    pub lines: Vec<(Stream, Vec<u8>)>,
    /// The bits that the response adds to the exit status.
    pub exit: u8,
}

impl Rendered {
    fn line(&mut self, stream: Stream, text: &str) {
        self.lines.push((stream, format!("{text}\n").into_bytes()));
    }

    fn exit_codes(&mut self, element: &Element) {
        for code in element.all("errorcode") {
            self.exit |= number(&code.text);
        }
    }
}

/// Shows one response; `show_server` puts the server's name before data and information too.
pub fn render(response: &Element, show_server: bool) -> Rendered {
    let source = response.text_of("xcatdsource").map_or("", meaning);
    let show_source = !source.is_empty()
        && (response.has("host") || (show_server && !response.has("NoSvrPrefix")));
    let mut rendered = Rendered::default();
    rendered.exit_codes(response);
    for (tag, word, plain) in
        [("error", "Error: ", "NoErrorPrefix"), ("warning", "Warning: ", "NoWarnPrefix")]
    {
        let word = if response.has(plain) { "" } else { word };
        for message in response.all(tag) {
            let text = sourced(source, meaning(&message.text));
            rendered.line(Stream::Err, &format!("{word}{text}"));
        }
    }
    let source = if show_source { source } else { "" };
    for info in response.all("info") {
        rendered.line(Stream::Out, &sourced(source, meaning(&info.text)));
    }
    for progress in response.all("sinfo") {
        let text = format!("{}\r", meaning(&progress.text));
        rendered.lines.push((Stream::Out, text.into_bytes()));
    }
    nodes(&mut rendered, response, show_source);
    for data in response.all("data") {
        let text = data_text(data);
        if is_true(&text) {
            rendered.line(Stream::Out, &prefixed(source, &text));
        }
    }
    rendered
}

fn nodes(rendered: &mut Rendered, response: &Element, show_source: bool) {
    let source = response.text_of("xcatdsource").map_or("", meaning);
    let mut stream = Stream::Out;
    for node in response.all("node").filter(|node| !node.children.is_empty()) {
        rendered.exit_codes(node);
        let mut text = node.text_of("name").map_or("", meaning).as_bytes().to_vec();
        for (tag, word) in [("error", "Error"), ("warning", "Warning")] {
            if let Some(message) = node.child(tag) {
                add_source(&mut text, source);
                text.extend_from_slice(format!(": {word}: {}", meaning(&message.text)).as_bytes());
                stream = Stream::Err;
            }
        }
        if let Some(data) = node.child("data") {
            add_source(&mut text, if show_source { source } else { "" });
            text.extend_from_slice(node_data(data).as_bytes());
        }
        if let Some(encoded) = node.text_of("base64_data") {
            text.extend_from_slice(b": ");
            text.extend_from_slice(&base64(encoded));
        }
        if !text.is_empty() && text != b"0" && text != format!("[{source}]").as_bytes() {
            text.push(b'\n');
            rendered.lines.push((stream, text));
        }
    }
}

fn add_source(text: &mut Vec<u8>, source: &str) {
    if source.is_empty() {
        return;
    }
    let had_text = !text.is_empty() && text != b"0";
    if had_text {
        text.extend_from_slice(b": ");
    } else {
        text.clear();
    }
    text.extend_from_slice(format!("[{source}]").as_bytes());
}

fn node_data(data: &Element) -> String {
    if data.children.is_empty() {
        return format!(": {}", meaning(&data.text));
    }
    let mut text = String::new();
    for part in ["desc", "contents"].into_iter().filter_map(|tag| data.text_of(tag)) {
        text.push_str(": ");
        text.push_str(meaning(part));
    }
    text
}

fn data_text(data: &Element) -> String {
    if data.children.is_empty() {
        return meaning(&data.text).to_owned();
    }
    let desc = data.text_of("desc").map_or("", meaning);
    match data.text_of("contents").map(meaning) {
        Some(contents) if is_true(desc) => format!("{desc}: {contents}"),
        Some(contents) => contents.to_owned(),
        None => desc.to_owned(),
    }
}

/// `[source]: text`, unless one of them is empty.
fn sourced(source: &str, text: &str) -> String {
    if is_true(text) { prefixed(source, text) } else { text.to_owned() }
}

fn prefixed(source: &str, text: &str) -> String {
    if source.is_empty() { text.to_owned() } else { format!("[{source}]: {text}") }
}

fn is_true(text: &str) -> bool {
    !text.is_empty() && text != "0"
}

fn meaning(text: &str) -> &str {
    if text.trim_ascii().is_empty() { "" } else { text }
}

/// The number at the beginning of `text`, cut to the eight bits of an exit status.
fn number(text: &str) -> u8 {
    let text = text.trim_start();
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let value = digits
        .bytes()
        .take_while(u8::is_ascii_digit)
        .fold(0u8, |value, digit| value.wrapping_mul(10).wrapping_add(digit - b'0'));
    if negative { value.wrapping_neg() } else { value }
}

/// Decodes base64 leniently: what is not of the alphabet is skipped, and `=` ends it.
fn base64(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0u32);
    for byte in text.bytes().take_while(|byte| *byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push(u8::try_from((bits >> count) & 0xff).unwrap_or_default());
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unescape(text: &str) -> String {
        text.replace("\\n", "\n").replace("\\r", "\r")
    }

    fn text_of(rendered: &Rendered, stream: Stream) -> String {
        let pieces = rendered.lines.iter().filter(|(to, _)| *to == stream);
        String::from_utf8(pieces.flat_map(|(_, text)| text.clone()).collect()).unwrap()
    }

    #[test]
    fn every_case_of_the_original_client_is_shown_as_it_shows_it() {
        let mut cases = 0;
        for row in include_str!("../tests/render-cases.tsv").lines().skip(1) {
            let columns: Vec<&str> = row.split('\t').collect();
            let [response, variables, out, err, exit] = columns[..] else { panic!("{row}") };
            let response = Element::parse(response.as_bytes()).unwrap();
            let rendered = render(&response, variables == "XCATSHOWSVR");
            let shown = (
                text_of(&rendered, Stream::Out),
                text_of(&rendered, Stream::Err),
                rendered.exit.to_string(),
            );
            assert_eq!(shown, (unescape(out), unescape(err), exit.to_owned()), "{row}");
            cases += 1;
        }
        assert_eq!(cases, 35);
    }

    #[test]
    fn exit_codes_are_numbers_as_the_original_reads_them() {
        let codes = ["", "x", "1", " 12a", "256", "-1"];
        assert_eq!(codes.map(number), [0, 0, 1, 12, 0, 255]);
    }
}
