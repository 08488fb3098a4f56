//! The order in which goyaml writes keys: letters by code point and after all else, runs of digits by their number.
//! Right behind a digit yaml.v3 has letters before all else.
//!
//! Go asks Unicode's categories L and Nd; here letters are `char::is_alphabetic` and digits ASCII's,
//! which differ only for combining vowel signs, letter-like numerals and foreign digits in keys.

use crate::Resolver;
use belay_object::{Key, Map, Value};

/// The fields in goyaml's order.
pub(super) fn sorted_fields(map: &Map, library: Resolver) -> impl Iterator<Item = (&Key, &Value)> {
    // A map is in byte order, which mostly is the natural order already.
    let in_order = map.keys().zip(map.keys().skip(1)).all(|(a, b)| !less(b, a, library));
    let sorted = if in_order { None } else { Some(merge_sort(map.iter().collect(), library)) };
    let unsorted = if in_order { Some(map.iter()) } else { None };
    unsorted.into_iter().flatten().chain(sorted.into_iter().flatten())
}

/// Sorts by `less`. The standard library's sort may panic where a comparison is no total order, and
/// this one is none: `0a`, `00`, `0` can form a circle.
fn merge_sort<'a>(mut fields: Vec<(&'a Key, &'a Value)>, library: Resolver) -> Vec<(&'a Key, &'a Value)> {
    let mut width = 1;
    let mut merged = Vec::with_capacity(fields.len());
    while width < fields.len() {
        merged.clear();
        for pair in fields.chunks(2 * width) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let ([l, ..], [r, ..]) = (left, right) {
                if less(r.0, l.0, library) {
                    merged.push(*r);
                    right = &right[1..];
                } else {
                    merged.push(*l);
                    left = &left[1..];
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        std::mem::swap(&mut fields, &mut merged);
        width *= 2;
    }
    fields
}

/// Whether key `a` comes before key `b`.
pub(super) fn less(a: &str, b: &str, library: Resolver) -> bool {
    let same = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    // Back to the start of a character that both share in part.
    let mut at = same;
    while !a.is_char_boundary(at) || !b.is_char_boundary(at) {
        at -= 1;
    }
    let (Some(x), Some(y)) = (a[at..].chars().next(), b[at..].chars().next()) else {
        return a.len() < b.len();
    };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x < y,
        (a_is_letter, b_is_letter) if a_is_letter != b_is_letter => {
            let behind_digit = a[..at].bytes().next_back().is_some_and(|b| b.is_ascii_digit());
            return if library == Resolver::V3 && behind_digit { a_is_letter } else { b_is_letter };
        }
        _ => {}
    }
    // A zero within a number (`101` and `11`) is a digit like others; at its start it has no value.
    let start = if x == '0' || y == '0' { i64::from(within_number(&a[..at])) } else { 0 };
    let (a_number, a_digits) = number(start, &a[at..]);
    let (b_number, b_digits) = number(start, &b[at..]);
    if a_number != b_number {
        return a_number < b_number;
    }
    if a_digits != b_digits {
        return a_digits < b_digits;
    }
    x < y
}

/// Whether the digits at the end of `before` hold one other than zero.
fn within_number(before: &str) -> bool {
    before.bytes().rev().take_while(u8::is_ascii_digit).any(|b| b != b'0')
}

/// The number that the digits at the start of `text` make behind `start`, and how many they are.
/// Overflow wraps, as Go's does.
fn number(start: i64, text: &str) -> (i64, usize) {
    let digits = text.bytes().take_while(u8::is_ascii_digit);
    digits.fold((start, 0), |(n, count), b| (n.wrapping_mul(10).wrapping_add(i64::from(b - b'0')), count + 1))
}
