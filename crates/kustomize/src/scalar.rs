//! Scalars as kustomize sees them: their text, and the null that was written as nothing.
//!
//! kustomize works on YAML nodes, where a scalar is a text with a tag; here it is a JSON value. The
//! differences that show in a build are kept here: merging drops a null written as nothing
//! (`emptyDir:`) but keeps one written out (`creationTimestamp: null`), so the former is marked
//! with [`blank`] while a build runs; and a text put in the place of a number must be one.

use std::borrow::Cow;

use belay_object::Value;
use belay_yaml::{Options, parse_value};

/// A quiet NaN that no parser makes: `.nan` reads as the canonical one.
const BLANK_BITS: u64 = 0x7ff8_0000_b1a7_0000;

/// The null that was written as nothing. *Invariant*: it never leaves the crate, see [`settle`].
pub(crate) fn blank() -> Value {
    Value::Float(f64::from_bits(BLANK_BITS))
}

pub(crate) fn is_blank(value: &Value) -> bool {
    matches!(value, Value::Float(f) if f.to_bits() == BLANK_BITS)
}

/// Whether a value is null, however it was written.
pub(crate) fn is_null(value: &Value) -> bool {
    value.is_null() || is_blank(value)
}

/// Whether a value is null, `{}` or `[]`: what kustomize calls nil or empty.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        other => is_null(other),
    }
}

/// Whether a value is neither null nor a list nor a map.
pub(crate) fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Object(_) | Value::Array(_)) && !is_null(value)
}

/// Makes every marked null a plain one. Recursion is bounded by the depth that the YAML reader allows.
pub(crate) fn settle(value: &mut Value) {
    match value {
        Value::Object(map) => map.iter_mut().for_each(|(_, v)| settle(v)),
        Value::Array(list) => list.iter_mut().for_each(settle),
        other if is_blank(other) => *other = Value::Null,
        _ => {}
    }
}

/// Whether a marked null stands anywhere in a value.
pub(crate) fn has_blank(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.values().any(has_blank),
        Value::Array(list) => list.iter().any(has_blank),
        other => is_blank(other),
    }
}

/// The text of a scalar as it stands in YAML; empty for lists and maps.
pub(crate) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Str(text) => Cow::Borrowed(text),
        Value::Null => Cow::Borrowed("null"),
        Value::Bool(true) => Cow::Borrowed("true"),
        Value::Bool(false) => Cow::Borrowed("false"),
        Value::Object(_) | Value::Array(_) => Cow::Borrowed(""),
        other if is_blank(other) => Cow::Borrowed(""),
        number => Cow::Owned(number.to_json()),
    }
}

/// What a plain scalar of this text means to yaml.v3: a scalar that was given a text but no tag is
/// read again when it is printed.
pub(crate) fn plain(text: &str) -> Value {
    if !may_be_special(text) {
        return Value::from(text);
    }
    match parse_value(text, &Options::v3()) {
        Ok(value) if is_scalar(&value) || value.is_null() => value,
        _ => Value::from(text),
    }
}

/// Cheap test before the reader is asked: only such texts can mean anything but themselves.
fn may_be_special(text: &str) -> bool {
    const WORDS: [&str; 5] = ["true", "false", "null", "~", ""];
    if WORDS.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        return true;
    }
    let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b'_' | b':');
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
        && text.bytes().all(fine)
        && text.bytes().any(|b| b.is_ascii_digit() || b == b'.')
        && !text.starts_with("--")
        && !text.starts_with("..")
        && !text.ends_with(':')
}

/// The name of a value's YAML tag.
pub(crate) fn tag(value: &Value) -> &'static str {
    match value {
        Value::Str(_) => "!!str",
        Value::Bool(_) => "!!bool",
        Value::Int(_) | Value::UInt(_) => "!!int",
        Value::Object(_) => "!!map",
        Value::Array(_) => "!!seq",
        other if is_null(other) => "!!null",
        _ => "!!float",
    }
}

/// Puts a text in the place of a scalar, which keeps its type; the error is that of printing it.
pub(crate) fn put_text(place: &mut Value, new: &str) -> Result<(), String> {
    if matches!(place, Value::Str(_)) {
        *place = Value::from(new);
        return Ok(());
    }
    let value = plain(new);
    if tag(&value) != tag(place) && !matches!((tag(place), &value), ("!!float", Value::Int(_) | Value::UInt(_))) {
        return Err(format!("yaml: cannot decode {} `{new}` as a {}", tag(&value), tag(place)));
    }
    *place = value;
    Ok(())
}

/// Sets the text of a scalar without a type of its own: text stays text, what was a number is
/// whatever the new text means.
pub(crate) fn set_text(place: &mut Value, new: &str) {
    *place = if matches!(place, Value::Str(_)) { Value::from(new) } else { plain(new) };
}
