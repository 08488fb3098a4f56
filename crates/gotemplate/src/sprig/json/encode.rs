//! Writing JSON as encoding/json does: keys sorted, `<`, `>` and `&` escaped unless raw, floats
//! with an exponent below 1e-6 and from 1e21 on.

use crate::error::Error;
use crate::sprig::unicode;
use crate::value::{MAX_DEPTH, Value};

/// How JSON is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `json.Marshal`
    Plain,
    /// `json.MarshalIndent` with two spaces
    Pretty,
    /// An encoder with `SetEscapeHTML(false)`
    Raw,
}

/// The longest text that is written. What a value shares with itself is written as often as it is
/// there, so that a small one can become as large as one likes.
const MAX_BYTES: usize = 64 << 20;

/// Writes a value as JSON. Fails for what JSON cannot hold, with Go's text, and for values nested
/// too deep, as one that holds itself is.
pub fn encode(value: &Value, style: Style) -> Result<Vec<u8>, Error> {
    let mut encoder = Encoder { out: Vec::new(), style };
    encoder.value(value, 0)?;
    Ok(encoder.out)
}

struct Encoder {
    out: Vec<u8>,
    style: Style,
}

impl Encoder {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::limit(format!("value is nested deeper than {MAX_DEPTH} levels")));
        }
        if self.out.len() > MAX_BYTES {
            return Err(Error::limit(format!("JSON is longer than {MAX_BYTES} bytes")));
        }
        match value {
            Value::Nil => self.text("null"),
            Value::Bool(b) => self.text(if *b { "true" } else { "false" }),
            Value::Int(i) | Value::Int64(i) => self.text(&i.to_string()),
            Value::Int32(i) => self.text(&i.to_string()),
            Value::Uint8(i) => self.text(&i.to_string()),
            Value::Uint32(i) => self.text(&i.to_string()),
            Value::Uint64(i) => self.text(&i.to_string()),
            Value::Float(f) => self.float(*f)?,
            Value::Str(s) => self.string(s),
            Value::List(list) if list.is_nil() => self.text("null"),
            Value::List(list) => {
                self.out.push(b'[');
                for (i, item) in list.iter().enumerate() {
                    self.separate(i, depth + 1);
                    self.value(item, depth + 1)?;
                }
                self.close(list.len(), depth, b']');
            }
            Value::Map(map) if map.is_nil() => self.text("null"),
            Value::Map(map) => {
                self.out.push(b'{');
                for (i, (key, value)) in map.entries().iter().enumerate() {
                    self.separate(i, depth + 1);
                    self.string(key);
                    self.text(if self.style == Style::Pretty { ": " } else { ":" });
                    self.value(value, depth + 1)?;
                }
                self.close(map.len(), depth, b'}');
            }
            Value::Object(object) => self.value(&Value::from_object(&object.to_json()), depth + 1)?,
            // Base64, or an error.
            Value::Bytes(_) | Value::Complex(..) | Value::Func(_) => {
                self.value(&Value::from_object(&value.to_object()?), depth + 1)?;
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn new_line(&mut self, depth: usize) {
        self.out.push(b'\n');
        self.out.resize(self.out.len() + 2 * depth, b' ');
    }

    fn separate(&mut self, i: usize, depth: usize) {
        if i > 0 {
            self.out.push(b',');
        }
        if self.style == Style::Pretty {
            self.new_line(depth);
        }
    }

    fn close(&mut self, len: usize, depth: usize, bracket: u8) {
        if len > 0 && self.style == Style::Pretty {
            self.new_line(depth);
        }
        self.out.push(bracket);
    }

    fn float(&mut self, f: f64) -> Result<(), Error> {
        if !f.is_finite() {
            let text = if f.is_nan() {
                "NaN"
            } else if f > 0.0 {
                "+Inf"
            } else {
                "-Inf"
            };
            return Err(Error::new(format!("json: unsupported value: {text}")));
        }
        let size = f.abs();
        if size != 0.0 && !(1e-6..1e21).contains(&size) {
            let text = format!("{f:e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let sign = if exponent.starts_with('-') { "" } else { "+" };
            self.text(&format!("{digits}e{sign}{exponent}"));
        } else {
            self.text(&format!("{f}"));
        }
        Ok(())
    }

    fn string(&mut self, s: &[u8]) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let escapes_html = self.style != Style::Raw;
        self.out.push(b'"');
        let (mut rest, mut plain) = (s, 0);
        // `plain` bytes at the beginning of `rest` need no escape.
        while let Some((c, width)) = unicode::decode(&rest[plain..]) {
            let escape: Option<&[u8]> = match c {
                '"' => Some(b"\\\""),
                '\\' => Some(b"\\\\"),
                '\n' => Some(b"\\n"),
                '\r' => Some(b"\\r"),
                '\t' => Some(b"\\t"),
                '\x08' => Some(b"\\b"),
                '\x0c' => Some(b"\\f"),
                '\u{2028}' => Some(b"\\u2028"),
                '\u{2029}' => Some(b"\\u2029"),
                char::REPLACEMENT_CHARACTER if width == 1 => Some(b"\\ufffd"),
                '<' | '>' | '&' if escapes_html => None,
                '\0'..='\x1f' => None,
                _ => {
                    plain += width;
                    continue;
                }
            };
            self.out.extend_from_slice(&rest[..plain]);
            match escape {
                Some(escape) => self.out.extend_from_slice(escape),
                None => {
                    let byte = c as usize & 0xff;
                    self.out.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[byte >> 4], HEX[byte & 15]]);
                }
            }
            rest = &rest[plain + width..];
            plain = 0;
        }
        self.out.extend_from_slice(rest);
        self.out.push(b'"');
    }
}
