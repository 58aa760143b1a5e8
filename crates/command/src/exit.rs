//! The one place where a kind of failure becomes an exit code.

use base::ErrorKind;

/// The exit code of a failure: xCAT's commands know success and 1, and scripts test for exactly
/// that, so every kind is 1.
pub const fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Usage
        | ErrorKind::NotFound
        | ErrorKind::Denied
        | ErrorKind::Unreachable
        | ErrorKind::Timeout
        | ErrorKind::Conflict
        | ErrorKind::Internal => 1,
    }
}
