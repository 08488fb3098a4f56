//! The functions of Lua's `string` that could run long inside C: patterns and repetition, in Rust
//! with a step budget. The others are Lua's own.

use std::cell::Cell;

use mlua::{Lua, MultiValue, Result, Table, Value};

use super::budget::Budget;
use super::pattern::{Capture, Found, Matcher};

/// How deep replacements by functions may nest: each takes a piece of the thread's stack.
const MAX_NESTED: u32 = 16;

thread_local! {
    static NESTED: Cell<u32> = const { Cell::new(0) };
}

pub(super) fn install(lua: &Lua, strings: &Table, budget: &Budget) -> Result<()> {
    let of = || budget.clone();
    let b = of();
    strings.set("find", lua.create_function(move |lua, a| find(lua, &b, a, true))?)?;
    let b = of();
    strings.set("match", lua.create_function(move |lua, a| find(lua, &b, a, false))?)?;
    let b = of();
    strings.set("gmatch", lua.create_function(move |lua, a| gmatch(lua, &b, a))?)?;
    let b = of();
    strings.set("gsub", lua.create_function(move |lua, a| gsub(lua, &b, a))?)?;
    let b = of();
    strings.set("rep", lua.create_function(move |lua, a| rep(lua, &b, a))?)?;
    strings.set("dump", Value::Nil)
}

fn fault(message: String) -> mlua::Error {
    mlua::Error::RuntimeError(message)
}

/// The byte that Lua's position stands for, from 0.
fn start_of(position: Option<i64>, len: usize) -> usize {
    match position.unwrap_or(1) {
        n if n > 0 => n as usize - 1,
        0 => 0,
        n => len.saturating_sub(n.unsigned_abs() as usize),
    }
}

fn capture(lua: &Lua, subject: &[u8], capture: Capture) -> Result<Value> {
    match capture {
        Capture::Text(from, to) => Ok(Value::String(lua.create_string(&subject[from..to])?)),
        Capture::Place(at) | Capture::Open(at) => Ok(Value::Number(at as f64)),
    }
}

/// The captures, or the whole match where there are none.
fn captures(lua: &Lua, subject: &[u8], found: &Found) -> Result<Vec<Value>> {
    if found.captures.is_empty() {
        return Ok(vec![capture(lua, subject, Capture::Text(found.start, found.end))?]);
    }
    found.captures.iter().map(|c| capture(lua, subject, *c)).collect()
}

type FindArguments = (mlua::LuaString, mlua::LuaString, Option<i64>, Option<bool>);

fn find(lua: &Lua, budget: &Budget, arguments: FindArguments, wants_places: bool) -> Result<MultiValue> {
    let (subject, pattern, position, is_plain) = arguments;
    let (subject, pattern) = (subject.as_bytes().to_vec(), pattern.as_bytes().to_vec());
    let none = || Ok(MultiValue::from_vec(vec![Value::Nil]));
    let from = start_of(position, subject.len());
    if from > subject.len() {
        return none();
    }
    let places = |start: usize, end: usize| vec![Value::Number(start as f64 + 1.0), Value::Number(end as f64)];
    if wants_places && is_plain == Some(true) {
        budget.spend(subject.len() as u64 / 16).map_err(fault)?;
        let text = &subject[from..];
        let at = place_of(text, &pattern);
        return match at {
            Some(at) => Ok(MultiValue::from_vec(places(from + at, from + at + pattern.len()))),
            None => none(),
        };
    }
    let step = |n| budget.spend(n);
    let Some(found) = Matcher::new(&subject, &pattern, &step).find(from).map_err(fault)? else { return none() };
    if !wants_places {
        return Ok(MultiValue::from_vec(captures(lua, &subject, &found)?));
    }
    let mut values = places(found.start, found.end);
    for c in &found.captures {
        values.push(capture(lua, &subject, *c)?);
    }
    Ok(MultiValue::from_vec(values))
}

fn place_of(text: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    text.windows(part.len()).position(|w| w == part)
}

fn gmatch(
    lua: &Lua,
    budget: &Budget,
    (subject, pattern): (mlua::LuaString, mlua::LuaString),
) -> Result<mlua::Function> {
    let (subject, pattern) = (subject.as_bytes().to_vec(), pattern.as_bytes().to_vec());
    let budget = budget.clone();
    let next = Cell::new(0);
    lua.create_function(move |lua, _: MultiValue| {
        let step = |n| budget.spend(n);
        let from = next.get();
        // An anchor holds wherever a match may begin.
        if from <= subject.len()
            && let Some(found) = Matcher::new(&subject, &pattern, &step).find(from).map_err(fault)?
        {
            next.set(if found.end == found.start { found.end + 1 } else { found.end });
            return Ok(MultiValue::from_vec(captures(lua, &subject, &found)?));
        }
        next.set(subject.len() + 1);
        Ok(MultiValue::from_vec(vec![Value::Nil]))
    })
}

fn gsub(
    lua: &Lua,
    budget: &Budget,
    (subject, pattern, replacement, most): (mlua::LuaString, mlua::LuaString, Value, Option<i64>),
) -> Result<(mlua::LuaString, f64)> {
    let (subject, pattern) = (subject.as_bytes().to_vec(), pattern.as_bytes().to_vec());
    let step = |n| budget.spend(n);
    let mut matcher = Matcher::new(&subject, &pattern, &step);
    let most = most.unwrap_or(i64::MAX);
    let (mut out, mut at, mut count) = (Vec::new(), 0, 0);
    while count < most {
        match matcher.at(at).map_err(fault)? {
            Some(found) => {
                count += 1;
                replace(lua, budget, &subject, &found, &replacement, &mut out)?;
                if found.end > at {
                    at = found.end;
                } else {
                    out.extend(subject.get(at));
                    at += 1;
                }
            }
            None => {
                out.extend(subject.get(at));
                at += 1;
            }
        }
        if at > subject.len() || matcher.is_anchored() {
            break;
        }
    }
    out.extend(subject.get(at..).unwrap_or_default());
    Ok((lua.create_string(&out)?, count as f64))
}

fn replace(
    lua: &Lua,
    budget: &Budget,
    subject: &[u8],
    found: &Found,
    replacement: &Value,
    out: &mut Vec<u8>,
) -> Result<()> {
    let whole = &subject[found.start..found.end];
    let value = match replacement {
        Value::Table(table) => {
            let key = captures(lua, subject, found)?.into_iter().next().unwrap_or(Value::Nil);
            table.get::<Value>(key)?
        }
        Value::Function(function) => {
            let arguments = MultiValue::from_vec(captures(lua, subject, found)?);
            let _nested = Nested::enter()?;
            function.call::<Value>(arguments)?
        }
        text @ (Value::String(_) | Value::Number(_) | Value::Integer(_)) => {
            let text = lua.coerce_string(text.clone())?;
            return match text {
                Some(text) => template(lua, budget, subject, found, &text.as_bytes(), out),
                None => Ok(()),
            };
        }
        other => {
            let message =
                format!("bad argument #3 to 'gsub' (string/function/table expected, got {})", other.type_name());
            return Err(fault(message));
        }
    };
    match value {
        Value::Nil | Value::Boolean(false) => grow(budget, out, whole),
        value => match lua.coerce_string(value.clone())? {
            Some(text) => grow(budget, out, &text.as_bytes()),
            None => Err(fault(format!("invalid replacement value (a {})", value.type_name()))),
        },
    }
}

fn template(lua: &Lua, budget: &Budget, subject: &[u8], found: &Found, text: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let mut bytes = text.iter();
    while let Some(&b) = bytes.next() {
        match (b, if b == b'%' { bytes.next() } else { None }) {
            (b'%', Some(b'0')) => grow(budget, out, &subject[found.start..found.end])?,
            (b'%', Some(digit @ b'1'..=b'9')) => {
                let all = captures(lua, subject, found)?;
                let Some(value) = all.get(usize::from(digit - b'1')) else {
                    return Err(fault(format!("invalid capture index %{}", *digit as char)));
                };
                if let Some(text) = lua.coerce_string(value.clone())? {
                    grow(budget, out, &text.as_bytes())?;
                }
            }
            (b'%', Some(other)) => grow(budget, out, &[*other])?,
            (b'%', None) => return Err(fault("invalid use of '%' in replacement string".into())),
            (b, _) => grow(budget, out, &[b])?,
        }
    }
    Ok(())
}

fn grow(budget: &Budget, out: &mut Vec<u8>, text: &[u8]) -> Result<()> {
    budget.room(out.len() + text.len()).map_err(fault)?;
    out.extend_from_slice(text);
    Ok(())
}

fn rep(
    lua: &Lua,
    budget: &Budget,
    (text, times, between): (mlua::LuaString, i64, Option<mlua::LuaString>),
) -> Result<mlua::LuaString> {
    let text = text.as_bytes().to_vec();
    let between = between.map_or_else(Vec::new, |s| s.as_bytes().to_vec());
    let times = usize::try_from(times).unwrap_or(0);
    let size = (text.len() + between.len()).saturating_mul(times);
    budget.room(size).map_err(fault)?;
    budget.spend(size as u64 / 64).map_err(fault)?;
    if size == 0 {
        return lua.create_string("");
    }
    lua.create_string(vec![text; times].join(&between[..]))
}

/// How many replacements are under way, one within another.
struct Nested;
impl Nested {
    fn enter() -> Result<Nested> {
        if NESTED.get() >= MAX_NESTED {
            return Err(fault("replacements nest too deep".into()));
        }
        NESTED.set(NESTED.get() + 1);
        Ok(Nested)
    }
}
impl Drop for Nested {
    fn drop(&mut self) {
        NESTED.set(NESTED.get() - 1);
    }
}
