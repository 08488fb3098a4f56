//! What can be wrong with a text, in the words that users of Go's libraries know.

use std::fmt;

/// What kind of failure it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// The text is not YAML.
    Syntax,
    /// It is YAML, but means nothing as JSON: an unknown anchor, a key that is a map, `.nan`.
    Value,
    /// A key stands twice in one map and that was to be refused.
    Duplicate,
    /// The text is larger, deeper or grows further by aliases than allowed.
    Limit,
}

/// A failure with its place.
///
/// `message` is Go's text without a place (`did not find expected key`); `Display` writes
/// `yaml: line 3: did not find expected key`, where the line counts from the start of the whole
/// text. Where Go's libraries print no line or another one, [`YamlError::go_text`] has their exact text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct YamlError {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// Line in the whole text, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Which document of the stream, from 0; empty documents count.
    pub document: usize,
    /// What is wrong, lower case, without a place.
    pub message: String,
    /// The text that Go's library gives for this document alone, prefix included.
    pub go_text: String,
}

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "yaml: line {}: {}", self.line, self.message)
    }
}
impl std::error::Error for YamlError {}
