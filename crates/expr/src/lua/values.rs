//! Documents as Lua's values and back, as Argo CD converts them.
//!
//! Compat(argo 3.5): `null` is absence, in lists too. A number is a float. An empty table becomes
//! an empty list, whatever it was: who changes a document must put its empty objects back. A table
//! with holes, with keys of two types, or met twice is an error.

use std::collections::HashSet;

use belay_object::{Key, Map, Value};
use mlua::{Lua, Result};

/// How deep a table may nest.
const MAX_DEPTH: usize = 200;

pub(super) fn to_lua(lua: &Lua, value: &Value, room: usize) -> Result<mlua::Value> {
    let Some(room) = room.checked_sub(1) else {
        return Err(mlua::Error::RuntimeError("the document nests too deep".into()));
    };
    Ok(match value {
        Value::Null => mlua::Value::Nil,
        Value::Bool(b) => mlua::Value::Boolean(*b),
        Value::Int(i) => mlua::Value::Number(*i as f64),
        Value::UInt(u) => mlua::Value::Number(*u as f64),
        Value::Float(f) => mlua::Value::Number(*f),
        Value::Str(s) => mlua::Value::String(lua.create_string(&**s)?),
        Value::Array(items) => {
            let table = lua.create_table_with_capacity(items.len(), 0)?;
            for (i, item) in items.iter().filter(|v| !v.is_null()).enumerate() {
                table.raw_set(i + 1, to_lua(lua, item, room)?)?;
            }
            mlua::Value::Table(table)
        }
        Value::Object(fields) => {
            let table = lua.create_table_with_capacity(0, fields.len())?;
            for (key, field) in fields.iter().filter(|(_, v)| !v.is_null()) {
                table.raw_set(key.as_str(), to_lua(lua, field, room)?)?;
            }
            mlua::Value::Table(table)
        }
    })
}

/// For the caller that has no room left to name.
pub(super) fn document(lua: &Lua, value: &Value) -> Result<mlua::Value> {
    to_lua(lua, value, MAX_DEPTH)
}

/// What a script gave, as a document.
pub(super) fn from_lua(value: &mlua::Value) -> std::result::Result<Value, String> {
    convert(value, MAX_DEPTH, &mut HashSet::new())
}

fn convert(
    value: &mlua::Value,
    room: usize,
    seen: &mut HashSet<*const std::ffi::c_void>,
) -> std::result::Result<Value, String> {
    let Some(room) = room.checked_sub(1) else { return Err("the result nests too deep".into()) };
    match value {
        mlua::Value::Nil => Ok(Value::Null),
        mlua::Value::Boolean(b) => Ok(Value::Bool(*b)),
        mlua::Value::Integer(i) => Ok(Value::Int(*i)),
        mlua::Value::Number(n) => number(*n),
        mlua::Value::String(s) => Ok(Value::from(s.to_string_lossy().to_string())),
        mlua::Value::Table(table) => {
            if !seen.insert(table.to_pointer()) {
                return Err("cannot encode recursively nested tables to JSON".into());
            }
            table_value(table, room, seen)
        }
        other => Err(format!("cannot encode {} to JSON", other.type_name())),
    }
}

fn number(n: f64) -> std::result::Result<Value, String> {
    if !n.is_finite() {
        return Err(format!("cannot encode {n} to JSON"));
    }
    // Above 2^53 a float's whole value still fits a document's integer.
    Ok(if n.fract() == 0.0 && n.abs() < 9.2e18 { Value::Int(n as i64) } else { Value::Float(n) })
}

fn table_value(
    table: &mlua::Table,
    room: usize,
    seen: &mut HashSet<*const std::ffi::c_void>,
) -> std::result::Result<Value, String> {
    let mut items: Vec<(i64, Value)> = Vec::new();
    let mut fields: Vec<(Key, Value)> = Vec::new();
    for pair in table.pairs::<mlua::Value, mlua::Value>() {
        let (key, value) = pair.map_err(|e| e.to_string())?;
        let value = convert(&value, room, seen)?;
        match key {
            mlua::Value::String(s) => fields.push((Key::new(&s.to_string_lossy()), value)),
            mlua::Value::Number(n) if n.fract() == 0.0 => items.push((n as i64, value)),
            mlua::Value::Integer(i) => items.push((i, value)),
            _ => return Err("cannot encode mixed or invalid key types".into()),
        }
    }
    if fields.is_empty() {
        items.sort_by_key(|(at, _)| *at);
        if items.iter().enumerate().any(|(i, (at, _))| *at != i as i64 + 1) {
            return Err("cannot encode sparse array".into());
        }
        return Ok(items.into_iter().map(|(_, v)| v).collect());
    }
    if !items.is_empty() {
        return Err("cannot encode mixed or invalid key types".into());
    }
    Ok(Value::Object(fields.into_iter().collect::<Map>()))
}
