//! [`List`]: a slice. Immutable and shared: what Sprig's list functions return is always new.

use std::ops::Deref;
use std::rc::Rc;

use super::{Type, Value};

/// A slice of values and its type.
#[derive(Clone)]
pub struct List {
    data: Rc<Items>,
    of: &'static Type,
}

struct Items {
    items: Vec<Value>,
    nil: bool,
}

impl List {
    /// A `[]interface {}`.
    pub fn new(items: Vec<Value>) -> List {
        List::of(Type::LIST, items)
    }
    /// A slice of a type.
    pub fn of(of: &'static Type, items: Vec<Value>) -> List {
        List { data: Rc::new(Items { items, nil: false }), of }
    }
    /// A `[]string`.
    pub fn strings<S: Into<super::Str>>(items: impl IntoIterator<Item = S>) -> List {
        List::of(Type::STRINGS, items.into_iter().map(Value::str).collect())
    }
    /// The nil slice of a type: empty, `null` in JSON, equal to nil.
    pub fn nil(of: &'static Type) -> List {
        List { data: Rc::new(Items { items: Vec::new(), nil: true }), of }
    }
    /// Whether this is the nil slice.
    pub fn is_nil(&self) -> bool {
        self.data.nil
    }
    /// Its type.
    pub fn type_of(&self) -> &'static Type {
        self.of
    }
    /// The same items as a slice of another type.
    pub fn with_type(&self, of: &'static Type) -> List {
        List { data: Rc::clone(&self.data), of }
    }
}

impl Deref for List {
    type Target = [Value];
    fn deref(&self) -> &[Value] {
        &self.data.items
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        drop_flat(std::mem::take(&mut self.items));
    }
}

/// Frees values without recursion: a template can nest lists and maps deeper than any stack.
pub(super) fn drop_flat(mut open: Vec<Value>) {
    if !open.iter().any(|v| matches!(v, Value::List(_) | Value::Map(_))) {
        return;
    }
    while let Some(value) = open.pop() {
        match value {
            Value::List(list) => {
                if let Ok(mut data) = Rc::try_unwrap(list.data) {
                    open.append(&mut data.items);
                }
            }
            Value::Map(map) => map.into_values(&mut open),
            _ => {}
        }
    }
}
