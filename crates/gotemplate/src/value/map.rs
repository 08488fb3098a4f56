//! [`Map`]: a map from strings. All handles of a map see what is changed through one of them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::list::drop_flat;
use super::{Str, Type, Value};

/// A map from strings and its type. A clone is another handle of the same map. Entries are sorted
/// by key, which is the order of Go's `range` and `fmt`.
#[derive(Clone)]
pub struct Map {
    data: Rc<Fields>,
    of: &'static Type,
}

struct Fields {
    entries: RefCell<BTreeMap<Str, Value>>,
    nil: bool,
}

impl Default for Map {
    fn default() -> Map {
        Map::new()
    }
}

impl Map {
    /// An empty `map[string]interface {}`.
    pub fn new() -> Map {
        Map::of(Type::MAP)
    }
    /// An empty map of a type.
    pub fn of(of: &'static Type) -> Map {
        Map { data: Rc::new(Fields { entries: RefCell::default(), nil: false }), of }
    }
    /// The nil map of a type: empty, `null` in JSON, equal to nil.
    pub fn nil(of: &'static Type) -> Map {
        Map { data: Rc::new(Fields { entries: RefCell::default(), nil: true }), of }
    }
    /// A map of a type with these entries; of equal keys the last counts.
    pub fn from_entries<K: Into<Str>>(of: &'static Type, entries: impl IntoIterator<Item = (K, Value)>) -> Map {
        let entries = entries.into_iter().map(|(k, v)| (k.into(), v)).collect();
        Map { data: Rc::new(Fields { entries: RefCell::new(entries), nil: false }), of }
    }
    /// Whether this is the nil map.
    pub fn is_nil(&self) -> bool {
        self.data.nil
    }
    /// Its type.
    pub fn type_of(&self) -> &'static Type {
        self.of
    }
    /// Another handle of the same map, seen as another type (Go's conversion of a named map type).
    pub fn with_type(&self, of: &'static Type) -> Map {
        Map { data: Rc::clone(&self.data), of }
    }
    /// Whether two handles are of the same map.
    pub fn is_same(&self, other: &Map) -> bool {
        Rc::ptr_eq(&self.data, &other.data)
    }
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.data.entries.borrow().len()
    }
    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.data.entries.borrow().is_empty()
    }
    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        self.data.entries.borrow().get(key).cloned()
    }
    /// What `look` gives for a key's value, without a clone. `look` must not change this map.
    pub(crate) fn with<R>(&self, key: &[u8], look: impl FnOnce(&Value) -> R) -> Option<R> {
        self.data.entries.borrow().get(key).map(look)
    }
    /// Whether a key is there.
    pub fn contains_key(&self, key: &[u8]) -> bool {
        self.data.entries.borrow().contains_key(key)
    }
    /// Sets a key's value and gives what it was. A nil map must not be written to: Go panics
    /// ("assignment to entry in nil map"); this makes the entry.
    pub fn insert(&self, key: impl Into<Str>, value: Value) -> Option<Value> {
        self.data.entries.borrow_mut().insert(key.into(), value)
    }
    /// Removes a key and gives its value.
    pub fn remove(&self, key: &[u8]) -> Option<Value> {
        self.data.entries.borrow_mut().remove(key)
    }
    /// The keys in order.
    pub fn keys(&self) -> Vec<Str> {
        self.data.entries.borrow().keys().cloned().collect()
    }
    /// The entries in order, as they are at this moment.
    pub fn entries(&self) -> Vec<(Str, Value)> {
        self.data.entries.borrow().iter().map(|(k, v)| (k.clone(), v.clone())).collect()
    }
    /// A new map of the same type with the same entries (the values shared).
    pub fn shallow_copy(&self) -> Map {
        let entries = RefCell::new(self.data.entries.borrow().clone());
        Map { data: Rc::new(Fields { entries, nil: false }), of: self.of }
    }
    /// Visits the entries in order. `visit` must not change this map.
    pub fn for_each(&self, mut visit: impl FnMut(&Str, &Value)) {
        self.data.entries.borrow().iter().for_each(|(k, v)| visit(k, v));
    }
    /// Moves the values out where this is the last handle.
    pub(super) fn into_values(self, to: &mut Vec<Value>) {
        if let Ok(fields) = Rc::try_unwrap(self.data) {
            to.extend(std::mem::take(&mut *fields.entries.borrow_mut()).into_values());
        }
    }
}

impl Drop for Fields {
    fn drop(&mut self) {
        let entries = self.entries.get_mut();
        if entries.values().any(|v| matches!(v, Value::List(_) | Value::Map(_))) {
            drop_flat(std::mem::take(entries).into_values().collect());
        }
    }
}
