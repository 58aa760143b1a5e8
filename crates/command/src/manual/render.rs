//! A page as roff, as text of 80 columns, and as Markdown.

use super::{Block, Page, Part};
use crate::text::append;

const WIDTH: usize = 80;
const INDENT: usize = 4;

impl Page {
    /// For `man`: macros of man(7) only.
    pub fn roff(&self) -> String {
        let title = escaped(&self.title.to_uppercase());
        let (section, volume) = (self.section, self.volume());
        let mut out = format!(".TH {title} {section} \"\" xcat\\-rs \"{volume}\"\n");
        for Part { heading, blocks } in &self.parts {
            append(&mut out, format_args!(".SH {}\n", heading.to_uppercase()));
            for (index, block) in blocks.iter().enumerate() {
                roff_block(&mut out, block, index == 0);
            }
        }
        out
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (index, Part { heading, blocks }) in self.parts.iter().enumerate() {
            let gap = if index == 0 { "" } else { "\n" };
            append(&mut out, format_args!("{gap}{}\n", heading.to_uppercase()));
            for (index, block) in blocks.iter().enumerate() {
                if index > 0 && matches!(block, Block::Text(_)) {
                    out.push('\n');
                }
                text_block(&mut out, block);
            }
        }
        out
    }

    /// For the reference: a section of the second level.
    pub fn markdown(&self) -> String {
        let mut out = format!("## {}\n", self.name);
        for Part { heading, blocks } in self.parts.iter().filter(|part| belongs(part.heading)) {
            if *heading != "Synopsis" && *heading != "Description" {
                append(&mut out, format_args!("\n{heading}:\n"));
            }
            let mut in_list = false;
            for block in blocks {
                let entry = matches!(block, Block::Entry(..));
                if !(entry && in_list) {
                    out.push('\n');
                }
                in_list = entry;
                markdown_block(&mut out, block);
            }
        }
        out
    }
}

/// The reference says once what is the same for all commands.
fn belongs(heading: &str) -> bool {
    !matches!(heading, "Name" | "Environment" | "See also" | "Exit status")
}

fn roff_block(out: &mut String, block: &Block, first: bool) {
    match block {
        Block::Text(text) => {
            let gap = if first { "" } else { ".PP\n" };
            append(out, format_args!("{gap}{}\n", line(text)));
        }
        Block::Lines(lines) => {
            let lines: Vec<String> = lines.iter().map(|it| line(it)).collect();
            let gap = if first { "" } else { ".PP\n" };
            append(out, format_args!("{gap}.nf\n{}\n.fi\n", lines.join("\n")));
        }
        Block::Entry(term, meaning) => {
            append(out, format_args!(".TP\n\\fB{}\\fR\n{}\n", escaped(term), line(meaning)));
        }
    }
}

fn text_block(out: &mut String, block: &Block) {
    match block {
        Block::Text(text) => wrap(out, text, INDENT),
        Block::Lines(lines) => {
            for line in lines {
                append(out, format_args!("{:INDENT$}{line}\n", ""));
            }
        }
        Block::Entry(term, meaning) => {
            append(out, format_args!("{:INDENT$}{term}\n", ""));
            wrap(out, meaning, 2 * INDENT);
        }
    }
}

fn markdown_block(out: &mut String, block: &Block) {
    match block {
        Block::Text(text) => append(out, format_args!("{}\n", plain(text))),
        Block::Lines(lines) => {
            for line in lines {
                append(out, format_args!("    {line}\n"));
            }
        }
        Block::Entry(term, meaning) => append(out, format_args!("- `{term}` {}\n", plain(meaning))),
    }
}

/// Text in which nothing is markup.
fn plain(text: &str) -> String {
    let special = ['*', '_', '<', '>', '[', ']', '|', '`'];
    text.chars().flat_map(|c| special.contains(&c).then_some('\\').into_iter().chain([c])).collect()
}

/// A line of roff that is no request.
fn line(text: &str) -> String {
    let guard = if text.starts_with(['.', '\'']) { "\\&" } else { "" };
    format!("{guard}{}", escaped(text))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

fn wrap(out: &mut String, text: &str, indent: usize) {
    let mut column = 0;
    for word in text.split_whitespace() {
        if column > 0 && column + 1 + word.len() > WIDTH {
            out.push('\n');
            column = 0;
        }
        let lead = if column == 0 { indent } else { 1 };
        append(out, format_args!("{:lead$}{word}", ""));
        column += lead + word.len();
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_taken_for_a_request_or_markup() {
        assert_eq!(line(".so a\\b"), "\\&.so a\\eb");
        assert_eq!(plain("a_b [c]"), "a\\_b \\[c\\]");
        let mut out = String::new();
        wrap(&mut out, &"word ".repeat(30), 8);
        assert!(out.lines().all(|line| line.len() <= WIDTH && line.starts_with("        word")));
    }
}
