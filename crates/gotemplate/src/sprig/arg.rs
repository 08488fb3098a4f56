//! Arguments as Rust's types. The executor has checked them against the signature, so each of
//! these gives what is there; for what cannot be, the zero value.

use crate::context::Context;
use crate::error::Error;
use crate::value::{Map, Str, Type, Value};

/// What functions give.
pub(super) type Result<T = Value> = std::result::Result<T, Error>;

/// A `string`.
pub(super) fn str(args: &[Value], i: usize) -> &[u8] {
    match args.get(i) {
        Some(Value::Str(s)) => s,
        _ => &[],
    }
}

/// A `string` to keep.
pub(super) fn shared(args: &[Value], i: usize) -> Str {
    match args.get(i) {
        Some(Value::Str(s)) => s.clone(),
        _ => Str::default(),
    }
}

/// A `string` as text, what is not UTF-8 replaced.
pub(super) fn text(args: &[Value], i: usize) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(str(args, i))
}

/// An `int`, `int64` or smaller integer.
pub(super) fn int(args: &[Value], i: usize) -> i64 {
    args.get(i).and_then(Value::as_int).unwrap_or_default()
}

/// A `float64`.
pub(super) fn float(args: &[Value], i: usize) -> f64 {
    match args.get(i) {
        Some(Value::Float(f)) => *f,
        _ => 0.0,
    }
}

/// A `bool`.
pub(super) fn bool(args: &[Value], i: usize) -> bool {
    matches!(args.get(i), Some(Value::Bool(true)))
}

/// A map; the nil one for nil.
pub(super) fn map(args: &[Value], i: usize) -> Map {
    match args.get(i) {
        Some(Value::Map(m)) => m.clone(),
        _ => Map::nil(Type::MAP),
    }
}

/// Any value.
pub(super) fn any(args: &[Value], i: usize) -> &Value {
    args.get(i).unwrap_or(&Value::Nil)
}

/// What Go says where nothing is used as something.
pub(super) fn nil_dereference() -> Error {
    Error::new("runtime error: invalid memory address or nil pointer dereference")
}

/// A number of items or bytes that is to be made; Go's own panic where it is negative.
pub(super) fn length(n: i64) -> Result<usize> {
    usize::try_from(n).map_err(|_| Error::new("runtime error: makeslice: len out of range"))
}

/// Asks for the bytes of a value before it is made: none is larger than all that may be written.
pub(super) fn reserve(ctx: &mut Context, bytes: usize) -> Result<()> {
    let most = ctx.limits().output_bytes;
    if bytes > most {
        return Err(Error::limit(format!("a value of {bytes} bytes is larger than the limit of {most}")));
    }
    ctx.charge(bytes)
}

/// Asks for `by` more bytes of a value that grows as it is made, to `total`.
pub(super) fn grow(ctx: &mut Context, by: usize, total: usize) -> Result<()> {
    let most = ctx.limits().output_bytes;
    if total > most {
        return Err(Error::limit(format!("a value is larger than the limit of {most} bytes")));
    }
    ctx.charge(by)
}
