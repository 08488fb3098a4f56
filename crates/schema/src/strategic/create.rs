//! Making strategic merge patches.

use belay_object::{Map, Value, object};

use super::{DELETE, MAX_DEPTH, Mode, ORDER, PATCH, RETAIN_KEYS, merge_maps, wrong};
use crate::error::Error;
use crate::node::{Node, Schema};

/// What a difference holds.
#[derive(Clone, Copy)]
struct Wanted {
    changes: bool,
    deletions: bool,
    depth: usize,
}

/// The patch that turns one object into another; an empty map where they are equal.
pub fn two_way(original: &Value, modified: &Value, schema: &Schema) -> Result<Value, Error> {
    let wanted = Wanted { changes: true, deletions: true, depth: 0 };
    Ok(Value::Object(difference(fields(original)?, fields(modified)?, schema, wanted, false)?))
}

/// The patch that brings `current` to `modified`, where `original` is what was applied last: what stood
/// in `original` and no more in `modified` is removed, what others added to `current` stays.
pub fn three_way(original: &Value, modified: &Value, current: &Value, schema: &Schema) -> Result<Value, Error> {
    let (original, modified, current) = (fields(original)?, fields(modified)?, fields(current)?);
    let changes = difference(current, modified, schema, Wanted { changes: true, deletions: false, depth: 0 }, false)?;
    let deletions =
        difference(original, modified, schema, Wanted { changes: false, deletions: true, depth: 0 }, false)?;
    let mode = Mode { act: false, depth: 0 };
    Ok(Value::Object(merge_maps(deletions, &changes, schema, mode)?))
}

fn fields(value: &Value) -> Result<&Map, Error> {
    value.as_object().ok_or_else(|| wrong("invalid JSON document"))
}

fn difference(original: &Map, modified: &Map, node: &Node, wanted: Wanted, retain: bool) -> Result<Map, Error> {
    if wanted.depth >= MAX_DEPTH {
        return Err(wrong("the object nests too deeply"));
    }
    let wanted = Wanted { depth: wanted.depth + 1, ..wanted };
    let mut patch = Map::new();
    for (name, new) in modified.iter() {
        let Some(old) = original.get(name) else {
            if wanted.changes {
                patch.insert(name.clone(), new.clone());
            }
            continue;
        };
        let schema = node.child(name).cloned().unwrap_or_else(Schema::any);
        match (old, new) {
            (Value::Object(a), Value::Object(b)) if !schema.patch_replace => {
                let below = difference(a, b, &schema, wanted, schema.patch_retain_keys)?;
                if !below.is_empty() {
                    patch.insert(name.clone(), below);
                }
            }
            (Value::Array(a), Value::Array(b)) if schema.patch_merge => lists(name, a, b, &schema, wanted, &mut patch)?,
            (old, new) => {
                if wanted.changes && old != new {
                    patch.insert(name.clone(), new.clone());
                }
            }
        }
    }
    if wanted.deletions {
        for name in original.keys().filter(|name| !modified.contains_key(name)) {
            patch.insert(name.clone(), Value::Null);
        }
    }
    if retain && (!patch.is_empty() || original.keys().any(|name| !modified.contains_key(name))) {
        let names: Value = modified.iter().filter(|(_, v)| !v.is_null()).map(|(name, _)| name.clone()).collect();
        if !names.items().is_empty() {
            patch.insert(RETAIN_KEYS, names);
        }
    }
    Ok(patch)
}

fn lists(name: &str, old: &[Value], new: &[Value], node: &Node, wanted: Wanted, patch: &mut Map) -> Result<(), Error> {
    if old.is_empty() {
        if !new.is_empty() && wanted.changes {
            patch.insert(name, new.iter().cloned().collect::<Value>());
        }
        return Ok(());
    }
    if old.iter().chain(new).any(|v| matches!(v, Value::Array(_))) {
        return Err(wrong("lists of lists are not supported"));
    }
    match &node.patch_merge_key {
        Some(key) if old.iter().chain(new).all(|v| matches!(v, Value::Object(_))) => {
            keyed(name, old, new, key, node, wanted, patch)
        }
        _ => {
            let added: Value = new.iter().filter(|v| wanted.changes && !old.contains(v)).cloned().collect();
            let gone: Value = old.iter().filter(|v| wanted.deletions && !new.contains(v)).cloned().collect();
            if wanted.deletions && !gone.items().is_empty() || wanted.changes && old != new {
                patch.insert(format!("{ORDER}{name}"), new.iter().cloned().collect::<Value>());
            }
            if !added.items().is_empty() {
                patch.insert(name, added);
            }
            if !gone.items().is_empty() {
                patch.insert(format!("{DELETE}{name}"), gone);
            }
            Ok(())
        }
    }
}

fn keyed(
    name: &str,
    old: &[Value],
    new: &[Value],
    key: &str,
    node: &Node,
    wanted: Wanted,
    patch: &mut Map,
) -> Result<(), Error> {
    let id = |item: &Value| {
        item.get(key).map(Value::to_json).ok_or_else(|| {
            wrong(format!("map: {} does not contain declared merge key: {key}", crate::ssa::go_plain(item)))
        })
    };
    let ids = |items: &[Value]| items.iter().map(id).collect::<Result<Vec<String>, Error>>();
    let (old_ids, new_ids) = (ids(old)?, ids(new)?);
    let schema = node.items.clone().unwrap_or_else(Schema::any);
    let mut items = Vec::new();
    for (item, own) in new.iter().zip(&new_ids) {
        let before = old_ids.iter().position(|o| o == own).and_then(|i| old.get(i));
        match (before.and_then(Value::as_object), item.as_object()) {
            (Some(a), Some(b)) => {
                let mut below = difference(a, b, &schema, wanted, node.patch_retain_keys)?;
                if !below.is_empty() {
                    below.insert(key, b.get(key).cloned().unwrap_or_default());
                    items.push(Value::Object(below));
                }
            }
            _ if wanted.changes => items.push(item.clone()),
            _ => {}
        }
    }
    if wanted.deletions {
        for (item, own) in old.iter().zip(&old_ids) {
            if !new_ids.contains(own) {
                items.push(object! { key => item.get(key).cloned(), PATCH => "delete" });
            }
        }
    }
    if !items.is_empty() || wanted.changes && old_ids != new_ids {
        let order: Value = new.iter().map(|item| object! { key => item.get(key).cloned() }).collect();
        if !order.items().is_empty() {
            patch.insert(format!("{ORDER}{name}"), order);
        }
    }
    if !items.is_empty() {
        patch.insert(name, items.into_iter().collect::<Value>());
    }
    Ok(())
}
