//! The durable home of the tables: one SQLite file, one writer, and the history of every change.
//!
//! Reads take [`Store::snapshot`] and never touch SQL. [`Store::update`] hands a closure the newest
//! snapshot; the patch that it returns is on the disk and in the published snapshot before the
//! answer arrives. Updates that wait together are decided one after the other, each on the outcome
//! of the one before, and committed in one transaction with one flush, so that killing the process
//! at any moment loses nothing that was answered and leaves nothing half done.
//!
//! Logs (`auditlog`, `eventlog`), the history and the records of boots live in SQL only; they are
//! appended through the same writer and paged through a reader with its own connection.
//!
//! Who may change what is not decided here.

mod boot;
mod database;
mod error;
mod file_system;
mod history;
mod log;
mod origin;
mod rows;
mod schema;
mod store;
mod thread;
mod writer;

pub use boot::{BootRecord, BootSubject};
pub use error::{StoreError, UpdateError};
pub use file_system::{Journal, passing_file_system};
pub use history::{ChangedRow, HistoryEntry, HistoryQuery};
pub use log::{LogCut, LogEdit, LogPage};
pub use origin::{Origin, Source};
pub use schema::Unknown;
pub use store::Store;
