//! Texts: trimming, cutting, padding, joining. What is about words and their case is in `words`.

mod replace;
mod words;

pub(super) use replace::{PART_BYTES, find, replace_all, split};
pub(super) use words::register as register_words;

use super::arg::{self, Result};
use super::unicode;
use crate::error::Error;
use crate::fmt;
use crate::function::{Function, Functions, Param};
use crate::value::{Kind, List, Map, Str, Type, Value};
use Param::{Any, Int, String as Text};

pub(super) fn register(f: &mut Functions) {
    f.add(Function::new("hello", &[], |_, _| Ok(Value::str("Hello!"))));
    f.add(Function::new("trim", &[Text], |_, a| Ok(Value::str(unicode::trim_space(arg::str(a, 0))))));
    for name in ["trimAll", "trimall"] {
        f.add(Function::new(name, &[Text, Text], |_, a| Ok(Value::str(trim_set(arg::str(a, 1), arg::str(a, 0))))));
    }
    f.add(Function::new("trimPrefix", &[Text, Text], |_, a| {
        let (prefix, s) = (arg::str(a, 0), arg::shared(a, 1));
        Ok(s.strip_prefix(prefix).map_or(Value::Str(s.clone()), Value::str))
    }));
    f.add(Function::new("trimSuffix", &[Text, Text], |_, a| {
        let (suffix, s) = (arg::str(a, 0), arg::shared(a, 1));
        Ok(s.strip_suffix(suffix).map_or(Value::Str(s.clone()), Value::str))
    }));
    f.add(Function::new("upper", &[Text], |_, a| Ok(unicode::upper(arg::str(a, 0)).into())));
    f.add(Function::new("lower", &[Text], |_, a| Ok(unicode::lower(arg::str(a, 0)).into())));
    f.add(Function::new("repeat", &[Int, Text], |ctx, a| {
        let (count, s) = (arg::int(a, 0), arg::str(a, 1));
        let count = usize::try_from(count).map_err(|_| Error::new("strings: negative Repeat count"))?;
        arg::reserve(ctx, s.len().saturating_mul(count))?;
        Ok(s.repeat(count).into())
    }));
    f.add(Function::new("substr", &[Int, Int, Text], |_, a| {
        let s = arg::str(a, 2);
        substr(arg::int(a, 0), arg::int(a, 1), s).map(Value::str)
    }));
    f.add(Function::new("trunc", &[Int, Text], |_, a| {
        let (n, s) = (arg::int(a, 0), arg::str(a, 1));
        let size = i64::try_from(s.len()).unwrap_or(i64::MAX);
        Ok(match n {
            _ if n < 0 && size + n > 0 => Value::str(&s[(size + n) as usize..]),
            _ if n >= 0 && size > n => Value::str(&s[..n as usize]),
            _ => arg::any(a, 1).clone(),
        })
    }));
    f.add(Function::new("contains", &[Text, Text], |_, a| {
        Ok(Value::Bool(find(arg::str(a, 1), arg::str(a, 0)).is_some()))
    }));
    f.add(Function::new("hasPrefix", &[Text, Text], |_, a| Ok(arg::str(a, 1).starts_with(arg::str(a, 0)).into())));
    f.add(Function::new("hasSuffix", &[Text, Text], |_, a| Ok(arg::str(a, 1).ends_with(arg::str(a, 0)).into())));
    f.add(Function::variadic("quote", &[], Any, |_, a| Ok(joined(a, |v| fmt::quote(&to_text(v)).into_bytes()))));
    f.add(Function::variadic("squote", &[], Any, |_, a| {
        Ok(joined(a, |v| [b"'", fmt::to_string(v).as_bytes(), b"'"].concat()))
    }));
    f.add(Function::variadic("cat", &[], Any, |_, a| Ok(joined(a, |v| fmt::to_string(v).to_vec()))));
    f.add(Function::new("indent", &[Int, Text], |ctx, a| indent(ctx, "", arg::int(a, 0), arg::str(a, 1))));
    f.add(Function::new("nindent", &[Int, Text], |ctx, a| indent(ctx, "\n", arg::int(a, 0), arg::str(a, 1))));
    f.add(Function::new("replace", &[Text, Text, Text], |ctx, a| {
        replace_all(ctx, arg::str(a, 2), arg::str(a, 0), arg::str(a, 1)).map(Value::from)
    }));
    f.add(Function::new("plural", &[Text, Text, Int], |_, a| {
        Ok(arg::any(a, if arg::int(a, 2) == 1 { 0 } else { 1 }).clone())
    }));
    f.add(Function::new("toString", &[Any], |_, a| Ok(Value::Str(to_text(arg::any(a, 0))))));
    f.add(Function::new("toStrings", &[Any], |_, a| Ok(strings_of(arg::any(a, 0)).into())));
    f.add(Function::new("join", &[Text, Any], |ctx, a| join(ctx, arg::str(a, 0), arg::any(a, 1))));
    f.add(Function::new("sortAlpha", &[Any], |_, a| Ok(sort_alpha(arg::any(a, 0)).into())));
    f.add(Function::new("split", &[Text, Text], |ctx, a| {
        Ok(numbered(split(ctx, arg::str(a, 1), arg::str(a, 0), -1)?))
    }));
    f.add(Function::new("splitn", &[Text, Int, Text], |ctx, a| {
        Ok(numbered(split(ctx, arg::str(a, 2), arg::str(a, 0), arg::int(a, 1))?))
    }));
    f.add(Function::new("splitList", &[Text, Text], |ctx, a| {
        Ok(List::strings(split(ctx, arg::str(a, 1), arg::str(a, 0), -1)?).into())
    }));
}

/// Go's `strings.Trim`.
fn trim_set<'a>(s: &'a [u8], set: &[u8]) -> &'a [u8] {
    if set.is_empty() {
        return s;
    }
    unicode::trim(s, |c| unicode::runes(set).any(|(other, _)| other == c))
}

/// `s[start:end]` with Sprig's exceptions and Go's panics.
fn substr(start: i64, end: i64, s: &[u8]) -> Result<&[u8]> {
    let size = s.len() as i64;
    let out_of = |what: String| Error::new(format!("runtime error: slice bounds out of range {what}"));
    let (from, to) = match () {
        () if start < 0 => (0, end),
        () if end < 0 || end > size => (start, size),
        () => (start, end),
    };
    if to < 0 || to > size {
        let with = if to < 0 { String::new() } else { format!(" with length {size}") };
        return Err(out_of(format!("[:{to}]{with}")));
    }
    if from > to {
        return Err(out_of(format!("[{from}:{to}]")));
    }
    Ok(&s[from as usize..to as usize])
}

/// Those that are not nil, each written, with spaces between.
fn joined(values: &[Value], write: impl Fn(&Value) -> Vec<u8>) -> Value {
    let parts: Vec<Vec<u8>> = values.iter().filter(|v| !v.is_nil()).map(write).collect();
    parts.join(&b' ').into()
}

fn indent(ctx: &mut crate::Context, lead: &str, spaces: i64, s: &[u8]) -> Result {
    let spaces = usize::try_from(spaces).map_err(|_| Error::new("strings: negative Repeat count"))?;
    let lines = memchr::memchr_iter(b'\n', s).count() + 1;
    let size = spaces.saturating_mul(lines).saturating_add(s.len() + lead.len());
    arg::reserve(ctx, size)?;
    let mut out = Vec::with_capacity(size);
    out.extend_from_slice(lead.as_bytes());
    for (i, line) in s.split(|b| *b == b'\n').enumerate() {
        if i > 0 {
            out.push(b'\n');
        }
        out.resize(out.len() + spaces, b' ');
        out.extend_from_slice(line);
    }
    Ok(out.into())
}

/// Any value as text: texts as they are, what has a text of its own by that, the rest as `%v`.
pub(super) fn to_text(value: &Value) -> Str {
    match value {
        Value::Str(s) | Value::Bytes(s) => s.clone(),
        Value::Object(o) => match o.text() {
            Some(text) => text.into(),
            None => fmt::to_string(value),
        },
        _ => fmt::to_string(value),
    }
}

/// The items of a list that are not nil, as texts; one text of what is no list.
pub(super) fn strings_of(value: &Value) -> List {
    match value {
        Value::List(list) if list.type_of().name == Type::STRINGS.name => list.clone(),
        Value::Nil => List::strings(Vec::<Str>::new()),
        _ => match value.items() {
            Some(items) => List::strings(items.iter().filter(|v| !v.is_nil()).map(to_text)),
            None => List::strings([to_text(value)]),
        },
    }
}

fn join(ctx: &mut crate::Context, separator: &[u8], value: &Value) -> Result {
    let strings = strings_of(value);
    let parts: Vec<&[u8]> = strings.iter().map(|s| s.as_str().map_or(&[][..], |s| s)).collect();
    let text: usize = parts.iter().map(|p| p.len()).sum();
    arg::reserve(ctx, text.saturating_add(separator.len().saturating_mul(parts.len())))?;
    Ok(parts.join(separator).into())
}

fn sort_alpha(value: &Value) -> List {
    if value.kind() != Kind::Slice {
        return List::strings([to_text(value)]);
    }
    let mut strings: Vec<Str> = strings_of(value).iter().filter_map(|s| s.as_str().cloned()).collect();
    strings.sort_unstable();
    List::strings(strings)
}

/// `_0`, `_1`, ... and the parts.
fn numbered(parts: Vec<&[u8]>) -> Value {
    let entries = parts.into_iter().enumerate().map(|(i, part)| (format!("_{i}"), Value::str(part)));
    Map::from_entries(Type::STRING_MAP, entries).into()
}
