//! Constraints as nearly all are written (`>=1.20.0-0 <2`, `~1.2.x`), read without the regular expressions, whose
//! making costs more than a small chart's render.
//!
//! *Invariant*: where it gives comparisons, the expressions would find the same. What is written in another way is
//! left to them by giving nothing.

use super::OPERATORS;

/// One comparison, in parts of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) sign: &'a str,
    /// The version as written.
    pub(super) version: &'a str,
    /// `1`, `.2` and `.3`; what is left out is empty.
    pub(super) numbers: [&'a str; 3],
    /// `-rc.1`, or nothing.
    pub(super) pre: &'a str,
}

/// Go's `\s`.
const SPACE: [char; 5] = ['\t', '\n', '\x0C', '\r', ' '];

/// Whether a range such as `1.2 - 1.4` may be in a text.
pub(super) fn may_hold_a_range(text: &str) -> bool {
    let is_space = |b: u8| SPACE.contains(&char::from(b));
    text.as_bytes().windows(3).any(|w| is_space(w[0]) && w[1] == b'-' && is_space(w[2]))
}

/// The comparisons of a group.
pub(super) fn comparisons(text: &str) -> Option<Vec<Parts<'_>>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches(SPACE);
    loop {
        let (parts, behind) = comparison(rest)?;
        found.push(parts);
        rest = behind.trim_start_matches(SPACE);
        if rest.is_empty() {
            return Some(found);
        }
        match rest.strip_prefix(',') {
            Some(next) => rest = next.trim_start_matches(SPACE),
            None if rest.len() == behind.len() => return None,
            None => {}
        }
    }
}

fn comparison(text: &str) -> Option<(Parts<'_>, &str)> {
    let signs = text.find(|c| !matches!(c, '=' | '!' | '>' | '<' | '~' | '^')).unwrap_or(text.len());
    let (sign, rest) = text.split_at(signs);
    if !OPERATORS.iter().any(|(known, _)| *known == sign) {
        return None;
    }
    let start = rest.trim_start_matches(SPACE);
    let mut rest = start.strip_prefix('v').unwrap_or(start);
    let mut numbers = [""; 3];
    for (i, place) in numbers.iter_mut().enumerate() {
        let dot = usize::from(i > 0);
        if i > 0 && !rest.starts_with('.') {
            break;
        }
        let digits = &rest[dot..];
        let length = match digits.as_bytes().first()? {
            b'x' | b'X' | b'*' => 1,
            _ => digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len()),
        };
        if length == 0 {
            return None;
        }
        (*place, rest) = rest.split_at(dot + length);
    }
    let (pre, rest) = tail(rest, '-')?;
    let (_, rest) = tail(rest, '+')?;
    if !rest.is_empty() && !rest.starts_with(SPACE) && !rest.starts_with(',') {
        return None;
    }
    let version = &start[..start.len() - rest.len()];
    Some((Parts { sign, version, numbers, pre }, rest))
}

/// A mark and the identifiers behind it, where the text begins so.
fn tail(text: &str, mark: char) -> Option<(&str, &str)> {
    let Some(behind) = text.strip_prefix(mark) else { return Some(("", text)) };
    let length = behind.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '.').unwrap_or(behind.len());
    let whole = behind[..length].split('.').all(|identifier| !identifier.is_empty());
    whole.then(|| text.split_at(1 + length))
}
