//! What a failure means to the person who sees it, and how causes are joined into one line.

use std::error::Error;
use std::fmt;

/// What the reader of an error can do about it. The kind alone decides exit code and severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request was written wrongly.
    Usage,
    /// A named thing does not exist.
    NotFound,
    /// The caller may not do this.
    Denied,
    /// A peer cannot be reached.
    Unreachable,
    /// A peer did not answer in time.
    Timeout,
    /// The present state forbids it.
    Conflict,
    /// A defect or an exhausted resource on our side.
    Internal,
}

/// An error ready for a user: one line that names the thing, and what to do when that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the reader can do about it.
    pub kind: ErrorKind,
    /// What failed on what, with its causes, in one line.
    pub message: String,
    /// What to do, when known.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// A failure of `kind` that says what `error` and its causes say.
    pub fn from_error(kind: ErrorKind, error: &dyn Error) -> Self {
        Self::new(kind, chain(error))
    }

    /// The same failure with the remedy.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let joint = if self.message.ends_with('.') { "" } else { ";" };
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "{joint} hint: {hint}"))
    }
}

impl Error for Failure {}

/// Joins an error and its causes with `: `, in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read {path}")]
    struct Outer {
        path: &'static str,
        source: std::io::Error,
    }

    #[test]
    fn chain_names_each_cause_once() {
        let source = std::io::Error::other("disk is on fire");
        let error = Outer { path: "/x", source };
        assert_eq!(chain(&error), "cannot read /x: disk is on fire");
    }

    #[test]
    fn the_hint_follows_the_message() {
        let failure = Failure::new(ErrorKind::NotFound, "no image a").hint("run genimage a");
        assert_eq!(failure.to_string(), "no image a; hint: run genimage a");
        let failure = Failure::new(ErrorKind::NotFound, "No image.").hint("make one");
        assert_eq!(failure.to_string(), "No image. hint: make one");
    }
}
