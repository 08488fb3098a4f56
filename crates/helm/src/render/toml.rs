//! TOML as `github.com/BurntSushi/toml` writes and reads it, for `toToml` and `fromToml`.

mod decode;

use belay_gotemplate::Value;

pub(super) use decode::decode;

/// Deeper values are refused.
const MAX_DEPTH: usize = 200;

/// Writes a value; the error is the text that Helm gives.
pub(super) fn encode(value: &Value) -> Result<String, String> {
    let mut out = String::new();
    let mut key = Vec::new();
    encode_at(&mut out, &mut key, value)?;
    Ok(out)
}

#[derive(PartialEq)]
enum Shape {
    Nil,
    Table,
    Tables,
    Other,
}

fn shape(value: &Value) -> Result<Shape, String> {
    Ok(match value {
        Value::Nil => Shape::Nil,
        Value::Map(map) if map.is_nil() => Shape::Nil,
        Value::Map(_) => Shape::Table,
        Value::List(list) if list.is_nil() => Shape::Nil,
        Value::List(list) => {
            let mut is_tables = !list.is_empty();
            for item in list.iter() {
                match shape(item)? {
                    Shape::Nil => return Err("toml: cannot encode array with nil element".into()),
                    Shape::Table => {}
                    Shape::Tables | Shape::Other => is_tables = false,
                }
            }
            if is_tables { Shape::Tables } else { Shape::Other }
        }
        _ => Shape::Other,
    })
}

fn encode_at(out: &mut String, key: &mut Vec<String>, value: &Value) -> Result<(), String> {
    if key.len() > MAX_DEPTH {
        return Err(format!("value is nested deeper than {MAX_DEPTH} levels"));
    }
    match (shape(value)?, value) {
        (Shape::Nil, _) => Ok(()),
        (Shape::Table, Value::Map(map)) => {
            if key.len() == 1 {
                newline(out);
            }
            if !key.is_empty() {
                out.push_str(&format!("{}[{}]\n", indent(key), path(key)));
            }
            fields(out, key, map)
        }
        (Shape::Tables, Value::List(list)) => {
            if key.is_empty() {
                return Err("toml: top-level values must be Go maps or structs".into());
            }
            for item in list.iter() {
                newline(out);
                out.push_str(&format!("{}[[{}]]\n", indent(key), path(key)));
                if let Value::Map(map) = item {
                    fields(out, key, map)?;
                }
            }
            Ok(())
        }
        (_, value) if key.is_empty() => element(out, value, 0),
        (_, value) => {
            let name = key.last().map(|name| quoted(name)).unwrap_or_default();
            out.push_str(&format!("{}{name} = ", indent(key)));
            element(out, value, 0)?;
            out.push('\n');
            Ok(())
        }
    }
}

fn fields(out: &mut String, key: &mut Vec<String>, map: &belay_gotemplate::Map) -> Result<(), String> {
    for wanted in [false, true] {
        for (name, value) in map.entries() {
            if matches!(shape(&value)?, Shape::Table | Shape::Tables) == wanted {
                key.push(name.to_string());
                encode_at(out, key, &value)?;
                key.pop();
            }
        }
    }
    Ok(())
}

fn element(out: &mut String, value: &Value, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("value is nested deeper than {MAX_DEPTH} levels"));
    }
    match value {
        Value::Str(text) => {
            out.push('"');
            text.to_string_lossy().chars().for_each(|c| escape(out, c));
            out.push('"');
        }
        Value::Float(f) => {
            let text = crate::go::float_g(*f).replace("+Inf", "inf").replace("-Inf", "-inf").replace("NaN", "nan");
            out.push_str(&text);
            if !text.contains(['e', '.', 'n']) {
                out.push_str(".0");
            }
        }
        Value::List(list) => {
            out.push('[');
            for (i, item) in list.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                element(out, item, depth + 1)?;
            }
            out.push(']');
        }
        Value::Map(map) => {
            let mut parts = Vec::new();
            for wanted in [false, true] {
                for (name, item) in map.entries() {
                    let shape = shape(&item)?;
                    if shape != Shape::Nil && matches!(shape, Shape::Table | Shape::Tables) == wanted {
                        let mut part = format!("{} = ", quoted(&name.to_string()));
                        element(&mut part, &item, depth + 1)?;
                        parts.push(part);
                    }
                }
            }
            out.push_str(&format!("{{{}}}", parts.join(", ")));
        }
        Value::Bool(_) => out.push_str(&belay_gotemplate::fmt::to_string(value).to_string_lossy()),
        value if value.as_int().is_some() || matches!(value, Value::Uint64(_)) => {
            out.push_str(&belay_gotemplate::fmt::to_string(value).to_string_lossy());
        }
        Value::Bytes(_) | Value::Object(_) => {
            let plain = value.to_object().map_err(|e| e.to_string())?;
            element(out, &Value::from_object(&plain), depth + 1)?;
        }
        other => return Err(format!("unexpected type: {}", other.type_name())),
    }
    Ok(())
}

fn escape(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        c if (c as u32) < 0x20 || c as u32 == 0x7f => out.push_str(&format!("\\u{:04x}", c as u32)),
        c => out.push(c),
    }
}

fn newline(out: &mut String) {
    if !out.is_empty() {
        out.push('\n');
    }
}

fn indent(key: &[String]) -> String {
    "  ".repeat(key.len().saturating_sub(1))
}

fn path(key: &[String]) -> String {
    key.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(".")
}

fn quoted(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(is_bare) {
        return name.to_owned();
    }
    let mut out = String::from("\"");
    name.chars().for_each(|c| escape(&mut out, c));
    out.push('"');
    out
}
