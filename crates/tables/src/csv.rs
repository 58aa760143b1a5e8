//! A table as text: what `tabdump` prints and `tabrestore` reads.
//!
//! The first line is `#` and the names of the columns. Every other line is a row: a cell that is set
//! is quoted, with its quotes doubled, and one that is not set is nothing at all.

use crate::patch::ApplyError;
use crate::row::{Interner, Row, RowDraft};
use crate::schema::{TableDef, TableId};

/// The header line of `table`, without the end of line.
pub fn header(table: TableId) -> String {
    let names: Vec<_> = table.def().columns.iter().map(|column| column.name).collect();
    format!("#{}", names.join(","))
}

/// One row as a line, without the end of line.
pub fn line(row: &Row) -> String {
    let quoted = |index| {
        row.cell(index)
            .map_or_else(String::new, |text| format!("\"{}\"", text.replace('"', "\"\"")))
    };
    (0..row.table().def().columns.len()).map(quoted).collect::<Vec<_>>().join(",")
}

/// The header and the rows as lines.
pub fn dump<'a>(table: TableId, rows: impl IntoIterator<Item = &'a Row>) -> String {
    let mut text = header(table) + "\n";
    for row in rows {
        text.push_str(&line(row));
        text.push('\n');
    }
    text
}

/// Why a text is not a dump of the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// The first line does not begin with `#`.
    #[error("Data missing header line starting with #")]
    NoHeader,
    /// The header names a column that the table does not have.
    #[error(
        "The header line indicates that column '{column}' should exist, which is not defined in \
         the schema for '{table}'"
    )]
    NoColumn {
        /// The table.
        table: TableId,
        /// The name that is not a column.
        column: String,
    },
    /// A line that cannot be read.
    #[error("{problem} on line {line}, character {character}: {text}")]
    Line {
        /// What is wrong.
        problem: LineProblem,
        /// The number of the line, the header being line 1.
        line: usize,
        /// The number of the character in the line, the first being 1.
        character: usize,
        /// The line.
        text: String,
    },
    /// A row that the table cannot have.
    #[error("cannot use the row on line {line}")]
    Row {
        /// The number of the line.
        line: usize,
        /// What is wrong with the row.
        source: ApplyError,
    },
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// A cell has a quote but does not begin with one.
    #[error("CSV missing opening \" for record with \" characters")]
    NoOpeningQuote,
    /// The text ends within quotes.
    #[error("CSV unmatched \" in record")]
    UnmatchedQuote,
    /// A quote within quotes is not doubled.
    #[error("CSV unescaped \" in record")]
    UnescapedQuote,
    /// There are more cells than columns.
    #[error("Too many fields")]
    TooManyFields,
}

/// The rows of `table` in `text`. Lines without a filled cell are left out, and so are the cells of
/// columns that the store numbers.
pub fn parse(table: TableId, text: &str) -> Result<Vec<Row>, CsvError> {
    let (head, body) = text.split_once('\n').unwrap_or((text, ""));
    let columns = columns_of(table, head)?;
    let mut reader = Reader { lines: body, line: 2, interner: Interner::default() };
    let mut rows = Vec::new();
    while !reader.lines.is_empty() {
        rows.extend(reader.row(table, &columns)?);
    }
    Ok(rows)
}

/// The positions of the columns that the header names.
fn columns_of(table: TableId, head: &str) -> Result<Vec<usize>, CsvError> {
    let head = head.replace('"', "");
    let names = head.strip_prefix('#').ok_or(CsvError::NoHeader)?.trim_end();
    let position = |name: &str| {
        table
            .def()
            .column(name)
            .ok_or_else(|| CsvError::NoColumn { table, column: name.escape_debug().to_string() })
    };
    names.split(',').map(position).collect()
}

struct Reader<'a> {
    lines: &'a str,
    /// The number of the line at which `lines` begins.
    line: usize,
    interner: Interner,
}

impl<'a> Reader<'a> {
    fn row(&mut self, table: TableId, columns: &[usize]) -> Result<Option<Row>, CsvError> {
        let (start, line) = (self.lines, self.line);
        let cells = self.cells(columns.len())?;
        self.line += start[..start.len() - self.lines.len()].matches('\n').count();
        if cells.iter().all(|cell| cell.as_deref().is_none_or(str::is_empty)) {
            return Ok(None);
        }
        let row = row_of(table, columns, cells, &mut self.interner);
        row.map(Some).map_err(|source| CsvError::Row { line, source })
    }

    /// The cells up to the end of the line; as many as there are columns or fewer. One comma too
    /// many at the end is let pass.
    fn cells(&mut self, most: usize) -> Result<Vec<Option<String>>, CsvError> {
        let mut rest = self.lines;
        let mut cells = Vec::new();
        loop {
            let (cell, after) = self.cell(rest)?;
            if cells.len() == most && (cell.is_some() || after.starts_with(',')) {
                return Err(self.problem(LineProblem::TooManyFields, rest));
            }
            cells.push(cell);
            let Some(next) = after.strip_prefix(',') else {
                self.lines = end_of_line(after).unwrap_or_default();
                cells.truncate(most);
                return Ok(cells);
            };
            rest = next;
        }
    }

    /// One cell and what follows it: a comma, the end of the line, or the end of the text.
    fn cell(&self, text: &'a str) -> Result<(Option<String>, &'a str), CsvError> {
        if text.starts_with(',') || end_of_line(text).is_some() {
            return Ok((None, text));
        }
        if let Some(quoted) = text.strip_prefix('"') {
            return self.quoted(quoted, text).map(|(cell, after)| (Some(cell), after));
        }
        let end = text.find([',', '\n']).unwrap_or(text.len());
        let (cell, after) = text.split_at(end);
        if cell.contains('"') {
            return Err(self.problem(LineProblem::NoOpeningQuote, text));
        }
        let cell = if after.starts_with(',') { cell } else { cell.trim_end() };
        Ok((Some(cell.to_owned()), after))
    }

    fn quoted(&self, text: &'a str, cell: &'a str) -> Result<(String, &'a str), CsvError> {
        let mut value = String::new();
        let mut rest = text;
        loop {
            let Some((part, after)) = rest.split_once('"') else {
                return Err(self.problem(LineProblem::UnmatchedQuote, cell));
            };
            value.push_str(part);
            if let Some(next) = after.strip_prefix('"') {
                value.push('"');
                rest = next;
            } else if after.starts_with(',') || end_of_line(after).is_some() {
                return Ok((value, after));
            } else {
                return Err(self.problem(LineProblem::UnescapedQuote, cell));
            }
        }
    }

    /// The error at the place where `rest` begins.
    fn problem(&self, problem: LineProblem, rest: &str) -> CsvError {
        let before = &self.lines[..self.lines.len() - rest.len()];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = self.lines[start..].lines().next().unwrap_or_default();
        CsvError::Line {
            problem,
            line: self.line + before.matches('\n').count(),
            character: before[start..].chars().count() + 1,
            text: line.to_owned(),
        }
    }
}

fn row_of(
    table: TableId,
    columns: &[usize],
    cells: Vec<Option<String>>,
    interner: &mut Interner,
) -> Result<Row, ApplyError> {
    let def: &TableDef = table.def();
    let mut row = RowDraft::new(table);
    for (column, cell) in columns.iter().zip(cells) {
        if !def.columns[*column].auto {
            row.set(*column, cell.map(Into::into))?;
        }
    }
    Ok(row.finish(interner))
}

/// What follows the end of the line when only blanks are before it.
fn end_of_line(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches([' ', '\t', '\r']);
    if rest.is_empty() { Some("") } else { rest.strip_prefix('\n') }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{ids, table};

    fn cells(row: &Row) -> Vec<(&str, &str)> {
        row.cells().map(|(name, text)| (name, &**text)).collect()
    }

    #[test]
    fn quotes_commas_and_ends_of_line_survive() {
        let row = Row::new(ids::SITE, [("key", "k"), ("value", "a,\"b\"\nc"), ("comments", "")]);
        let text = dump(ids::SITE, [&row.clone().unwrap()]);
        assert_eq!(text, "#key,value,comments,disable\n\"k\",\"a,\"\"b\"\"\nc\",\"\",\n");
        assert_eq!(parse(ids::SITE, &text).unwrap(), [row.unwrap()]);
    }

    #[test]
    fn other_writers_are_understood() {
        let text = "#\"key\",\"value\"\r\nk1,v 1\r\n\n,\n\"k2\",\nk3\n\"k4\",\"v4\"";
        let rows = parse(ids::SITE, text).unwrap();
        assert_eq!(rows.len(), 4);
        assert_eq!(cells(&rows[0]), [("key", "k1"), ("value", "v 1")]);
        assert_eq!(cells(&rows[1]), [("key", "k2")]);
        assert_eq!(cells(&rows[2]), [("key", "k3")]);
        assert_eq!(cells(&rows[3]), [("key", "k4"), ("value", "v4")]);
    }

    #[test]
    fn numbered_columns_are_left_to_the_store() {
        let rows = parse(ids::EVENTLOG, "#recid,eventtime\n\"7\",\"now\"\n").unwrap();
        assert_eq!(cells(&rows[0]), [("recid", ""), ("eventtime", "now")]);
    }

    #[test]
    fn errors_name_the_place() {
        for (text, message) in [
            ("key,value\n", "Data missing header line starting with #"),
            (
                "#key,vlaue\n",
                "The header line indicates that column 'vlaue' should exist, which is not defined \
                 in the schema for 'site'",
            ),
            (
                "#key,value\n\"a\nb\",\"c\"\nk,v\"\n",
                "CSV missing opening \" for record with \" characters on line 4, character 3: k,v\"",
            ),
            ("#key\n\"a\n", "CSV unmatched \" in record on line 2, character 1: \"a"),
            ("#key\n\"a\"b\n", "CSV unescaped \" in record on line 2, character 1: \"a\"b"),
            ("#key\nk1\na,b\n", "Too many fields on line 3, character 3: a,b"),
        ] {
            assert_eq!(parse(ids::SITE, text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn dumps_of_the_original_come_back_as_they_were() {
        let Ok(files) = std::fs::read_dir("../../../shared/samples/cluster/dump") else { return };
        let mut seen = 0;
        for file in files {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            let rows = parse(table(name).unwrap(), &text).unwrap();
            let ours = dump(table(name).unwrap(), &rows);
            assert_eq!(ours, text, "{name}");
            seen += 1;
        }
        assert_eq!(seen, TableId::COUNT);
    }
}
