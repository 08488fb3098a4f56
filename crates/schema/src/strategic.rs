//! Strategic merge patch: applied as the API server applies it ([`apply`]), and made ([`two_way`],
//! [`three_way`]).
//!
//! Lists merge where the schema gives them the patch strategy `merge`, by their merge key or, of
//! scalars, by value; other lists are replaced. Where the schema knows nothing, maps merge and lists are
//! replaced.

mod create;
mod lists;

pub use create::{three_way, two_way};

use belay_object::{Map, Value};

use crate::error::{Error, ErrorKind};
use crate::node::{Node, Schema};
use lists::{merge_lists, order_list};

#[cfg(test)]
mod tests;

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const ORDER: &str = "$setElementOrder/";
const DELETE: &str = "$deleteFromPrimitiveList/";
/// A document nests at most this deep.
const MAX_DEPTH: usize = 128;

/// How a patch is applied.
#[derive(Clone, Copy)]
pub(crate) struct Mode {
    /// Directives act. They are kept where a patch is merged into a patch.
    act: bool,
    depth: usize,
}

impl Mode {
    fn deeper(self) -> Result<Mode, Error> {
        if self.depth >= MAX_DEPTH {
            return Err(wrong("the patch nests too deeply"));
        }
        Ok(Mode { depth: self.depth + 1, ..self })
    }
}

pub(crate) fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Patch, message)
}

/// Applies a strategic merge patch. On error the document is as before.
pub fn apply(document: &mut Value, patch: &Value, schema: &Schema) -> Result<(), Error> {
    let (Value::Object(original), Value::Object(patch)) = (&*document, patch) else {
        return Err(wrong("invalid JSON document"));
    };
    let mode = Mode { act: true, depth: 0 };
    *document = Value::Object(merge_maps(original.clone(), patch, schema, mode)?);
    Ok(())
}

/// Merges a patch (a map) into a map.
pub(crate) fn merge_maps(original: Map, patch: &Map, node: &Node, mode: Mode) -> Result<Map, Error> {
    let mode = mode.deeper()?;
    if let Some(directive) = patch.get(PATCH) {
        return match directive.as_str() {
            Some("replace") => {
                let mut map = patch.clone();
                map.remove(PATCH);
                Ok(map)
            }
            Some("delete") => Ok(Map::new()),
            _ => Err(bad_directive(directive, patch)),
        };
    }
    let mut original = original;
    retain_keys(&mut original, patch, mode)?;
    let ordered = order_lists(&mut original, patch, node, mode)?;
    for (name, value) in patch.iter() {
        if name.as_str() == RETAIN_KEYS || name.starts_with(ORDER) || ordered.contains(&name.as_str()) {
            continue;
        }
        let deletes = name.strip_prefix(DELETE);
        if deletes.is_some() && !mode.act {
            original.insert(name.clone(), value.clone());
            continue;
        }
        let field = deletes.unwrap_or(name);
        if value.is_null() {
            original.remove(field);
            if mode.act {
                continue;
            }
        }
        let schema = node.child(field).cloned().unwrap_or_else(Schema::any);
        let merged = match (original.remove(field), value) {
            (Some(old), value) if old.type_name() != value.type_name() && deletes.is_some() => Some(old),
            (None, _) if deletes.is_some() => None,
            (Some(Value::Object(old)), Value::Object(new)) => Some(if schema.patch_replace {
                value.clone()
            } else {
                Value::Object(merge_maps(old, new, &schema, mode)?)
            }),
            (Some(Value::Array(old)), Value::Array(new)) => Some(if deletes.is_some() {
                old.iter().filter(|item| !new.contains(item)).cloned().collect()
            } else if schema.patch_merge {
                merge_lists(&old, new, &schema, mode)?
            } else {
                value.clone()
            }),
            // What is new, or of another type, is taken as it stands.
            (_, value) => without_directives(value, mode.act, mode.depth),
        };
        if let Some(merged) = merged {
            original.insert(field, merged);
        }
    }
    Ok(original)
}

fn bad_directive(directive: &Value, patch: &Map) -> Error {
    let shown = crate::ssa::go_plain(&Value::Object(patch.clone()));
    wrong(format!("unknown patch type: {} in map: {shown}", crate::ssa::go_plain(directive)))
}

/// `$retainKeys`: all other fields of the original go.
fn retain_keys(original: &mut Map, patch: &Map, mode: Mode) -> Result<(), Error> {
    let Some(list) = patch.get(RETAIN_KEYS) else { return Ok(()) };
    if !mode.act {
        if original.get(RETAIN_KEYS).is_some_and(|own| own != list) {
            return Err(wrong("the lists of keys to retain differ"));
        }
        original.insert(RETAIN_KEYS, list.clone());
        return Ok(());
    }
    let Value::Array(keys) = list else { return Err(wrong("invalid patch format of retainKeys")) };
    let kept = |name: &str| keys.iter().any(|k| k.as_str() == Some(name));
    let directive = |name: &str| name == RETAIN_KEYS || name.starts_with(DELETE) || name.starts_with(ORDER);
    if patch.iter().any(|(name, value)| !value.is_null() && !directive(name) && !kept(name)) {
        return Err(wrong("invalid patch format of retainKeys"));
    }
    original.retain(|name, _| kept(name));
    Ok(())
}

/// `$setElementOrder/FIELD`: merges the field's list and puts it in order. Gives the fields that are
/// done with.
fn order_lists<'p>(original: &mut Map, patch: &'p Map, node: &Node, mode: Mode) -> Result<Vec<&'p str>, Error> {
    let mut done = Vec::new();
    for (name, order) in patch.iter() {
        let Some(field) = name.strip_prefix(ORDER) else { continue };
        if !mode.act {
            if original.get(name).is_some_and(|own| own != order) {
                return Err(wrong("invalid patch format of setElementOrder list"));
            }
            original.insert(name.clone(), order.clone());
        }
        let list = |value: Option<&Value>| match value {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items.clone())),
            Some(other) => {
                Err(wrong(format!("expected a []interface {{}}, but received a {}", crate::ssa::go_type(other))))
            }
        };
        let Some(order) = list(Some(order))? else { continue };
        let (old, new) = (list(original.get(field))?, list(patch.get(field))?);
        let schema = node.child(field).cloned().unwrap_or_else(Schema::any);
        let key = schema.patch_merge_key.as_deref();
        if let Some(new) = &new {
            lists::check_order(new, &order, key)?;
        }
        let merged: Vec<Value> = match (&old, &new) {
            (None, None) => continue,
            (Some(old), None) => old.to_vec(),
            (None, Some(new)) => new.iter().filter_map(|v| without_directives(v, mode.act, mode.depth)).collect(),
            (Some(old), Some(new)) if schema.patch_merge => merge_lists(old, new, &schema, mode)?.items().to_vec(),
            (Some(_), Some(new)) => new.to_vec(),
        };
        let server = old.unwrap_or_default();
        original.insert(field, order_list(merged, &order, &server, key)?);
        done.push(field);
    }
    Ok(done)
}

/// A patch's value as a document has it; `None` where it is nothing but a directive.
pub(crate) fn without_directives(value: &Value, drop_nulls: bool, depth: usize) -> Option<Value> {
    if depth >= MAX_DEPTH {
        return Some(value.clone());
    }
    match value {
        Value::Object(map) if map.contains_key(PATCH) => None,
        Value::Object(map) => {
            let mut out = Map::with_capacity(map.len());
            for (name, value) in map.iter() {
                let directive =
                    drop_nulls && (name.as_str() == RETAIN_KEYS || name.starts_with(ORDER) || name.starts_with(DELETE));
                if directive || drop_nulls && value.is_null() {
                    continue;
                }
                if let Some(value) = without_directives(value, drop_nulls, depth + 1) {
                    out.insert(name.clone(), value);
                }
            }
            Some(Value::Object(out))
        }
        Value::Array(items) => {
            Some(items.iter().filter_map(|v| without_directives(v, drop_nulls, depth + 1)).collect())
        }
        other => Some(other.clone()),
    }
}
