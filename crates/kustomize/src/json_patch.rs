//! JSON 6902 patches as the library that kustomize uses (evanphx/json-patch, v4) applies them.
//!
//! Beyond the RFC: `-` appends, negative positions count from the end, `replace` of an absent field
//! adds it, `test` of an absent field for null holds, numbers compare as they are written.

use belay_object::Value;
use belay_yaml::{Options, parse_value};

use crate::error::Error;
use crate::growth::Growth;

/// Most operations of one patch (the API server's own limit).
const MAX_OPERATIONS: usize = 10_000;

/// Reads a patch: JSON where it starts with `[`, else YAML. Gives the operations.
pub(crate) fn read(text: &str) -> Result<Vec<Value>, String> {
    if text.is_empty() {
        return Err("empty json patch operations".into());
    }
    let value = if text.starts_with('[') {
        belay_object::from_json_str(text).map_err(|error| error.to_string())?
    } else {
        parse_value(text, &Options::v2()).map_err(|error| error.go_text)?
    };
    let of_type = |value: &Value, of: &str| match value {
        Value::Str(_) => format!("json: cannot unmarshal string into Go value of type {of}"),
        Value::Bool(_) => format!("json: cannot unmarshal bool into Go value of type {of}"),
        Value::Object(_) => format!("json: cannot unmarshal object into Go value of type {of}"),
        Value::Array(_) => format!("json: cannot unmarshal array into Go value of type {of}"),
        _ => format!("json: cannot unmarshal number into Go value of type {of}"),
    };
    match value {
        Value::Array(items) => {
            if let Some(other) = items.iter().find(|item| item.as_object().is_none()) {
                return Err(of_type(other, "jsonpatch.Operation"));
            }
            if items.len() > MAX_OPERATIONS {
                return Err(format!("the patch has {} operations, of which {MAX_OPERATIONS} are allowed", items.len()));
            }
            Ok(items.into_iter().collect())
        }
        Value::Null => Ok(Vec::new()),
        other => Err(of_type(&other, "jsonpatch.Patch")),
    }
}

/// Applies operations in order. On an error the document is left as it was half-way.
pub(crate) fn apply(document: &mut Value, operations: &[Value], growth: &Growth) -> Result<(), Error> {
    operations.iter().try_for_each(|operation| {
        let mut limit = None;
        let pay = &mut |value: &Value, path: &str| {
            growth.put(value, path.split('/').count()).map_err(|error| limit.insert(error).to_string())
        };
        let applied = apply_one(document, operation, pay);
        applied.map_err(|why| {
            limit.unwrap_or_else(|| {
                let is_missing = why.ends_with("missing value");
                let error = Error::transform(why);
                match is_missing {
                    true => error.hint(
                        "look at the path: a field that is not there can only be added; a / in a name is written ~1",
                    ),
                    false => error,
                }
            })
        })
    })
}

/// Pays for a value that is put at a path, or says why it must not be.
type Pay<'a> = &'a mut dyn FnMut(&Value, &str) -> Result<(), String>;

fn apply_one(document: &mut Value, operation: &Value, pay: Pay<'_>) -> Result<(), String> {
    let op = operation.str_at(&["op"]).unwrap_or("unknown");
    let path =
        || operation.str_at(&["path"]).ok_or_else(|| format!("{op} operation failed to decode path: missing value"));
    let from =
        || operation.str_at(&["from"]).ok_or_else(|| format!("{op} operation failed to decode from: missing value"));
    let value = || operation.get("value").cloned().unwrap_or(Value::Null);
    match op {
        "add" => {
            let path = path()?;
            let (parent, key) = find(document, path).ok_or_else(|| missing_quoted(op, path))?;
            let value = value();
            pay(&value, path)?;
            add(parent, &key, value).map_err(|why| format!("error in add for path: '{path}': {why}"))
        }
        "remove" => {
            let path = path()?;
            let (parent, key) = find(document, path).ok_or_else(|| missing_quoted(op, path))?;
            remove(parent, &key).map(drop).map_err(|why| format!("error in remove for path: '{path}': {why}"))
        }
        "replace" => {
            let (path, value) = (path()?, value());
            pay(&value, path)?;
            replace(document, path, value)
        }
        "move" => {
            let (from, path) = (from()?, path()?);
            let (parent, key) = find(document, from).ok_or_else(|| missing(op, "from path", from))?;
            let moved = remove(parent, &key).map_err(|why| format!("error in move for path: '{key}': {why}"))?;
            pay(&moved, path)?;
            let (parent, key) = find(document, path).ok_or_else(|| missing(op, "destination path", path))?;
            add(parent, &key, moved).map_err(|why| format!("error in move for path: '{path}': {why}"))
        }
        "copy" => {
            let (from, path) = (from()?, path()?);
            let (parent, key) = find(document, from).ok_or_else(|| missing(op, "from path", from))?;
            let copied = get(parent, &key).map_err(|why| format!("error in copy for from: '{from}': {why}"))?;
            let copied = copied.unwrap_or(&Value::Null);
            pay(copied, path)?;
            let copied = copied.clone();
            let (parent, key) = find(document, path).ok_or_else(|| missing(op, "destination path", path))?;
            add(parent, &key, copied).map_err(|why| format!("error while adding value during copy: {why}"))
        }
        "test" => test(document, path()?, operation.get("value")),
        other => Err(format!("Unexpected kind: {other}")),
    }
}

fn missing(op: &str, what: &str, path: &str) -> String {
    format!("{op} operation does not apply: doc is missing {what}: {path}: missing value")
}
fn missing_quoted(op: &str, path: &str) -> String {
    format!("{op} operation does not apply: doc is missing path: \"{path}\": missing value")
}

fn replace(document: &mut Value, path: &str, value: Value) -> Result<(), String> {
    if path.is_empty() {
        if !matches!(value, Value::Object(_) | Value::Array(_)) {
            return Err("replace operation value must be object or array".into());
        }
        *document = value;
        return Ok(());
    }
    let (parent, key) = find(document, path).ok_or_else(|| missing("replace", "path", path))?;
    get(parent, &key).map_err(|_| missing("replace", "key", path))?;
    match parent {
        Value::Object(map) => {
            map.insert(key, value);
        }
        Value::Array(items) => {
            let i = position(&key, items.len()).map_err(|_| missing("replace", "key", path))?;
            items[i] = value;
        }
        _ => {}
    }
    Ok(())
}

fn test(document: &mut Value, path: &str, wanted: Option<&Value>) -> Result<(), String> {
    let failed = || format!("testing value {path} failed: test failed");
    let wanted = wanted.unwrap_or(&Value::Null);
    if path.is_empty() {
        return if same(document, wanted) { Ok(()) } else { Err(failed()) };
    }
    let (parent, key) = find(document, path)
        .ok_or_else(|| format!("test operation does not apply: is missing path: {path}: missing value"))?;
    let found = get(parent, &key).map_err(|why| format!("error in test for path: '{path}': {why}"))?;
    if same(found.unwrap_or(&Value::Null), wanted) { Ok(()) } else { Err(failed()) }
}

/// Whether two values are equal; `1` and `1.0` are not.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|((ka, a), (kb, b))| ka == kb && same(a, b))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(a, b)),
        (Value::Float(_), Value::Int(_) | Value::UInt(_)) | (Value::Int(_) | Value::UInt(_), Value::Float(_)) => false,
        (a, b) => a == b,
    }
}

/// The map or list that holds what a path names, and the last part of the path.
fn find<'a>(document: &'a mut Value, path: &str) -> Option<(&'a mut Value, String)> {
    let mut parts = path.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"));
    let mut key = parts.next()?;
    let mut at = document;
    for part in parts {
        at = match at {
            Value::Object(map) => map.get_mut(&key)?,
            Value::Array(items) => {
                let i = position(&key, items.len()).ok()?;
                items.get_mut(i)?
            }
            _ => return None,
        };
        if !matches!(at, Value::Object(_) | Value::Array(_)) {
            return None;
        }
        key = part;
    }
    matches!(at, Value::Object(_) | Value::Array(_)).then_some((at, key))
}

fn invalid_index(i: &str) -> String {
    format!("Unable to access invalid index: {i}: invalid index referenced")
}

/// A position in a list of this length; negative ones count from the end.
fn position(key: &str, len: usize) -> Result<usize, String> {
    let i: i64 = key.parse().map_err(|_| format!("strconv.Atoi: parsing {key:?}: invalid syntax"))?;
    let i = if i < 0 { i + len as i64 } else { i };
    usize::try_from(i).ok().filter(|i| *i < len).ok_or_else(|| invalid_index(key))
}

fn get<'a>(parent: &'a Value, key: &str) -> Result<Option<&'a Value>, String> {
    match parent {
        Value::Array(items) => Ok(Some(&items[position(key, items.len())?])),
        other => Ok(other.get(key)),
    }
}

fn add(parent: &mut Value, key: &str, value: Value) -> Result<(), String> {
    match parent {
        Value::Object(map) => {
            map.insert(key, value);
        }
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => {
            if key.parse::<i64>().is_err() {
                return Err(format!("value was not a proper array index: '{key}'"));
            }
            let i = position(key, items.len() + 1)?;
            items.insert(i, value);
        }
        _ => {}
    }
    Ok(())
}

fn remove(parent: &mut Value, key: &str) -> Result<Value, String> {
    match parent {
        Value::Array(items) => {
            let i = position(key, items.len())?;
            Ok(items.remove(i))
        }
        other => other
            .as_object_mut()
            .and_then(|map| map.remove(key))
            .ok_or_else(|| format!("unable to remove nonexistent key: {key}: missing value")),
    }
}

#[cfg(test)]
mod tests;
