//! Nodes by expression: `rack1,-n[01-03],gpu@compute,/n.*-ib,mgt==ipmi`.
//!
//! [`Expression::parse`] reads the grammar into a tree with spans; [`expand`] evaluates it over a
//! [`Universe`], which is whatever knows nodes, groups, cells and files. No tables and no I/O here.
//!
//! Invariants: a result is sorted by bytes and has no duplicates; an exclusion wins over every
//! inclusion of its list; no expression produces more than [`MAX_NAMES`] generated names, nor names that grow without end.
//! Where this differs from the original on purpose: `-^file` excludes and `@^file` intersects, and
//! unknown names are reported also when `site.excludenodes` is set or when they come from a file.

mod atom;
mod evaluate;
mod sequence;
mod syntax;

pub use atom::{Compare, Selection};
pub use evaluate::{Expansion, MAX_NAMES, Mode, Name, Universe, expand};
pub use syntax::{Combine, Expression, Group, Item, Operand, Range, Span};

/// Why an expression cannot be expanded. Unknown names are not errors: [`Expansion::missing`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A parenthesis has no partner.
    #[error("Unbalanced parentheses in noderange")]
    Unbalanced {
        /// Where the text without quotes stops making sense, in bytes.
        at: usize,
    },
    /// The expression describes more names than any cluster has.
    #[error("noderange '{part}' expands to more than {limit} names")]
    TooMany {
        /// The part that was being expanded.
        part: String,
        /// The bound.
        limit: usize,
    },
    /// Ranges make texts that are ranges again, longer each time.
    #[error("noderange '{part}' expands to names longer than {limit} bytes")]
    TooLong {
        /// The beginning of the part that was being expanded.
        part: String,
        /// The bound.
        limit: usize,
    },
    /// Files name files that name files.
    #[error("noderange reads more than {limit} files")]
    TooManyFiles {
        /// The bound.
        limit: usize,
    },
    /// Parentheses or files nest too deeply; a file may include itself.
    #[error("noderange is nested deeper than {limit} levels")]
    TooDeep {
        /// The bound.
        limit: usize,
    },
    /// A regular expression cannot be compiled, or takes too long to match.
    #[error("invalid regular expression '{pattern}' in noderange: {reason}")]
    Regex {
        /// The expression as written.
        pattern: String,
        /// What the regular expression engine says.
        reason: String,
    },
}
