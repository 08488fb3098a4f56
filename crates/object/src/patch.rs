//! JSON patch (RFC 6902) and merge patch (RFC 7386).

use std::fmt;

use crate::value::unescape_pointer;
use crate::{Map, Value};

/// Why a JSON patch could not be applied.
#[derive(Debug, Clone, PartialEq)]
pub enum PatchError {
    /// The patch itself is malformed.
    Malformed(String),
    /// A `test` operation did not hold; the path.
    TestFailed(String),
    /// A path does not exist in the document; the operation and the path.
    Missing {
        /// `add`, `remove`, ...
        operation: String,
        /// The JSON pointer.
        path: String,
    },
    /// An array position is out of bounds or no number.
    Position {
        /// The JSON pointer.
        path: String,
        /// The token that is wrong.
        token: String,
    },
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PatchError::Malformed(why) => write!(f, "malformed JSON patch: {why}"),
            PatchError::TestFailed(path) => write!(f, "testing value {path} failed: test failed"),
            PatchError::Missing { operation, path } => {
                write!(f, "{operation} operation does not apply: doc is missing path: {path:?}: missing value")
            }
            PatchError::Position { path, token } => {
                write!(f, "the position {token:?} of path {path:?} is outside of the list")
            }
        }
    }
}
impl std::error::Error for PatchError {}

/// Applies a JSON patch (a list of operations) to a document. On error the document is as before.
pub fn json_patch(document: &mut Value, patch: &Value) -> Result<(), PatchError> {
    let Value::Array(operations) = patch else {
        return Err(PatchError::Malformed(format!("it is a list of operations, found {}", patch.type_name())));
    };
    if operations.len() > MAX_OPERATIONS {
        return Err(PatchError::Malformed(format!(
            "it has {} operations, more than {MAX_OPERATIONS}",
            operations.len()
        )));
    }
    let mut result = document.clone();
    let mut copied = 0;
    for operation in operations {
        check_growth(&result, operation, &mut copied)?;
        apply_operation(&mut result, operation)?;
    }
    *document = result;
    Ok(())
}

/// What one patch may hold, and what its copies may make of a document: without a bound, twenty copies of
/// a document into itself are a million levels deep.
const MAX_OPERATIONS: usize = 10_000;
const MAX_DEPTH: usize = 160;
const MAX_COPIED_VALUES: usize = 200_000;

/// Refuses an operation after which the document would nest too deeply, or have been copied too often.
fn check_growth(document: &Value, operation: &Value, copied: &mut usize) -> Result<(), PatchError> {
    let text = |name: &str| operation.str_at(&[name]).unwrap_or_default();
    let moved = match text("op") {
        "add" | "replace" => operation.get("value"),
        "copy" | "move" => document.pointer(text("from")),
        _ => return Ok(()),
    };
    let Some(moved) = moved else { return Ok(()) };
    let mut values = 0;
    let depth = text("path").matches('/').count() + depth(moved, &mut values);
    if depth > MAX_DEPTH {
        return Err(PatchError::Malformed(format!("the document would nest deeper than {MAX_DEPTH} levels")));
    }
    if text("op") == "copy" {
        *copied += values;
        if *copied > MAX_COPIED_VALUES {
            return Err(PatchError::Malformed(format!("its copies make more than {MAX_COPIED_VALUES} values")));
        }
    }
    Ok(())
}

/// How deep a value nests, and of how many values it is made. Documents nest at most [`MAX_DEPTH`] deep.
fn depth(value: &Value, values: &mut usize) -> usize {
    *values += 1;
    match value {
        Value::Array(items) => 1 + items.iter().map(|v| depth(v, values)).max().unwrap_or_default(),
        Value::Object(map) => 1 + map.values().map(|v| depth(v, values)).max().unwrap_or_default(),
        _ => 0,
    }
}

fn apply_operation(document: &mut Value, operation: &Value) -> Result<(), PatchError> {
    let field = |name: &str| operation.str_at(&[name]);
    let op = field("op").ok_or_else(|| PatchError::Malformed("an operation has no \"op\"".into()))?;
    let path = field("path").ok_or_else(|| PatchError::Malformed(format!("{op} operation has no \"path\"")))?;
    let value = || {
        operation
            .get("value")
            .cloned()
            .ok_or_else(|| PatchError::Malformed(format!("{op} operation for {path:?} has no \"value\"")))
    };
    let from =
        || field("from").ok_or_else(|| PatchError::Malformed(format!("{op} operation for {path:?} has no \"from\"")));
    match op {
        "add" => add(document, path, value()?, op),
        "remove" => remove(document, path, op).map(drop),
        "replace" => {
            let value = value()?;
            *find(document, path, op)? = value;
            Ok(())
        }
        "move" => {
            let moved = remove(document, from()?, op)?;
            add(document, path, moved, op)
        }
        "copy" => {
            let copied = find(document, from()?, op)?.clone();
            add(document, path, copied, op)
        }
        "test" => {
            let wanted = operation.get("value").unwrap_or(&Value::Null);
            match document.pointer(path) {
                Some(found) if found == wanted => Ok(()),
                None if wanted.is_null() => Ok(()),
                _ => Err(PatchError::TestFailed(path.into())),
            }
        }
        other => Err(PatchError::Malformed(format!("unexpected kind of operation: {other:?}"))),
    }
}

fn missing(operation: &str, path: &str) -> PatchError {
    PatchError::Missing { operation: operation.into(), path: path.into() }
}

/// Splits a pointer into its parent's pointer and the last token.
fn split(path: &str) -> Option<(&str, String)> {
    let (parent, last) = path.rsplit_once('/')?;
    Some((parent, unescape_pointer(last)))
}

fn find<'a>(document: &'a mut Value, path: &str, op: &str) -> Result<&'a mut Value, PatchError> {
    if path.is_empty() {
        return Ok(document);
    }
    let mut v = document;
    for token in path.strip_prefix('/').ok_or_else(|| missing(op, path))?.split('/') {
        let token = unescape_pointer(token);
        v = match v {
            Value::Object(m) => m.get_mut(&token).ok_or_else(|| missing(op, path))?,
            Value::Array(a) => {
                let i = position(&token, a.len(), path)?;
                a.get_mut(i).ok_or_else(|| PatchError::Position { path: path.into(), token })?
            }
            _ => return Err(missing(op, path)),
        };
    }
    Ok(v)
}

/// A position of a list; negative ones count from the end, as the library that Kubernetes uses allows.
fn position(token: &str, len: usize, path: &str) -> Result<usize, PatchError> {
    let bad = || PatchError::Position { path: path.into(), token: token.into() };
    let i: i64 = token.parse().map_err(|_| bad())?;
    let i = if i < 0 { i + len as i64 } else { i };
    usize::try_from(i).map_err(|_| bad())
}

fn add(document: &mut Value, path: &str, value: Value, op: &str) -> Result<(), PatchError> {
    if path.is_empty() {
        *document = value;
        return Ok(());
    }
    let (parent, last) = split(path).ok_or_else(|| missing(op, path))?;
    match find(document, parent, op).map_err(|_| missing(op, path))? {
        Value::Object(m) => {
            m.insert(last, value);
        }
        Value::Array(a) if last == "-" => a.push(value),
        Value::Array(a) => {
            // A negative position counts from the end of the list as it will be.
            let i = position(&last, a.len() + 1, path)?;
            if i > a.len() {
                return Err(PatchError::Position { path: path.into(), token: last });
            }
            a.insert(i, value);
        }
        _ => return Err(missing(op, path)),
    }
    Ok(())
}

fn remove(document: &mut Value, path: &str, op: &str) -> Result<Value, PatchError> {
    let (parent, last) = split(path).ok_or_else(|| missing(op, path))?;
    match find(document, parent, op).map_err(|_| missing(op, path))? {
        Value::Object(m) => m.remove(&last).ok_or_else(|| missing(op, path)),
        Value::Array(a) => {
            let i = position(&last, a.len(), path)?;
            if i >= a.len() {
                return Err(PatchError::Position { path: path.into(), token: last });
            }
            Ok(a.remove(i))
        }
        _ => Err(missing(op, path)),
    }
}

/// Applies a merge patch: `null` removes, objects merge, everything else replaces.
pub fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    let fields = target.object_or_insert();
    for (key, value) in patch.iter() {
        if value.is_null() {
            fields.remove(key);
        } else {
            merge_patch(fields.entry(key), value);
        }
    }
}

/// The merge patch that turns one value into another; `None` when they are equal. What `to` holds as
/// `null` inside an object cannot be said by a merge patch and reads as absent.
pub fn merge_patch_between(from: &Value, to: &Value) -> Option<Value> {
    if from == to {
        return None;
    }
    let (Value::Object(a), Value::Object(b)) = (from, to) else {
        return Some(to.clone());
    };
    let mut patch = Map::new();
    for (key, value) in b.iter() {
        match a.get(key) {
            Some(old) => {
                if let Some(p) = merge_patch_between(old, value) {
                    patch.insert(key.clone(), p);
                }
            }
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for key in a.keys().filter(|k| !b.contains_key(k)) {
        patch.insert(key.clone(), Value::Null);
    }
    Some(Value::Object(patch))
}
