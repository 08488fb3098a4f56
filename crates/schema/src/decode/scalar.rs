//! Scalars as Go's types take them.

use belay_object::Value;

use crate::error::quoted;
use crate::node::{Format, Kind, Node};
use crate::quantity;

/// Why a value does not fit.
pub(crate) enum Fault {
    /// What was found: `string`, `number 1.5`.
    Type(String),
    /// A decoder's own message.
    Other(String),
}

pub(crate) fn fit(value: &mut Value, node: &Node) -> Result<(), Fault> {
    match (node.kind, &*value) {
        (Kind::String, Value::Str(text)) => match node.format {
            Format::Byte => base64(text).map_err(Fault::Other),
            Format::DateTime => time(text).map_err(Fault::Other),
            _ => Ok(()),
        },
        (Kind::String, other) if node.format == Format::DateTime => {
            Err(Fault::Other(format!("json: cannot unmarshal {} into Go value of type string", found(other))))
        }
        (Kind::Boolean, Value::Bool(_)) | (Kind::Number, Value::Int(_) | Value::UInt(_) | Value::Float(_)) => Ok(()),
        (Kind::Integer, Value::Int(i)) => match node.format {
            Format::Int32 if i32::try_from(*i).is_err() => Err(Fault::Type(format!("number {i}"))),
            _ => Ok(()),
        },
        (Kind::Integer, Value::UInt(_) | Value::Float(_)) => match value.as_i64() {
            Some(whole) => {
                *value = Value::Int(whole);
                fit(value, node)
            }
            None => Err(Fault::Type(format!("number {}", value.to_json()))),
        },
        (Kind::IntOrString, Value::Str(_)) => Ok(()),
        (Kind::IntOrString, Value::Int(i)) if i32::try_from(*i).is_ok() => Ok(()),
        (Kind::IntOrString, Value::Int(_) | Value::UInt(_) | Value::Float(_)) => {
            Err(Fault::Other(format!("json: cannot unmarshal number {} into Go value of type int32", value.to_json())))
        }
        (Kind::IntOrString, other) => {
            Err(Fault::Other(format!("json: cannot unmarshal {} into Go value of type int32", found(other))))
        }
        (Kind::Quantity, Value::Str(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_)) => {
            let text = match &*value {
                Value::Str(text) => text.trim().to_owned(),
                number => number.to_json(),
            };
            *value = quantity::canonical(&text).map_err(|e| Fault::Other(e.to_owned()))?.into();
            Ok(())
        }
        (Kind::Quantity, _) => Err(Fault::Other(quantity::MALFORMED.to_owned())),
        (_, other) => Err(Fault::Type(found(other).to_owned())),
    }
}

/// What Go's decoder calls a JSON value that it did not want.
fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => "number",
        Value::Str(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Checks standard base64 with padding, line ends passed over.
pub(crate) fn base64(text: &str) -> Result<(), String> {
    let illegal = |at: usize| Err(format!("illegal base64 data at input byte {at}"));
    let (mut count, mut padding) = (0_usize, 0_usize);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\r' | b'\n' => {}
            b'=' if count % 4 >= 2 && count % 4 + padding < 4 => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => count += 1,
            _ => return illegal(at),
        }
    }
    if (count + padding) % 4 == 0 { Ok(()) } else { illegal(text.len() - (count + padding) % 4) }
}

const LAYOUT: &str = "2006-01-02T15:04:05Z07:00";

/// Checks an RFC 3339 time; the message is that of Go's parser.
pub(crate) fn time(text: &str) -> Result<(), String> {
    // Each part of the layout, its length, and the greatest number there.
    const PARTS: [(&str, usize, u32); 6] =
        [("2006", 4, 9999), ("01", 2, 12), ("02", 2, 31), ("15", 2, 23), ("04", 2, 59), ("05", 2, 59)];
    const BETWEEN: [&str; 5] = ["-", "-", "T", ":", ":"];
    let fail = |rest: &str, part: &str| {
        Err(format!(
            "parsing time {} as {}: cannot parse {} as {}",
            quoted(text),
            quoted(LAYOUT),
            quoted(rest),
            quoted(part)
        ))
    };
    let mut rest = text;
    for (i, (part, length, most)) in PARTS.iter().enumerate() {
        let digits = rest.get(..*length).filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
        let Some(number) = digits.and_then(|d| d.parse::<u32>().ok()) else { return fail(rest, part) };
        if number > *most || (matches!(i, 1 | 2) && number == 0) {
            let what = ["year", "month", "day", "hour", "minute", "second"][i];
            return Err(format!("parsing time {}: {what} out of range", quoted(text)));
        }
        rest = &rest[*length..];
        if let Some(between) = BETWEEN.get(i) {
            match rest.strip_prefix(between) {
                Some(after) => rest = after,
                None => return fail(rest, between),
            }
        }
    }
    if let Some(fraction) = rest.strip_prefix('.').or_else(|| rest.strip_prefix(',')) {
        let end = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
        rest = if end == 0 { rest } else { &fraction[end..] };
    }
    let zone = rest.as_bytes();
    let offset = zone.len() == 6
        && matches!(zone[0], b'+' | b'-')
        && zone[3] == b':'
        && [1, 2, 4, 5].iter().all(|i| zone[*i].is_ascii_digit());
    if rest == "Z" || offset { Ok(()) } else { fail(rest, "Z07:00") }
}
