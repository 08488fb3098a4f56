//! `html`, `js`, `urlquery`.

use crate::fmt;
use crate::parse::decode;
use crate::value::{Str, Value};

/// The text that is escaped: the string, or the arguments as `print` prints them, no value as
/// `<no value>`.
pub(super) fn text(args: &[Value]) -> Str {
    if let [Value::Str(s)] = args {
        return s.clone();
    }
    let shown = |v: &Value| if v.is_nil() { Value::str("<no value>") } else { v.clone() };
    fmt::sprint(&args.iter().map(shown).collect::<Vec<_>>()).into()
}

pub(super) fn html(s: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(s.len());
    for byte in s {
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            byte => out.push(*byte),
        }
    }
    out
}

pub(super) fn js(s: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(s.len());
    let mut rest = s;
    while let Some((c, width)) = decode(rest) {
        match c {
            '\\' => out.extend_from_slice(b"\\\\"),
            '\'' => out.extend_from_slice(b"\\'"),
            '"' => out.extend_from_slice(b"\\\""),
            '<' | '>' | '&' | '=' | '\0'..' ' => out.extend_from_slice(format!("\\u{:04X}", c as u32).as_bytes()),
            c if fmt::is_print(c) || c.is_ascii() => out.extend_from_slice(&rest[..width]),
            c => out.extend_from_slice(format!("\\u{:04X}", c as u32).as_bytes()),
        }
        rest = &rest[width..];
    }
    out
}

pub(super) fn url_query(s: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(s.len());
    for byte in s {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(*byte),
            b' ' => out.push(b'+'),
            byte => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    out
}
