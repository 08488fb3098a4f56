//! Messages in the making. Compat(argo 3.5): what is empty is left out.

use belay_object::{Map, Value};

/// A message in the making.
pub(crate) struct Message(Value);

impl Message {
    /// One without fields.
    pub fn new() -> Message {
        Message(Value::object())
    }
    /// A field that is there whatever it says.
    pub fn always(mut self, field: &str, value: impl Into<Value>) -> Message {
        self.0.set(&[field], value);
        self
    }
    /// A text.
    pub fn text(self, field: &str, text: &str) -> Message {
        if text.is_empty() { self } else { self.always(field, text) }
    }
    /// Texts.
    pub fn texts<'a>(self, field: &str, texts: impl IntoIterator<Item = &'a str>) -> Message {
        self.value(field, texts.into_iter().collect())
    }
    /// A flag.
    pub fn flag(self, field: &str, flag: bool) -> Message {
        if flag { self.always(field, true) } else { self }
    }
    /// A number.
    pub fn number(self, field: &str, number: i64) -> Message {
        if number == 0 { self } else { self.always(field, number) }
    }
    /// A list or an object.
    pub fn value(self, field: &str, value: Value) -> Message {
        let is_empty = value.items().is_empty() && value.as_object().is_none_or(Map::is_empty);
        if is_empty { self } else { self.always(field, value) }
    }
    /// The message.
    pub fn done(self) -> Value {
        self.0
    }
}

/// A list as Kubernetes has them. Compat(argo 3.5): an empty one is `null`.
pub(crate) fn list(items: Value) -> Value {
    let items = if items.items().is_empty() { Value::Null } else { items };
    Message::new().always("metadata", Value::object()).always("items", items).done()
}
