//! Lists that merge: by key, or by value.

use std::collections::HashMap;

use belay_object::Value;

use super::{Mode, PATCH, bad_directive, merge_maps, wrong};
use crate::error::Error;
use crate::node::{Node, Schema};

/// What tells an item apart: the value of its merge key, or itself.
fn identity(item: &Value, key: Option<&str>) -> Result<String, Error> {
    let Some(key) = key else { return Ok(item.to_json()) };
    match item {
        Value::Object(map) => map.get(key).map(Value::to_json).ok_or_else(|| {
            let shown = crate::ssa::go_plain(item);
            wrong(format!("map: {shown} does not contain declared merge key: {key}"))
        }),
        other => {
            Err(wrong(format!("expected a map[string]interface {{}}, but received a {}", crate::ssa::go_type(other))))
        }
    }
}

/// The first position of each identity.
fn positions(items: &[Value], key: Option<&str>) -> Result<HashMap<String, usize>, Error> {
    let mut found = HashMap::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        found.entry(identity(item, key)?).or_insert(i);
    }
    Ok(found)
}

/// Merges a patch's list into a list: items of the patch in the patch's order, the others where they were.
pub(super) fn merge_lists(original: &[Value], patch: &[Value], node: &Node, mode: Mode) -> Result<Value, Error> {
    if original.is_empty() && patch.is_empty() {
        return Ok(Value::Array(Default::default()));
    }
    let maps = |v: &&Value| matches!(v, Value::Object(_));
    let count = original.iter().chain(patch).filter(maps).count();
    if count == 0 {
        return merge_scalars(original, patch);
    }
    if count < original.len() + patch.len() {
        return Err(wrong("list element types are not identical"));
    }
    let Some(key) = node.patch_merge_key.as_deref() else {
        return Err(wrong(format!("cannot merge lists without merge key for {}", node.type_name())));
    };
    let schema = node.items.clone().unwrap_or_else(Schema::any);
    let (mut kept, wanted) = take_out(original, patch, key)?;
    let mut at = if wanted.is_empty() { HashMap::new() } else { lenient_positions(&kept, key) };
    for item in &wanted {
        let id = identity(item, Some(key))?;
        match (at.get(&id), item) {
            (Some(i), Value::Object(new)) => {
                let Value::Object(old) = std::mem::take(&mut kept[*i]) else { continue };
                kept[*i] = Value::Object(merge_maps(old, new, &schema, mode)?);
            }
            _ => {
                at.insert(id, kept.len());
                kept.push((*item).clone());
            }
        }
    }
    let wanted: Vec<Value> = wanted.into_iter().cloned().collect();
    order_list(kept, &wanted, original, Some(key))
}

/// Positions where an item without the key equals none.
fn lenient_positions(items: &[Value], key: &str) -> HashMap<String, usize> {
    let mut found = HashMap::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        if let Some(value) = item.get(key) {
            found.entry(value.to_json()).or_insert(i);
        }
    }
    found
}

/// The original without what `$patch: delete` items name (or without all, after `$patch: replace`), and
/// the patch's other items.
fn take_out<'p>(original: &[Value], patch: &'p [Value], key: &str) -> Result<(Vec<Value>, Vec<&'p Value>), Error> {
    let (mut wanted, mut replace, mut deleted) = (Vec::with_capacity(patch.len()), false, Vec::new());
    for item in patch {
        let Some(directive) = item.get(PATCH) else {
            wanted.push(item);
            continue;
        };
        match directive.as_str() {
            Some("delete") => deleted.push(identity(item, Some(key))?),
            Some("replace") => replace = true,
            Some("merge") => return Err(wrong("merging lists cannot yet be specified in the patch")),
            _ => return Err(bad_directive(directive, item.as_object().unwrap_or(&belay_object::Map::new()))),
        }
    }
    if replace {
        // The patch's own items are the whole list.
        return Ok((wanted.iter().map(|v| (*v).clone()).collect(), Vec::new()));
    }
    let is_deleted = |item: &&Value| item.get(key).is_some_and(|v| deleted.contains(&v.to_json()));
    Ok((original.iter().filter(|item| !is_deleted(item)).cloned().collect(), wanted))
}

fn merge_scalars(original: &[Value], patch: &[Value]) -> Result<Value, Error> {
    let mut seen = HashMap::with_capacity(original.len() + patch.len());
    let mut both = Vec::with_capacity(original.len() + patch.len());
    for item in original.iter().chain(patch) {
        if seen.insert(item.to_json(), ()).is_none() {
            both.push(item.clone());
        }
    }
    order_list(both, patch, original, None)
}

/// Puts a merged list in order: what `order` names in that order; the others, which only the server has,
/// before the first of these that stood behind them in the server's list. Items to be deleted stand last.
pub(super) fn order_list(
    merged: Vec<Value>,
    order: &[Value],
    server: &[Value],
    key: Option<&str>,
) -> Result<Value, Error> {
    let is_delete = |v: &Value| v.get(PATCH).and_then(Value::as_str) == Some("delete");
    let wanted = positions(order, key)?;
    let at_server = positions(server, key)?;
    let (mut named, mut others, mut deletes) = (Vec::new(), Vec::new(), Vec::new());
    for item in merged {
        let id = identity(&item, key)?;
        match wanted.get(&id) {
            _ if is_delete(&item) => deletes.push(item),
            Some(position) => named.push((*position, id, item)),
            None => others.push((id, item)),
        }
    }
    named.sort_by_key(|(position, _, _)| *position);
    let mut out = Vec::with_capacity(named.len() + others.len() + deletes.len());
    let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
    loop {
        let take_other = match (others.peek(), named.peek()) {
            (None, None) => break,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some((other, _)), Some((_, name, _))) => {
                matches!((at_server.get(other), at_server.get(name)), (Some(o), Some(n)) if o < n)
            }
        };
        if take_other {
            out.extend(others.next().map(|(_, item)| item));
        } else {
            out.extend(named.next().map(|(_, _, item)| item));
        }
    }
    out.extend(deletes);
    Ok(out.into_iter().collect())
}

/// The items of a patch stand in the order that it demands, and are all named there.
pub(super) fn check_order(patch: &[Value], order: &[Value], key: Option<&str>) -> Result<(), Error> {
    if patch.is_empty() || order.is_empty() {
        return Ok(());
    }
    let mut rest = order.iter();
    for item in patch.iter().filter(|v| key.is_none() || v.get(PATCH).is_none()) {
        let wanted = identity(item, key)?;
        let mut found = false;
        for named in rest.by_ref() {
            if identity(named, key)? == wanted {
                found = true;
                break;
            }
        }
        if !found {
            let list = |items: &[Value]| crate::ssa::go_plain(&items.iter().cloned().collect::<Value>());
            return Err(wrong(format!(
                "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
                list(patch),
                list(order)
            )));
        }
    }
    Ok(())
}
