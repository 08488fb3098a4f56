//! Merging an applied object into the live one, and taking fields out of an object.

use std::cmp::Ordering;

use belay_object::{Key, Map, Value};

use super::items::{Shape, element, shape};
use super::typed::below;
use crate::fields::FieldSet;
use crate::node::{ListType, Node, Schema};

/// The live value with the applied one laid over it; `None` where nothing is left.
pub(crate) fn merge(live: Option<&Value>, applied: Option<&Value>, node: &Node) -> Option<Value> {
    let (left, right) = match (live, applied) {
        (None, None) => return None,
        (Some(only), None) => return Some(only.clone()),
        (None, Some(only)) => return Some(only.clone()),
        (Some(left), Some(right)) => (left, right),
    };
    match (shape(node, right), left, right) {
        (Shape::Map, Value::Object(a), Value::Object(b)) if !(node.atomic || a.is_empty() && b.is_empty()) => {
            Some(Value::Object(merge_maps(a, b, node)))
        }
        // Applying `null` to a map or a list takes nothing away.
        (Shape::Map, Value::Object(a), Value::Null) if !node.atomic && !a.is_empty() => Some(left.clone()),
        (Shape::List, Value::Array(a), Value::Null) if node.list != ListType::Atomic && !a.is_empty() => {
            Some(left.clone())
        }
        (Shape::List, Value::Array(a), Value::Array(b))
            if node.list != ListType::Atomic && !(a.is_empty() && b.is_empty()) =>
        {
            Some(merge_lists(a, b, node))
        }
        _ => Some(right.clone()),
    }
}

pub(crate) fn merge_maps(a: &Map, b: &Map, node: &Node) -> Map {
    merge_maps_without(a, b, node, "")
}

/// Merges two maps; the field `skip` of the live one is left out.
pub(crate) fn merge_maps_without(a: &Map, b: &Map, node: &Node, skip: &str) -> Map {
    let mut out = Map::with_capacity(a.len().max(b.len()));
    let (mut left, mut right) = (a.iter().filter(|(k, _)| *k != skip).peekable(), b.iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return out,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((x, _)), Some((y, _))) => x.cmp(y),
        };
        match order {
            Ordering::Less => left.next().map(|(k, v)| out.insert(k.clone(), v.clone())),
            Ordering::Greater => right.next().map(|(k, v)| out.insert(k.clone(), v.clone())),
            Ordering::Equal => left.next().zip(right.next()).and_then(|((k, x), (_, y))| {
                let schema = below(node, k).unwrap_or_else(Schema::any);
                merge(Some(x), Some(y), &schema).map(|v| out.insert(k.clone(), v))
            }),
        };
    }
}

/// The items of a list by their path elements.
pub(crate) struct Index {
    pub(crate) elements: Vec<Key>,
    /// Positions sorted by element, then position.
    order: Vec<u32>,
}

impl Index {
    /// Items without an element (they cannot be told apart) get one of their own that equals no other.
    pub(crate) fn new(items: &[Value], node: &Node) -> Index {
        let mut text = String::new();
        let elements: Vec<Key> = items
            .iter()
            .enumerate()
            .map(|(i, item)| element(node, item, &mut text).unwrap_or_else(|_| Key::new(&format!("i:{i}"))))
            .collect();
        let mut order: Vec<u32> = (0..elements.len() as u32).collect();
        order.sort_by(|a, b| elements[*a as usize].cmp(&elements[*b as usize]).then(a.cmp(b)));
        Index { elements, order }
    }
    /// The positions of an element, in order.
    pub(crate) fn find(&self, element: &Key) -> &[u32] {
        let start = self.order.partition_point(|i| self.elements[*i as usize] < *element);
        let count = self.order[start..].partition_point(|i| self.elements[*i as usize] == *element);
        &self.order[start..start + count]
    }
}

/// Both lists' items: those of both merged, in the applied list's order where the two disagree, the
/// live list's other items staying where they are relative to their neighbours.
fn merge_lists(a: &[Value], b: &[Value], node: &Node) -> Value {
    let (left, right) = (Index::new(a, node), Index::new(b, node));
    let any;
    let schema = match &node.items {
        Some(schema) => schema,
        None => {
            any = Schema::any();
            &any
        }
    };
    let mut out = Vec::with_capacity(a.len().max(b.len()));
    // An item that stands twice in the live list is not merged: the applied one takes its place.
    let merged = |element: &Key, applied: &Value| {
        let live = match left.find(element) {
            [one] => a.get(*one as usize),
            _ => None,
        };
        merge(live, Some(applied), schema)
    };
    let mut shared = right.elements.iter().filter(|e| !left.find(e).is_empty());
    let mut next_shared = shared.next();
    let mut done = vec![false; b.len()];
    let was_done = |done: &[bool], at: &[u32]| at.iter().any(|i| done[*i as usize]);
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() {
            let element = &left.elements[i];
            if *element == right.elements[j] {
                out.extend(merged(element, &b[j]));
                done[j] = true;
                i += 1;
                j += 1;
                next_shared = shared.next();
                continue;
            }
            if !right.find(element).is_empty() && next_shared.is_some_and(|n| n != element) {
                i += 1;
                continue;
            }
        }
        if i < a.len() {
            let at = right.find(&left.elements[i]);
            if at.is_empty() {
                out.push(a[i].clone());
                i += 1;
                continue;
            }
            if was_done(&done, at) {
                i += 1;
            }
        }
        if j < b.len() {
            let element = &right.elements[j];
            out.extend(merged(element, &b[j]));
            done[j] = true;
            j += 1;
            if next_shared == Some(element) {
                next_shared = shared.next();
            }
        }
    }
    out.into_iter().collect()
}

/// The value without these fields; `null` where nothing is left of a map or a list that had something.
pub(crate) fn remove(value: &Value, set: &FieldSet, node: &Node) -> Value {
    remove_node(value, set, node, None, true).unwrap_or_default()
}

/// The value without these fields, and without maps and lists of which nothing is left, but for maps
/// that somebody owns as such: these stay, empty.
pub(crate) fn remove_whole(value: &Value, set: &FieldSet, owned: &FieldSet, node: &Node) -> Value {
    remove_node(value, set, node, Some((owned, false)), false).unwrap_or_default()
}

/// `owned` is what is owned below this place, and whether the place itself is.
fn remove_node(
    value: &Value,
    set: &FieldSet,
    node: &Node,
    owned: Option<(&FieldSet, bool)>,
    null: bool,
) -> Option<Value> {
    let inside = |element: &str| owned.and_then(|(set, _)| set.get(element)).map(|e| (&e.below, e.member));
    let emptied = || match owned {
        Some((_, true)) if matches!(value, Value::Object(_)) => Some(Value::object()),
        _ => null.then_some(Value::Null),
    };
    match value {
        Value::Object(fields) if !fields.is_empty() && !node.atomic => {
            let mut out = Map::with_capacity(fields.len());
            let mut name = String::new();
            for (key, child) in fields.iter() {
                let declared = node.field(key);
                let entry = match declared {
                    Some(field) => set.get(&field.path),
                    None => {
                        name.clear();
                        name.push_str("f:");
                        name.push_str(key);
                        set.get(&name)
                    }
                };
                match entry {
                    None => drop(out.insert(key.clone(), child.clone())),
                    Some(entry) if entry.member => {}
                    Some(entry) => {
                        let schema = below(node, key).unwrap_or_else(Schema::any);
                        let owned = inside(&entry.element);
                        if let Some(child) = remove_node(child, &entry.below, &schema, owned, null) {
                            out.insert(key.clone(), child);
                        }
                    }
                }
            }
            if out.is_empty() { emptied() } else { Some(Value::Object(out)) }
        }
        Value::Array(items) if !items.is_empty() && node.list != ListType::Atomic => {
            let schema = node.items.clone().unwrap_or_else(Schema::any);
            let mut text = String::new();
            let mut out = Vec::with_capacity(items.len());
            for item in items {
                let entry = element(node, item, &mut text).ok().and_then(|e| set.get(&e));
                match entry {
                    None => out.push(item.clone()),
                    Some(entry) if entry.member => {}
                    Some(entry) => {
                        out.extend(remove_node(item, &entry.below, &schema, inside(&entry.element), null));
                    }
                }
            }
            if out.is_empty() { emptied() } else { Some(out.into_iter().collect()) }
        }
        // Of a value that is one whole, nothing can be taken out.
        _ => Some(value.clone()),
    }
}
