//! Why a file could not be evaluated.

use std::fmt;

/// What code branches on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// A text is not Jsonnet.
    Syntax,
    /// A file cannot be read, or is not there.
    Import,
    /// Evaluation failed: an error of the program's own, a field that is not there, ...
    Evaluation,
    /// The result is not what was asked for.
    Output,
    /// It takes more than allowed.
    Budget,
}

/// One failure. The message begins with file, line and column where there are such; lines of the
/// stack follow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// What code branches on.
    pub kind: ErrorKind,
    /// For people.
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
