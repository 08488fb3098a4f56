//! Why an expression could not be compiled or evaluated.

use std::fmt;

/// What code branches on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// The text is no expression of the language.
    Syntax,
    /// The expression uses what this evaluator has not: better no answer than a wrong one.
    Unsupported,
    /// The expression is longer, or nests deeper, than allowed.
    TooLarge,
    /// Evaluation failed: an absent field, a type that does not fit, a division by zero.
    Evaluation,
    /// The result has another type than was asked for.
    Result,
    /// Evaluation took more work than allowed.
    Budget,
}

/// One failure.
#[derive(Clone, PartialEq, Debug)]
pub struct Error {
    /// What code branches on.
    pub kind: ErrorKind,
    /// One sentence for people.
    pub message: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into() }
    }
}
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for Error {}
