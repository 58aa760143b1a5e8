//! xCAT's tables as values: the schema, snapshots of all rows, changes to them, and the objects that
//! the tables together describe. No I/O, no clock, no SQL.
//!
//! - [`table`], [`TableId`], [`ids`]: the schema as data.
//! - [`Snapshot`]: all rows at one generation; cheap to clone, immutable. `rows`, `row`, `site`,
//!   `nodes`, `groups_of`, `group_members`, and `node_cell`, which inherits from groups and evaluates
//!   computed cells.
//! - [`Patch`]: the change that an edit asks for; [`Snapshot::apply`] makes the next snapshot and
//!   tells the [`RowChange`]s. [`Snapshot::set_where`] and [`Snapshot::delete_where`] make patches for
//!   the rows that match.
//! - [`objects`]: what `lsdef`, `mkdef`, `chdef` and `rmdef` work on: [`ObjectType`] with its
//!   attributes, [`objects::names`], [`objects::read`], [`objects::set`], [`objects::remove`].
//! - [`csv`]: the text of `tabdump` and `tabrestore`. [`cells`]: computed cells.

mod apply;
mod arithmetic;
pub mod cells;
pub mod csv;
mod inherit;
pub mod objects;
mod patch;
mod row;
mod schema;
mod select;
mod snapshot;

pub use inherit::Cell;
pub use objects::ObjectType;
pub use patch::{ApplyError, Patch, RowChange};
pub use row::{MAX_CELL, Row, Text};
pub use schema::{ColumnDef, TableDef, TableId, ids, table};
pub use snapshot::{Members, Snapshot};
