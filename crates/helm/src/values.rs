//! Values: files, `--set` and its kin, and how they meet.
//!
//! What users give is kept as plain JSON values ([`belay_object::Map`]), because that is what a
//! release record holds: numbers that came through YAML or JSON are floats, those of `--set` are
//! integers. How they meet a chart's own values is in `coalesce`.

pub(crate) mod coalesce;
pub(crate) mod schema;
mod set;
#[cfg(test)]
mod tests;

use belay_object::{Map, Value};
use belay_yaml::Options;

use crate::error::{Error, Result};
use crate::go;

pub use set::{SetKind, set};

/// Reads a values file: all its documents, later over earlier.
pub fn read(text: &[u8]) -> Result<Map> {
    let text = std::str::from_utf8(text).map_err(|e| {
        let at = e.valid_up_to();
        Error::values(format!(
            "cannot unmarshal yaml document: error converting YAML to JSON: yaml: invalid UTF-8 at byte {at}"
        ))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let documents = belay_yaml::parse_documents(text, &Options::v2())
        .map_err(|e| Error::values(format!("cannot unmarshal yaml document: {}", go::yaml_error(&e))))?;
    let mut values = Map::new();
    for mut document in documents {
        go::floats(&mut document);
        match document {
            Value::Null => {}
            Value::Object(map) => merge(&mut values, map),
            other => {
                let why = go::mismatch(&other, "Go value", "map[string]interface {}");
                return Err(Error::values(format!("cannot unmarshal yaml document: {why}")));
            }
        }
    }
    Ok(values)
}

/// Puts `over` onto `base`: maps merge, all else is replaced, nulls too.
///
/// Recursion is bounded by what readers let in: 100 levels from YAML, 128 from JSON, 30 names
/// and a text's worth of indexes from `--set`.
pub fn merge(base: &mut Map, over: Map) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Object(own)), Value::Object(over)) => merge(own, over),
            (Some(own), value) => *own = value,
            (None, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// What the user gives besides the chart, in Helm's order of precedence: files, JSON, `--set`,
/// strings, files as values, literals.
#[derive(Clone, Debug, Default)]
pub struct UserValues<'a> {
    /// Values files in order: name and content.
    pub files: Vec<(String, Vec<u8>)>,
    /// `--set-json`.
    pub json: &'a [String],
    /// `--set`.
    pub set: &'a [String],
    /// `--set-string`.
    pub strings: &'a [String],
    /// `--set-file`.
    pub from_files: &'a [String],
    /// `--set-literal`.
    pub literals: &'a [String],
}

impl UserValues<'_> {
    /// Merges all; `read_file` gives the content of what `--set-file` names.
    pub fn merged(self, read_file: &dyn Fn(&str) -> Result<String, String>) -> Result<Map> {
        let mut base = Map::new();
        for (name, content) in self.files {
            merge(&mut base, read(&content).map_err(|e| e.wrap(format!("failed to parse {name}")))?);
        }
        for text in self.json {
            set_json(&mut base, text)?;
        }
        for (flag, texts, kind) in [
            ("--set", self.set, SetKind::Typed),
            ("--set-string", self.strings, SetKind::Strings),
            ("--set-file", self.from_files, SetKind::Files(read_file)),
            ("--set-literal", self.literals, SetKind::Literal),
        ] {
            for text in texts {
                set(text, &mut base, &kind).map_err(|e| Error::values(format!("failed parsing {flag} data: {e}")))?;
            }
        }
        Ok(base)
    }
}

/// One `--set-json`: a whole object, or paths with JSON values.
fn set_json(base: &mut Map, text: &str) -> Result<()> {
    let trimmed = text.trim();
    if !trimmed.starts_with('{') {
        let told = |_| Error::values(format!("failed parsing --set-json data {text}"));
        return set(text, base, &SetKind::Json).map_err(told);
    }
    match belay_object::from_json_str(trimmed) {
        Ok(mut value @ Value::Object(_)) => {
            go::floats(&mut value);
            if let Value::Object(map) = value {
                merge(base, map);
            }
            Ok(())
        }
        _ => Err(Error::values(format!("failed parsing --set-json data JSON: {text}"))),
    }
}
