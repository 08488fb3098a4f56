//! Go's `strings.Index`, `strings.SplitN` and `strings.Replace`.

use super::super::arg::{self, Result};
use super::super::unicode;
use crate::context::Context;
use crate::value::Value;

/// Where `needle` begins in `s`.
pub(in super::super) fn find(s: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(s, needle)
}

/// What a part takes at least: the value, and a text of its own.
pub(in super::super) const PART_BYTES: usize = size_of::<Value>() + 32;

/// [`split_n`], its parts asked for first.
pub(in super::super) fn split<'a>(ctx: &mut Context, s: &'a [u8], separator: &[u8], n: i64) -> Result<Vec<&'a [u8]>> {
    let most = usize::try_from(n).unwrap_or(usize::MAX);
    let count = if separator.is_empty() { s.len() } else { memchr::memmem::find_iter(s, separator).count() + 1 };
    arg::reserve(ctx, count.min(most).saturating_mul(PART_BYTES))?;
    Ok(split_n(s, separator, n))
}

/// At most `n` parts between the separators, the last being what is left; all where `n` is
/// negative, none where it is 0. An empty separator splits after each rune.
fn split_n<'a>(s: &'a [u8], separator: &[u8], n: i64) -> Vec<&'a [u8]> {
    let most = match n {
        0 => return Vec::new(),
        n if n < 0 => usize::MAX,
        n => n as usize,
    };
    let (mut parts, mut rest) = (Vec::new(), s);
    if separator.is_empty() {
        while !rest.is_empty() && parts.len() + 1 < most {
            let width = unicode::decode(rest).map_or(1, |(_, width)| width);
            let (rune, after) = rest.split_at(width);
            parts.push(rune);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(rest);
        }
        return parts;
    }
    let finder = memchr::memmem::Finder::new(separator);
    while parts.len() + 1 < most {
        let Some(at) = finder.find(rest) else { break };
        parts.push(&rest[..at]);
        rest = &rest[at + separator.len()..];
    }
    parts.push(rest);
    parts
}

/// `s` with each `old` replaced; an empty `old` is between all runes and at both ends.
pub(in super::super) fn replace_all(ctx: &mut Context, s: &[u8], old: &[u8], new: &[u8]) -> Result<Vec<u8>> {
    if old == new {
        return Ok(s.to_vec());
    }
    let count = if old.is_empty() { s.len() + 1 } else { memchr::memmem::find_iter(s, old).count() };
    if new.len() > old.len() {
        arg::reserve(ctx, s.len().saturating_add((new.len() - old.len()).saturating_mul(count)))?;
    }
    let mut out = Vec::with_capacity(s.len());
    if old.is_empty() {
        out.extend_from_slice(new);
        for part in split_n(s, old, -1) {
            out.extend_from_slice(part);
            out.extend_from_slice(new);
        }
        return Ok(out);
    }
    let mut from = 0;
    for at in memchr::memmem::find_iter(s, old) {
        out.extend_from_slice(&s[from..at]);
        out.extend_from_slice(new);
        from = at + old.len();
    }
    out.extend_from_slice(&s[from..]);
    Ok(out)
}
