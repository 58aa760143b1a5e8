//! Where this machine keeps its secrets.

use std::path::PathBuf;

/// Where secrets lie.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// `/etc/xcat`.
    pub(crate) etc: PathBuf,
    /// Root's home directory.
    pub(crate) home: PathBuf,
}
