//! Numbers as they come out of Go's JSON and goyaml.v2: `1.0` is `1`, `1e21` is `1e+21`.

use std::fmt::Write;

use belay_object::Value;

/// Hands over the text of a number.
pub(super) fn with_text(value: &Value, write: impl FnOnce(&str)) {
    let mut text = Short::default();
    match value {
        Value::Int(i) => text.format(format_args!("{i}")),
        Value::UInt(u) => text.format(format_args!("{u}")),
        Value::Float(f) if !f.is_finite() => text.format(format_args!("null")),
        Value::Float(f) => float(*f, &mut text),
        Value::Null | Value::Bool(_) | Value::Str(_) | Value::Array(_) | Value::Object(_) => {}
    }
    write(text.as_str());
}

/// Room for any number's text on the stack: 17 digits, sign, point and exponent are 24 bytes, a
/// 64-bit integer 20.
#[derive(Default)]
struct Short {
    bytes: [u8; 32],
    len: usize,
}

impl Short {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
    fn format(&mut self, args: std::fmt::Arguments<'_>) {
        // Cannot fail: the longest text fits.
        let _ = self.write_fmt(args);
    }
}
impl Write for Short {
    fn write_str(&mut self, s: &str) -> std::fmt::Result {
        let room = self.bytes.get_mut(self.len..self.len + s.len()).ok_or(std::fmt::Error)?;
        room.copy_from_slice(s.as_bytes());
        self.len += s.len();
        Ok(())
    }
}

/// Go's `FormatFloat(f, 'g', -1, 64)`, but whole numbers of 64 bits without point and exponent.
fn float(f: f64, out: &mut Short) {
    match crate::resolve::float_value(f) {
        Value::Int(i) => return out.format(format_args!("{i}")),
        Value::UInt(u) => return out.format(format_args!("{u}")),
        _ => {}
    }
    shortest(format_args!("{f:e}"), format_args!("{f}"), out);
}

/// Chooses between the exponent form and the plain one.
fn shortest(exponent_form: std::fmt::Arguments<'_>, plain: std::fmt::Arguments<'_>, out: &mut Short) {
    let mut text = Short::default();
    text.format(exponent_form);
    let (digits, exponent) = text.as_str().split_once('e').unwrap_or((text.as_str(), "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return out.format(plain);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    out.format(format_args!("{digits}e{sign}{:02}", exponent.abs()));
}

/// A key that is a float, as `sigs.k8s.io/yaml` writes it: to the precision of 32 bits.
pub(crate) fn float32_text(f: f32) -> String {
    match f {
        f32::INFINITY => return ".inf".into(),
        f32::NEG_INFINITY => return "-.inf".into(),
        f if f.is_nan() => return ".nan".into(),
        _ => {}
    }
    let mut text = Short::default();
    shortest(format_args!("{f:e}"), format_args!("{f}"), &mut text);
    text.as_str().to_owned()
}
