//! From text to values: split into documents, parse, resolve.

use belay_object::Value;

use crate::{ErrorKind, Options, YamlError};

/// One document of a stream.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it says.
    pub value: Value,
    /// The line on which its first content stands, from 1.
    pub line: usize,
    /// Which document of the stream it is, from 0; empty ones count.
    pub index: usize,
    /// Where its text stands in the whole text, in bytes.
    pub span: std::ops::Range<usize>,
}

/// Reads a stream of documents; empty ones (`null`, only comments) are left out.
pub fn parse_documents(text: &str, options: &Options) -> Result<Vec<Value>, YamlError> {
    Ok(parse_located(text, options)?.into_iter().map(|document| document.value).collect())
}

/// Reads a stream of documents as [`parse_documents`] does and says where each stands.
pub fn parse_located(text: &str, _options: &Options) -> Result<Vec<Document>, YamlError> {
    let _ = text;
    Err(not_built())
}

/// Reads one value as `yaml.Unmarshal` does: the first document; `null` where there is none.
pub fn parse_value(text: &str, _options: &Options) -> Result<Value, YamlError> {
    let _ = text;
    Err(not_built())
}

fn not_built() -> YamlError {
    let message = String::from("the reader is not built");
    YamlError { kind: ErrorKind::Syntax, line: 1, column: 1, document: 0, go_text: format!("yaml: {message}"), message }
}
