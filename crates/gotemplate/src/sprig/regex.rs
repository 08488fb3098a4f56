//! Regular expressions: RE2's syntax as Go reads it, matched by the crate `regex`, which has the
//! same leftmost-first rules and the same bound on time.

mod translate;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use regex::bytes::{Captures, Regex, RegexBuilder};

use super::arg::{self, Result};
use super::strings::PART_BYTES;
use super::unicode;
use crate::context::Context;
use crate::error::Error;
use crate::fmt;
use crate::function::{Function, Functions, Param};
use crate::value::{List, Type, Value};
use Param::{Int, String as Text};

pub(super) fn register(f: &mut Functions) {
    f.add(Function::new("regexMatch", &[Text, Text], |ctx, a| {
        Ok(Value::Bool(compile(ctx, arg::str(a, 0))?.is_ok_and(|r| r.regex.is_match(arg::str(a, 1)))))
    }));
    f.add(Function::new("mustRegexMatch", &[Text, Text], |ctx, a| {
        let regex = compile(ctx, arg::str(a, 0))?.map_err(Error::new)?;
        Ok(Value::Bool(regex.regex.is_match(arg::str(a, 1))))
    }));
    both(f, "regexFind", &[Text, Text], |_, regex, a| {
        let s = arg::str(a, 1);
        Ok(regex.regex.find(s).map_or(Value::str(""), |m| Value::str(m.as_bytes())))
    });
    both(f, "regexFindAll", &[Text, Text, Int], |ctx, regex, a| {
        let s = arg::str(a, 1);
        let found = find_all(ctx, &regex.regex, s, arg::int(a, 2))?;
        if found.is_empty() {
            return Ok(List::nil(Type::STRINGS).into());
        }
        Ok(List::strings(found.into_iter().map(|(start, end)| &s[start..end])).into())
    });
    both(f, "regexReplaceAll", &[Text, Text, Text], |ctx, regex, a| {
        let template = arg::str(a, 2);
        replace_all(ctx, &regex.regex, arg::str(a, 1), |out, captures| expand(out, template, &regex.names, captures))
    });
    both(f, "regexReplaceAllLiteral", &[Text, Text, Text], |ctx, regex, a| {
        let literal = arg::str(a, 2);
        replace_all(ctx, &regex.regex, arg::str(a, 1), |out, _| out.extend_from_slice(literal))
    });
    both(f, "regexSplit", &[Text, Text, Int], |ctx, regex, a| {
        split(ctx, &regex.regex, arg::str(a, 0).is_empty(), arg::str(a, 1), arg::int(a, 2))
    });
    f.add(Function::new("regexQuoteMeta", &[Text], |_, a| {
        let mut out = Vec::new();
        for b in arg::str(a, 0) {
            if br"\.+*?()|[]{}^$".contains(b) {
                out.push(b'\\');
            }
            out.push(*b);
        }
        Ok(out.into())
    }));
}

/// A function and its form with `must`, which differ in how they tell of a bad expression.
fn both(
    f: &mut Functions,
    name: &str,
    params: &'static [Param],
    body: impl Fn(&mut Context, &Compiled, &[Value]) -> Result + Send + Sync + Clone + 'static,
) {
    let must = body.clone();
    let must_name = format!("mustR{}", &name[1..]);
    f.add(Function::new(&must_name, params, move |ctx, a| {
        let regex = compile(ctx, arg::str(a, 0))?.map_err(Error::new)?;
        must(ctx, &regex, a)
    }));
    f.add(Function::new(name, params, move |ctx, a| {
        let regex = compile(ctx, arg::str(a, 0))?.map_err(|error| {
            // Go's MustCompile quotes as a raw string where that is possible.
            let text = arg::text(a, 0);
            let is_raw = text.chars().all(|c| c != '`' && c != '\u{feff}' && (c == '\t' || !c.is_control()));
            let quoted = if is_raw { format!("`{text}`") } else { fmt::quote(arg::str(a, 0)) };
            Error::new(format!("regexp: Compile({quoted}): {error}"))
        })?;
        body(ctx, &regex, a)
    }));
}

/// How many compiled expressions a thread keeps: templates use few, and use them in loops.
const KEPT: usize = 32;
/// What an expression may take compiled, and what matching it may keep besides: 160 MiB for all
/// that are kept, at worst. People's expressions take some KiB.
const COMPILED_BYTES: usize = 4 << 20;
const CACHE_BYTES: usize = 1 << 20;
/// What compiling counts for, in steps: some 100 microseconds, and more for longer expressions.
const COMPILE_STEPS: u32 = 1000;

/// An expression. Its groups' names are kept beside it: Go's may begin with digits and be there
/// more than once.
struct Compiled {
    regex: Regex,
    names: Vec<(usize, String)>,
}

/// Compiles an expression. The inner error is Go's text, the outer one that of a limit.
fn compile(ctx: &mut Context, pattern: &[u8]) -> Result<std::result::Result<Rc<Compiled>, String>> {
    thread_local! {
        static COMPILED: RefCell<HashMap<Vec<u8>, Rc<Compiled>>> = RefCell::default();
    }
    if let Some(regex) = COMPILED.with_borrow(|kept| kept.get(pattern).cloned()) {
        return Ok(Ok(regex));
    }
    ctx.step(u32::try_from(pattern.len()).unwrap_or(u32::MAX).saturating_mul(10).saturating_add(COMPILE_STEPS))?;
    let regex = match compile_anew(pattern) {
        Ok(regex) => Rc::new(regex),
        Err(error) => return Ok(Err(format!("error parsing regexp: {error}"))),
    };
    COMPILED.with_borrow_mut(|kept| {
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(pattern.to_vec(), Rc::clone(&regex));
    });
    Ok(Ok(regex))
}

fn compile_anew(pattern: &[u8]) -> std::result::Result<Compiled, String> {
    let (translated, names) = translate::translate(pattern)?;
    let built = RegexBuilder::new(&translated).size_limit(COMPILED_BYTES).dfa_size_limit(CACHE_BYTES).build();
    let regex = built.map_err(|error| {
        let what = match error {
            regex::Error::CompiledTooBig(_) => "expression too large",
            _ => "expression that is not supported here",
        };
        format!("{what}: `{}`", String::from_utf8_lossy(pattern))
    })?;
    Ok(Compiled { regex, names })
}

/// What a match takes: its place, the value and the text of its own that is made of it.
const FOUND_BYTES: usize = size_of::<(usize, usize)>() + PART_BYTES;

/// The matches, at most `most` unless that is negative; empty ones that touch the one before are
/// none.
fn find_all(ctx: &mut Context, regex: &Regex, s: &[u8], most: i64) -> Result<Vec<(usize, usize)>> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let (mut found, mut at, mut end_before) = (Vec::new(), 0, None);
    while found.len() < most && at <= s.len() {
        let Some(m) = regex.find_at(s, at) else { break };
        let (start, end) = (m.start(), m.end());
        let accepted = end != at || Some(start) != end_before;
        at = if end == at { at + rune_width(s, at) } else { end };
        end_before = Some(end);
        if accepted {
            found.push((start, end));
            arg::grow(ctx, FOUND_BYTES, found.len().saturating_mul(FOUND_BYTES))?;
        }
    }
    Ok(found)
}

/// The width of the rune at a place; 1 at the end.
fn rune_width(s: &[u8], at: usize) -> usize {
    unicode::decode(&s[at..]).map_or(1, |(_, width)| width)
}

fn replace_all(ctx: &mut Context, regex: &Regex, s: &[u8], replace: impl Fn(&mut Vec<u8>, &Captures<'_>)) -> Result {
    let (mut out, mut from, mut at) = (Vec::with_capacity(s.len()), 0, 0);
    while at <= s.len() {
        let Some(captures) = regex.captures_at(s, at) else { break };
        let Some(m) = captures.get(0) else { break };
        out.extend_from_slice(&s[from..m.start()]);
        if m.end() > from || m.start() == 0 {
            let before = out.len();
            replace(&mut out, &captures);
            arg::grow(ctx, out.len() - before, out.len())?;
        }
        from = m.end();
        at = if m.end() > at { m.end() } else { at + rune_width(s, at) };
    }
    out.extend_from_slice(&s[from.min(s.len())..]);
    Ok(out.into())
}

/// Appends a template: `$1`, `${1}`, `$name`, `$$`; what names nothing is empty.
fn expand(out: &mut Vec<u8>, template: &[u8], names: &[(usize, String)], captures: &Captures<'_>) {
    let mut rest = template;
    while let Some(at) = memchr::memchr(b'$', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with(b"$$") {
            out.push(b'$');
            rest = &rest[2..];
            continue;
        }
        let Some((name, after)) = reference(rest) else {
            out.push(b'$');
            rest = &rest[1..];
            continue;
        };
        let group = match number(name) {
            Some(number) => captures.get(number),
            // Of groups of the same name, the first that took part.
            None => names.iter().filter(|(_, n)| n.as_bytes() == name).find_map(|(i, _)| captures.get(*i)),
        };
        if let Some(group) = group {
            out.extend_from_slice(group.as_bytes());
        }
        rest = after;
    }
    out.extend_from_slice(rest);
}

/// The name after `$` and what follows it: letters, digits and underscores, or such in braces.
fn reference(s: &[u8]) -> Option<(&[u8], &[u8])> {
    let braced = s.get(1) == Some(&b'{');
    let from = if braced { 2 } else { 1 };
    let is_name = |c: char| c == '_' || unicode::is_letter(c) || unicode::is_digit(c);
    let len: usize = unicode::runes(s.get(from..)?).take_while(|(c, _)| is_name(*c)).map(|(_, width)| width).sum();
    let (name, after) = s[from..].split_at(len);
    let after = if braced { after.strip_prefix(b"}")? } else { after };
    (!name.is_empty()).then_some((name, after))
}

/// The number of a group; names that begin with 0 or are very long are none.
fn number(name: &[u8]) -> Option<usize> {
    if name.len() > 1 && name[0] == b'0' || name.len() > 8 || !name.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(name).ok()?.parse().ok()
}

fn split(ctx: &mut Context, regex: &Regex, is_empty: bool, s: &[u8], most: i64) -> Result {
    if most == 0 {
        return Ok(List::nil(Type::STRINGS).into());
    }
    if !is_empty && s.is_empty() {
        return Ok(List::strings([""]).into());
    }
    let (mut parts, mut begin, mut end) = (Vec::new(), 0, 0);
    for (start, stop) in find_all(ctx, regex, s, most)? {
        if most > 0 && parts.len() as i64 == most - 1 {
            break;
        }
        end = start;
        if stop != 0 {
            parts.push(&s[begin..end]);
        }
        begin = stop;
    }
    if end != s.len() {
        parts.push(&s[begin..]);
    }
    Ok(List::strings(parts).into())
}
