//! The surroundings of a call, as a value.

use crate::table_file::Upload;

/// The surroundings of the call.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The working directory.
    pub cwd: String,
    /// The user's name.
    pub user: String,
    /// What standard input held, if it was read.
    pub stdin: Option<String>,
    /// The file that is sent along.
    pub upload: Option<Upload>,
    /// The environment.
    pub environment: Vec<(String, String)>,
}

impl Caller {
    /// The value of an environment variable.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
