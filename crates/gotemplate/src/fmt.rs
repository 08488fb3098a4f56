//! Go's package `fmt` over [`Value`]s: the printing functions, and of `strconv` what they rest on.
//!
//! All verbs, flags, widths, precisions, `*`, argument indexes, and what Go prints where a format
//! and its arguments do not fit (`%!d(float64=3)`). What has no meaning here is addresses: where Go
//! prints one (`%p`, a function) this prints a fixed one.

mod format;
mod number;
mod printable;
mod printer;
mod quote;

use crate::value::{Kind, Str, Value};

pub use number::{float, format_float};
pub(crate) use quote::{is_print, rune};
pub use quote::{quote, quote_str};

use printer::Printer;

/// The longest text that these functions give; where it would be longer it is cut at some point
/// after this many bytes.
pub const MAX_BYTES: usize = printer::MAX_BYTES;

/// A value as `%v` prints it.
pub fn to_string(value: &Value) -> Str {
    match value {
        Value::Str(s) => s.clone(),
        _ => {
            let mut out = Vec::new();
            write_value(&mut out, value);
            out.into()
        }
    }
}

/// Writes a value as `%v` prints it.
pub fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Str(s) => out.extend_from_slice(s),
        Value::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
        Value::Int(i) | Value::Int64(i) => number::write_int(out, *i),
        Value::Float(f) => number::write_shortest(out, *f),
        _ => Printer::new(out).print_arg(value, 'v'),
    }
}

/// The same of what a pointer points at, as actions print it: without `&`.
pub(crate) fn write_pointee(out: &mut Vec<u8>, value: &Value) {
    let start = out.len();
    write_value(out, value);
    if matches!(value, Value::Object(o) if o.kind() == Kind::Ptr && o.text().is_none()) && out.get(start) == Some(&b'&')
    {
        out.remove(start);
    }
}

/// Go's `fmt.Sprintf`.
pub fn sprintf(format: &[u8], args: &[Value]) -> Vec<u8> {
    let mut out = Vec::with_capacity(format.len() + 16 * args.len());
    format::format(&mut out, format, args);
    out
}

/// Go's `fmt.Sprint`: spaces between operands when neither is a string.
pub fn sprint(args: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut after_string = false;
    for (i, arg) in args.iter().enumerate() {
        let is_string = matches!(arg, Value::Str(_));
        if i > 0 && !is_string && !after_string {
            out.push(b' ');
        }
        write_value(&mut out, arg);
        after_string = is_string;
    }
    out
}

/// Go's `fmt.Sprintln`: spaces between all operands, a newline at the end.
pub fn sprintln(args: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for (i, arg) in args.iter().enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        write_value(&mut out, arg);
    }
    out.push(b'\n');
    out
}

#[cfg(test)]
mod tests;
