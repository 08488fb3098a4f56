//! What one manager owns of an object: as a set of fields, and as a digest of their values.

use std::hash::Hasher;

use belay_object::{Object, Value};

use super::Operation;
use crate::fields::{Element, FieldSet};

/// The fields that a manager owns of the main resource, by applies alone or (`None`) by whatever it did.
pub fn owned_fields(live: &Object, manager: &str, operation: Option<Operation>) -> FieldSet {
    let mut set = FieldSet::new();
    for entry in live.at(&["metadata", "managedFields"]).map_or(&[][..], Value::items) {
        let text = |name: &str| entry.str_at(&[name]).unwrap_or_default();
        if text("manager") == manager
            && text("subresource").is_empty()
            && operation.is_none_or(|o| text("operation") == o.as_str())
            && let Some(fields) = entry.get("fieldsV1")
        {
            let fields = FieldSet::parse(fields);
            set = if set.is_empty() { fields } else { set.union(&fields) };
        }
    }
    set
}

/// A digest of the values of the fields that a manager owns by its applies, and of which these are;
/// `None` where it owns none. It changes when one of them changes, is removed or given up, and with
/// nothing else. The work is that of the owned fields, not of the object's. It holds for this build of
/// the program: it is compared in memory, not stored.
pub fn owned_digest(live: &Object, manager: &str) -> Option<[u8; 16]> {
    let set = owned_fields(live, manager, Some(Operation::Apply));
    if set.is_empty() {
        return None;
    }
    let mut digest = Digest::new();
    walk(&set, Some(live.value()), &mut digest);
    Some(digest.finish())
}

fn walk(set: &FieldSet, value: Option<&Value>, digest: &mut Digest) {
    for entry in set.entries() {
        let child = value.and_then(|v| child(v, &entry.element));
        digest.text(&entry.element);
        // An item that is owned as such is only there or not there: its own fields say the rest. A
        // field without anything below is owned with all it holds.
        if entry.below.is_empty() {
            let item = entry.element.starts_with("k:");
            match child {
                Some(value) if !item && !is_granular_map(value, &entry.element) => digest.value(value),
                found => digest.byte(u8::from(found.is_some())),
            }
        } else {
            digest.byte(b'{');
            walk(&entry.below, child, digest);
            digest.byte(b'}');
        }
    }
}

/// Of a map that is owned without its keys (`f:data: {}`), others may own keys: what it holds does not
/// count. Atomic maps cannot be told apart without a schema, except for those that every kind has.
pub(super) fn is_granular_map(value: &Value, element: &str) -> bool {
    matches!(value, Value::Object(_)) && matches!(element, "f:data" | "f:labels" | "f:annotations" | "f:stringData")
}

pub(super) fn child<'v>(value: &'v Value, element: &str) -> Option<&'v Value> {
    if let Some(name) = Element::parse_shallow(element) {
        return value.get(name);
    }
    match Element::parse(element) {
        Element::Key(keys) => value.items().iter().find(|item| {
            // A key that the item leaves out had its default.
            keys.iter().all(|(name, wanted)| item.get(name).is_none_or(|found| found == wanted)) && !keys.is_empty()
        }),
        Element::Value(wanted) => value.items().iter().find(|item| **item == wanted),
        Element::Index(at) => value.items().get(usize::try_from(at).ok()?),
        Element::Field(_) => None,
    }
}

/// 128 bits from two SipHash states with different prefixes: not against an adversary, who could write
/// the object anyway, but enough that two states of one object never share a digest.
struct Digest(std::hash::DefaultHasher, std::hash::DefaultHasher);

impl Digest {
    fn new() -> Digest {
        let (mut a, mut b) = (std::hash::DefaultHasher::new(), std::hash::DefaultHasher::new());
        a.write_u8(1);
        b.write_u8(2);
        Digest(a, b)
    }
    fn byte(&mut self, byte: u8) {
        self.0.write_u8(byte);
        self.1.write_u8(byte);
    }
    fn text(&mut self, text: &str) {
        for hasher in [&mut self.0, &mut self.1] {
            hasher.write_usize(text.len());
            hasher.write(text.as_bytes());
        }
    }
    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.byte(0),
            Value::Bool(b) => self.byte(1 + u8::from(*b)),
            Value::Int(_) | Value::UInt(_) | Value::Float(_) => {
                self.byte(3);
                self.text(&value.to_json());
            }
            Value::Str(s) => {
                self.byte(4);
                self.text(s);
            }
            Value::Array(items) => {
                self.byte(5);
                items.iter().for_each(|v| self.value(v));
                self.byte(6);
            }
            Value::Object(fields) => {
                self.byte(7);
                for (name, v) in fields.iter() {
                    self.text(name);
                    self.value(v);
                }
                self.byte(8);
            }
        }
    }
    fn finish(self) -> [u8; 16] {
        let mut out = [0; 16];
        out[..8].copy_from_slice(&self.0.finish().to_le_bytes());
        out[8..].copy_from_slice(&self.1.finish().to_le_bytes());
        out
    }
}
