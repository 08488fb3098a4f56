//! Defaults, conditions and types.

use super::arg::{self, Result};
use crate::context::Context;
use crate::error::Error;
use crate::function::{Function, Functions, Param};
use crate::value::{Kind, Value};
use Param::{Any, Bool, String as Text};

pub(super) fn register(f: &mut Functions) {
    f.add(Function::variadic("default", &[Any], Any, |_, a| {
        let given = a.get(1).filter(|given| !is_empty(given));
        Ok(given.unwrap_or(arg::any(a, 0)).clone())
    }));
    f.add(Function::new("empty", &[Any], |_, a| Ok(is_empty(arg::any(a, 0)).into())));
    f.add(Function::variadic("coalesce", &[], Any, |_, a| {
        Ok(a.iter().find(|v| !is_empty(v)).cloned().unwrap_or_default())
    }));
    f.add(Function::variadic("all", &[], Any, |_, a| Ok(a.iter().all(|v| !is_empty(v)).into())));
    f.add(Function::variadic("any", &[], Any, |_, a| Ok(a.iter().any(|v| !is_empty(v)).into())));
    f.add(Function::new("ternary", &[Any, Any, Bool], |_, a| {
        Ok(arg::any(a, if arg::bool(a, 2) { 0 } else { 1 }).clone())
    }));
    f.add(Function::new("fail", &[Text], |_, a| Err(Error::from_bytes(arg::str(a, 0)))));
    f.add(Function::new("typeOf", &[Any], |_, a| Ok(Value::str(arg::any(a, 0).type_name()))));
    f.add(Function::new("typeIs", &[Text, Any], |_, a| Ok(is_type(a).into())));
    f.add(Function::new("typeIsLike", &[Text, Any], |_, a| {
        let pointed = arg::any(a, 1).type_name().strip_prefix('*').map(str::as_bytes);
        Ok((is_type(a) || pointed == Some(arg::str(a, 0))).into())
    }));
    f.add(Function::new("kindOf", &[Any], |_, a| Ok(Value::str(arg::any(a, 0).kind().name()))));
    f.add(Function::new("kindIs", &[Text, Any], |_, a| {
        Ok((arg::any(a, 1).kind().name().as_bytes() == arg::str(a, 0)).into())
    }));
    f.add(Function::new("deepEqual", &[Any, Any], |ctx, a| Ok(is_equal(ctx, arg::any(a, 0), arg::any(a, 1))?.into())));
    // What would tell of the machine says nothing.
    f.add(Function::new("env", &[Text], |_, _| Ok(Value::str(""))));
    f.add(Function::new("expandenv", &[Text], |_, a| Ok(without_variables(arg::str(a, 0)).into())));
    f.add(Function::new("getHostByName", &[Text], |_, _| Ok(Value::str(""))));
}

fn is_type(args: &[Value]) -> bool {
    arg::any(args, 1).type_name().as_bytes() == arg::str(args, 0)
}

/// Zeros, nothing, and what holds nothing; structs and functions never are.
pub(super) fn is_empty(value: &Value) -> bool {
    value.kind() != Kind::Struct && !value.truth()
}

/// [`Value::deep_equal`], each pair that is looked at a step: what values share with themselves is
/// compared as often as it is there.
pub(super) fn is_equal(ctx: &mut Context, a: &Value, b: &Value) -> Result<bool> {
    let mut open = vec![(a.clone(), b.clone())];
    while let Some((a, b)) = open.pop() {
        ctx.step(1)?;
        match (&a, &b) {
            (Value::List(a), Value::List(b)) => {
                if a.type_of().name != b.type_of().name || a.is_nil() != b.is_nil() || a.len() != b.len() {
                    return Ok(false);
                }
                open.extend(a.iter().cloned().zip(b.iter().cloned()));
            }
            (Value::Map(a), Value::Map(b)) if a.is_same(b) => {}
            (Value::Map(a), Value::Map(b)) => {
                if a.type_of().name != b.type_of().name || a.is_nil() != b.is_nil() || a.keys() != b.keys() {
                    return Ok(false);
                }
                let values = a.entries().into_iter().zip(b.entries());
                open.extend(values.map(|((_, a), (_, b))| (a, b)));
            }
            _ if !a.deep_equal(&b) => return Ok(false),
            _ => {}
        }
        // A value that holds itself would go on until the steps are used up.
        if open.len() > MAX_OPEN {
            return Err(Error::limit(format!("values of more than {MAX_OPEN} items are compared")));
        }
    }
    Ok(true)
}

/// Pairs that wait to be compared, 64 bytes each.
const MAX_OPEN: usize = 1 << 20;

/// Go's `os.Expand` where each variable is empty.
fn without_variables(s: &[u8]) -> Vec<u8> {
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let (mut out, mut rest) = (Vec::with_capacity(s.len()), s);
    while let Some(at) = memchr::memchr(b'$', rest) {
        // A dollar at the end stays.
        let Some(first) = rest.get(at + 1) else { break };
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let width = match first {
            b'{' if rest.get(1).is_some_and(|b| is_special(*b)) && rest.get(2) == Some(&b'}') => 3,
            // Without an end the brace is dropped, as is an empty name.
            b'{' => match memchr::memchr(b'}', rest) {
                Some(end) => end + 1,
                None => 1,
            },
            b if is_special(*b) => 1,
            _ => rest.iter().take_while(|b| is_name(b)).count(),
        };
        if width == 0 {
            out.push(b'$');
        }
        rest = &rest[width..];
    }
    out.extend_from_slice(rest);
    out
}

/// The shell's own variables of one character.
fn is_special(b: u8) -> bool {
    matches!(b, b'*' | b'#' | b'$' | b'@' | b'!' | b'?' | b'-' | b'0'..=b'9')
}
