//! Percent signs in the parts of a URL.

use crate::fmt;

/// Parts that differ in what is escaped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    User,
    Host,
    /// The zone of an address in a host.
    Zone,
    Path,
    Fragment,
}

fn must_escape(b: u8, part: Part) -> bool {
    if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) {
        return false;
    }
    match part {
        Part::Host | Part::Zone => !b"!$&'()*+,;=:[]<>\"".contains(&b),
        Part::Path => !b"$&+,/:;=@".contains(&b),
        Part::User => !b"$&+,;=".contains(&b),
        Part::Fragment => !b"$&+,/:;=?@!()*".contains(&b),
    }
}

pub(super) fn escape(s: &[u8], part: Part) -> Vec<u8> {
    let mut out = Vec::with_capacity(s.len());
    for b in s {
        if must_escape(*b, part) {
            out.extend_from_slice(format!("%{b:02X}").as_bytes());
        } else {
            out.push(*b);
        }
    }
    out
}

/// The error is Go's text.
pub(super) fn unescape(s: &[u8], part: Part) -> Result<Vec<u8>, String> {
    let (mut out, mut rest) = (Vec::with_capacity(s.len()), s);
    let in_host = matches!(part, Part::Host | Part::Zone);
    while let Some(b) = rest.first() {
        if *b != b'%' {
            if in_host && b.is_ascii() && must_escape(*b, part) {
                return Err(format!("invalid character {} in host name", fmt::quote(&[*b])));
            }
            out.push(*b);
            rest = &rest[1..];
            continue;
        }
        let invalid = || format!("invalid URL escape {}", fmt::quote(&rest[..rest.len().min(3)]));
        let digit = |i: usize| rest.get(i).and_then(|b| char::from(*b).to_digit(16));
        let (high, low) = digit(1).zip(digit(2)).ok_or_else(invalid)?;
        let byte = (high << 4 | low) as u8;
        let is_percent = rest.starts_with(b"%25");
        // A host has only bytes beyond ASCII escaped.
        if part == Part::Host && high < 8 && !is_percent
            || part == Part::Zone && !is_percent && byte != b' ' && must_escape(byte, Part::Host)
        {
            return Err(invalid());
        }
        out.push(byte);
        rest = &rest[3..];
    }
    Ok(out)
}
