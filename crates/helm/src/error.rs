//! Why something of a chart or release failed, in Helm's words.

use std::fmt;

/// What code may branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no chart, or it does not say what a chart must.
    Chart,
    /// A chart's dependencies are not in it, or cannot be processed.
    Dependencies,
    /// Values do not parse or do not fit together.
    Values,
    /// Values do not meet a chart's schema.
    Schema,
    /// A template does not parse.
    Parse,
    /// A template failed, or failed on purpose (`fail`, `required`).
    Template,
    /// What templates wrote is no YAML.
    Manifest,
    /// The chart does not fit the cluster's version.
    Incompatible,
    /// A release's name, record or state forbids the operation.
    Release,
    /// An object in the cluster belongs to another.
    Ownership,
    /// A chart or render is larger than the limits allow.
    Limit,
    /// The tree failed.
    Io,
}

/// A failure.
#[derive(Clone, Debug, PartialEq)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug, PartialEq)]
struct Inner {
    kind: ErrorKind,
    message: String,
    hints: Vec<String>,
}

/// The result of a step.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure of `kind` with Helm's text.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner { kind, message: message.into(), hints: Vec::new() }))
    }
    pub(crate) fn chart(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Chart, message)
    }
    pub(crate) fn values(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Values, message)
    }
    pub(crate) fn limit(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Limit, message)
    }
    pub(crate) fn release(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Release, message)
    }
    /// Puts what was being done before the text, as Go's wrapped errors read.
    pub(crate) fn wrap(mut self, doing: impl fmt::Display) -> Error {
        self.0.message = format!("{doing}: {}", self.0.message);
        self
    }
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hints.push(hint.into());
        self
    }
    /// What code may branch on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
    /// The text in Helm's words.
    pub fn message(&self) -> &str {
        &self.0.message
    }
    /// What to do about it.
    pub fn hints(&self) -> &[String] {
        &self.0.hints
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}
impl std::error::Error for Error {}

impl From<belay_tree::Error> for Error {
    fn from(error: belay_tree::Error) -> Error {
        use belay_tree::ErrorKind as Tree;
        let kind = match error.kind() {
            Tree::NotFound | Tree::NotDirectory | Tree::IsDirectory => ErrorKind::Chart,
            Tree::Outside | Tree::Hostile | Tree::Path => ErrorKind::Chart,
            Tree::TooLarge => ErrorKind::Limit,
            _ => ErrorKind::Io,
        };
        Error::new(kind, error.to_string())
    }
}

impl From<belay_tree::PathError> for Error {
    fn from(error: belay_tree::PathError) -> Error {
        Error::chart(error.to_string())
    }
}
