//! What can go wrong between an event and a provider.

use std::fmt;

/// What code branches on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// A key of the configuration cannot be read.
    Config,
    /// A type of service that is not built.
    Unsupported,
    /// A trigger, template, service or recipient that is not configured.
    Missing,
    /// A template or condition failed.
    Template,
    /// The provider could not be reached, or refused.
    Delivery,
    /// There is no room for another message.
    Full,
}

/// One failure. *Invariant*: holds no credential, once [`crate::Config::scrub`] was over it.
#[derive(Clone, PartialEq, Eq, Debug)]
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
