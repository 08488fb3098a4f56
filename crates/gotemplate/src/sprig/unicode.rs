//! Text as Go's packages `unicode` and `utf8` see it: runes decoded from bytes that need not be
//! UTF-8, categories, and the mappings of case from one rune to one rune (Rust's give several).

use regex::Regex;
use std::sync::LazyLock;

/// The runes of bytes with their width; a byte that is not UTF-8 is U+FFFD of width 1.
pub(crate) fn runes(bytes: &[u8]) -> impl Iterator<Item = (char, usize)> + '_ {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (c, width) = decode(rest)?;
        rest = &rest[width..];
        Some((c, width))
    })
}

/// The first rune and its width; `None` at the end.
pub(crate) fn decode(bytes: &[u8]) -> Option<(char, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((first as char, 1));
    }
    let width = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Some((char::REPLACEMENT_CHARACTER, 1)),
    };
    let rune = bytes.get(..width).and_then(|b| std::str::from_utf8(b).ok()).and_then(|s| s.chars().next());
    Some(rune.map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, width)))
}

/// Appends a rune.
pub(crate) fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Each rune mapped; nothing is copied where none changes but for what is not UTF-8.
pub(crate) fn map(bytes: &[u8], f: impl Fn(char) -> char) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for (c, _) in runes(bytes) {
        push(&mut out, f(c));
    }
    out
}

/// A category by its pattern, for runes beyond ASCII only: the tables of `regex` are those of
/// Unicode's categories, where Rust's own methods test derived properties.
macro_rules! category {
    ($(#[$doc:meta])* $name:ident, $ascii:expr, $pattern:literal) => {
        $(#[$doc])*
        pub(crate) fn $name(c: char) -> bool {
            static BEYOND: LazyLock<Regex> =
                LazyLock::new(|| Regex::new($pattern).expect("a constant pattern compiles"));
            if c.is_ascii() { $ascii(&c) } else { BEYOND.is_match(c.encode_utf8(&mut [0; 4])) }
        }
    };
}

category!(
    /// Go's `unicode.IsUpper`.
    is_upper, char::is_ascii_uppercase, r"^\p{Lu}");
category!(
    /// Go's `unicode.IsLower`.
    is_lower, char::is_ascii_lowercase, r"^\p{Ll}");
category!(
    /// Go's `unicode.IsTitle`.
    is_title, |_: &char| false, r"^\p{Lt}");
category!(
    /// Go's `unicode.IsLetter`.
    is_letter, char::is_ascii_alphabetic, r"^\p{L}");
category!(
    /// Go's `unicode.IsDigit`.
    is_digit, char::is_ascii_digit, r"^\p{Nd}");
category!(
    /// Go's `unicode.IsNumber`.
    is_number, char::is_ascii_digit, r"^\p{N}");
category!(
    /// Go's `unicode.IsPunct`.
    is_punct, |c: &char| c.is_ascii_punctuation() && !"$+<=>^`|~".contains(*c), r"^\p{P}");

/// Go's `unicode.IsSpace`.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace()
}

/// Go's `unicode.ToUpper`.
pub(crate) fn to_upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(only), None) => only,
        _ => upper_of_several(c),
    }
}

/// The one-rune upper case of runes whose full upper case is several.
fn upper_of_several(c: char) -> char {
    let code = c as u32;
    let upper = match code {
        0x1f80..=0x1faf if code & 8 == 0 => code + 8,
        0x1fb3 | 0x1fc3 | 0x1ff3 => code + 9,
        _ => code,
    };
    char::from_u32(upper).unwrap_or(c)
}

/// Go's `unicode.ToLower`.
pub(crate) fn to_lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// Go's `unicode.ToTitle`.
pub(crate) fn to_title(c: char) -> char {
    match c {
        '\u{1c4}'..='\u{1c6}' => '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => '\u{1f2}',
        // Georgian has capitals, but not at the beginning of words.
        '\u{10d0}'..='\u{10ff}' => c,
        _ => to_upper(c),
    }
}

/// Go's `strings.ToUpper`.
pub(crate) fn upper(s: &[u8]) -> Vec<u8> {
    if s.is_ascii() { s.to_ascii_uppercase() } else { map(s, to_upper) }
}

/// Go's `strings.ToLower`.
pub(crate) fn lower(s: &[u8]) -> Vec<u8> {
    if s.is_ascii() { s.to_ascii_lowercase() } else { map(s, to_lower) }
}

/// Go's `strings.TrimSpace`.
pub(crate) fn trim_space(s: &[u8]) -> &[u8] {
    trim(s, is_space)
}

/// Go's `strings.TrimFunc`.
pub(crate) fn trim(s: &[u8], drop: impl Fn(char) -> bool) -> &[u8] {
    let start: usize = runes(s).take_while(|(c, _)| drop(*c)).map(|(_, width)| width).sum();
    let s = &s[start..];
    let mut end = s.len();
    while let Some((c, width)) = decode_last(&s[..end]) {
        if !drop(c) {
            break;
        }
        end -= width;
    }
    &s[..end]
}

/// The last rune and its width.
fn decode_last(bytes: &[u8]) -> Option<(char, usize)> {
    let last = *bytes.last()?;
    if last < 0x80 {
        return Some((last as char, 1));
    }
    for width in 2..=4.min(bytes.len()) {
        if let Some((c, w)) = decode(&bytes[bytes.len() - width..])
            && w == width
        {
            return Some((c, width));
        }
    }
    Some((char::REPLACEMENT_CHARACTER, 1))
}
