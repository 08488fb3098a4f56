//! Lists whose items are told apart: no two alike, and which new item is which old one.

use std::collections::HashMap;

use belay_object::{Map, Value};

use super::list_keys;
use crate::error::FieldError;
use crate::node::{ListType, Node};

/// Items that stand twice in sets and in lists with keys; of each the first repetition.
pub(super) fn check(value: &Value, node: &Node) -> Vec<FieldError> {
    let mut errors = Vec::new();
    walk(value, node, &mut String::new(), &mut errors);
    errors
}

fn walk(value: &Value, node: &Node, path: &mut String, errors: &mut Vec<FieldError>) {
    let before = path.len();
    match value {
        Value::Array(items) => {
            duplicates(items, node, path, errors);
            let Some(schema) = &node.items else { return };
            for (i, item) in items.iter().enumerate() {
                path.push_str(&format!("[{i}]"));
                walk(item, schema, path, errors);
                path.truncate(before);
            }
        }
        Value::Object(map) => {
            for (name, child) in map.iter() {
                match node.field(name) {
                    Some(field) if field.node.name.is_none() => {
                        crate::prune::push_name(path, name);
                        walk(child, &field.node, path, errors);
                    }
                    Some(_) => {}
                    None => {
                        let Some(schema) = &node.additional else { continue };
                        path.push_str(&format!("[{name}]"));
                        walk(child, schema, path, errors);
                    }
                }
                path.truncate(before);
            }
        }
        _ => {}
    }
}

fn duplicates(items: &[Value], node: &Node, path: &str, errors: &mut Vec<FieldError>) {
    if node.list == ListType::Atomic {
        return;
    }
    if let Some(keys) = list_keys(node) {
        let wrong = items.iter().position(|x| !matches!(x, Value::Object(_) | Value::Null));
        if let Some(i) = wrong {
            let detail = "must be an object for an array of list-type map";
            errors.push(FieldError::invalid(format!("{path}[{i}]"), items[i].clone(), detail));
            return;
        }
        report(items.iter().map(|item| key_of(item, keys)), path, errors);
    } else {
        report(items.iter().cloned(), path, errors);
    }
}

fn report(items: impl Iterator<Item = Value>, path: &str, errors: &mut Vec<FieldError>) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (i, item) in items.enumerate() {
        let times = seen.entry(item.to_json()).or_default();
        *times += 1;
        if *times == 2 {
            errors.push(FieldError::duplicate(format!("{path}[{i}]"), item));
        }
    }
}

fn key_of(item: &Value, keys: &[belay_object::Key]) -> Value {
    let fields = keys.iter().filter_map(|k| Some((k.clone(), item.get(k)?.clone())));
    Value::Object(fields.collect::<Map>())
}

/// Of each new item, the old one it replaces. Only lists with keys tell.
pub(super) fn correlate<'o>(items: &[Value], old: &'o [Value], node: &Node) -> Vec<Option<&'o Value>> {
    let Some(keys) = list_keys(node).filter(|_| !old.is_empty()) else { return Vec::new() };
    let by_key: HashMap<String, &Value> = old.iter().map(|item| (key_of(item, keys).to_json(), item)).collect();
    items.iter().map(|item| by_key.get(&key_of(item, keys).to_json()).copied()).collect()
}
