//! To and from [`belay_object::Value`], and from Rust's plain types.

use belay_object as object;

use super::{List, MAX_DEPTH, Map, Str, Type, Value};
use crate::error::Error;

/// The largest value that is converted: what may be written at most (`Limits::output_bytes`).
const MAX_OBJECT_BYTES: usize = 64 << 20;
/// What an item takes besides its text.
const ITEM_BYTES: usize = 32;

impl Value {
    /// A JSON or YAML value as encoding/json decodes it into `interface {}`: **every number is a
    /// `float64`**, as all of Helm's values are.
    pub fn from_object(value: &object::Value) -> Value {
        match value {
            object::Value::Null => Value::Nil,
            object::Value::Bool(b) => Value::Bool(*b),
            object::Value::Int(i) => Value::Float(*i as f64),
            object::Value::UInt(u) => Value::Float(*u as f64),
            object::Value::Float(f) => Value::Float(*f),
            object::Value::Str(s) => Value::str(&**s),
            object::Value::Array(items) => Value::list(items.iter().map(Value::from_object).collect()),
            object::Value::Object(map) => Value::Map(Map::from_object(map, Type::MAP)),
        }
    }

    /// What encoding/json writes of this: strings that are not UTF-8 get U+FFFD, `[]byte` base64,
    /// nil slices and maps null. Fails for what JSON cannot hold (functions, NaN) and for values
    /// nested too deep, as one that holds itself is.
    pub fn to_object(&self) -> Result<object::Value, Error> {
        to_object(self, 0, &mut MAX_OBJECT_BYTES.clone())
    }
}

impl Map {
    /// A map of a type with an object's fields, numbers as `float64`.
    pub fn from_object(map: &object::Map, of: &'static Type) -> Map {
        Map::from_entries(of, map.iter().map(|(k, v)| (k.as_str(), Value::from_object(v))))
    }
}

/// Within a value other values may stand many times by reference; here each is a copy, so that `room` is
/// what bounds the memory.
fn to_object(value: &Value, depth: usize, room: &mut usize) -> Result<object::Value, Error> {
    let text = if let Value::Str(s) | Value::Bytes(s) = value { s.len() } else { 0 };
    take(room, text.saturating_add(ITEM_BYTES))?;
    if depth > MAX_DEPTH {
        return Err(Error::limit(format!("value is nested deeper than {MAX_DEPTH} levels")));
    }
    Ok(match value {
        Value::Nil => object::Value::Null,
        Value::Bool(b) => (*b).into(),
        Value::Int(i) | Value::Int64(i) => (*i).into(),
        Value::Int32(i) => (*i).into(),
        Value::Uint8(i) => u32::from(*i).into(),
        Value::Uint32(i) => (*i).into(),
        Value::Uint64(i) => (*i).into(),
        Value::Float(f) if f.is_finite() => (*f).into(),
        Value::Float(f) => {
            let text = crate::fmt::to_string(&Value::Float(*f));
            return Err(Error::new(format!("json: unsupported value: {text}")));
        }
        Value::Str(s) => s.to_string_lossy().into_owned().into(),
        Value::Bytes(b) => base64(b).into(),
        Value::List(l) if l.is_nil() => object::Value::Null,
        Value::List(l) => {
            let items: Result<Vec<_>, Error> = l.iter().map(|v| to_object(v, depth + 1, room)).collect();
            items?.into()
        }
        Value::Map(m) if m.is_nil() => object::Value::Null,
        Value::Map(m) => {
            let mut out = object::Map::with_capacity(m.len());
            for (key, value) in m.entries() {
                take(room, key.len())?;
                out.insert(&*key.to_string_lossy(), to_object(&value, depth + 1, room)?);
            }
            object::Value::Object(out)
        }
        Value::Object(o) => o.to_json(),
        Value::Complex(..) | Value::Func(_) => {
            return Err(Error::new(format!("json: unsupported type: {}", value.type_name())));
        }
    })
}

fn take(room: &mut usize, bytes: usize) -> Result<(), Error> {
    match room.checked_sub(bytes) {
        Some(left) => *room = left,
        None => return Err(Error::limit(format!("value is larger than {MAX_OBJECT_BYTES} bytes"))),
    }
    Ok(())
}

/// Standard base64 with padding, as encoding/json writes `[]byte`.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let d = DIGITS[(group >> (18 - 6 * digit) & 63) as usize];
            out.push(if digit <= chunk.len() { d as char } else { '=' });
        }
    }
    out
}

impl From<bool> for Value {
    fn from(v: bool) -> Value {
        Value::Bool(v)
    }
}
/// Go's `int`.
impl From<i64> for Value {
    fn from(v: i64) -> Value {
        Value::Int(v)
    }
}
/// Go's `int`, as `len` gives it.
impl From<usize> for Value {
    fn from(v: usize) -> Value {
        Value::Int(v as i64)
    }
}
impl From<f64> for Value {
    fn from(v: f64) -> Value {
        Value::Float(v)
    }
}
impl From<&str> for Value {
    fn from(v: &str) -> Value {
        Value::str(v)
    }
}
impl From<String> for Value {
    fn from(v: String) -> Value {
        Value::str(v)
    }
}
impl From<Vec<u8>> for Value {
    /// A Go `string` of these bytes.
    fn from(v: Vec<u8>) -> Value {
        Value::str(v)
    }
}
impl From<Str> for Value {
    fn from(v: Str) -> Value {
        Value::Str(v)
    }
}
impl From<List> for Value {
    fn from(v: List) -> Value {
        Value::List(v)
    }
}
impl From<Map> for Value {
    fn from(v: Map) -> Value {
        Value::Map(v)
    }
}
