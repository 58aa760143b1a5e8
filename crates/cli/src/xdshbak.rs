//! `xdshbak`: what xdsh printed, sorted by node, or once for all nodes that printed the same. A filter: the daemon is not asked.
//!
//! Facts: xdshbak(1). Lines are bytes, because commands on nodes print what they like. Unlike the original, a node whose
//! lines do not come in one piece is still one node.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{BufRead, BufReader, Read};

use command::{Meta, Options};

use crate::output::{Ended, Output};
use crate::render::Stream;

/// A point is written for so many lines, because nothing else is before the end of the input.
const LINES_A_POINT: usize = 1000;
/// The original ends so when it is called in a way that it does not understand.
const MISUSED: u8 = 255;

/// How the lines are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// A heading for each node.
    Headed,
    /// A heading for all nodes that printed the same.
    Collapsed,
    /// Each line with its node.
    Named,
    /// The lines alone.
    Bare,
}

/// Formats standard input; returns the exit status.
pub(crate) fn run(meta: &Meta, arguments: &[String], output: &Output) -> u8 {
    let options = Options::parse(meta, arguments).ok();
    let chosen = options.as_ref().and_then(|options| Some((style(options)?, options.has("q"))));
    let Some((style, quiet)) = chosen else {
        let usage = format!("{}\n", meta.help());
        return if output.write(Stream::Err, usage.as_bytes()).is_ok() { MISUSED } else { 1 };
    };
    match read(output.undisturbed(|| std::io::stdin().lock()), quiet, output) {
        Ok(nodes) => u8::from(output.write(Stream::Out, &shown(&nodes, style)).is_err()),
        Err(Failed::Input(error)) => {
            let text = format!("Error: xdshbak cannot read its input: {error}\n");
            // It has failed, whether that can be said or not.
            output.write(Stream::Err, text.as_bytes()).ok();
            1
        }
        Err(Failed::Output) => 1,
    }
}

/// None for options that exclude each other.
fn style(options: &Options) -> Option<Style> {
    match (options.has("c"), options.has("x"), options.has("b")) {
        (false, false, false) => Some(Style::Headed),
        (true, false, false) => Some(Style::Collapsed),
        (false, true, false) => Some(Style::Named),
        (false, true, true) => Some(Style::Bare),
        (true, true, _) | (_, false, true) => None,
    }
}

/// What each node printed, with when it came first.
#[derive(Debug, Default)]
struct Nodes {
    texts: BTreeMap<Vec<u8>, (usize, Vec<u8>)>,
}

impl Nodes {
    /// Takes `NODE: TEXT`; what is not of that form is nobody's, and left out as in the original.
    fn take(&mut self, line: &[u8]) {
        let Some(at) = line.windows(2).position(|pair| pair == b": ") else { return };
        let place = self.texts.len();
        let text = match self.texts.entry(line[..at].to_vec()) {
            Entry::Occupied(known) => &mut known.into_mut().1,
            Entry::Vacant(new) => &mut new.insert((place, Vec::new())).1,
        };
        text.extend_from_slice(&line[at + 2..]);
        if text.last() != Some(&b'\n') {
            text.push(b'\n');
        }
    }

    /// The nodes that printed the same, in the order in which the first of each came.
    fn collapsed(&self) -> Vec<(Vec<&[u8]>, &[u8])> {
        let mut groups: BTreeMap<&[u8], (usize, Vec<&[u8]>)> = BTreeMap::new();
        for (node, (place, text)) in &self.texts {
            let group = groups.entry(text).or_insert_with(|| (*place, Vec::new()));
            group.0 = group.0.min(*place);
            group.1.push(node);
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(_, (place, _))| *place);
        groups.into_iter().map(|(text, (_, nodes))| (nodes, text)).collect()
    }
}

enum Failed {
    Input(std::io::Error),
    Output,
}

impl From<Ended> for Failed {
    fn from(_: Ended) -> Self {
        Self::Output
    }
}

fn read(input: impl Read, quiet: bool, output: &Output) -> Result<Nodes, Failed> {
    let (mut nodes, mut lines, mut line) = (Nodes::default(), 0, Vec::new());
    let mut input = BufReader::new(input);
    while output.undisturbed(|| input.read_until(b'\n', &mut line)).map_err(Failed::Input)? > 0 {
        nodes.take(&line);
        line.clear();
        lines += 1;
        if !quiet && lines % LINES_A_POINT == 0 {
            output.write(Stream::Out, b".")?;
        }
    }
    if !quiet && lines >= LINES_A_POINT {
        output.write(Stream::Out, b"\n")?;
    }
    Ok(nodes)
}

fn shown(nodes: &Nodes, style: Style) -> Vec<u8> {
    let mut out = Vec::new();
    let all = nodes.texts.iter().map(|(node, (_, text))| (node.as_slice(), text.as_slice()));
    match style {
        Style::Headed => all.for_each(|(node, text)| headed(&mut out, node, text)),
        Style::Collapsed => {
            for (nodes, text) in nodes.collapsed() {
                collapsed(&mut out, &nodes, text);
            }
        }
        Style::Named => {
            for (node, text) in all {
                for line in text.split_inclusive(|byte| *byte == b'\n') {
                    out.extend([node, b": ", line].concat());
                }
            }
        }
        Style::Bare => all.for_each(|(_, text)| out.extend_from_slice(text)),
    }
    out
}

fn headed(out: &mut Vec<u8>, node: &[u8], text: &[u8]) {
    if !out.is_empty() {
        out.push(b'\n');
    }
    let rule = vec![b'-'; (node.len() + 6).min(63)];
    out.extend([b"HOST:", node, b"\n", &rule, b"\n", text].concat());
}

fn collapsed(out: &mut Vec<u8>, nodes: &[&[u8]], text: &[u8]) {
    if !out.is_empty() {
        out.push(b'\n');
    }
    out.extend([b"HOSTS ", &[b'-'; 73][..], b"\n", &nodes.join(&b", "[..]), b"\n"].concat());
    out.extend([&[b'-'; 79][..], b"\n", text].concat());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, style: Style) -> String {
        let mut nodes = Nodes::default();
        text.as_bytes().split_inclusive(|byte| *byte == b'\n').for_each(|line| nodes.take(line));
        String::from_utf8(shown(&nodes, style)).unwrap()
    }

    const LINES: &str = "n2: a\nn1: b: c\nnobody's\nn3: a\nn1: \nn2: z\nn3: z";

    #[test]
    fn lines_are_sorted_by_node() {
        assert_eq!(
            of(LINES, Style::Headed),
            "HOST:n1\n--------\nb: c\n\n\nHOST:n2\n--------\na\nz\n\nHOST:n3\n--------\na\nz\n"
        );
        assert_eq!(of(LINES, Style::Named), "n1: b: c\nn1: \nn2: a\nn2: z\nn3: a\nn3: z\n");
        assert_eq!(of(LINES, Style::Bare), "b: c\n\na\nz\na\nz\n");
        assert_eq!(of("", Style::Headed), "");
    }

    #[test]
    fn what_is_the_same_is_shown_once() {
        let text = of(LINES, Style::Collapsed);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("HOSTS {}", "-".repeat(73)));
        assert_eq!(lines[1], "n2, n3");
        assert_eq!((lines[2].len(), lines[3], lines[4], lines[5]), (79, "a", "z", ""));
        assert_eq!(lines[7], "n1");
    }

    #[test]
    fn options_that_exclude_each_other_are_refused() {
        let meta = command::find("xdshbak").unwrap();
        for (words, style_of) in [
            (&["-c"][..], Some(Style::Collapsed)),
            (&["-xb"], Some(Style::Bare)),
            (&["-c", "-x"], None),
            (&["-b"], None),
        ] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(style(&Options::parse(meta, &words).unwrap()), style_of, "{words:?}");
        }
    }
}
