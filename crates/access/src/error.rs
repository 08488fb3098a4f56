//! What can be wrong with what somebody wrote.

use std::fmt;

/// The kinds of [`Error`], named after the status that an API answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A text does not have its form, or a limit is crossed.
    InvalidArgument,
    /// Something stands twice.
    AlreadyExists,
    /// Something that must be given is not.
    OutOfRange,
    /// Wrong in a way for which the reference has no status of its own.
    Unknown,
    /// What is named is not there.
    NotFound,
}

/// Something that somebody wrote is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// What the functions of this crate give.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into() }
    }
    pub(crate) fn invalid(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::InvalidArgument, message)
    }
    /// What kind it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
    /// What people read.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
