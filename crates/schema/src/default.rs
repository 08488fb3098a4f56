//! Defaults that stand in a schema.

use belay_object::Value;

use crate::node::Schema;

/// Fills in the schema's defaults, all the way down. A field that is `null` where `null` is not
/// allowed is dropped first, so that it takes its default. Fields whose parent is absent stay absent.
pub fn default_values(value: &mut Value, schema: &Schema) {
    match value {
        Value::Object(map) => {
            for field in &schema.fields {
                if map.get(&field.name).is_some_and(Value::is_null)
                    && !field.node.nullable
                    && field.node.default.is_some()
                {
                    map.remove(&field.name);
                }
                if let Some(default) = &field.node.default
                    && !map.contains_key(&field.name)
                {
                    map.insert(field.name.clone(), default.clone());
                }
            }
            for (name, child) in map.iter_mut() {
                let Some(node) = schema.child(name) else { continue };
                if child.is_null()
                    && !node.nullable
                    && let Some(default) = &node.default
                {
                    *child = default.clone();
                }
                default_values(child, node);
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
