//! Why a render failed.

use std::fmt;

/// What code may branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The directory to render is not in the tree.
    NoDirectory,
    /// Something else is not in the tree.
    NotFound,
    /// What the tree holds cannot be rendered.
    Build,
    /// It is larger than the limits allow.
    Limit,
    /// The tree could not be read.
    Tree,
    /// A renderer failed in itself.
    Internal,
}

/// A failed render: what failed, in which file and line, why, what to do.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    /// Makes one.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into() }
    }
    /// What code may branch on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for Error {}
