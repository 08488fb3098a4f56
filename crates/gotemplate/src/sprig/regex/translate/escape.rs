//! Escapes: single characters, Perl's classes, Unicode's.

use super::{Result, error};

/// A character in a form that means itself everywhere.
pub(super) fn character(c: char) -> String {
    if c.is_ascii_alphanumeric() { c.to_string() } else { format!("\\x{{{:x}}}", c as u32) }
}

/// ASCII's digits, spaces and word characters, and what is none of them.
pub(super) fn perl_class(letter: u8) -> Option<&'static str> {
    Some(match letter {
        b'd' => "[0-9]",
        b'D' => "[^0-9]",
        b's' => r"[\t\n\x0c\r ]",
        b'S' => r"[^\t\n\x0c\r ]",
        b'w' => "[0-9A-Za-z_]",
        b'W' => "[^0-9A-Za-z_]",
        _ => return None,
    })
}

/// `\pL`, `\p{Greek}`, `\P{^Greek}` and what follows.
pub(super) fn unicode_class(s: &str) -> Result<(String, &str)> {
    let Some(first) = s[2..].chars().next() else { return Err(error("invalid character class range", s)) };
    let (name, len) = if first == '{' {
        let end = s.find('}').ok_or_else(|| error("invalid character class range", s))?;
        (&s[3..end], end + 1)
    } else {
        (&s[2..2 + first.len_utf8()], 2 + first.len_utf8())
    };
    let (whole, after) = s.split_at(len);
    let (inner, inverted) = name.strip_prefix('^').map_or((name, false), |inner| (inner, true));
    let negated = s.as_bytes()[1] == b'P';
    let class = format!("\\{}{{{inner}}}", if negated != inverted { 'P' } else { 'p' });
    let is_plain = inner.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_plain || regex::Regex::new(&class).is_err() {
        return Err(error("invalid character class range", whole));
    }
    Ok((class, after))
}

/// An escaped character, in a form that means itself, and what follows.
pub(super) fn parse_escape(s: &str) -> Result<(String, &str)> {
    let (code, after) = code_point(s)?;
    Ok((format!("\\x{{{code:x}}}"), after))
}

/// The number of an escaped character and what follows.
pub(super) fn code_point(s: &str) -> Result<(u32, &str)> {
    let mut chars = s.char_indices().skip(1);
    let Some((at, c)) = chars.next() else {
        return Err(error("trailing backslash at end of expression", ""));
    };
    let after = &s[at + c.len_utf8()..];
    let refused = |read: usize| Err(error("invalid escape sequence", &s[..read]));
    let simple = |code: u32| Ok((code, after));
    match c {
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => simple(c as u32),
        'a' => simple(7),
        'f' => simple(12),
        'n' => simple(10),
        'r' => simple(13),
        't' => simple(9),
        'v' => simple(11),
        // A digit alone would refer to a group.
        '0'..='7' if c == '0' || after.starts_with(|c: char| c.is_digit(8)) => {
            let len = s[1..].bytes().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
            Ok((u32::from_str_radix(&s[1..=len], 8).unwrap_or_default(), &s[1 + len..]))
        }
        'x' => hexadecimal(s),
        _ => refused(at + c.len_utf8()),
    }
}

/// `\x7f` or `\x{10ffff}`.
fn hexadecimal(s: &str) -> Result<(u32, &str)> {
    let refused = |read: usize| Err(error("invalid escape sequence", &s[..read]));
    let (mut code, mut digits) = (0u32, 0);
    let braced = s[2..].starts_with('{');
    for (i, c) in s.char_indices().skip(if braced { 3 } else { 2 }) {
        let end = i + c.len_utf8();
        match c.to_digit(16) {
            _ if braced && c == '}' && digits > 0 => return Ok((code, &s[end..])),
            // Of two digits, both are read before either is refused.
            None if braced || digits == 1 => return refused(end),
            None => return refused(s[end..].chars().next().map_or(end, |next| end + next.len_utf8())),
            Some(digit) => code = code << 4 | digit,
        }
        digits += 1;
        if code > char::MAX as u32 {
            return refused(end);
        }
        if !braced && digits == 2 {
            return Ok((code, &s[end..]));
        }
    }
    refused(s.len())
}
