//! Edits of the rows that match: what the tables' own key does not name, such as a network by its
//! name, or every port of a switch.

use crate::patch::{ApplyError, Patch};
use crate::row::{Row, column_index};
use crate::schema::TableId;
use crate::snapshot::Snapshot;

impl Snapshot {
    /// The rows of `table`, those that are disabled too, whose columns have these texts; a column
    /// that is not set has the empty text.
    pub fn rows_where<'a>(
        &'a self,
        table: TableId,
        conditions: &[(&str, &str)],
    ) -> Result<Vec<&'a Row>, ApplyError> {
        let mut tests = Vec::with_capacity(conditions.len());
        for (column, text) in conditions {
            tests.push((column_index(table, column)?, *text));
        }
        let holds = |row: &&Row| {
            tests.iter().all(|(at, text)| row.cell(*at).map_or("", |cell| &**cell) == *text)
        };
        let first = table.def().key_columns().next();
        match tests.iter().find(|(index, _)| Some(*index) == first) {
            Some((_, text)) => Ok(self.rows_of(table, text).filter(holds).collect()),
            None => Ok(self.rows(table).filter(holds).collect()),
        }
    }

    /// The change that sets cells of every row that meets the conditions; when there is none, of a
    /// new row that meets them. Key cells may change too.
    pub fn set_where(
        &self,
        table: TableId,
        conditions: &[(&str, &str)],
        cells: &[(&str, Option<&str>)],
    ) -> Result<Patch, ApplyError> {
        let mut patch = Patch::new();
        let rows = self.rows_where(table, conditions)?;
        if rows.is_empty() {
            patch.replace(Row::new(table, conditions.iter().copied())?.with(cells)?);
        }
        let mut next = Vec::with_capacity(rows.len());
        for row in rows {
            next.push(row.with(cells)?);
            if !next.last().is_some_and(|new| new.key().eq(row.key())) {
                patch.delete(table, &row.key().collect::<Vec<_>>());
            }
        }
        for row in next {
            patch.replace(row);
        }
        Ok(patch)
    }

    /// The change that removes every row that meets the conditions.
    pub fn delete_where(
        &self,
        table: TableId,
        conditions: &[(&str, &str)],
    ) -> Result<Patch, ApplyError> {
        let mut patch = Patch::new();
        for row in self.rows_where(table, conditions)? {
            patch.delete(table, &row.key().collect::<Vec<_>>());
        }
        Ok(patch)
    }
}
