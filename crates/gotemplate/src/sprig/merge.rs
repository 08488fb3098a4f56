//! Merging of maps as mergo does it for Sprig: what is there stays unless it is empty, or, when
//! overwriting, gives way even to what is empty. Maps merge into maps, lists are replaced whole.
//! Values are shared between the maps, not copied.

use super::arg::Result;
use crate::context::Context;
use crate::error::Error;
use crate::value::{Kind, List, MAX_DEPTH, Map, Value};

/// Merges `from` into `into`.
pub(super) fn merge(ctx: &mut Context, into: &Map, from: &Map, overwrite: bool, depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::limit(format!("maps are nested deeper than {MAX_DEPTH} levels")));
    }
    for (key, new) in from.entries() {
        ctx.step(1)?;
        let old = into.get(&key);
        if new.is_nil() {
            if overwrite {
                into.insert(key, new);
            }
            continue;
        }
        match new.kind() {
            Kind::Map | Kind::Struct | Kind::Ptr => merge_entry(ctx, old.as_ref(), &new, overwrite, depth)?,
            Kind::Slice => {
                let replaced = overwrite || into.is_empty();
                let kept = old.clone().filter(|old| !old.is_nil()).unwrap_or_else(|| empty_slice(&new));
                into.insert(key.clone(), if replaced { new.clone() } else { kept });
            }
            _ => {}
        }
        // Merging may have filled what was empty.
        let is_filled = old.as_ref().is_some_and(|old| !is_empty(old));
        let merged = match &old {
            Some(old) if is_filled => new.kind() == Kind::Slice || (new.kind() == Kind::Map && old.kind() == Kind::Map),
            _ => false,
        };
        if !merged && (overwrite || !is_filled) {
            into.insert(key, new);
        }
    }
    Ok(())
}

/// What a map's entry and the one of the same key make of each other in place.
fn merge_entry(ctx: &mut Context, old: Option<&Value>, new: &Value, overwrite: bool, depth: usize) -> Result<()> {
    match (old, new) {
        // A nil map has no place to merge into.
        (Some(Value::Map(old)), Value::Map(new)) if !old.is_nil() => merge(ctx, old, new, overwrite, depth + 1),
        (Some(old), Value::Map(_)) if old.kind() == Kind::Ptr && !overwrite => {
            Err(Error::new("src and dst must be of same type"))
        }
        _ => Ok(()),
    }
}

fn empty_slice(like: &Value) -> Value {
    match like {
        Value::List(list) => List::of(list.type_of(), Vec::new()).into(),
        _ => Value::Bytes(Default::default()),
    }
}

/// Mergo's view: zeros, nothing and what holds nothing; structs are never empty.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Complex(..) => false,
        _ => !value.truth(),
    }
}
