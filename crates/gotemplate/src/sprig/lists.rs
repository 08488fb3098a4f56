//! Lists. What takes a list takes any slice; results are new `[]interface {}`s.

use super::arg::{self, Result};
use super::cast::to_int64;
use super::logic::{is_empty, is_equal};
use super::numbers::whole;
use crate::context::Context;
use crate::error::Error;
use crate::function::{Function, Functions, Param};
use crate::value::{Kind, List, Type, Value};
use Param::{Any, Int};

pub(super) fn register(f: &mut Functions) {
    for name in ["list", "tuple"] {
        f.add(Function::variadic(name, &[], Any, |_, a| Ok(Value::list(a.to_vec()))));
    }
    both(f, "first", &[Any], |_, a| {
        Ok(slice("Cannot find first on type", arg::any(a, 0))?.first().cloned().unwrap_or_default())
    });
    both(f, "last", &[Any], |_, a| {
        Ok(slice("Cannot find last on type", arg::any(a, 0))?.last().cloned().unwrap_or_default())
    });
    both(f, "rest", &[Any], |_, a| part(slice("Cannot find rest on type", arg::any(a, 0))?, |items| &items[1..]));
    both(f, "initial", &[Any], |_, a| {
        part(slice("Cannot find initial on type", arg::any(a, 0))?, |items| &items[..items.len() - 1])
    });
    for name in ["append", "push"] {
        both(f, name, &[Any, Any], |_, a| {
            let mut items = slice("Cannot push on type", arg::any(a, 0))?;
            items.push(arg::any(a, 1).clone());
            Ok(Value::list(items))
        });
    }
    both(f, "prepend", &[Any, Any], |_, a| {
        let mut items = slice("Cannot prepend on type", arg::any(a, 0))?;
        items.insert(0, arg::any(a, 1).clone());
        Ok(Value::list(items))
    });
    both(f, "reverse", &[Any], |_, a| {
        let mut items = slice("Cannot find reverse on type", arg::any(a, 0))?;
        items.reverse();
        Ok(Value::list(items))
    });
    both(f, "compact", &[Any], |_, a| {
        let mut items = slice("Cannot compact on type", arg::any(a, 0))?;
        items.retain(|item| !is_empty(item));
        Ok(Value::list(items))
    });
    both(f, "uniq", &[Any], |ctx, a| {
        let mut unique: Vec<Value> = Vec::new();
        for item in slice("Cannot find uniq on type", arg::any(a, 0))? {
            if !is_in(ctx, &unique, &item)? {
                unique.push(item);
            }
        }
        Ok(Value::list(unique))
    });
    both(f, "has", &[Any, Any], |ctx, a| match arg::any(a, 1) {
        Value::Nil => Ok(Value::Bool(false)),
        list => Ok(Value::Bool(is_in(ctx, &slice("Cannot find has on type", list)?, arg::any(a, 0))?)),
    });
    both(f, "chunk", &[Int, Any], |_, a| chunk(arg::int(a, 0), slice("Cannot chunk type", arg::any(a, 1))?));
    for name in ["without", "mustWithout"] {
        f.add(Function::variadic(name, &[Any], Any, without));
    }
    for name in ["slice", "mustSlice"] {
        f.add(Function::variadic(name, &[Any], Any, |_, a| sub_slice(a)));
    }
    f.add(Function::variadic("concat", &[], Any, |_, a| {
        let mut items = Vec::new();
        for list in a {
            match list.kind() {
                Kind::Slice => items.append(&mut slice("", list)?),
                Kind::Invalid => return Err(arg::nil_dereference()),
                kind => return Err(Error::new(format!("Cannot concat type {} as list", kind.name()))),
            }
        }
        Ok(if items.is_empty() { List::nil(Type::LIST).into() } else { Value::list(items) })
    }));
}

/// A function and its form with `must`, which gives as an error what the plain one panics with:
/// to a template the same.
fn both(
    f: &mut Functions,
    name: &str,
    params: &'static [Param],
    body: impl Fn(&mut Context, &[Value]) -> Result + Send + Sync + Clone + 'static,
) {
    let (head, tail) = name.split_at(1);
    f.add(Function::new(&format!("must{}{tail}", head.to_ascii_uppercase()), params, body.clone()));
    f.add(Function::new(name, params, body));
}

/// The items of a slice.
fn slice(refusal: &str, value: &Value) -> Result<Vec<Value>> {
    match (value.kind(), value.items()) {
        (Kind::Slice, Some(items)) => Ok(items),
        (Kind::Invalid, _) => Err(arg::nil_dereference()),
        (kind, _) => Err(Error::new(format!("{refusal} {}", kind.name()))),
    }
}

/// A part of a list that is not empty; of an empty one the nil list.
fn part(items: Vec<Value>, of: impl Fn(&[Value]) -> &[Value]) -> Result {
    Ok(if items.is_empty() { List::nil(Type::LIST).into() } else { Value::list(of(&items).to_vec()) })
}

fn is_in(ctx: &mut Context, items: &[Value], item: &Value) -> Result<bool> {
    for other in items {
        if is_equal(ctx, other, item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn without(ctx: &mut Context, args: &[Value]) -> Result {
    let (list, omitted) = args.split_first().unwrap_or((&Value::Nil, &[]));
    let mut kept = Vec::new();
    for item in slice("Cannot find without on type", list)? {
        if !is_in(ctx, omitted, &item)? {
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}

/// Lists of `size` items, the last one of what is left; the sizes computed with floats as there.
fn chunk(size: i64, items: Vec<Value>) -> Result {
    let of = size as f64;
    let count = whole(((items.len() as f64 - 1.0) / of).floor() + 1.0);
    let count = arg::length(count)?;
    if count > items.len() {
        return Err(Error::new("runtime error: makeslice: len out of range"));
    }
    let mut chunks = Vec::with_capacity(count);
    for i in 0..count {
        let last = if i + 1 == count { whole((items.len() as f64 % of).floor()) } else { 0 };
        let length = arg::length(if last == 0 { size } else { last })?;
        let from = i * size.unsigned_abs() as usize;
        let chunk = items.get(from..from + length);
        let chunk = chunk.ok_or_else(|| Error::new("reflect: slice index out of range"))?;
        chunks.push(Value::list(chunk.to_vec()));
    }
    Ok(List::of(Type::LISTS, chunks).into())
}

/// `list[start:end]`, of the same type.
fn sub_slice(args: &[Value]) -> Result {
    let (list, indices) = args.split_first().unwrap_or((&Value::Nil, &[]));
    let items = slice("list should be type of slice or array but", list)?;
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    let start = indices.first().map_or(0, to_int64);
    let end = indices.get(1).map_or(items.len() as i64, to_int64);
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    let Some(part) = range.and_then(|(start, end)| items.get(start..end)) else {
        return Err(Error::new("reflect.Value.Slice: slice index out of bounds"));
    };
    Ok(match list {
        Value::List(list) => List::of(list.type_of(), part.to_vec()).into(),
        Value::Bytes(bytes) => Value::Bytes(bytes[start as usize..end as usize].into()),
        _ => Value::list(part.to_vec()),
    })
}
