//! Bounds of numbers.

use belay_object::Value;

use super::Walk;
use crate::node::{Format, Kind, Node};

pub(super) fn check(walk: &mut Walk, value: &Value, node: &Node, path: &str) {
    if node.kind == Kind::Integer
        && node.format == Format::Int32
        && value.as_i64().is_some_and(|i| i32::try_from(i).is_err())
    {
        // The text of the whole object's error: this check knows no path of its own.
        let detail = format!("Checked value must be of type integer with format int32 in {path}");
        walk.fail(crate::error::FieldError::invalid("<nil>", "", detail));
    }
    let Some(rules) = &node.rules else { return };
    let Some(number) = value.as_f64() else { return };
    if let Some(factor) = &rules.multiple_of
        && let Some(by) = factor.as_f64().filter(|by| *by > 0.0)
        && (number / by).fract() != 0.0
    {
        walk.invalid(path, value.clone(), format!("should be a multiple of {}", bound(factor, value)));
    }
    if let Some((most, exclusive)) = &rules.maximum
        && let Some(limit) = most.as_f64()
        && (number > limit || *exclusive && number >= limit)
    {
        let words = if *exclusive { "should be less than" } else { "should be less than or equal to" };
        walk.invalid(path, value.clone(), format!("{words} {}", bound(most, value)));
    }
    if let Some((least, exclusive)) = &rules.minimum
        && let Some(limit) = least.as_f64()
        && (number < limit || *exclusive && number <= limit)
    {
        let words = if *exclusive { "should be greater than" } else { "should be greater than or equal to" };
        walk.invalid(path, value.clone(), format!("{words} {}", bound(least, value)));
    }
}

/// A bound as Go prints it: whole where the value is whole, a float otherwise.
fn bound(bound: &Value, value: &Value) -> String {
    if matches!(value, Value::Int(_))
        && let Some(whole) = bound.as_i64()
    {
        return whole.to_string();
    }
    match bound.as_f64() {
        Some(f) if f != 0.0 && !(1e-4..1e21).contains(&f.abs()) => {
            let text = format!("{f:e}");
            match text.split_once('e') {
                Some((digits, exponent)) if exponent.starts_with('-') => format!("{digits}e-{:0>2}", &exponent[1..]),
                Some((digits, exponent)) => format!("{digits}e+{exponent:0>2}"),
                None => text,
            }
        }
        _ => bound.to_json(),
    }
}
