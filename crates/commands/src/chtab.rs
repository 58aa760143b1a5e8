//! chtab and tabch: set, add or delete rows of tables by their key. They differ only in name.

use std::collections::BTreeMap;

use base::{ErrorKind, Failure};
use command::Answer;
use tables::{ApplyError, Patch, Snapshot, TableId};

use crate::call::Call;
use crate::shape::{Behaviour, Command};

pub(crate) static CHTAB: Command = Command::new("chtab", Behaviour::Edit(chtab));
pub(crate) static TABCH: Command = Command::new("tabch", Behaviour::Edit(chtab));

/// The columns and texts that name a row.
pub(crate) type Key<'a> = Vec<(&'a str, &'a str)>;

fn chtab(call: &Call) -> Result<(Patch, Answer), Failure> {
    let usage = |text: &str| Failure::new(ErrorKind::Usage, text);
    let (target, rest) =
        call.options.operands().split_first().ok_or_else(|| usage("no key is given"))?;
    let key = key(target)?;
    if rest.is_empty() {
        return Err(usage("no table is given"));
    }
    let patch = if call.options.has("delete") {
        delete(&call.snapshot, &key, rest)
    } else {
        set(&call.snapshot, &key, rest)
    };
    Ok((patch?, Answer::new()))
}

/// Reads `column=value[,column=value...]`.
pub(crate) fn key(target: &str) -> Result<Key<'_>, Failure> {
    let pair = |text| {
        str::split_once(text, '=').ok_or_else(|| {
            Failure::new(ErrorKind::Usage, format!("Incorrect argument \"{text}\"."))
        })
    };
    target.split(',').map(pair).collect()
}

fn delete(snapshot: &Snapshot, key: &Key<'_>, names: &[String]) -> Result<Patch, Failure> {
    let mut patch = Patch::new();
    for name in names {
        let table = table(name)?;
        check_key(table, key)?;
        patch.extend(snapshot.delete_where(table, key).map_err(|error| apply(&error))?);
    }
    Ok(patch)
}

/// Sets the cells that `table.column=value` name; `+=` appends what a list does not have yet.
fn set(snapshot: &Snapshot, key: &Key<'_>, words: &[String]) -> Result<Patch, Failure> {
    let mut cells: BTreeMap<TableId, Vec<(&str, String)>> = BTreeMap::new();
    for word in words {
        let invalid = || Failure::new(ErrorKind::Usage, format!("Incorrect argument \"{word}\"."));
        let (name, assignment) = word.split_once('.').ok_or_else(invalid)?;
        let table = table(name)?;
        check_key(table, key)?;
        let (column, value) = assignment.split_once('=').ok_or_else(invalid)?;
        let (column, append) = match column.strip_suffix('+') {
            Some(column) => (column, true),
            None => (column, false),
        };
        if table.def().column(column).is_none() {
            let text = format!("{name}.{column} not a valid table.column description");
            return Err(Failure::new(ErrorKind::NotFound, text));
        }
        let value =
            if append { appended(snapshot, table, key, column, value) } else { value.to_owned() };
        cells.entry(table).or_default().push((column, value));
    }
    let mut patch = Patch::new();
    for (table, cells) in &cells {
        let cells: Vec<_> =
            cells.iter().map(|(column, value)| (*column, Some(value.as_str()))).collect();
        patch.extend(snapshot.set_where(*table, key, &cells).map_err(|error| apply(&error))?);
    }
    Ok(patch)
}

fn appended(
    snapshot: &Snapshot,
    table: TableId,
    key: &Key<'_>,
    column: &str,
    value: &str,
) -> String {
    let rows = snapshot.rows_where(table, key).unwrap_or_default();
    let present = rows.first().and_then(|row| row.get(column)).unwrap_or_default();
    let mut words: Vec<&str> = Vec::new();
    for word in present.split(',').filter(|word| !word.is_empty()).chain(value.split(',')) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(",")
}

fn table(name: &str) -> Result<TableId, Failure> {
    let missing = || Failure::new(ErrorKind::NotFound, format!("Table {name} does not exist."));
    tables::table(name).ok_or_else(missing)
}

fn check_key(table: TableId, key: &Key<'_>) -> Result<(), Failure> {
    match key.iter().find(|(column, _)| table.def().column(column).is_none()) {
        Some((column, _)) => Err(Failure::new(
            ErrorKind::NotFound,
            format!("No column \"{column}\" in table \"{table}\""),
        )),
        None => Ok(()),
    }
}

pub(crate) fn apply(error: &ApplyError) -> Failure {
    Failure::from_error(ErrorKind::Conflict, error)
}
