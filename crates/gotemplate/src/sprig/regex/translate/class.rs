//! `[...]`: a class, each of its members written so that it is no operator.

use super::escape::{code_point, perl_class, unicode_class};
use super::{Result, error};

const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// Translates the class that `s` begins with; what follows it besides.
pub(super) fn translate(s: &str) -> Result<(String, &str)> {
    let mut rest = &s[1..];
    let mut out = String::from("[");
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    let mut first = true;
    while first || !rest.starts_with(']') {
        first = false;
        if let Some((class, after)) = named(rest)? {
            out.push_str(&class);
            rest = after;
            continue;
        }
        let escaped = if rest.starts_with('\\') { rest.as_bytes().get(1).copied() } else { None };
        if let Some(b'p' | b'P') = escaped {
            let (class, after) = unicode_class(rest)?;
            out.push_str(&class);
            rest = after;
            continue;
        }
        if let Some(class) = escaped.and_then(perl_class) {
            out.push_str(class);
            rest = &rest[2..];
            continue;
        }
        let (low, after) = member(rest, s)?;
        let (high, after) = match after.strip_prefix('-') {
            Some(upper) if !upper.is_empty() && !upper.starts_with(']') => member(upper, s)?,
            _ => (low, after),
        };
        if high < low {
            return Err(error("invalid character class range", &rest[..rest.len() - after.len()]));
        }
        out.push_str(&format!("\\x{{{low:x}}}-\\x{{{high:x}}}"));
        rest = after;
    }
    out.push(']');
    Ok((out, &rest[1..]))
}

/// One character, maybe escaped, and what follows.
fn member<'a>(s: &'a str, class: &str) -> Result<(u32, &'a str)> {
    match s.chars().next() {
        None => Err(error("missing closing ]", class)),
        Some('\\') => code_point(s),
        Some(c) => Ok((c as u32, &s[c.len_utf8()..])),
    }
}

/// `[:alpha:]` or `[:^alpha:]`; `None` where there is no such form.
fn named(s: &str) -> Result<Option<(String, &str)>> {
    let Some(end) = s.strip_prefix("[:").and_then(|inner| inner.find(":]")) else { return Ok(None) };
    let (whole, after) = s.split_at(2 + end + 2);
    let name = &s[2..2 + end];
    if POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
        return Ok(Some((whole.to_owned(), after)));
    }
    Err(error("invalid character class range", whole))
}
