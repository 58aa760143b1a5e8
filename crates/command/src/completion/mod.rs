//! Completion in shells, generated from the declarations: which words may stand where, as tokens, and the scripts for bash and
//! zsh that are folds over them. Names of nodes, tables, images and so on are not in the scripts: they ask
//! `xcat complete KIND WORD` for them.

mod bash;
mod zsh;

use crate::front::FrontEnd;
use crate::meta::{Meta, OptionDef, Takes};

pub use bash::bash;
pub use zsh::zsh;

/// What may stand somewhere on a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    /// This word.
    Word(&'static str),
    /// `WORD=`, and a name of this kind.
    Assigned(&'static str, &'static str),
    /// A name of this kind, as `xcat complete` knows it.
    Kind(&'static str),
    /// A file.
    File,
}

/// Words that stand for names in usage texts, and the kinds of those names.
const PLACEHOLDERS: &[(&str, &str)] = &[
    ("NODERANGE", "noderange"),
    ("NODE", "noderange"),
    ("GROUP", "group"),
    ("GROUPS", "group"),
    ("TABLE", "table"),
    ("TABLE.COLUMN", "column"),
    ("TABLE.COLUMN=VALUE", "column"),
    ("IMAGE", "osimage"),
    ("TYPE", "type"),
    ("TYPES", "type"),
    ("NAMES", "object"),
    ("ATTRIBUTES", "attributes"),
    ("ATTRIBUTE=VALUE", "attribute"),
    ("ATTR==VALUE", "attribute"),
];
const FILES: &[&str] = &["FILE", "DIRECTORY", "TABLE.csv"];

/// What may be the operands of a command.
#[derive(Debug, Default, PartialEq, Eq)]
struct Operands {
    first: Vec<Token>,
    rest: Vec<Token>,
}

/// Reads the operands off the usage texts.
fn operands(meta: &Meta) -> Operands {
    let mut found = Operands::default();
    for form in meta.usage {
        for (index, word) in operand_words(meta, form) {
            let tokens = alternatives(word);
            if index == 0 {
                extend(&mut found.first, &tokens);
            }
            if index > 0 || word.ends_with("...") {
                extend(&mut found.rest, &tokens);
            }
        }
    }
    if meta.front == FrontEnd::Definitions {
        extend(&mut found.first, &[Token::Kind("noderange")]);
    }
    found
}

/// The words of a usage text that are no options and no values of options, up to what is explained in parentheses or
/// redirected, with their places: those around a `|` have the same.
fn operand_words(meta: &Meta, form: &'static str) -> Vec<(usize, &'static str)> {
    let end = form.find(['(', '<']).unwrap_or(form.len());
    let mut found = Vec::new();
    let (mut place, mut is_value, mut is_alternative) = (0, false, false);
    for word in form[..end].split_whitespace() {
        let bare = word.trim_matches(['[', ']', '.']);
        let is_option = bare.starts_with('-');
        if bare == "|" {
            is_alternative = true;
        } else if !is_option && !is_value && bare != "OPTIONS" {
            place += usize::from(!is_alternative);
            found.push((place.saturating_sub(1), word));
            is_alternative = false;
        }
        is_value = is_option && !word.ends_with(']') && takes_value(meta, bare);
    }
    found
}

fn takes_value(meta: &Meta, bare: &str) -> bool {
    let last = bare.rsplit('|').next().unwrap_or_default().trim_start_matches('-');
    let option = meta.options.iter().find(|option| option.names.contains(&last));
    option.is_some_and(|option| option.takes != Takes::Nothing)
}

fn alternatives(word: &'static str) -> Vec<Token> {
    let word = word.trim_start_matches('[').trim_end_matches("...").trim_end_matches(']');
    word.split('|').flat_map(tokens).collect()
}

fn tokens(word: &'static str) -> Vec<Token> {
    if let Some((name, _)) = word.split_once("[=") {
        return vec![Token::Word(name), Token::Assigned(name, name)];
    }
    let word = word.split(['[', ',']).next().unwrap_or_default().trim_end_matches(']');
    if let Some(kind) = kind(word) {
        return vec![kind];
    }
    if let Some((name, value)) = word.split_once('=')
        && let Some(Token::Kind(kind)) = kind(value)
    {
        return vec![Token::Assigned(name, kind)];
    }
    let literal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_word = word.starts_with(|c: char| c.is_ascii_lowercase()) && word.chars().all(literal);
    if is_word { vec![Token::Word(word)] } else { Vec::new() }
}

fn kind(placeholder: &str) -> Option<Token> {
    if FILES.contains(&placeholder) {
        return Some(Token::File);
    }
    let found = PLACEHOLDERS.iter().find(|(word, _)| *word == placeholder);
    found.map(|(_, kind)| Token::Kind(kind))
}

fn extend(to: &mut Vec<Token>, tokens: &[Token]) {
    for token in tokens {
        if !to.contains(token) {
            to.push(*token);
        }
    }
}

/// What the value of an option may be: an empty list when any text may be.
fn value(option: &OptionDef) -> Option<Vec<Token>> {
    match option.takes {
        Takes::Nothing | Takes::Optional(_) => None,
        Takes::Value(word) | Takes::Values(word) => Some(kind(word).into_iter().collect()),
    }
}

/// The options of a command as they are typed, those that all commands have among them.
fn spellings(meta: &Meta) -> Vec<String> {
    let own = meta.listed_options().flat_map(|option| option.names).copied();
    let mut names: Vec<&str> = own.collect();
    for common in ["h", "help", "v", "version"] {
        if !names.contains(&common) {
            names.push(common);
        }
    }
    names.into_iter().map(dashed).collect()
}

fn dashed(name: &str) -> String {
    if name.len() == 1 { format!("-{name}") } else { format!("--{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::{ALL, find};

    fn of(name: &str) -> Operands {
        operands(find(name).unwrap())
    }

    #[test]
    fn operands_are_read_off_the_usage() {
        let nodes = Token::Kind("noderange");
        let rpower = of("rpower");
        assert_eq!(rpower.first, [nodes]);
        assert_eq!(rpower.rest[..2], [Token::Word("on"), Token::Word("off")]);
        let nodeset = of("nodeset").rest;
        assert!(
            nodeset.contains(&Token::Word("osimage")) && nodeset.contains(&Token::Word("boot"))
        );
        assert!(nodeset.contains(&Token::Assigned("osimage", "osimage")));
        assert_eq!(of("lsdef"), Operands { first: vec![nodes], rest: vec![] });
        assert_eq!(of("chdef").rest, [Token::Kind("attribute")]);
        assert_eq!(of("tabdump").first, [Token::Kind("table")]);
        assert_eq!(of("packimage").first, [Token::Kind("osimage")]);
        assert_eq!(of("tabrestore").first, [Token::File]);
        assert_eq!(of("nodels").first, [nodes]);
        assert!(of("nodels").rest.contains(&Token::Kind("column")));
        assert_eq!(of("nodeadd").rest[0], Token::Assigned("groups", "group"));
        assert_eq!(of("nodegrpch").first, [Token::Kind("group")]);
        assert_eq!(of("dumpxCATdb"), Operands::default());
        assert_eq!(of("genimage").first, [Token::Kind("osimage")]);
        assert_eq!(of("xcat-history").first, [nodes, Token::Kind("table")]);
    }

    #[test]
    fn a_noderange_always_completes() {
        for meta in ALL.iter().filter(|meta| meta.front == FrontEnd::Noderange) {
            assert!(operands(meta).first.contains(&Token::Kind("noderange")), "{}", meta.name);
        }
    }

    #[test]
    fn scripts_know_every_command_and_every_option() {
        let (bash, zsh) = (bash(), zsh());
        for meta in ALL {
            assert!(bash.contains(&format!("    {})", meta.name)), "{}", meta.name);
            assert!(zsh.contains(&format!("        {})", meta.name)), "{}", meta.name);
            for name in spellings(meta) {
                assert!(bash.contains(&name) && zsh.contains(&name), "{} {name}", meta.name);
            }
        }
        assert!(bash.contains("'lsdef -t') tokens=(%type)"), "{bash}");
    }
}
