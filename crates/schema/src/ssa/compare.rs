//! Which fields differ between two objects.

use std::cmp::Ordering;

use belay_object::{Key, Map, Value};

use super::items::{Shape, shape};
use super::merge::Index;
use super::typed::below;
use crate::fields::FieldSet;
use crate::node::{ListType, Node, Schema};

/// What a write does to fields.
#[derive(Default, Debug)]
pub(crate) struct Comparison {
    /// Added or given another value.
    pub(crate) changed: FieldSet,
    pub(crate) removed: FieldSet,
}

/// What a comparison says of one place: of itself, and of what is below.
#[derive(Default)]
struct Place {
    changed: bool,
    removed: bool,
    below: Comparison,
}

impl Comparison {
    fn add(&mut self, element: &Key, place: Place) {
        self.changed.add(element, place.changed, place.below.changed);
        self.removed.add(element, place.removed, place.below.removed);
    }
    /// Without these fields and what is below them.
    pub(crate) fn without(self, fields: &FieldSet) -> Comparison {
        if fields.is_empty() || self.changed.is_empty() && self.removed.is_empty() {
            return self;
        }
        Comparison {
            changed: self.changed.recursive_difference(fields),
            removed: self.removed.recursive_difference(fields),
        }
    }
}

/// Compares two whole objects. `metadata.managedFields` is not looked at.
pub(crate) fn compare(old: &Map, new: &Map, node: &Node) -> Comparison {
    let mut out = Comparison::default();
    compare_maps(Some(old), Some(new), node, "", &mut |element, name, a, b, schema| {
        let place = match (name, a.and_then(Value::as_object), b.and_then(Value::as_object)) {
            ("metadata", Some(a), Some(b)) => {
                let mut place = Place::default();
                compare_maps(Some(a), Some(b), schema, "managedFields", &mut |element, _, a, b, schema| {
                    place.below.add(element, compare_node(a, b, schema));
                });
                place
            }
            _ => compare_node(a, b, schema),
        };
        out.add(element, place);
    });
    out
}

fn compare_node(old: Option<&Value>, new: Option<&Value>, node: &Node) -> Place {
    let mut place = Place::default();
    match (old, new) {
        (None, None) => return place,
        // Where `null` cannot be meant it is how Go writes an absent time.
        (None, Some(Value::Null)) | (Some(Value::Null), None) if !node.nullable => return place,
        (Some(only), None) | (None, Some(only)) => {
            compare_as(shape(node, only), old, new, node, &mut place);
            // What holds something is itself added or removed with it.
            place.changed |= old.is_none();
            place.removed |= new.is_none();
        }
        (Some(a), Some(b)) => {
            let (left, right) = (shape(node, a), shape(node, b));
            if left != right {
                compare_as(left, old, new, node, &mut place);
            }
            compare_as(right, old, new, node, &mut place);
        }
    }
    place
}

fn compare_as(form: Shape, old: Option<&Value>, new: Option<&Value>, node: &Node, place: &mut Place) {
    match form {
        Shape::Scalar => compare_leaf(old, new, place),
        Shape::Map => {
            let (a, b) = (old.and_then(Value::as_object), new.and_then(Value::as_object));
            if node.atomic || a.is_none_or(Map::is_empty) && b.is_none_or(Map::is_empty) {
                return compare_leaf(old, new, place);
            }
            let below = &mut place.below;
            compare_maps(a, b, node, "", &mut |element, _, a, b, schema| {
                below.add(element, compare_node(a, b, schema))
            });
        }
        Shape::List => {
            let items = |v: Option<&Value>| v.map_or(&[][..], |v| Value::items(v)).len();
            if node.list == ListType::Atomic || items(old) == 0 && items(new) == 0 {
                return compare_leaf(old, new, place);
            }
            compare_lists(old.map_or(&[], Value::items), new.map_or(&[], Value::items), node, &mut place.below);
        }
    }
}

fn compare_leaf(old: Option<&Value>, new: Option<&Value>, place: &mut Place) {
    match (old, new) {
        (Some(a), Some(b)) => place.changed |= a != b,
        (None, _) => place.changed = true,
        (_, None) => place.removed = true,
    }
}

type Visit<'v> = dyn FnMut(&Key, &str, Option<&Value>, Option<&Value>, &Node) + 'v;

fn compare_maps(a: Option<&Map>, b: Option<&Map>, node: &Node, skip: &str, visit: &mut Visit) {
    // Of a Go struct that stands on both sides, a field that is absent reads as `null`.
    let both_structs = node.name.is_some() && a.is_some() && b.is_some();
    let empty = Map::new();
    let (a, b) = (a.unwrap_or(&empty), b.unwrap_or(&empty));
    let (mut left, mut right) = (a.iter().peekable(), b.iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((x, _)), Some((y, _))) => x.cmp(y),
        };
        let x = if order.is_le() { left.next() } else { None };
        let y = if order.is_ge() { right.next() } else { None };
        let Some((name, _)) = x.or(y) else { return };
        if name == skip {
            continue;
        }
        let (x, y) = (x.map(|(_, v)| v), y.map(|(_, v)| v));
        if both_structs && matches!((x, y), (None, Some(Value::Null)) | (Some(Value::Null), None)) {
            continue;
        }
        // Most fields are scalars that did not change: nothing is to be said, no name to be made.
        if matches!((x, y), (Some(x), Some(y)) if !matches!(x, Value::Object(_) | Value::Array(_)) && x == y) {
            continue;
        }
        match node.field(name) {
            Some(field) => visit(&field.path, name, x, y, &field.node),
            None => {
                let schema = below(node, name).unwrap_or_else(Schema::any);
                visit(&Key::new(&format!("f:{name}")), name, x, y, &schema);
            }
        }
    }
}

fn compare_lists(a: &[Value], b: &[Value], node: &Node, out: &mut Comparison) {
    if a == b {
        return;
    }
    let (left, right) = (Index::new(a, node), Index::new(b, node));
    let schema = node.items.clone().unwrap_or_else(Schema::any);
    let own = left.elements.iter().enumerate().filter(|(i, e)| left.find(e).first() == Some(&(*i as u32)));
    let others = right
        .elements
        .iter()
        .enumerate()
        .filter(|(i, e)| right.find(e).first() == Some(&(*i as u32)) && left.find(e).is_empty());
    for (_, element) in own.chain(others) {
        let (olds, news) = (left.find(element), right.find(element));
        let old = olds.first().map(|i| &a[*i as usize]);
        let new = news.first().map(|i| &b[*i as usize]);
        match (olds.len(), news.len()) {
            (0 | 1, 0 | 1) => out.add(element, compare_node(old, new, &schema)),
            (0 | 1, _) => {
                // It has become ambiguous: what was owned below is removed, the item itself is written.
                let mut place = if old.is_some() { compare_node(old, None, &schema) } else { Place::default() };
                place.changed = true;
                out.add(element, place);
            }
            (_, 0 | 1) => {
                let mut place = if new.is_some() { compare_node(None, new, &schema) } else { Place::default() };
                place.removed = true;
                out.add(element, place);
            }
            (_, _) => {
                let same =
                    olds.len() == news.len() && olds.iter().zip(news).all(|(x, y)| a[*x as usize] == b[*y as usize]);
                out.add(element, Place { changed: !same, ..Place::default() });
            }
        }
    }
}
