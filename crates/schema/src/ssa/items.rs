//! List items as path elements, and Go's words for values that do not fit.

use belay_object::{Key, Value};

use crate::error::quoted;
use crate::node::{Kind, ListType, Node};

/// What a value is treated as. A place without a type takes the form of what stands there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    Map,
    List,
    Scalar,
}

pub(crate) fn shape(node: &Node, value: &Value) -> Shape {
    match node.kind {
        Kind::Object => Shape::Map,
        Kind::Array => Shape::List,
        Kind::String | Kind::Integer | Kind::Number | Kind::Boolean | Kind::IntOrString | Kind::Quantity => {
            Shape::Scalar
        }
        Kind::Any => match value {
            // `null` takes the first form that is possible, a map.
            Value::Object(_) | Value::Null => Shape::Map,
            Value::Array(_) => Shape::List,
            Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) | Value::Str(_) => Shape::Scalar,
        },
    }
}

/// The path element of a list's item; why there can be none.
pub(crate) fn element(list: &Node, item: &Value, text: &mut String) -> Result<Key, String> {
    text.clear();
    match &list.list {
        ListType::Atomic => Err("invalid indexing of non-associative list".into()),
        ListType::Set => {
            match item {
                Value::Object(_) => return Err("associative list without keys has an element that's a map type".into()),
                Value::Array(_) => return Err("not supported: associative list with lists as elements".into()),
                Value::Null => {
                    return Err("associative list without keys has an element that's an explicit null".into());
                }
                _ => {}
            }
            text.push_str("v:");
            push_json(text, item);
            Ok(Key::new(text))
        }
        ListType::Map(keys) => {
            let fields = match item {
                Value::Object(fields) => fields,
                Value::Null => return Err("associative list with keys may not have a null element".into()),
                _ => return Err("associative list with keys may not have non-map elements".into()),
            };
            text.push_str("k:{");
            let empty = text.len();
            for key in keys {
                let default = || list.items.as_ref()?.field(key)?.node.default.as_ref();
                let Some(value) = fields.get(key).or_else(default) else { continue };
                if text.len() > empty {
                    text.push(',');
                }
                push_json_text(text, key);
                text.push(':');
                push_json(text, value);
            }
            if text.len() == empty {
                let names: Vec<String> = keys.iter().map(|k| quoted(k)).collect();
                return Err(format!(
                    "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values for any key fields)",
                    names.join(" ")
                ));
            }
            text.push('}');
            Ok(Key::new(text))
        }
    }
}

fn push_json(out: &mut String, value: &Value) {
    match value {
        Value::Str(s) => push_json_text(out, s),
        other => out.push_str(&other.to_json()),
    }
}

/// Text as the writer of field sets in Go has it: HTML's characters escaped.
fn push_json_text(out: &mut String, text: &str) {
    let plain = |b: u8| b >= 0x20 && !matches!(b, b'"' | b'\\' | b'<' | b'>' | b'&' | 0xe2);
    if text.bytes().all(plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
        return;
    }
    for c in Value::from(text).to_json().chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
}

/// A value as Go's `%v` prints it.
pub(crate) fn go_plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".into(),
        Value::Str(s) => s.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(go_plain).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            format!("map[{}]", fields.iter().map(|(k, v)| format!("{k}:{}", go_plain(v))).collect::<Vec<_>>().join(" "))
        }
        Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => value.to_json(),
    }
}

/// A value as Go's `%#v` prints it.
pub(crate) fn go_syntax(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".into(),
        Value::Str(s) => quoted(s),
        Value::Array(items) => {
            format!("[]interface {{}}{{{}}}", items.iter().map(go_syntax).collect::<Vec<_>>().join(", "))
        }
        Value::Object(fields) => {
            let list: Vec<String> = fields.iter().map(|(k, v)| format!("{}:{}", quoted(k), go_syntax(v))).collect();
            format!("map[string]interface {{}}{{{}}}", list.join(", "))
        }
        Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => value.to_json(),
    }
}

/// A value's type as Go's `%T` prints it.
pub(crate) fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int64",
        Value::UInt(_) => "uint64",
        Value::Float(_) => "float64",
        Value::Str(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}
