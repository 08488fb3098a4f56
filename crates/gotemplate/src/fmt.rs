//! Go's package `fmt` over [`Value`]s.

use crate::value::{Str, Value};

/// A value as `%v` prints it.
pub fn to_string(_value: &Value) -> Str {
    Str::default()
}
/// Writes a value as `%v` prints it.
pub fn write_value(_out: &mut Vec<u8>, _value: &Value) {}
/// Go's `fmt.Sprintf`.
pub fn sprintf(_format: &[u8], _args: &[Value]) -> Vec<u8> {
    Vec::new()
}
/// Go's `fmt.Sprint`: spaces between operands when neither is a string.
pub fn sprint(_args: &[Value]) -> Vec<u8> {
    Vec::new()
}
/// Go's `fmt.Sprintln`.
pub fn sprintln(_args: &[Value]) -> Vec<u8> {
    Vec::new()
}
/// Go's `strconv.Quote`, as `%q` prints a string.
pub fn quote(_s: &[u8]) -> String {
    String::new()
}
/// The same of text.
pub fn quote_str(s: &str) -> String {
    quote(s.as_bytes())
}
/// Go's `strconv.FormatFloat(f, 'g', -1, 64)`, as `%v` prints a float64.
pub fn float(_f: f64) -> String {
    String::new()
}
