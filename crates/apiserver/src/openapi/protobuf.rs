//! gnostic's `openapi.v2.Document` in protobuf's wire format, as far as our documents go.
//!
//! Embedded messages that stand twice are united by every reader, so that what a definition adds is appended to
//! what was encoded once.

use belay_object::{Map, Value};

/// Encoded fields of one message.
#[derive(Default, Clone)]
pub(super) struct Message(pub Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
    /// Appends a field of bytes.
    pub(super) fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }
    /// Appends a text.
    pub(super) fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }
    /// Appends an embedded message.
    pub(super) fn message(&mut self, field: u64, message: &Message) {
        self.bytes(field, &message.0);
    }
    fn flag(&mut self, field: u64, value: bool) {
        self.varint(field << 3);
        self.varint(value.into());
    }
    fn whole(&mut self, field: u64, value: i64) {
        self.varint(field << 3);
        self.varint(value as u64);
    }
    fn double(&mut self, field: u64, value: f64) {
        self.varint(field << 3 | 1);
        self.0.extend_from_slice(&value.to_le_bytes());
    }
}

/// `NamedX { name, value }`
pub(super) fn named(name: &str, value: &Message) -> Message {
    let mut message = Message::default();
    message.text(1, name);
    message.message(2, value);
    message
}

/// `Any`: a value as YAML, of which JSON is a part.
fn any(value: &Value) -> Message {
    let mut message = Message::default();
    message.text(2, &format!("{}\n", value.to_json()));
    message
}

fn extensions(message: &mut Message, field: u64, of: &Map) {
    for (name, value) in of.iter().filter(|(name, _)| name.starts_with("x-")) {
        message.message(field, &named(name, &any(value)));
    }
}

/// Schemas nest as deep as definitions do, which the decoder of requests bounds.
const MAX_DEPTH: usize = 100;

/// `Schema`
pub(super) fn schema(value: &Value) -> Message {
    schema_at(value, 0)
}

fn schema_at(value: &Value, depth: usize) -> Message {
    let mut message = Message::default();
    let Some(map) = value.as_object().filter(|_| depth < MAX_DEPTH) else { return message };
    for (key, field) in [("$ref", 1), ("format", 2), ("title", 3), ("description", 4), ("pattern", 13)] {
        if let Some(text) = map.str(key) {
            message.text(field, text);
        }
    }
    for (key, field) in [("multipleOf", 6), ("maximum", 7), ("minimum", 9)] {
        if let Some(number) = map.get(key).and_then(Value::as_f64) {
            message.double(field, number);
        }
    }
    for (key, field) in [("exclusiveMaximum", 8), ("exclusiveMinimum", 10), ("uniqueItems", 16)] {
        if let Some(flag) = map.get(key).and_then(Value::as_bool) {
            message.flag(field, flag);
        }
    }
    let counts = [
        ("maxLength", 11),
        ("minLength", 12),
        ("maxItems", 14),
        ("minItems", 15),
        ("maxProperties", 17),
        ("minProperties", 18),
    ];
    for (key, field) in counts {
        if let Some(count) = map.get(key).and_then(Value::as_i64) {
            message.whole(field, count);
        }
    }
    for name in map.get("required").map_or(&[][..], Value::items).iter().filter_map(Value::as_str) {
        message.text(19, name);
    }
    for choice in map.get("enum").map_or(&[][..], Value::items) {
        message.message(20, &any(choice));
    }
    if let Some(kind) = map.str("type") {
        let mut item = Message::default();
        item.text(1, kind);
        message.message(22, &item);
    }
    nested(&mut message, map, depth + 1);
    extensions(&mut message, 31, map);
    message
}

fn nested(message: &mut Message, map: &Map, depth: usize) {
    match map.get("additionalProperties") {
        Some(Value::Bool(allowed)) => {
            let mut item = Message::default();
            item.flag(2, *allowed);
            message.message(21, &item);
        }
        Some(schema @ Value::Object(_)) => {
            let mut item = Message::default();
            item.message(1, &schema_at(schema, depth));
            message.message(21, &item);
        }
        _ => {}
    }
    if let Some(items) = map.get("items") {
        let mut item = Message::default();
        item.message(1, &schema_at(items, depth));
        message.message(23, &item);
    }
    for part in map.get("allOf").map_or(&[][..], Value::items) {
        message.message(24, &schema_at(part, depth));
    }
    if let Some(Value::Object(properties)) = map.get("properties") {
        let mut all = Message::default();
        for (name, property) in properties.iter() {
            all.message(1, &named(name, &schema_at(property, depth)));
        }
        message.message(25, &all);
    }
}

/// `PathItem` of v2's operations by method.
pub(super) fn path_item(operations: &Map) -> Message {
    const METHODS: [(&str, u64); 7] =
        [("get", 2), ("put", 3), ("post", 4), ("delete", 5), ("options", 6), ("head", 7), ("patch", 8)];
    let mut item = Message::default();
    for (method, field) in METHODS {
        if let Some(Value::Object(of)) = operations.get(method) {
            item.message(field, &operation(of));
        }
    }
    item
}

fn operation(of: &Map) -> Message {
    let mut message = Message::default();
    for media in of.get("consumes").map_or(&[][..], Value::items).iter().filter_map(Value::as_str) {
        message.text(7, media);
    }
    for parameter in of.get("parameters").map_or(&[][..], Value::items) {
        let mut sub = Message::default();
        for (key, field) in [("in", 2), ("name", 4), ("type", 6)] {
            sub.text(field, parameter.str_at(&[key]).unwrap_or_default());
        }
        sub.flag(20, true);
        let wrap = |inner: &Message, field: u64| {
            let mut outer = Message::default();
            outer.message(field, inner);
            outer
        };
        // ParametersItem.parameter.non_body_parameter.query_parameter_sub_schema
        message.message(8, &wrap(&wrap(&wrap(&sub, 3), 2), 1));
    }
    let mut responses = Message::default();
    for (code, response) in of.get("responses").and_then(Value::as_object).into_iter().flat_map(Map::iter) {
        let mut inner = Message::default();
        inner.text(1, response.str_at(&["description"]).unwrap_or_default());
        let mut value = Message::default();
        value.message(1, &inner);
        responses.message(1, &named(code, &value));
    }
    message.message(9, &responses);
    extensions(&mut message, 13, of);
    message
}
