//! The script for bash: tables of tokens as `case` statements, and the functions in `functions.bash`, which use them.

use super::{Token, dashed, operands, spellings, value};
use crate::list::ALL;
use crate::meta::Meta;
use crate::text::append;

const FUNCTIONS: &str = include_str!("functions.bash");

/// What a bash reads to complete the arguments of all commands.
pub fn bash() -> String {
    let mut out = String::from(
        "# bash completion of the xCAT commands, generated from their declarations.\n\n",
    );
    out.push_str(FUNCTIONS);
    table(&mut out, "__xcat_options", "$1", &cases(options));
    table(&mut out, "__xcat_operands", "$1", &cases(places));
    table(
        &mut out,
        "__xcat_value",
        "$1 $2",
        &ALL.iter().flat_map(|meta| values(meta)).collect::<String>(),
    );
    let names: Vec<&str> = ALL.iter().map(|meta| meta.name).collect();
    let words: Vec<&str> =
        names.iter().map(|name| name.strip_prefix("xcat-").unwrap_or(name)).collect();
    append(&mut out, format_args!("__xcat_commands=(help {})\n", words.join(" ")));
    append(&mut out, format_args!("complete -F __xcat_complete xcat {}\n", names.join(" ")));
    out
}

/// A function that sets `tokens` to what is listed for its arguments, and fails when nothing is.
fn table(out: &mut String, function: &str, subject: &str, cases: &str) {
    append(
        out,
        format_args!(
            "{function}() {{\n    case \"{subject}\" in\n{cases}    *) return 1 ;;\n    esac\n}}\n\n"
        ),
    );
}

fn cases(line: fn(&Meta) -> String) -> String {
    let lines: Vec<String> =
        ALL.iter().map(|meta| format!("    {}) {} ;;\n", meta.name, line(meta))).collect();
    lines.concat()
}

fn options(meta: &Meta) -> String {
    format!("tokens=({})", spellings(meta).join(" "))
}

fn places(meta: &Meta) -> String {
    let places = operands(meta);
    let (first, rest) = (words(&places.first), words(&places.rest));
    format!("if (($2)); then tokens=({rest}); else tokens=({first}); fi")
}

fn values(meta: &Meta) -> Vec<String> {
    let with_value = meta.listed_options().filter_map(|option| Some((option, value(option)?)));
    let line = |(option, tokens): (&crate::meta::OptionDef, Vec<Token>)| {
        let names: Vec<String> =
            option.names.iter().map(|name| format!("'{} {}'", meta.name, dashed(name))).collect();
        format!("    {}) tokens=({}) ;;\n", names.join(" | "), words(&tokens))
    };
    with_value.map(line).collect()
}

fn words(tokens: &[Token]) -> String {
    let word = |token: &Token| match token {
        Token::Word(word) => (*word).to_owned(),
        Token::Assigned(word, kind) => format!("{word}=%{kind}"),
        Token::Kind(kind) => format!("%{kind}"),
        Token::File => "%file".to_owned(),
    };
    tokens.iter().map(word).collect::<Vec<_>>().join(" ")
}
