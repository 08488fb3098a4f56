//! `eq`, `ne`, `lt`, `le`, `gt`, `ge`: only values of one basic kind compare, integers by value
//! whether signed or not.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::error::Error;
use crate::exec::Operand;
use crate::fmt::to_string;
use crate::value::{Kind, Value};

/// Go's basic kinds, as far as comparing goes.
#[derive(PartialEq)]
enum Basic<'a> {
    Bool(bool),
    Complex(f64, f64),
    Int(i64),
    Float(f64),
    Str(&'a [u8]),
    Uint(u64),
    None,
}

fn basic(value: &Value) -> Basic<'_> {
    match value {
        Value::Bool(b) => Basic::Bool(*b),
        Value::Int(i) | Value::Int64(i) => Basic::Int(*i),
        Value::Int32(i) => Basic::Int((*i).into()),
        Value::Uint8(i) => Basic::Uint((*i).into()),
        Value::Uint32(i) => Basic::Uint((*i).into()),
        Value::Uint64(i) => Basic::Uint(*i),
        Value::Float(f) => Basic::Float(*f),
        Value::Complex(re, im) => Basic::Complex(*re, *im),
        Value::Str(s) => Basic::Str(s),
        _ => Basic::None,
    }
}

/// A value as it compares: of a named scalar type (a duration), the scalar.
fn plain(operand: &Operand) -> Value {
    match &operand.value {
        Value::Object(o) => match o.underlying() {
            Some(v) if !matches!(v, Value::List(_) | Value::Map(_) | Value::Bytes(_)) => v,
            _ => operand.value.clone(),
        },
        v => v.clone(),
    }
}

fn is_nil(value: &Value) -> bool {
    match value {
        Value::Nil => true,
        Value::List(l) => l.is_nil(),
        Value::Map(m) => m.is_nil(),
        _ => false,
    }
}

/// `eq a b c`: whether a equals b or c.
pub(super) fn equal(args: &[Operand]) -> Result<bool, Error> {
    let (first, others) = (&args[0], &args[1..]);
    if others.is_empty() {
        return Err(Error::new("missing argument for comparison"));
    }
    let a = plain(first);
    for other in others {
        let b = plain(other);
        if equal_two(&a, &b, first.value.type_name(), other.value.type_name())? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal_two(a: &Value, b: &Value, a_type: &str, b_type: &str) -> Result<bool, Error> {
    Ok(match (basic(a), basic(b)) {
        (Basic::Int(i), Basic::Uint(u)) | (Basic::Uint(u), Basic::Int(i)) => u64::try_from(i) == Ok(u),
        (Basic::None, Basic::None) => return equal_others(a, b, a_type, b_type),
        (x, y) if std::mem::discriminant(&x) != std::mem::discriminant(&y) => {
            if !a.is_nil() && !b.is_nil() {
                return Err(incompatible(a_type, b_type));
            }
            false
        }
        (x, y) => x == y,
    })
}

fn equal_others(a: &Value, b: &Value, a_type: &str, b_type: &str) -> Result<bool, Error> {
    let (a_kind, b_kind) = (a.kind(), b.kind());
    if a_kind != b_kind && a_kind != Kind::Invalid && b_kind != Kind::Invalid {
        let (a, b) = (crate::fmt::sprintf(b"%s", std::slice::from_ref(a)), to_string(b));
        let a = String::from_utf8_lossy(&a).into_owned();
        return Err(Error::new(format!("non-comparable types {a}: {a_type}, {b_type}: {b}")));
    }
    if is_nil(a) || is_nil(b) {
        return Ok(is_nil(a) == is_nil(b));
    }
    match (a, b) {
        (Value::Object(x), Value::Object(y)) if matches!(b_kind, Kind::Ptr | Kind::Struct) => {
            Ok(Rc::ptr_eq(x, y) || x.type_name() == y.type_name() && x.equals(&**y))
        }
        _ => {
            let b = crate::fmt::sprintf(b"%s", std::slice::from_ref(b));
            Err(Error::new(format!("non-comparable type {}: {b_type}", String::from_utf8_lossy(&b))))
        }
    }
}

fn incompatible(a: &str, b: &str) -> Error {
    Error::new(format!("incompatible types for comparison: {a} and {b}"))
}

/// `lt a b`
pub(super) fn less(args: &[Operand]) -> Result<bool, Error> {
    let invalid = || Error::new("invalid type for comparison");
    let (a, b) = (plain(&args[0]), plain(&args[1]));
    let (x, y) = (basic(&a), basic(&b));
    let order = match (&x, &y) {
        (Basic::None, _) | (_, Basic::None) => return Err(invalid()),
        (Basic::Int(a), Basic::Int(b)) => Some(a.cmp(b)),
        (Basic::Uint(a), Basic::Uint(b)) => Some(a.cmp(b)),
        (Basic::Int(a), Basic::Uint(b)) => Some(u64::try_from(*a).map_or(Ordering::Less, |a| a.cmp(b))),
        (Basic::Uint(a), Basic::Int(b)) => Some(u64::try_from(*b).map_or(Ordering::Greater, |b| a.cmp(&b))),
        (Basic::Float(a), Basic::Float(b)) => a.partial_cmp(b),
        (Basic::Str(a), Basic::Str(b)) => Some(a.cmp(b)),
        (x, y) if std::mem::discriminant(x) != std::mem::discriminant(y) => {
            return Err(incompatible(args[0].value.type_name(), args[1].value.type_name()));
        }
        _ => return Err(invalid()),
    };
    Ok(order == Some(Ordering::Less))
}

/// `le a b`
pub(super) fn less_or_equal(args: &[Operand]) -> Result<bool, Error> {
    Ok(less(args)? || equal(args)?)
}
