//! Words: their case, initials, wrapping and abbreviating, as goutils and xstrings do it. Some of
//! it looks at bytes where it means runes; texts beyond ASCII come out as broken as there.

mod case;

use super::super::arg::{self, Result};
use super::super::unicode::{self, push, runes};
use crate::context::Context;
use crate::function::{Function, Functions, Param};
use crate::value::Value;
use Param::{Int, String as Text};

pub(in super::super) fn register(f: &mut Functions) {
    let word = |name: &'static str, change: fn(&[u8]) -> Vec<u8>| {
        Function::new(name, &[Text], move |_, a| Ok(change(arg::str(a, 0)).into()))
    };
    f.add(word("title", title));
    f.add(word("untitle", untitle));
    f.add(word("swapcase", swap_case));
    f.add(word("nospace", without_space));
    f.add(word("initials", initials));
    f.add(word("snakecase", |s| case::separated(s, '_')));
    f.add(word("kebabcase", |s| case::separated(s, '-')));
    f.add(word("camelcase", case::pascal));
    f.add(Function::new("abbrev", &[Int, Text], |_, a| Ok(abbreviate(0, arg::int(a, 0), a, 1))));
    f.add(Function::new("abbrevboth", &[Int, Int, Text], |_, a| Ok(abbreviate(arg::int(a, 0), arg::int(a, 1), a, 2))));
    f.add(Function::new("wrap", &[Int, Text], |ctx, a| wrap(ctx, arg::str(a, 1), arg::int(a, 0), b"", false)));
    f.add(Function::new("wrapWith", &[Int, Text, Text], |ctx, a| {
        wrap(ctx, arg::str(a, 2), arg::int(a, 0), arg::str(a, 1), true)
    }));
}

/// Go's `strings.Title`: what follows neither a letter, digit, underscore nor mark is a capital.
fn title(s: &[u8]) -> Vec<u8> {
    let separates = |c: char| match c {
        _ if c.is_ascii() => !c.is_ascii_alphanumeric() && c != '_',
        _ => !unicode::is_letter(c) && !unicode::is_digit(c) && unicode::is_space(c),
    };
    let (mut out, mut before) = (Vec::with_capacity(s.len()), ' ');
    for (c, _) in runes(s) {
        push(&mut out, if separates(before) { unicode::to_title(c) } else { c });
        before = c;
    }
    out
}

fn untitle(s: &[u8]) -> Vec<u8> {
    let (mut out, mut begins) = (Vec::with_capacity(s.len()), true);
    for (c, _) in runes(s) {
        let space = unicode::is_space(c);
        push(&mut out, if begins && !space { unicode::to_lower(c) } else { c });
        begins = space;
    }
    out
}

fn swap_case(s: &[u8]) -> Vec<u8> {
    let (mut out, mut begins) = (Vec::with_capacity(s.len()), true);
    for (c, _) in runes(s) {
        let swapped = if unicode::is_upper(c) || unicode::is_title(c) {
            unicode::to_lower(c)
        } else if unicode::is_lower(c) {
            if begins { unicode::to_title(c) } else { unicode::to_upper(c) }
        } else {
            begins = unicode::is_space(c);
            push(&mut out, c);
            continue;
        };
        begins = false;
        push(&mut out, swapped);
    }
    out
}

/// Each byte taken for a rune.
fn bytes_as_runes(s: &[u8]) -> impl Iterator<Item = char> + '_ {
    s.iter().map(|b| char::from(*b))
}

fn without_space(s: &[u8]) -> Vec<u8> {
    if !bytes_as_runes(s).any(unicode::is_space) {
        return s.to_vec();
    }
    let mut out = Vec::with_capacity(s.len());
    bytes_as_runes(s).filter(|c| !unicode::is_space(*c)).for_each(|c| push(&mut out, c));
    out
}

fn initials(s: &[u8]) -> Vec<u8> {
    let (mut out, mut begins) = (Vec::new(), true);
    for c in bytes_as_runes(s) {
        let space = unicode::is_space(c);
        if begins && !space {
            push(&mut out, c);
        }
        begins = space;
    }
    out
}

/// The argument at `text` cut to `width` bytes from `offset`, dots where something is left out.
fn abbreviate(offset: i64, width: i64, args: &[Value], text: usize) -> Value {
    let s = arg::str(args, text);
    if width < 4 || offset > 0 && width < 7 || s.len() as i64 <= width {
        return arg::any(args, text).clone();
    }
    let width = width as usize;
    let mut offset = offset.clamp(i64::MIN, s.len() as i64);
    if (s.len() as i64).saturating_sub(offset) < width as i64 - 3 {
        offset = s.len() as i64 - (width as i64 - 3);
    }
    if offset <= 4 {
        return [&s[..width - 3], b"..."].concat().into();
    }
    let offset = offset as usize;
    // Masterminds' goutils gives up where there is no room for dots at both ends.
    if width < 7 {
        return Value::str("");
    }
    if offset + width - 3 < s.len() {
        let rest = &s[offset..];
        let middle = if rest.len() <= width - 3 { rest } else { &rest[..width - 6] };
        let dots: &[u8] = if rest.len() <= width - 3 { b"" } else { b"..." };
        return [b"...", middle, dots].concat().into();
    }
    [b"...", &s[s.len() - (width - 3)..]].concat().into()
}

/// Words by lines of at most `width` bytes; longer words are cut only if `cut`.
fn wrap(ctx: &mut Context, s: &[u8], width: i64, new_line: &[u8], cut: bool) -> Result {
    let new_line = if new_line.is_empty() { b"\n" } else { new_line };
    let width = usize::try_from(width).unwrap_or(1).max(1);
    // A line has a byte at least, and each is followed by one separator.
    arg::reserve(ctx, s.len().saturating_add(new_line.len().saturating_mul(s.len() / width)))?;
    let (mut out, mut offset) = (Vec::with_capacity(s.len()), 0);
    while s.len() - offset > width {
        if s[offset] == b' ' {
            offset += 1;
            continue;
        }
        let end = offset + width;
        if let Some(space) = memchr::memrchr(b' ', &s[offset..=end]) {
            out.extend_from_slice(&s[offset..offset + space]);
            offset += space + 1;
        } else if cut {
            out.extend_from_slice(&s[offset..end]);
            offset = end;
        } else if let Some(space) = memchr::memchr(b' ', &s[end..]) {
            out.extend_from_slice(&s[offset..end + space]);
            offset = end + space + 1;
        } else {
            break;
        }
        out.extend_from_slice(new_line);
    }
    out.extend_from_slice(&s[offset..]);
    Ok(out.into())
}
