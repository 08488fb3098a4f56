//! Built-in objects as Go would write them back: decoded into its structs and encoded again.
//!
//! One walk checks every type (with Go's messages), drops fields that no struct has (and says which), writes
//! quantities and times canonically, leaves out what is empty and marked so, and adds the zero values that Go always
//! writes. It fills in no defaults and judges no value.

use belay_object::{Map, Value};

use super::go_types::{GoField, GoType, GoTypes, Scalar, Special, StructId};
use super::times;
use belay_schema::quantity;

/// Deeper than any built-in kind; CRD schemas nest without end and are cut here.
const MAX_DEPTH: usize = 120;

/// Brings `value` into the normal form of its kind. Gives the paths of fields that were dropped because nothing
/// knows them (`spec.bogus`), at most 100. The error is Go's (`json: cannot unmarshal string into Go struct field
/// DeploymentSpec.spec.replicas of type int32`).
pub fn normalise(value: &mut Value, struct_id: StructId) -> Result<Vec<String>, String> {
    let mut walk = Walk { types: GoTypes::get(), path: Vec::new(), unknown: Vec::new() };
    match value {
        Value::Object(map) => walk.fields(map, struct_id, 0)?,
        other => return Err(format!("json: cannot unmarshal {} into Go value", go_name(other))),
    }
    Ok(walk.unknown)
}

struct Walk {
    types: &'static GoTypes,
    path: Vec<Step>,
    unknown: Vec<String>,
}

/// One step down, for messages.
enum Step {
    Field(&'static str),
    Key(String),
    Index(usize),
}

impl Walk {
    fn fields(&mut self, map: &mut Map, id: StructId, depth: usize) -> Result<(), String> {
        let known = &self.types.of(id).json;
        let is_known = |k: &str| known.binary_search_by(|f| f.key.as_str().cmp(k)).is_ok();
        if map.keys().any(|k| !is_known(k)) {
            for key in map.keys().filter(|k| !is_known(k)) {
                if self.unknown.len() < 100 {
                    let at = self.shown();
                    let dot = if at.is_empty() { "" } else { "." };
                    self.unknown.push(format!("{at}{dot}{key}"));
                }
            }
            map.retain(|k, _| is_known(k));
        }
        for f in known {
            let field = &f.field;
            match map.get_mut(&f.key) {
                Some(value) => {
                    self.path.push(Step::Field(field.json));
                    self.value(value, &field.ty, self.types.of(id).name, depth + 1)?;
                    self.path.pop();
                    if is_left_out(value, field) {
                        map.remove(&f.key);
                    }
                }
                None => {
                    if let Some(zero) = zero_of_absent(self.types, field, depth + 1) {
                        map.insert(f.key.clone(), zero);
                    }
                }
            }
        }
        Ok(())
    }

    fn value(&mut self, value: &mut Value, ty: &GoType, owner: &str, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("{}: nested more than {MAX_DEPTH} levels deep", self.shown()));
        }
        match ty {
            GoType::Named(_, inner) => self.value(value, inner, owner, depth),
            GoType::Ptr(_) if value.is_null() => Ok(()),
            GoType::Ptr(inner) => self.value(value, inner, owner, depth),
            GoType::Struct(id) => {
                if value.is_null() {
                    *value = Value::object();
                }
                match value {
                    Value::Object(map) => self.fields(map, *id, depth),
                    _ => Err(self.mismatch(value, self.types.of(*id).name, owner)),
                }
            }
            GoType::Slice(item) => self.items(value, item, owner, depth),
            GoType::Map(_, item) => self.entries(value, item, owner, depth),
            GoType::Bytes => self.bytes(value, owner),
            GoType::Scalar(s) => self.scalar(value, *s, ty, owner),
            GoType::Special(s) => self.special(value, *s),
        }
    }

    fn items(&mut self, value: &mut Value, item: &GoType, owner: &str, depth: usize) -> Result<(), String> {
        match value {
            Value::Null => Ok(()),
            // What went through storage has no empty list, only none.
            Value::Array(items) if items.is_empty() => {
                *value = Value::Null;
                Ok(())
            }
            Value::Array(items) => {
                for (i, v) in items.iter_mut().enumerate() {
                    self.path.push(Step::Index(i));
                    self.value(v, item, owner, depth + 1)?;
                    self.path.pop();
                }
                Ok(())
            }
            other => Err(self.mismatch(other, &format!("[]{}", shown_type(self.types, item)), owner)),
        }
    }

    fn entries(&mut self, value: &mut Value, item: &GoType, owner: &str, depth: usize) -> Result<(), String> {
        match value {
            Value::Null => Ok(()),
            Value::Object(map) if map.is_empty() => {
                *value = Value::Null;
                Ok(())
            }
            Value::Object(map) => {
                for (k, v) in map.iter_mut() {
                    self.path.push(Step::Key(k.as_str().to_owned()));
                    self.value(v, item, owner, depth + 1)?;
                    self.path.pop();
                }
                Ok(())
            }
            other => Err(self.mismatch(other, &format!("map[string]{}", shown_type(self.types, item)), owner)),
        }
    }

    fn bytes(&self, value: &mut Value, owner: &str) -> Result<(), String> {
        match value {
            Value::Null => {
                *value = Value::from("");
                Ok(())
            }
            Value::Str(s) => {
                if let Some(at) = base64_fault(s) {
                    return Err(format!("illegal base64 data at input byte {at}"));
                }
                if s.contains(['\n', '\r']) {
                    *value = Value::from(s.replace(['\n', '\r'], ""));
                }
                Ok(())
            }
            other => Err(self.mismatch(other, "[]uint8", owner)),
        }
    }

    fn scalar(&self, value: &mut Value, scalar: Scalar, ty: &GoType, owner: &str) -> Result<(), String> {
        let fits = match (scalar, &*value) {
            (_, Value::Null) => {
                *value = zero_of(ty);
                return Ok(());
            }
            (Scalar::String, Value::Str(_)) | (Scalar::Bool, Value::Bool(_)) => true,
            (Scalar::Int32, v) => v.as_i64().is_some_and(|i| i32::try_from(i).is_ok()),
            (Scalar::Uint8, v) => v.as_i64().is_some_and(|i| u8::try_from(i).is_ok()),
            (Scalar::Int64, v) => v.as_i64().is_some(),
            (Scalar::Float64, v) => v.as_f64().is_some(),
            _ => false,
        };
        if fits {
            if let (Scalar::Int32 | Scalar::Int64, Value::Float(f)) = (scalar, &*value) {
                *value = Value::Int(*f as i64);
            }
            return Ok(());
        }
        Err(self.mismatch(value, scalar.name(), owner))
    }

    fn special(&self, value: &mut Value, special: Special) -> Result<(), String> {
        let wrong =
            |v: &Value, ty: &str| Err(format!("json: cannot unmarshal {} into Go value of type {ty}", go_name(v)));
        match (special, &mut *value) {
            (Special::Any, _) | (Special::Time | Special::MicroTime, Value::Null) => Ok(()),
            (Special::Time, Value::Str(s)) => {
                *value = Value::from(times::canonical_seconds(s)?);
                Ok(())
            }
            (Special::MicroTime, Value::Str(s)) => {
                *value = Value::from(times::canonical_micros(s)?);
                Ok(())
            }
            (Special::Time | Special::MicroTime, v) => wrong(v, "string"),
            (Special::Quantity, Value::Null) => {
                *value = Value::from("0");
                Ok(())
            }
            (Special::Quantity, Value::Str(s)) => {
                let canonical = quantity::canonical(s)?;
                if **s != *canonical {
                    *value = Value::from(canonical);
                }
                Ok(())
            }
            (Special::Quantity, v @ (Value::Int(_) | Value::UInt(_) | Value::Float(_))) => {
                *value = Value::from(quantity::canonical(&v.to_json())?);
                Ok(())
            }
            (Special::Quantity, _) => Err(quantity::MALFORMED.into()),
            (Special::IntOrString, Value::Null) => {
                *value = Value::Int(0);
                Ok(())
            }
            (Special::IntOrString, Value::Str(_)) => Ok(()),
            (Special::IntOrString, v) if v.as_i64().is_some_and(|i| i32::try_from(i).is_ok()) => Ok(()),
            (Special::IntOrString, v) => wrong(v, "int32"),
        }
    }

    /// `json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`
    fn mismatch(&self, value: &Value, wanted: &str, owner: &str) -> String {
        let owner = owner.rsplit('.').next().unwrap_or_default();
        let wanted = wanted.rsplit('/').next().unwrap_or_default();
        let fields: Vec<&str> = self
            .path
            .iter()
            .filter_map(|s| match s {
                Step::Field(f) => Some(*f),
                Step::Key(_) | Step::Index(_) => None,
            })
            .collect();
        format!(
            "json: cannot unmarshal {} into Go struct field {owner}.{} of type {wanted}",
            go_name(value),
            fields.join(".")
        )
    }

    /// The path as strict decoding names it: `spec.containers[0].bogus`.
    fn shown(&self) -> String {
        let mut out = String::new();
        for step in &self.path {
            match step {
                Step::Index(i) => out.push_str(&format!("[{i}]")),
                Step::Field(name) => join(&mut out, name),
                Step::Key(name) => join(&mut out, name),
            }
        }
        out
    }
}

fn join(out: &mut String, name: &str) {
    if !out.is_empty() {
        out.push('.');
    }
    out.push_str(name);
}

fn shown_type(types: &GoTypes, ty: &GoType) -> String {
    match ty {
        GoType::Struct(id) => types.of(*id).name.rsplit('/').next().unwrap_or_default().to_owned(),
        GoType::Named(name, _) => name.rsplit('/').next().unwrap_or_default().to_owned(),
        GoType::Scalar(s) => s.name().to_owned(),
        GoType::Ptr(t) => format!("*{}", shown_type(types, t)),
        GoType::Slice(t) => format!("[]{}", shown_type(types, t)),
        GoType::Map(_, t) => format!("map[string]{}", shown_type(types, t)),
        GoType::Bytes => "[]uint8".into(),
        GoType::Special(_) => "interface {}".into(),
    }
}

/// A value as Go's decoder names it.
fn go_name(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "bool".into(),
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => match value {
            Value::Float(f) => format!("number {f}"),
            _ => "number".into(),
        },
        Value::Str(_) => "string".into(),
        Value::Array(_) => "array".into(),
        Value::Object(_) => "object".into(),
    }
}

/// Whether Go leaves the field out of what it writes.
fn is_left_out(value: &Value, field: &GoField) -> bool {
    if !field.omit_empty && !field.omit_zero {
        return false;
    }
    match (field.ty.plain(), value) {
        (GoType::Ptr(_) | GoType::Slice(_) | GoType::Map(..) | GoType::Special(Special::Any), v) => v.is_null(),
        (GoType::Bytes, v) => v.as_str().is_none_or(str::is_empty),
        (GoType::Scalar(_), Value::Str(s)) => s.is_empty(),
        (GoType::Scalar(_), Value::Bool(b)) => !b,
        (GoType::Scalar(_), Value::Int(i)) => *i == 0,
        (GoType::Special(Special::Time | Special::MicroTime), Value::Null) => field.omit_zero,
        (GoType::Struct(_), Value::Object(map)) => field.omit_zero && map.is_empty(),
        _ => false,
    }
}

/// What Go writes for a field that was not set; `None` where it leaves it out.
fn zero_of_absent(types: &GoTypes, field: &GoField, depth: usize) -> Option<Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    match field.ty.plain() {
        GoType::Struct(_) if field.omit_zero => None,
        GoType::Struct(id) => Some(zero_struct(types, *id, depth)),
        GoType::Special(Special::Time | Special::MicroTime) if !field.omit_zero => Some(Value::Null),
        _ if field.omit_empty || field.omit_zero => None,
        ty => Some(zero_of(ty)),
    }
}

fn zero_struct(types: &GoTypes, id: StructId, depth: usize) -> Value {
    let mut map = Map::new();
    for f in &types.of(id).json {
        if let Some(zero) = zero_of_absent(types, &f.field, depth + 1) {
            map.insert(f.key.clone(), zero);
        }
    }
    Value::Object(map)
}

fn zero_of(ty: &GoType) -> Value {
    match ty.plain() {
        GoType::Scalar(Scalar::String) => Value::from(""),
        GoType::Scalar(Scalar::Bool) => Value::Bool(false),
        GoType::Scalar(_) | GoType::Special(Special::IntOrString) => Value::Int(0),
        GoType::Special(Special::Quantity) => Value::from("0"),
        _ => Value::Null,
    }
}

/// Where a text stops being standard base64, as Go's decoder counts; line breaks are skipped.
fn base64_fault(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut seen = 0usize;
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'\n' | b'\r' => {}
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => seen += 1,
            b'=' => return padding_fault(bytes, i, seen),
            _ => return Some(i),
        }
        i += 1;
    }
    (!seen.is_multiple_of(4)).then_some(bytes.len() - seen % 4)
}

fn padding_fault(bytes: &[u8], at: usize, seen: usize) -> Option<usize> {
    let wanted = match seen % 4 {
        2 => 2,
        3 => 1,
        _ => return Some(at),
    };
    let rest: Vec<usize> = (at..bytes.len()).filter(|i| !matches!(bytes[*i], b'\n' | b'\r')).collect();
    let padding = rest.iter().take_while(|i| bytes[**i] == b'=').count();
    match rest.get(wanted) {
        _ if padding < wanted => Some(bytes.len()),
        Some(i) => Some(*i),
        None => None,
    }
}
