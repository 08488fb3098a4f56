//! How a chart's own values, its parent's section for it and the user's meet.
//!
//! Works on the maps of templates, which are shared by reference as Go's are: tables of `global`
//! below the first level are the same tables in every chart that has them, and what one chart
//! merges into them the others see. That is Helm's behaviour and charts depend on it.
//!
//! Recursion is bounded by the depth that readers of values let in and by
//! [`crate::Limits::chart_depth`].

use belay_gotemplate::{Map, Value};
use belay_object as object;

use crate::dependencies::Node;
use crate::error::{Error, Result};

const GLOBAL: &[u8] = b"global";

/// User values as template values: integers of `--set` are `int64`.
pub(crate) fn from_object(value: &object::Value) -> Value {
    match value {
        object::Value::Int(i) => Value::Int64(*i),
        object::Value::Array(items) => Value::list(items.iter().map(from_object).collect()),
        object::Value::Object(map) => Value::Map(from_map(map)),
        other => Value::from_object(other),
    }
}

pub(crate) fn from_map(map: &object::Map) -> Map {
    let fields = map.iter().map(|(key, value)| (key.as_str(), from_object(value)));
    Map::from_entries(belay_gotemplate::Type::MAP, fields)
}

/// A copy that shares no map with the original.
pub(crate) fn copy(map: &Map) -> Map {
    let out = Map::new();
    map.for_each(|key, value| {
        out.insert(key.clone(), copy_value(value));
    });
    out
}

fn copy_value(value: &Value) -> Value {
    match value {
        Value::Map(map) => Value::Map(copy(map)),
        Value::List(list) => Value::list(list.iter().map(copy_value).collect()),
        other => other.clone(),
    }
}

/// What happens to nulls.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Nulls {
    /// They delete, and go.
    Delete,
    /// They stay, for a later coalescing.
    Keep,
}

/// Coalesces a chart's values, and those of its dependencies, under a copy of `values`.
pub(crate) fn coalesce(node: &Node<'_>, values: &Map, nulls: Nulls) -> Result<Map> {
    let dest = copy(values);
    chart(node, &dest, nulls)?;
    Ok(dest)
}

fn chart(node: &Node<'_>, dest: &Map, nulls: Nulls) -> Result<()> {
    own_values(node, dest, nulls);
    for child in &node.dependencies {
        let name = child.name().as_bytes();
        let table = match dest.get(name) {
            None => {
                let table = Map::new();
                dest.insert(child.name(), Value::Map(table.clone()));
                table
            }
            Some(Value::Map(table)) => table,
            Some(other) => {
                let found = belay_gotemplate::fmt::sprintf(b"%t", &[other]);
                let found = String::from_utf8_lossy(&found);
                return Err(Error::values(format!("type mismatch on {}: {found}", child.name())));
            }
        };
        globals(&table, dest);
        chart(child, &table, nulls)?;
    }
    Ok(())
}

/// Copies the globals of a parent's values into its child's.
fn globals(dest: &Map, source: &Map) {
    let to = match dest.get(GLOBAL) {
        None => Map::new(),
        Some(Value::Map(map)) => map,
        Some(_) => return,
    };
    let from = match source.get(GLOBAL) {
        None => Map::new(),
        Some(Value::Map(map)) => map,
        Some(_) => return,
    };
    for (key, value) in from.entries() {
        match (value, to.get(&key)) {
            (Value::Map(table), None) => {
                to.insert(key, Value::Map(table.shallow_copy()));
            }
            (Value::Map(table), Some(Value::Map(own))) => {
                let table = table.shallow_copy();
                tables(&table, &own, Nulls::Keep);
                to.insert(key, Value::Map(table));
            }
            (Value::Map(_), Some(_)) | (_, Some(Value::Map(_))) => {}
            (value, _) => {
                to.insert(key, value);
            }
        }
    }
    dest.insert("global", Value::Map(to));
}

/// Puts a chart's own values under `dest`.
fn own_values(node: &Node<'_>, dest: &Map, nulls: Nulls) {
    for (key, value) in node.values().entries() {
        match dest.get(&key) {
            Some(Value::Nil) if nulls == Nulls::Delete => {
                dest.remove(&key);
            }
            Some(Value::Map(own)) => {
                let Value::Map(source) = value else { continue };
                let is_child = node.dependencies.iter().any(|child| child.name().as_bytes() == &*key);
                let nulls = if is_child { Nulls::Keep } else { nulls };
                if nulls == Nulls::Delete {
                    clean_nulls(&source);
                }
                tables(&own, &source, nulls);
            }
            Some(_) => {}
            None => {
                if nulls == Nulls::Delete {
                    match &value {
                        Value::Nil => continue,
                        Value::Map(map) => clean_nulls(map),
                        _ => {}
                    }
                }
                dest.insert(key, value);
            }
        }
    }
}

/// Merges `source` into `dest`, which wins.
pub(crate) fn tables(dest: &Map, source: &Map, nulls: Nulls) {
    if dest.is_same(source) {
        return;
    }
    let mut nulled = Vec::new();
    dest.for_each(|key, value| {
        if value.is_nil() {
            nulled.push((key.clone(), source.get(key).is_some_and(|v| !v.is_nil())));
        }
    });
    for (key, _) in &nulled {
        source.insert(key.clone(), Value::Nil);
    }
    for (key, value) in source.entries() {
        match dest.get(&key) {
            None => {
                dest.insert(key, value);
            }
            // The user takes away what the chart gives. A null for what the chart does not give stays.
            Some(Value::Nil) if nulls == Nulls::Delete && nulled.iter().any(|(k, given)| *k == key && *given) => {
                dest.remove(&key);
            }
            Some(Value::Map(own)) => {
                if let Value::Map(table) = value {
                    tables(&own, &table, nulls);
                }
            }
            Some(_) => {}
        }
    }
}

fn clean_nulls(map: &Map) {
    for (key, value) in map.entries() {
        match value {
            Value::Nil => {
                map.remove(&key);
            }
            Value::Map(inner) => clean_nulls(&inner),
            _ => {}
        }
    }
}

/// The table at a path of names joined by dots.
pub(crate) fn table(values: &Map, path: &str) -> Option<Map> {
    path.split('.').try_fold(values.clone(), |map, name| match map.get(name.as_bytes()) {
        Some(Value::Map(inner)) => Some(inner),
        _ => None,
    })
}

/// What stands at a path, if it is no table.
pub(crate) fn path_value(values: &Map, path: &str) -> Option<Value> {
    let (map, key) = match path.rsplit_once('.') {
        Some((front, key)) => (table(values, front)?, key),
        None => (values.clone(), path),
    };
    map.get(key.as_bytes()).filter(|value| !matches!(value, Value::Map(_)))
}
