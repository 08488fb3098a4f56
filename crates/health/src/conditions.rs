//! Reading fields as kstatus does: absent and of another type are the same, save where its rules
//! make an error of it.

use belay_object::{Object, Value};

/// One condition; texts of another type read as empty.
pub(crate) struct Condition<'a> {
    pub kind: &'a str,
    pub status: &'a str,
    pub reason: &'a str,
    pub message: &'a str,
}

/// `status.conditions` in order. A list of another shape is an error, as kstatus' typed conversion
/// makes it.
pub(crate) fn conditions(object: &Object) -> Result<Vec<Condition<'_>>, String> {
    let Some(status) = object.get("status").filter(|v| !v.is_null()) else { return Ok(Vec::new()) };
    let Some(fields) = status.as_object() else {
        return Err(format!("status is of type {}, not an object", status.type_name()));
    };
    let Some(list) = fields.get("conditions").filter(|v| !v.is_null()) else { return Ok(Vec::new()) };
    let Some(items) = list.as_array() else {
        return Err(format!("status.conditions is of type {}, not a list", list.type_name()));
    };
    items.iter().map(condition).collect()
}

fn condition(value: &Value) -> Result<Condition<'_>, String> {
    let Some(fields) = value.as_object() else {
        return Err(format!("an entry of status.conditions is of type {}, not an object", value.type_name()));
    };
    let text = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::Str(s)) => Ok(&**s),
        Some(other) => Err(format!("{name} of a condition is of type {}, not a string", other.type_name())),
    };
    Ok(Condition { kind: text("type")?, status: text("status")?, reason: text("reason")?, message: text("message")? })
}

/// A whole number at a path; the default where it is absent or not one.
pub(crate) fn int(object: &Object, path: &[&str], default: i64) -> i64 {
    match object.at(path) {
        Some(Value::Int(i)) => *i,
        _ => default,
    }
}

/// A text at a path; the default where it is absent or not one.
pub(crate) fn text<'a>(object: &'a Object, path: &[&str], default: &'static str) -> &'a str {
    object.str_at(path).unwrap_or(default)
}

/// A whole number that must be one where it is there.
pub(crate) fn strict_int(object: &Object, path: &[&str]) -> Result<Option<i64>, String> {
    match object.at(path) {
        None => Ok(None),
        Some(Value::Int(i)) => Ok(Some(*i)),
        Some(other) => Err(format!(
            "looking up {} from resource: it is of type {}, not a whole number",
            path.join("."),
            other.type_name()
        )),
    }
}
