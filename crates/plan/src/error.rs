//! What can be wrong with what a plan is made from.

use std::fmt;

/// What branches are taken on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// An inventory id that is not four parts.
    InventoryId,
    /// An object without apiVersion, kind or name.
    Incomplete,
    /// Two objects of one name.
    Duplicate,
    /// More objects than a plan takes.
    TooMany,
    /// A Secret whose values are encrypted.
    Encrypted,
    /// A selector or a path of an ignore rule.
    IgnoreRule,
    /// A field that should be a map or list and is not.
    Shape,
}

/// An error of this crate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hints: Vec<String>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), hints: Vec::new() }
    }
    pub(crate) fn hint(mut self, hint: &str) -> Error {
        self.hints.push(hint.to_owned());
        self
    }
    /// What branches are taken on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
    /// What to do about it, one sentence each.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for Error {}
