//! Whether an applied object fits its schema, and which fields it holds.

use belay_object::{Key, Map, Value};

use super::items::{Shape, element, go_plain, go_syntax, go_type, shape};
use crate::fields::{Element, FieldSet};
use crate::node::{Kind, ListType, Node, Schema};

/// At most this many errors are gathered: the first ones are what people read.
const MAX_ERRORS: usize = 50;

/// What stands below a place without a type, or below an object that declares nothing.
pub(crate) fn below(node: &Node, name: &str) -> Option<Schema> {
    if let Some(schema) = node.child(name) {
        return Some(schema.clone());
    }
    is_free(node).then(Schema::any)
}

/// Whether fields that are not declared are allowed: no type, nothing declared, or said so.
pub(crate) fn is_free(node: &Node) -> bool {
    node.preserve_unknown || node.fields.is_empty() && node.additional.is_none()
}

/// Checks an applied object; the text of all that does not fit, as the API server writes it.
pub(crate) fn check(value: &Value, schema: &Schema) -> Result<(), String> {
    let mut errors = Vec::new();
    check_node(value, schema, &mut String::new(), &mut errors);
    match errors.as_slice() {
        [] => Ok(()),
        [one] => Err(one.clone()),
        many => Err(format!("errors:\n  {}", many.join("\n  "))),
    }
}

fn check_node(value: &Value, node: &Node, path: &mut String, errors: &mut Vec<String>) {
    let fail = |path: &str, errors: &mut Vec<String>, what: String| {
        if errors.len() < MAX_ERRORS {
            errors.push(if path.is_empty() { what } else { format!("{path}: {what}") });
        }
    };
    if value.is_null() {
        return;
    }
    match (shape(node, value), value) {
        (Shape::Map, Value::Object(fields)) => {
            let before = path.len();
            for (name, child) in fields.iter() {
                path.push('.');
                path.push_str(name);
                match node.child(name) {
                    Some(schema) => check_node(child, schema, path, errors),
                    None if is_free(node) => {}
                    None => {
                        fail(path, errors, "field not declared in schema".into());
                        path.truncate(before);
                        return;
                    }
                }
                path.truncate(before);
            }
        }
        (Shape::Map, other) => fail(path, errors, format!("expected map, got &{{{}}}", go_plain(other))),
        (Shape::List, Value::Array(items)) => check_list(items, node, path, errors),
        (Shape::List, other) => fail(path, errors, format!("expected list, got &{{{}}}", go_plain(other))),
        (Shape::Scalar, value) => {
            let fits = match (node.kind, value) {
                (Kind::Integer | Kind::Number, Value::Int(_) | Value::UInt(_) | Value::Float(_)) => true,
                (Kind::Integer | Kind::Number, _) => false,
                (Kind::String, v) => v.as_str().is_some(),
                (Kind::Boolean, v) => v.as_bool().is_some(),
                (_, Value::Object(_) | Value::Array(_)) => false,
                _ => true,
            };
            if !fits {
                let what = match node.kind {
                    Kind::Integer | Kind::Number => format!("expected numeric (int or float), got {}", go_type(value)),
                    Kind::String => {
                        format!("expected string, got &value.valueUnstructured{{Value:{}}}", go_syntax(value))
                    }
                    Kind::Boolean => format!("expected boolean, got &{{{}}}", go_plain(value)),
                    _ => format!("expected any scalar, got &{{{}}}", go_plain(value)),
                };
                fail(path, errors, what);
            }
        }
    }
}

fn check_list(items: &[Value], node: &Node, path: &mut String, errors: &mut Vec<String>) {
    let before = path.len();
    let Some(schema) = &node.items else { return };
    let associative = node.list != ListType::Atomic;
    let mut seen: Vec<Key> = Vec::with_capacity(if associative { items.len() } else { 0 });
    let mut text = String::new();
    for (i, item) in items.iter().enumerate() {
        if associative {
            let key = match element(node, item, &mut text) {
                Ok(key) => key,
                Err(why) => {
                    errors.push(format!("{path}: element {i}: {why}"));
                    return;
                }
            };
            let shown = Element::parse(&key).text();
            match seen.binary_search(&key) {
                Ok(_) => errors.push(format!("{path}: duplicate entries for key {shown}")),
                Err(at) => seen.insert(at, key),
            }
            path.push_str(&shown);
        } else {
            path.push_str(&format!("[{i}]"));
        }
        check_node(item, schema, path, errors);
        path.truncate(before);
    }
}

/// The fields that an object holds, as an apply of it owns them.
pub(crate) fn field_set(value: &Value, schema: &Schema) -> FieldSet {
    field_set_node(value, schema).1
}

/// Whether the place itself is a member, and what is below.
fn field_set_node(value: &Value, node: &Node) -> (bool, FieldSet) {
    match (shape(node, value), value) {
        (Shape::Map, _) if node.atomic => (true, FieldSet::new()),
        (Shape::Map, Value::Object(fields)) => (false, map_set(fields, node)),
        (Shape::List, _) if node.list == ListType::Atomic => (true, FieldSet::new()),
        (Shape::List, Value::Array(items)) => (false, list_set(items, node)),
        (Shape::Map | Shape::List, _) => (false, FieldSet::new()),
        (Shape::Scalar, _) => (true, FieldSet::new()),
    }
}

fn map_set(fields: &Map, node: &Node) -> FieldSet {
    let mut set = FieldSet::new();
    for (name, value) in fields.iter() {
        let empty = value.is_null() || value.as_object().is_some_and(Map::is_empty);
        match node.field(name) {
            Some(field) => {
                let (member, below) = field_set_node(value, &field.node);
                set.add(&field.path, member || empty, below);
            }
            None => {
                let any;
                let schema = match &node.additional {
                    Some(schema) => schema,
                    None => {
                        any = Schema::any();
                        &any
                    }
                };
                let (_, below) = field_set_node(value, schema);
                set.add(&Key::new(&format!("f:{name}")), true, below);
            }
        }
    }
    set
}

fn list_set(items: &[Value], node: &Node) -> FieldSet {
    let mut set = FieldSet::new();
    let Some(schema) = &node.items else { return set };
    let mut text = String::new();
    for item in items {
        let Ok(key) = element(node, item, &mut text) else { continue };
        if set.get(&key).is_some() {
            // Of items that stand twice only the fact that they are there is owned.
            let entry = set.entry(&key);
            entry.member = true;
            entry.below = FieldSet::new();
            continue;
        }
        let (_, below) = field_set_node(item, schema);
        set.add(&key, true, below);
    }
    set
}

/// The set with every declared field added on the way to its paths. A set of `a.b.c` also holds `a`
/// where `a` is declared, but not `a.b` where that is a key of a map.
pub(crate) fn with_named_fields(set: &FieldSet, node: &Node) -> FieldSet {
    let mut out = FieldSet::new();
    for entry in set.entries() {
        let (named, schema) = match Element::parse_shallow(&entry.element) {
            Some(name) => (node.field(name).is_some(), below(node, name)),
            None => (false, node.items.clone()),
        };
        let inside = match schema {
            Some(schema) if !entry.below.is_empty() => with_named_fields(&entry.below, &schema),
            _ => entry.below.clone(),
        };
        out.add(&entry.element, entry.member || named && !entry.below.is_empty(), inside);
    }
    out
}

/// The set as it would be had it been written under this schema: what lies below a place that has
/// become one value since is owned as that value.
pub(crate) fn reconciled(set: &FieldSet, node: &Node) -> Option<FieldSet> {
    if !needs_reconciling(set, node) {
        return None;
    }
    let mut out = FieldSet::new();
    for entry in set.entries() {
        let schema = match Element::parse_shallow(&entry.element) {
            Some(name) => node.child(name).cloned(),
            None => node.items.clone(),
        };
        match schema {
            Some(schema) if is_one_value(&schema) && !entry.below.is_empty() => {
                out.add(&entry.element, true, FieldSet::new())
            }
            Some(schema) => {
                let inside = reconciled(&entry.below, &schema).unwrap_or_else(|| entry.below.clone());
                out.add(&entry.element, entry.member, inside);
            }
            None => out.add(&entry.element, entry.member, entry.below.clone()),
        }
    }
    Some(out)
}

fn needs_reconciling(set: &FieldSet, node: &Node) -> bool {
    set.entries().iter().filter(|e| !e.below.is_empty()).any(|entry| {
        let schema = match Element::parse_shallow(&entry.element) {
            Some(name) => node.child(name),
            None => node.items.as_ref(),
        };
        schema.is_some_and(|s| is_one_value(s) || needs_reconciling(&entry.below, s))
    })
}

fn is_one_value(node: &Node) -> bool {
    node.kind == Kind::Object && node.atomic || node.kind == Kind::Array && node.list == ListType::Atomic
}
