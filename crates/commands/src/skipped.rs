//! The tables that dumpxCATdb and restorexCATdb leave alone: logs unless they are asked for, what
//! never belonged to xCAT's own tables, and what the administrator names.

use tables::{Snapshot, TableId};

/// Tables of other products that are kept in xCAT's database.
const FOREIGN: &[&str] = &["x_teal", "isnm_perf"];

/// The names that are left out.
pub(crate) struct Skipped {
    logs: bool,
    named: Vec<String>,
}

impl Skipped {
    /// What `list`, names separated by commas, or else `site.skiptables` leaves out, and logs too
    /// unless they are wanted.
    pub(crate) fn new(snapshot: &Snapshot, list: Option<&str>, wants_logs: bool) -> Self {
        let list = list.or_else(|| snapshot.site("skiptables")).unwrap_or_default();
        let named = list.split(',').map(|name| name.trim().to_owned());
        Self { logs: !wants_logs, named: named.collect() }
    }

    /// Whether the table called `name` is left out.
    pub(crate) fn has(&self, name: &str) -> bool {
        let is_log = tables::table(name).is_some_and(|table: TableId| table.def().is_log());
        (self.logs && is_log)
            || FOREIGN.iter().any(|prefix| name.starts_with(prefix))
            || self.named.iter().any(|named| named == name)
    }
}
