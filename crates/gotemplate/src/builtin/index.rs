//! `index`, `slice`, `len`.

use crate::error::Error;
use crate::exec::Operand;
use crate::function::Param;
use crate::value::{Elem, List, Str, Value};

/// What an object is beneath its name, where that can be indexed.
fn plain(value: Value) -> Value {
    match &value {
        Value::Object(o) => o.underlying().unwrap_or(value),
        _ => value,
    }
}

/// `index x 1 "a"`: x\[1\]\["a"\]. A missing key gives the zero value.
pub(super) fn index(args: &[Operand]) -> Result<Operand, Error> {
    let mut item = args[0].clone();
    if item.value.is_nil() {
        return Err(Error::new("index of untyped nil"));
    }
    for position in &args[1..] {
        if item.value.is_nil() {
            return Err(Error::new("index of nil pointer"));
        }
        let type_name = item.value.pointee_name().to_owned();
        item = match plain(item.value) {
            Value::List(list) => {
                let at = position_in(position, list.len())?;
                let value = list.get(at).cloned().ok_or_else(|| out_of("slice"))?;
                Operand::element(value, list.type_of().elem)
            }
            Value::Bytes(bytes) => {
                let at = position_in(position, bytes.len())?;
                Operand::plain(Value::Uint8(*bytes.get(at).ok_or_else(|| out_of("slice"))?))
            }
            Value::Str(s) => {
                let at = position_in(position, s.len())?;
                Operand::plain(Value::Uint8(*s.get(at).ok_or_else(|| out_of("string"))?))
            }
            Value::Map(map) => {
                let key = prepare(&position.value, Param::String)?;
                let key = key.as_str().cloned().unwrap_or_default();
                let elem = map.type_of().elem;
                Operand::element(map.get(&key).unwrap_or_else(|| elem.zero()), elem)
            }
            _ => return Err(Error::new(format!("can't index item of type {type_name}"))),
        };
    }
    Ok(item)
}

fn out_of(what: &str) -> Error {
    Error::new(format!("reflect: {what} index out of range"))
}

/// A position, which may be the length too.
fn position_in(position: &Operand, length: usize) -> Result<usize, Error> {
    let n = match &position.value {
        Value::Nil => return Err(Error::new("cannot index slice/array with nil")),
        Value::Uint64(n) => *n as i64,
        other => other
            .as_int()
            .ok_or_else(|| Error::new(format!("cannot index slice/array with type {}", other.type_name())))?,
    };
    match usize::try_from(n) {
        Ok(at) if at <= length => Ok(at),
        _ => Err(Error::new(format!("index out of range: {n}"))),
    }
}

/// A value as an argument of a type, integers converted: for `call` and the keys of `index`.
pub(crate) fn prepare(value: &Value, to: Param) -> Result<Value, Error> {
    let fits = match (value, to) {
        (_, Param::Any)
        | (Value::Bool(_), Param::Bool)
        | (Value::Int(_), Param::Int)
        | (Value::Int64(_), Param::Int64)
        | (Value::Uint32(_), Param::Uint32)
        | (Value::Float(_), Param::Float64)
        | (Value::Str(_), Param::String) => true,
        (Value::List(l), Param::List) => matches!(l.type_of().elem, Elem::Any),
        (Value::List(l), Param::Strings) => matches!(l.type_of().elem, Elem::String),
        (Value::Map(m), Param::Map) => matches!(m.type_of().elem, Elem::Any),
        (Value::Object(o), Param::Object(name)) => o.type_name() == name,
        _ => false,
    };
    if fits {
        return Ok(value.clone());
    }
    match (value.as_int(), to) {
        (Some(n), Param::Int) => return Ok(Value::Int(n)),
        (Some(n), Param::Int64) => return Ok(Value::Int64(n)),
        (Some(n), Param::Uint32) => return Ok(Value::Uint32(n as u32)),
        _ => {}
    }
    Err(Error::new(if value.is_nil() {
        format!("value is nil; should be of type {}", to.name())
    } else {
        format!("value has type {}; should be {}", value.type_name(), to.name())
    }))
}

/// `slice x 1 2`: x\[1:2\].
pub(super) fn slice(args: &[Operand]) -> Result<Value, Error> {
    let type_name = args[0].value.pointee_name();
    let item = plain(args[0].value.clone());
    if item.is_nil() {
        return Err(Error::new("slice of untyped nil"));
    }
    let positions = &args[1..];
    if positions.len() > 3 {
        return Err(Error::new(format!("too many slice indexes: {}", positions.len())));
    }
    let length = match &item {
        Value::Str(_) if positions.len() == 3 => return Err(Error::new("cannot 3-index slice a string")),
        Value::Str(s) | Value::Bytes(s) => s.len(),
        Value::List(l) => l.len(),
        _ => return Err(Error::new(format!("can't slice item of type {type_name}"))),
    };
    let mut bounds = [0, length, length];
    for (bound, position) in bounds.iter_mut().zip(positions) {
        // Go takes no interface apart here, unlike in `index`.
        if position.interface {
            return Err(Error::new("cannot index slice/array with type interface {}"));
        }
        *bound = position_in(position, length)?;
    }
    let [from, to, capacity] = bounds;
    let bad = |a: usize, b: usize| Error::new(format!("invalid slice index: {a} > {b}"));
    if from > to {
        return Err(bad(from, to));
    }
    if to > capacity {
        return Err(bad(to, capacity));
    }
    Ok(match item {
        Value::Str(s) => Value::Str(Str::from(&s[from..to])),
        Value::Bytes(s) => Value::Bytes(Str::from(&s[from..to])),
        Value::List(l) => Value::List(List::of(l.type_of(), l[from..to].to_vec())),
        other => other,
    })
}

/// `len x`: bytes of a string, items of a slice, entries of a map.
pub(super) fn length(item: &Operand) -> Result<Value, Error> {
    if item.value.is_nil() {
        let message =
            if item.interface { "len of nil pointer" } else { "reflect: call of reflect.Value.Type on zero Value" };
        return Err(Error::new(message));
    }
    let length = match plain(item.value.clone()) {
        Value::Str(s) | Value::Bytes(s) => s.len(),
        Value::List(l) => l.len(),
        Value::Map(m) => m.len(),
        _ => return Err(Error::new(format!("len of type {}", item.value.pointee_name()))),
    };
    Ok(length.into())
}
