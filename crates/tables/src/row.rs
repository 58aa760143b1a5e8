//! One row of a table: its filled cells as shared text.
//!
//! A row is sparse and immutable; a cell that is set to the empty text is not the same as one that
//! is not set, because dumps tell them apart. Key cells are always set.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use crate::patch::ApplyError;
use crate::schema::TableId;

/// The text of a cell, shared by every row that has the same.
pub type Text = Arc<str>;

/// The longest text that a cell can have, in bytes.
pub const MAX_CELL: usize = 1 << 20;

/// A row of a table.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Row {
    table: TableId,
    /// Column and text, sorted by column.
    cells: Arc<[(u8, Text)]>,
}

impl Row {
    /// The row of `table` with these cells; key columns that are not among them are empty.
    pub fn new<'a>(
        table: TableId,
        cells: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, ApplyError> {
        let mut draft = RowDraft::new(table);
        for (column, text) in cells {
            draft.set(column_index(table, column)?, Some(text.into()))?;
        }
        Ok(draft.finish_with(|text| text))
    }

    /// The row of `table` with these cells in the order of its columns.
    pub fn from_cells<'a>(
        table: TableId,
        cells: impl IntoIterator<Item = Option<&'a str>>,
    ) -> Result<Self, ApplyError> {
        let mut draft = RowDraft::new(table);
        for (index, text) in cells.into_iter().enumerate().take(table.def().columns.len()) {
            draft.set(index, text.map(Into::into))?;
        }
        Ok(draft.finish_with(|text| text))
    }

    /// The same row with these cells changed.
    pub fn with(&self, cells: &[(&str, Option<&str>)]) -> Result<Self, ApplyError> {
        let mut draft = RowDraft::from(self);
        for (column, text) in cells {
            draft.set(column_index(self.table, column)?, text.map(Into::into))?;
        }
        Ok(draft.finish_with(|text| text))
    }

    /// The table this is a row of.
    pub fn table(&self) -> TableId {
        self.table
    }

    /// The text in `column`; none when the cell is not set or there is no such column.
    pub fn get(&self, column: &str) -> Option<&str> {
        self.text(column).map(|text| &**text)
    }

    /// The shared text in `column`.
    pub fn text(&self, column: &str) -> Option<&Text> {
        self.cell(self.table.def().column(column)?)
    }

    /// The shared text in the column at position `index`.
    pub fn cell(&self, index: usize) -> Option<&Text> {
        let at =
            self.cells.binary_search_by_key(&index, |(column, _)| usize::from(*column)).ok()?;
        Some(&self.cells[at].1)
    }

    /// The cells that are set, in the order of the columns.
    pub fn cells(&self) -> impl Iterator<Item = (&'static str, &Text)> {
        let columns = self.table.def().columns;
        self.cells.iter().map(|(index, text)| (columns[usize::from(*index)].name, text))
    }

    /// The texts of the key columns.
    pub fn key(&self) -> impl Iterator<Item = &str> {
        self.table.def().key_columns().map(|index| self.cell(index).map_or("", |text| &**text))
    }

    /// Whether the row counts: `disable` is not set, empty, `0` or `no`.
    pub fn enabled(&self) -> bool {
        self.get("disable")
            .is_none_or(|text| text.is_empty() || text == "0" || text.eq_ignore_ascii_case("no"))
    }

    /// The same row, its texts shared with those that the interner knows.
    pub(crate) fn shared(&self, interner: &mut Interner) -> Self {
        let cells = self.cells.iter().map(|(index, text)| (*index, interner.share(text.clone())));
        Self { table: self.table, cells: cells.collect() }
    }

    /// What the row is found by: its only key cell, or all of them joined so that the order of the
    /// joined texts is that of the keys.
    pub(crate) fn index(&self) -> Text {
        let mut keys = self.table.def().key_columns();
        match (keys.next(), keys.next()) {
            (Some(only), None) => self.cell(only).cloned().unwrap_or_default(),
            _ => join_key(self.key()),
        }
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.table)?;
        let columns = self.table.def().columns;
        let shown = self.cells.iter().map(|(index, text)| {
            let column = &columns[usize::from(*index)];
            (column.name, if column.secret { "***" } else { text })
        });
        f.debug_map().entries(shown).finish()
    }
}

/// Joins key cells with a character that cells cannot have and that sorts before all others.
pub(crate) fn join_key<'a>(key: impl IntoIterator<Item = &'a str>) -> Text {
    key.into_iter().collect::<Vec<_>>().join("\0").into()
}

/// The position of `column` in `table`, or the error that names both.
pub(crate) fn column_index(table: TableId, column: &str) -> Result<usize, ApplyError> {
    table
        .def()
        .column(column)
        .ok_or_else(|| ApplyError::NoColumn { table, column: column.escape_debug().to_string() })
}

/// A row that is being put together.
pub(crate) struct RowDraft {
    table: TableId,
    cells: Vec<Option<Text>>,
}

impl RowDraft {
    pub(crate) fn new(table: TableId) -> Self {
        let def = table.def();
        let mut cells = vec![None; def.columns.len()];
        for index in def.key_columns() {
            cells[index] = Some(Text::default());
        }
        Self { table, cells }
    }

    pub(crate) fn from(row: &Row) -> Self {
        let mut draft = Self::new(row.table);
        for (index, text) in &*row.cells {
            draft.cells[usize::from(*index)] = Some(text.clone());
        }
        draft
    }

    pub(crate) fn set(&mut self, index: usize, text: Option<Text>) -> Result<(), ApplyError> {
        let column = &self.table.def().columns[index];
        let invalid =
            |reason| ApplyError::InvalidCell { table: self.table, column: column.name, reason };
        if let Some(text) = &text {
            if text.contains('\0') {
                return Err(invalid("it has a NUL character"));
            }
            if text.len() > MAX_CELL {
                return Err(invalid("it is longer than 1 MiB"));
            }
        }
        self.cells[index] = if column.key { Some(text.unwrap_or_default()) } else { text };
        Ok(())
    }

    pub(crate) fn finish(self, interner: &mut Interner) -> Row {
        self.finish_with(|text| interner.share(text))
    }

    fn finish_with(self, mut shared: impl FnMut(Text) -> Text) -> Row {
        let filled = self.cells.into_iter().enumerate();
        let cells =
            filled.filter_map(|(index, text)| Some((u8::try_from(index).ok()?, shared(text?))));
        Row { table: self.table, cells: cells.collect::<Vec<_>>().into() }
    }
}

/// Texts that were seen, so that equal ones are kept once.
#[derive(Default)]
pub(crate) struct Interner(HashSet<Text>);

impl Interner {
    pub(crate) fn share(&mut self, text: Text) -> Text {
        if let Some(known) = self.0.get(&text) {
            return known.clone();
        }
        self.0.insert(text.clone());
        text
    }
}
