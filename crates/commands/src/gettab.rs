//! gettab: columns of the row that has a key.

use base::{ErrorKind, Failure};
use command::Answer;
use tables::Row;

use crate::call::Call;
use crate::chtab::{Key, apply, key};
use crate::column::Column;
use crate::shape::{Behaviour, Command};

pub(crate) static COMMAND: Command = Command::new("gettab", Behaviour::Query(gettab));

fn gettab(call: &Call) -> Result<Answer, Failure> {
    let [target, names @ ..] = call.options.operands() else {
        return Err(Failure::new(ErrorKind::Usage, "no key is given"));
    };
    if names.is_empty() {
        return Err(Failure::new(ErrorKind::Usage, "no column is given"));
    }
    let key = last_of_each(key(target)?);
    let labelled = call.options.has("with-fieldname") || names.len() > 1;
    let mut answer = Answer::new();
    for name in names {
        let column = Column::named(name).map_err(|name| {
            let text = format!("{name} not a valid table.column description");
            Failure::new(ErrorKind::NotFound, text)
        })?;
        if let Some((unknown, _)) =
            key.iter().find(|(part, _)| column.table.def().column(part).is_none())
        {
            let text = format!("Unknown key {unknown} to {}", column.table);
            return Err(Failure::new(ErrorKind::NotFound, text));
        }
        let rows = call.snapshot.rows_where(column.table, &key).map_err(|e| apply(&e))?;
        let Some(row) = rows.into_iter().find(|row| row.enabled()) else { continue };
        answer.line(line(row, column, labelled));
    }
    Ok(answer)
}

fn line(row: &Row, column: Column, labelled: bool) -> String {
    let value = row.get(column.name).unwrap_or_default();
    if labelled {
        return format!("{}.{}: {value}", column.table, column.name);
    }
    value.to_owned()
}

/// Of parts of the key with the same column the last counts.
fn last_of_each(key: Key<'_>) -> Key<'_> {
    let mut last = Key::new();
    for (column, value) in key {
        last.retain(|(known, _)| *known != column);
        last.push((column, value));
    }
    last
}
