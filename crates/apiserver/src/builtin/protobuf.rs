//! Request bodies in protobuf: typed clients (kubectl's access checks, evictions, tokens) send built-in kinds so.
//!
//! A body is `k8s\0`, then a `runtime.Unknown` around the object. Field numbers stand in the table of Go structs;
//! what is read is the JSON form that the same client would have sent. Nothing is ever written so: clients that ask
//! for protobuf take JSON as well.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belay_object::{Map, Value};
use jiff::Timestamp;

use super::go_types::{GoType, GoTypes, Scalar, Special, StructId};
use super::times;

/// How such a body begins.
pub const MAGIC: &[u8] = b"k8s\0";
const MAX_DEPTH: usize = 100;

/// Reads a body; the error says what about it is no object of a built-in kind.
pub fn decode(body: &[u8]) -> Result<Value, String> {
    let rest = body.strip_prefix(MAGIC).ok_or("provided data does not appear to be a protobuf message")?;
    let (mut api_version, mut kind, mut raw): (String, String, &[u8]) = Default::default();
    for field in Fields(rest) {
        match field? {
            (1, Wire::Bytes(meta)) => {
                for part in Fields(meta) {
                    match part? {
                        (1, Wire::Bytes(b)) => api_version = text(b)?,
                        (2, Wire::Bytes(b)) => kind = text(b)?,
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(b)) => raw = b,
            (3, Wire::Bytes(b)) if !b.is_empty() => return Err("content encodings are not served".into()),
            _ => {}
        }
    }
    let types = GoTypes::get();
    let id = match kind.as_str() {
        // Options stand in every group version.
        "DeleteOptions" => types.named("meta/v1.DeleteOptions"),
        kind => types.kind(&api_version, kind),
    };
    let Some(id) = id else {
        return Err(format!("no kind {kind:?} is registered for version {api_version:?}"));
    };
    let mut map = message(raw, id, 0)?;
    map.insert("apiVersion", api_version);
    map.insert("kind", kind);
    Ok(Value::Object(map))
}

enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, one after the other.
struct Fields<'a>(&'a [u8]);

const BROKEN: &str = "unexpected EOF";

fn varint(bytes: &mut &[u8]) -> Result<u64, String> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().ok_or(BROKEN)?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("proto: integer overflow".into())
}

fn take<'a>(bytes: &mut &'a [u8], len: u64) -> Result<&'a [u8], String> {
    let len = usize::try_from(len).ok().filter(|l| *l <= bytes.len()).ok_or(BROKEN)?;
    let (taken, rest) = bytes.split_at(len);
    *bytes = rest;
    Ok(taken)
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Wire<'a>), String>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let result = self.read();
        if result.is_err() {
            self.0 = &[];
        }
        Some(result)
    }
}

impl<'a> Fields<'a> {
    fn read(&mut self) -> Result<(u64, Wire<'a>), String> {
        let tag = varint(&mut self.0)?;
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |n, b| n << 8 | u64::from(*b));
        let wire = match tag & 7 {
            0 => Wire::Number(varint(&mut self.0)?),
            1 => Wire::Number(number(take(&mut self.0, 8)?)),
            2 => {
                let len = varint(&mut self.0)?;
                Wire::Bytes(take(&mut self.0, len)?)
            }
            5 => Wire::Number(number(take(&mut self.0, 4)?)),
            other => return Err(format!("proto: illegal wireType {other}")),
        };
        Ok((tag >> 3, wire))
    }
}

fn text(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "proto: invalid UTF-8".into())
}

fn message(bytes: &[u8], id: StructId, depth: usize) -> Result<Map, String> {
    if depth > MAX_DEPTH {
        return Err("proto: nested too deep".into());
    }
    let types = GoTypes::get();
    let mut map = Map::new();
    for field in Fields(bytes) {
        let (number, wire) = field?;
        let Some(of) = types.of(id).declared.iter().find(|f| u64::from(f.number) == number && number > 0) else {
            continue;
        };
        if of.inline {
            if let (GoType::Struct(inner), Wire::Bytes(b)) = (&of.ty, wire) {
                for (key, value) in message(b, *inner, depth + 1)? {
                    map.insert(key, value);
                }
            }
            continue;
        }
        let slot = map.entry(of.json);
        read(slot, &of.ty, wire, depth + 1)?;
    }
    Ok(map)
}

/// Reads a field into its slot; repeated ones add to what is there.
fn read(slot: &mut Value, ty: &GoType, wire: Wire<'_>, depth: usize) -> Result<(), String> {
    match (ty, wire) {
        (GoType::Ptr(inner), wire) => read(slot, inner, wire, depth),
        // A named list stands as a message of its own (`ExtraValue { items }`).
        (GoType::Named(_, inner), Wire::Bytes(b)) if matches!(**inner, GoType::Slice(_)) => {
            for item in Fields(b) {
                if let (1, wire) = item? {
                    read(slot, inner, wire, depth)?;
                }
            }
            Ok(())
        }
        (GoType::Named(_, inner), wire) => read(slot, inner, wire, depth),
        (GoType::Slice(item), wire) => {
            let mut value = Value::Null;
            read(&mut value, item, wire, depth)?;
            if slot.as_array().is_none() {
                *slot = Value::Array(Default::default());
            }
            if let Some(items) = slot.as_array_mut() {
                items.push(value);
            }
            Ok(())
        }
        (GoType::Map(_, item), Wire::Bytes(entry)) => {
            let (mut key, mut value) = (String::new(), Value::Null);
            for part in Fields(entry) {
                match part? {
                    (1, Wire::Bytes(b)) => key = text(b)?,
                    (2, wire) => read(&mut value, item, wire, depth)?,
                    _ => {}
                }
            }
            if value.is_null() {
                read(&mut value, item, Wire::Bytes(&[]), depth)?;
            }
            slot.object_or_insert().insert(key, value);
            Ok(())
        }
        (GoType::Struct(id), Wire::Bytes(b)) => {
            *slot = Value::Object(message(b, *id, depth)?);
            Ok(())
        }
        (GoType::Bytes, Wire::Bytes(b)) => {
            *slot = Value::from(STANDARD.encode(b));
            Ok(())
        }
        (GoType::Scalar(Scalar::String), Wire::Bytes(b)) => {
            *slot = Value::from(text(b)?);
            Ok(())
        }
        (GoType::Scalar(scalar), Wire::Number(n)) => {
            *slot = match scalar {
                Scalar::Bool => Value::Bool(n != 0),
                Scalar::Float64 => Value::Float(f64::from_bits(n)),
                _ => Value::Int(n as i64),
            };
            Ok(())
        }
        (GoType::Special(special), Wire::Bytes(b)) => {
            *slot = self::special(b, *special)?;
            Ok(())
        }
        _ => Err("proto: wrong wireType".into()),
    }
}

fn special(bytes: &[u8], special: Special) -> Result<Value, String> {
    let (mut numbers, mut texts): ([i64; 4], Vec<(u64, &[u8])>) = ([0; 4], Vec::new());
    for field in Fields(bytes) {
        match field? {
            (n @ 1..=3, Wire::Number(v)) => numbers[n as usize] = v as i64,
            (n, Wire::Bytes(b)) => texts.push((n, b)),
            _ => {}
        }
    }
    let first = || texts.first().map_or(Ok(String::new()), |(_, b)| text(b));
    Ok(match special {
        // No time at all is an empty message; its absence is written as null.
        Special::Time | Special::MicroTime if bytes.is_empty() => Value::Null,
        Special::Time | Special::MicroTime => {
            let nanos = i32::try_from(numbers[2]).unwrap_or_default();
            let at = Timestamp::new(numbers[1], nanos).map_err(|e| e.to_string())?;
            Value::from(if special == Special::Time { times::seconds(at) } else { times::micros(at) })
        }
        Special::Quantity => Value::from(first()?),
        // Type 0 is a number, in field 2; type 1 a text, in field 3.
        Special::IntOrString if numbers[1] == 0 => Value::Int(numbers[2]),
        Special::IntOrString => Value::from(first()?),
        Special::Any => match texts.first() {
            Some((_, json)) => belay_object::from_json(json).map_err(|e| e.to_string())?,
            None => Value::Null,
        },
    })
}
