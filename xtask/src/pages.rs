//! The pages about the schema: tables with their columns, objects with their attributes.

use std::fmt::Write;

use tables::{ColumnDef, ObjectType, TableId};

/// The tables: a list, then a section for each.
pub(crate) fn tables() -> String {
    let mut text = String::from(
        "# Tables\n\nThe tables are xCAT's; `tabdump -d` prints the same descriptions. Columns in bold are the key.\n\n",
    );
    for table in TableId::all() {
        line(&mut text, format_args!("- [{table}](#{table}): {}", table.def().help));
    }
    for table in TableId::all() {
        let def = table.def();
        line(&mut text, format_args!("\n## {table}\n\n{}.", capitalized(def.help)));
        if let Some(column) = def.node_column {
            line(
                &mut text,
                format_args!("Rows are found by `{column}`: a node, or one of its groups."),
            );
        }
        line(&mut text, format_args!("\n| column | meaning |\n|---|---|"));
        for column in def.columns {
            line(&mut text, format_args!("| {} | {} |", name(column), cell(column.help)));
        }
    }
    text
}

/// The types of objects: where each attribute is stored.
pub(crate) fn objects() -> String {
    let mut text = String::from(
        "# Objects\n\nWhat `lsdef`, `mkdef`, `chdef` and `rmdef` work on; `lsdef -h -t TYPE` prints the same. An attribute that is \
         listed twice is stored in one cell or another, depending on the attribute in the last column.\n",
    );
    for kind in ObjectType::ALL {
        line(
            &mut text,
            format_args!(
                "\n## {kind}\n\n| attribute | stored in | meaning | when |\n|---|---|---|---|"
            ),
        );
        for attribute in kind.attributes() {
            let when =
                attribute.only_if.map_or(String::new(), |(name, value)| format!("{name}={value}"));
            line(
                &mut text,
                format_args!(
                    "| `{}` | {}.{} | {} | {when} |",
                    attribute.name,
                    attribute.table,
                    attribute.column,
                    cell(attribute.help())
                ),
            );
        }
    }
    text
}

fn name(column: &ColumnDef) -> String {
    let name = if column.key { format!("**{}**", column.name) } else { column.name.to_owned() };
    let mut notes = Vec::new();
    notes.extend(column.required.then_some("required"));
    notes.extend(column.auto.then_some("numbered by the store"));
    notes.extend(column.secret.then_some("secret"));
    if notes.is_empty() { name } else { format!("{name} ({})", notes.join(", ")) }
}

/// Text in a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "\\<").replace('*', "\\*")
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    writeln!(text, "{arguments}").expect("writing to a String does not fail");
}
