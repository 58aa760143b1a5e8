//! The function for zsh, `_xcat`: a call of `_arguments` for each command.

use super::{Token, dashed, operands, value};
use crate::list::ALL;
use crate::meta::{Getopt, Meta, OptionDef, Takes};
use crate::text::append;

const FUNCTIONS: &str = include_str!("functions.zsh");

/// What a zsh finds as `_xcat` to complete the arguments of all commands.
pub fn zsh() -> String {
    let names: Vec<&str> = ALL.iter().map(|meta| meta.name).collect();
    let mut out = format!("#compdef xcat {}\n", names.join(" "));
    out.push_str("# zsh completion of the xCAT commands, generated from their declarations.\n\n");
    out.push_str("_xcat_commands=(\n    'help:list the commands, or explain one'\n");
    for meta in ALL {
        let name = meta.name.strip_prefix("xcat-").unwrap_or(meta.name);
        append(&mut out, format_args!("    '{name}:{}'\n", quoted(meta.summary)));
    }
    out.push_str(")\n\n_xcat_arguments() {\n    case $1 in\n");
    for meta in ALL {
        out.push_str(&arguments(meta));
    }
    out.push_str("    esac\n}\n\n");
    out.push_str(FUNCTIONS);
    out
}

fn arguments(meta: &Meta) -> String {
    let bundling = if meta.getopt == Getopt::Bundling { "-s " } else { "" };
    let mut out = format!("        {})\n            _arguments {bundling}-S \\\n", meta.name);
    let mut add = |spec: &str| append(&mut out, format_args!("                {spec} \\\n"));
    for option in meta.listed_options() {
        add(&option_spec(option));
    }
    for spec in common(meta) {
        add(&spec);
    }
    let places = operands(meta);
    add(&format!("'1: :{}'", action(&places.first)));
    append(
        &mut out,
        format_args!("                '*: :{}'\n            ;;\n", action(&places.rest)),
    );
    out
}

fn option_spec(option: &OptionDef) -> String {
    let names: Vec<String> = option.names.iter().map(|name| dashed(name)).collect();
    let names = match (option.takes, names.as_slice()) {
        (Takes::Values(_), [only]) => format!("'*'{only}"),
        (_, [only]) => only.clone(),
        (_, several) => format!("'({})'{{{}}}", several.join(" "), several.join(",")),
    };
    let help = quoted(option.help).replace('[', "\\[").replace(']', "\\]");
    let argument = value(option).map(|tokens| format!(": :{}", action(&tokens)));
    format!("{names}'[{help}]{}'", argument.unwrap_or_default())
}

fn common(meta: &Meta) -> Vec<String> {
    let declared = |name: &str| meta.listed_options().any(|option| option.names.contains(&name));
    let all = [
        ("h", "print how the command is used"),
        ("help", "print how the command is used"),
        ("v", "print the version"),
        ("version", "print the version"),
    ];
    let missing = all.into_iter().filter(|(name, _)| !declared(name));
    missing.map(|(name, help)| format!("{}'[{help}]'", dashed(name))).collect()
}

/// What `_arguments` does for tokens.
fn action(tokens: &[Token]) -> String {
    let word = |token: &Token| match token {
        Token::Word(word) => (*word).to_owned(),
        Token::Assigned(word, kind) => format!("{word}=%{kind}"),
        Token::Kind(kind) => format!("%{kind}"),
        Token::File => "%file".to_owned(),
    };
    if tokens.is_empty() {
        return " ".to_owned();
    }
    format!("_xcat_tokens {}", tokens.iter().map(word).collect::<Vec<_>>().join(" "))
}

/// Text inside quotes, in which a colon ends nothing.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace(':', "\\:").replace('\'', "'\\''")
}
