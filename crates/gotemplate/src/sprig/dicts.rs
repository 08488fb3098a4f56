//! Maps. `set`, `unset` and the merges change the map that they are given.

use super::arg::{self, Result};
use super::merge::merge;
use super::strings::to_text;
use crate::context::Context;
use crate::error::Error;
use crate::function::{Function, Functions, Param};
use crate::value::{List, MAX_DEPTH, Map, Str, Type, Value};
use Param::{Any, Map as Dict, String as Text};

pub(super) fn register(f: &mut Functions) {
    f.add(Function::variadic("dict", &[], Any, |_, a| {
        let entries = a.chunks(2).map(|pair| (to_text(&pair[0]), pair.get(1).cloned().unwrap_or(Value::str(""))));
        Ok(Map::from_entries(Type::MAP, entries).into())
    }));
    f.add(Function::new("get", &[Dict, Text], |_, a| {
        Ok(arg::map(a, 0).get(arg::str(a, 1)).unwrap_or_else(|| Value::str("")))
    }));
    f.add(Function::new("set", &[Dict, Text, Any], |_, a| {
        let map = arg::map(a, 0);
        if map.is_nil() {
            return Err(Error::new("assignment to entry in nil map"));
        }
        map.insert(arg::shared(a, 1), arg::any(a, 2).clone());
        Ok(map.into())
    }));
    f.add(Function::new("unset", &[Dict, Text], |_, a| {
        let map = arg::map(a, 0);
        map.remove(arg::str(a, 1));
        Ok(map.into())
    }));
    f.add(Function::new("hasKey", &[Dict, Text], |_, a| Ok(arg::map(a, 0).contains_key(arg::str(a, 1)).into())));
    f.add(Function::variadic("pluck", &[Text], Dict, |_, a| {
        Ok(Value::list((1..a.len()).filter_map(|i| arg::map(a, i).get(arg::str(a, 0))).collect()))
    }));
    f.add(Function::variadic("keys", &[], Dict, |_, a| {
        Ok(List::strings((0..a.len()).flat_map(|i| arg::map(a, i).keys())).into())
    }));
    f.add(Function::new("values", &[Dict], |_, a| {
        Ok(Value::list(arg::map(a, 0).entries().into_iter().map(|(_, value)| value).collect()))
    }));
    f.add(Function::variadic("pick", &[Dict], Text, |_, a| {
        let map = arg::map(a, 0);
        let picked = (1..a.len()).filter_map(|i| Some((arg::shared(a, i), map.get(arg::str(a, i))?)));
        Ok(Map::from_entries(Type::MAP, picked).into())
    }));
    f.add(Function::variadic("omit", &[Dict], Text, |_, a| {
        let is_omitted = |key: &Str| a[1..].iter().any(|omitted| omitted.as_str() == Some(key));
        let kept = arg::map(a, 0).entries().into_iter().filter(|(key, _)| !is_omitted(key));
        Ok(Map::from_entries(Type::MAP, kept).into())
    }));
    f.add(Function::variadic("dig", &[], Any, |_, a| dig(a)));
    for (name, overwrite, must) in [
        ("merge", false, false),
        ("mergeOverwrite", true, false),
        ("mustMerge", false, true),
        ("mustMergeOverwrite", true, true),
    ] {
        f.add(Function::variadic(name, &[Dict], Dict, move |ctx, a| merge_all(ctx, a, overwrite, must)));
    }
    for name in ["deepCopy", "mustDeepCopy"] {
        f.add(Function::new(name, &[Any], |ctx, a| match arg::any(a, 0) {
            Value::Nil => Err(Error::new("reflect: call of reflect.Value.Type on zero Value")),
            value => deep_copy(ctx, value, 0),
        }));
    }
}

/// Merges all into the first, which is the result; a failure that is no limit gives the empty text
/// where it is not to be told.
fn merge_all(ctx: &mut Context, args: &[Value], overwrite: bool, must: bool) -> Result {
    let mut into = arg::map(args, 0);
    for i in 1..args.len() {
        let from = arg::map(args, i);
        if into.is_nil() && !from.is_nil() {
            into = Map::new();
        }
        match merge(ctx, &into, &from, overwrite, 0) {
            Ok(()) => {}
            Err(error) if must || error.is_limit() => return Err(error),
            Err(_) => return Ok(Value::str("")),
        }
    }
    Ok(into.into())
}

/// The value below keys, the last two arguments being what is given otherwise and the map.
fn dig(args: &[Value]) -> Result {
    let [keys @ .., otherwise, map] = args else {
        return Err(Error::new("dig needs at least three arguments"));
    };
    if keys.is_empty() {
        return Err(Error::new("dig needs at least three arguments"));
    }
    let mut map = asserted_map(map)?;
    let keys = keys.iter().map(|key| key.as_str().ok_or_else(|| conversion(key, "string")));
    let keys: Vec<&Str> = keys.collect::<Result<_>>()?;
    for (i, key) in keys.iter().enumerate() {
        let Some(step) = map.get(key) else { return Ok(otherwise.clone()) };
        if i + 1 == keys.len() {
            return Ok(step);
        }
        map = asserted_map(&step)?;
    }
    Ok(otherwise.clone())
}

/// Go's assertion of a type: exactly that one, not one with a name of its own.
fn asserted_map(value: &Value) -> Result<Map> {
    match value {
        Value::Map(map) if map.type_of().name == Type::MAP.name => Ok(map.clone()),
        _ => Err(conversion(value, Type::MAP.name)),
    }
}

fn conversion(value: &Value, wanted: &str) -> Error {
    let is = if value.is_nil() { "nil" } else { value.type_name() };
    Error::new(format!("interface conversion: interface {{}} is {is}, not {wanted}"))
}

fn deep_copy(ctx: &mut Context, value: &Value, depth: usize) -> Result {
    if depth > MAX_DEPTH {
        return Err(Error::limit(format!("value is nested deeper than {MAX_DEPTH} levels")));
    }
    Ok(match value {
        Value::List(list) if !list.is_nil() => {
            arg::reserve(ctx, list.len().saturating_mul(size_of::<Value>()))?;
            let items: Result<Vec<Value>> = list.iter().map(|item| deep_copy(ctx, item, depth + 1)).collect();
            List::of(list.type_of(), items?).into()
        }
        Value::Map(map) if !map.is_nil() => {
            let entries = map.entries();
            arg::reserve(ctx, entries.len().saturating_mul(size_of::<(Str, Value)>()))?;
            let copied = entries.into_iter().map(|(key, value)| Ok((key, deep_copy(ctx, &value, depth + 1)?)));
            Map::from_entries(map.type_of(), copied.collect::<Result<Vec<_>>>()?).into()
        }
        _ => value.clone(),
    })
}
