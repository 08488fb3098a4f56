//! Defaults that stand in a schema.

use belay_object::Value;

use crate::node::Schema;

/// Fills in the schema's defaults, all the way down. Before that a field that is `null` where `null`
/// is not allowed is dropped, so that it takes its default if it has one. Fields whose parent is absent
/// stay absent.
pub fn default_values(value: &mut Value, schema: &Schema) {
    match value {
        Value::Object(map) => {
            map.retain(|name, child| {
                !child.is_null() || schema.child(name).is_none_or(|node| node.nullable || node.name.is_some())
            });
            for field in &schema.fields {
                if let Some(default) = &field.node.default
                    && !map.contains_key(&field.name)
                {
                    map.insert(field.name.clone(), default.clone());
                }
            }
            for (name, child) in map.iter_mut() {
                // A custom resource's metadata has a type of its own, without defaults.
                if let Some(node) = schema.child(name).filter(|node| schema.name.is_some() || node.name.is_none()) {
                    default_values(child, node);
                }
            }
        }
        Value::Array(items) => {
            let Some(node) = &schema.items else { return };
            for item in items {
                if item.is_null()
                    && !node.nullable
                    && let Some(default) = &node.default
                {
                    *item = default.clone();
                }
                default_values(item, node);
            }
        }
        _ => {}
    }
}
