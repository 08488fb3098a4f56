//! Equality, order and arithmetic.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::evaluate::{Fault, fault};
use crate::value::{Repr, Val};

/// Whether two values are equal; numbers compare by value, other types only with their own.
pub(crate) fn equal(a: &Val, b: &Val) -> bool {
    if let (Some(x), Some(y)) = (a.as_str(), b.as_str()) {
        return x == y;
    }
    if let (Some(n), Some(m)) = (a.list_len(), b.list_len()) {
        return n == m
            && (0..n).all(|i| matches!((a.list_item(i), b.list_item(i)), (Some(x), Some(y)) if equal(&x, &y)));
    }
    if let (Some(n), Some(m)) = (a.map_len(), b.map_len()) {
        let keys = a.elements().unwrap_or_default();
        return n == m
            && keys
                .iter()
                .all(|k| matches!((a.map_get(k), b.map_get(k)), (Some(Some(x)), Some(Some(y))) if equal(&x, &y)));
    }
    match (&a.0, &b.0) {
        (Repr::Null, Repr::Null) => true,
        (Repr::Bool(x), Repr::Bool(y)) => x == y,
        (Repr::Bytes(x), Repr::Bytes(y)) => x == y,
        (Repr::Duration(x), Repr::Duration(y)) => x == y,
        (Repr::Timestamp(x), Repr::Timestamp(y)) => x == y,
        (Repr::Type(x), Repr::Type(y)) => x == y,
        (Repr::Foreign(x), Repr::Foreign(y)) => x == y,
        (Repr::Optional(x), Repr::Optional(y)) => match (x, y) {
            (Some(x), Some(y)) => equal(x, y),
            (None, None) => true,
            _ => false,
        },
        _ => compare_numbers(a, b) == Some(Ordering::Equal),
    }
}

fn compare_numbers(a: &Val, b: &Val) -> Option<Ordering> {
    Some(match (&a.0, &b.0) {
        (Repr::Int(x), Repr::Int(y)) => x.cmp(y),
        (Repr::UInt(x), Repr::UInt(y)) => x.cmp(y),
        (Repr::Int(x), Repr::UInt(y)) => i128::from(*x).cmp(&i128::from(*y)),
        (Repr::UInt(x), Repr::Int(y)) => i128::from(*x).cmp(&i128::from(*y)),
        (Repr::Double(x), Repr::Double(y)) => return x.partial_cmp(y),
        (Repr::Double(x), Repr::Int(y)) => return x.partial_cmp(&(*y as f64)),
        (Repr::Int(x), Repr::Double(y)) => return (*x as f64).partial_cmp(y),
        (Repr::Double(x), Repr::UInt(y)) => return x.partial_cmp(&(*y as f64)),
        (Repr::UInt(x), Repr::Double(y)) => return (*x as f64).partial_cmp(y),
        _ => return None,
    })
}

/// The order of two values; `Ok(None)` of numbers that have none (NaN).
pub(crate) fn compare(a: &Val, b: &Val) -> Result<Option<Ordering>, Fault> {
    if let (Some(x), Some(y)) = (a.as_str(), b.as_str()) {
        return Ok(Some(x.cmp(y)));
    }
    Ok(match (&a.0, &b.0) {
        (Repr::Bool(x), Repr::Bool(y)) => Some(x.cmp(y)),
        (Repr::Bytes(x), Repr::Bytes(y)) => Some(x.cmp(y)),
        (Repr::Duration(x), Repr::Duration(y)) => Some(x.cmp(y)),
        (Repr::Timestamp(x), Repr::Timestamp(y)) => Some(x.cmp(y)),
        (Repr::Int(_) | Repr::UInt(_) | Repr::Double(_), Repr::Int(_) | Repr::UInt(_) | Repr::Double(_)) => {
            compare_numbers(a, b)
        }
        _ => return Err(no_overload()),
    })
}

pub(crate) fn no_overload() -> Fault {
    fault("no such overload")
}

/// `a + b`, `a - b`, `a * b`, `a / b`, `a % b`.
pub(crate) fn arithmetic<'a>(operator: char, a: Val<'a>, b: Val<'a>) -> Result<Val<'a>, Fault> {
    let overflow = || fault("integer overflow");
    if operator == '+' {
        if let (Some(x), Some(y)) = (a.as_str(), b.as_str()) {
            return Ok(Val(Repr::Str(format!("{x}{y}").into())));
        }
        if a.list_len().is_some() && b.list_len().is_some() {
            return Ok(concatenate(a, b));
        }
    }
    Ok(Val(match (a.0, operator, b.0) {
        (Repr::Int(_), '/', Repr::Int(0)) | (Repr::UInt(_), '/', Repr::UInt(0)) => {
            return Err(fault("division by zero"));
        }
        (Repr::Int(_), '%', Repr::Int(0)) | (Repr::UInt(_), '%', Repr::UInt(0)) => {
            return Err(fault("modulus by zero"));
        }
        (Repr::Int(x), op, Repr::Int(y)) => Repr::Int(
            match op {
                '+' => x.checked_add(y),
                '-' => x.checked_sub(y),
                '*' => x.checked_mul(y),
                '/' => x.checked_div(y),
                _ => x.checked_rem(y),
            }
            .ok_or_else(overflow)?,
        ),
        (Repr::UInt(x), op, Repr::UInt(y)) => Repr::UInt(
            match op {
                '+' => x.checked_add(y),
                '-' => x.checked_sub(y),
                '*' => x.checked_mul(y),
                '/' => x.checked_div(y),
                _ => x.checked_rem(y),
            }
            .ok_or_else(overflow)?,
        ),
        (Repr::Double(x), '+', Repr::Double(y)) => Repr::Double(x + y),
        (Repr::Double(x), '-', Repr::Double(y)) => Repr::Double(x - y),
        (Repr::Double(x), '*', Repr::Double(y)) => Repr::Double(x * y),
        (Repr::Double(x), '/', Repr::Double(y)) => Repr::Double(x / y),
        (Repr::Bytes(x), '+', Repr::Bytes(y)) => Repr::Bytes(x.iter().chain(y.iter()).copied().collect()),
        (Repr::Duration(x), '+', Repr::Duration(y)) => Repr::Duration(x.plus(y).ok_or_else(overflow)?),
        (Repr::Duration(x), '-', Repr::Duration(y)) => Repr::Duration(x.minus(y).ok_or_else(overflow)?),
        (Repr::Timestamp(t), '+', Repr::Duration(d)) | (Repr::Duration(d), '+', Repr::Timestamp(t)) => {
            Repr::Timestamp(t.plus(d).ok_or_else(overflow)?)
        }
        (Repr::Timestamp(t), '-', Repr::Duration(d)) => {
            Repr::Timestamp(d.negated().and_then(|d| t.plus(d)).ok_or_else(overflow)?)
        }
        (Repr::Timestamp(t), '-', Repr::Timestamp(u)) => Repr::Duration(t.since(u).ok_or_else(overflow)?),
        _ => return Err(no_overload()),
    }))
}

/// Both lists' items; a list that nobody else holds grows in place, so that loops stay linear.
fn concatenate<'a>(a: Val<'a>, b: Val<'a>) -> Val<'a> {
    let mut items = match a.0 {
        Repr::List(items) => items,
        _ => Arc::new(a.elements().unwrap_or_default()),
    };
    Arc::make_mut(&mut items).extend(b.elements().unwrap_or_default());
    Val(Repr::List(items))
}
