//! Strings and runes in quotes, as Go's `strconv` writes them.

use std::fmt::Write as _;

use super::printable::is_printable;
use crate::parse::decode;

/// Go's `strconv.Quote`, as `%q` prints a string.
pub fn quote(s: &[u8]) -> String {
    quote_with(s, '"', false)
}

/// The same of text.
pub fn quote_str(s: &str) -> String {
    quote(s.as_bytes())
}

/// `strconv.Quote`, or `QuoteToASCII`.
pub(super) fn quote_with(s: &[u8], quote: char, ascii: bool) -> String {
    let mut out = String::with_capacity(s.len() + 2);
    out.push(quote);
    let mut rest = s;
    while let Some((c, width)) = decode(rest) {
        if c == char::REPLACEMENT_CHARACTER && width == 1 {
            write_escape(&mut out, 'x', 2, rest[0].into());
        } else {
            write_rune(&mut out, c, quote, ascii);
        }
        rest = &rest[width..];
    }
    out.push(quote);
    out
}

/// `strconv.QuoteRune`, or `QuoteRuneToASCII`.
pub(super) fn quote_rune(c: char, ascii: bool) -> String {
    let mut out = String::from("'");
    write_rune(&mut out, c, '\'', ascii);
    out.push('\'');
    out
}

/// `strconv.CanBackquote`.
pub(super) fn can_backquote(s: &[u8]) -> bool {
    std::str::from_utf8(s)
        .is_ok_and(|s| s.chars().all(|c| c == '\t' || !matches!(c, '\u{0}'..'\u{20}' | '`' | '\u{7f}' | '\u{feff}')))
}

/// `%#U`: `U+0040 '@'`.
pub(crate) fn rune(c: char) -> String {
    let mut out = format!("U+{:04X}", c as u32);
    if is_printable(c) {
        let _ = write!(out, " '{c}'");
    }
    out
}

pub(crate) fn is_print(c: char) -> bool {
    is_printable(c)
}

fn write_rune(out: &mut String, c: char, quote: char, ascii: bool) {
    if c == quote || c == '\\' {
        out.push('\\');
        out.push(c);
        return;
    }
    if (c.is_ascii() || !ascii) && is_printable(c) {
        out.push(c);
        return;
    }
    match c {
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        '\0'..' ' | '\u{7f}' => write_escape(out, 'x', 2, c as u32),
        '\0'..='\u{ffff}' => write_escape(out, 'u', 4, c as u32),
        _ => write_escape(out, 'U', 8, c as u32),
    }
}

fn write_escape(out: &mut String, letter: char, digits: usize, code: u32) {
    let _ = write!(out, "\\{letter}{code:0digits$x}");
}
