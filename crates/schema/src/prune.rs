//! Dropping what a schema does not declare.

use belay_object::Value;

use crate::node::{Kind, Schema};

/// Drops the fields that the schema does not declare and gives their paths (`spec.x`, `spec.items[0].y`), sorted by
/// the path's way through the value. A custom resource's `apiVersion`, `kind` and `metadata` stay.
pub fn prune(value: &mut Value, schema: &Schema) -> Vec<String> {
    let mut dropped = Vec::new();
    prune_node(value, schema, true, &mut String::new(), &mut dropped);
    dropped
}

/// The same for a part of a resource.
pub(crate) fn prune_part(value: &mut Value, schema: &Schema) -> Vec<String> {
    let mut dropped = Vec::new();
    prune_node(value, schema, false, &mut String::new(), &mut dropped);
    dropped
}

fn prune_node(value: &mut Value, schema: &Schema, root: bool, path: &mut String, dropped: &mut Vec<String>) {
    let keep_unknown = schema.preserve_unknown || schema.kind == Kind::Any && schema.fields.is_empty();
    match value {
        Value::Object(map) => {
            let resource = root || schema.embedded;
            let before = path.len();
            map.retain(|name, child| {
                if resource && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
                    return true;
                }
                push_name(path, name);
                let keep = match schema.child(name) {
                    Some(node) => {
                        prune_node(child, node, false, path, dropped);
                        true
                    }
                    None => keep_unknown,
                };
                if !keep {
                    dropped.push(path.clone());
                }
                path.truncate(before);
                keep
            });
        }
        Value::Array(items) => {
            let Some(node) = &schema.items else { return };
            let before = path.len();
            for (i, item) in items.iter_mut().enumerate() {
                path.push_str(&format!("[{i}]"));
                prune_node(item, node, false, path, dropped);
                path.truncate(before);
            }
        }
        _ => {}
    }
}

pub(crate) fn push_name(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}
