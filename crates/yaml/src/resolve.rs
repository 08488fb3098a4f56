//! What a plain scalar means: the rules of goyaml.v2 and yaml.v3, which share all but the words for
//! booleans and what a timestamp becomes.
//!
//! Facts were read off by running both libraries (see the tests): `0644`, `0o17` and `0b1` are
//! integers in both, `_` may stand anywhere in a number but first, `0b-1` is -1.

#[cfg(test)]
mod tests;
mod timestamp;

use belay_object::Value;

use crate::Resolver;

/// What a scalar's text is before it becomes JSON.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    /// The text itself.
    Text,
    /// A time, in RFC 3339 as Go's JSON writes it.
    Time(String),
}

impl Scalar {
    /// The short form of the tag, as error texts write it.
    pub(crate) fn tag(&self) -> &'static str {
        match self {
            Scalar::Null => "!!null",
            Scalar::Bool(_) => "!!bool",
            Scalar::Int(_) | Scalar::UInt(_) => "!!int",
            Scalar::Float(_) => "!!float",
            Scalar::Text => "!!str",
            Scalar::Time(_) => "!!timestamp",
        }
    }
}

/// Whether a plain text is read as text, by the older library too: then it may be written plain.
pub(crate) fn is_text(text: &str, library: Resolver) -> bool {
    let is_old_word = || word(text, Resolver::V2) != Scalar::Text;
    scalar(text, library, true) == Scalar::Text && (library == Resolver::V2 || !is_old_word())
}

/// Resolves a plain text. `times` is false where a tag says that it is no time.
pub(crate) fn scalar(text: &str, resolver: Resolver, times: bool) -> Scalar {
    let Some(&first) = text.as_bytes().first() else { return Scalar::Null };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text, resolver),
        b'.' => dotted(text),
        b'0'..=b'9' | b'+' | b'-' => numeric(text, resolver, times),
        _ => Scalar::Text,
    }
}

fn word(text: &str, resolver: Resolver) -> Scalar {
    if text.len() > 5 {
        return Scalar::Text;
    }
    match text {
        "true" | "True" | "TRUE" => Scalar::Bool(true),
        "false" | "False" | "FALSE" => Scalar::Bool(false),
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" if resolver == Resolver::V2 => Scalar::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" if resolver == Resolver::V2 => Scalar::Bool(false),
        _ => Scalar::Text,
    }
}

fn dotted(text: &str) -> Scalar {
    match text {
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" => Scalar::Float(f64::INFINITY),
        _ if text.contains('_') => match digits_around_underscores(text) {
            true => float(&text.replace('_', "")).map_or(Scalar::Text, Scalar::Float),
            false => Scalar::Text,
        },
        _ => float(text).map_or(Scalar::Text, Scalar::Float),
    }
}

/// Whether each `_` stands between two digits, as Go wants it where the libraries do not drop it.
fn digits_around_underscores(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    (0..bytes.len()).all(|i| bytes[i] != b'_' || (i > 0 && is_digit(i - 1) && is_digit(i + 1)))
}

fn numeric(text: &str, resolver: Resolver, times: bool) -> Scalar {
    match text {
        "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    if times && let Some(time) = timestamp::parse(text) {
        return Scalar::Time(time);
    }
    // Numbers hold none but these; most texts that start with a digit are versions, sizes, hashes.
    let possible = |b: u8| b.is_ascii_hexdigit() || matches!(b, b'+' | b'-' | b'.' | b'_' | b'x' | b'X' | b'o' | b'O');
    if !text.bytes().all(possible) {
        return Scalar::Text;
    }
    let stripped;
    let plain = if text.contains('_') {
        stripped = text.replace('_', "");
        stripped.as_str()
    } else {
        text
    };
    if let Some(number) = integer(plain) {
        return number;
    }
    if let Some(f) = float(plain) {
        return Scalar::Float(f);
    }
    // Behind these prefixes Go parses a signed number again.
    let (digits, radix) = match plain {
        _ if plain.starts_with("0b") => (plain[2..].to_owned(), 2),
        _ if plain.starts_with("-0b") => (format!("-{}", &plain[3..]), 2),
        _ if resolver == Resolver::V2 => return Scalar::Text,
        _ if plain.starts_with("0o") => (plain[2..].to_owned(), 8),
        _ if plain.starts_with("-0o") => (format!("-{}", &plain[3..]), 8),
        _ => return Scalar::Text,
    };
    i64::from_str_radix(&digits, radix).map_or(Scalar::Text, Scalar::Int)
}

/// A number as Go's `ParseInt(text, 0, 64)`, then `ParseUint`, reads it.
fn integer(text: &str) -> Option<Scalar> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (Some(true), &text[1..]),
        b'+' => (Some(false), &text[1..]),
        _ => (None, text),
    };
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (&digits[2..], 16),
        [b'0', b'o' | b'O', _, ..] => (&digits[2..], 8),
        [b'0', b'b' | b'B', _, ..] => (&digits[2..], 2),
        [b'0', _, ..] => (&digits[1..], 8),
        _ => (digits, 10),
    };
    // The standard library would take a second sign.
    if !digits.as_bytes().first()?.is_ascii_hexdigit() {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    match (sign, i64::try_from(magnitude)) {
        (Some(true), _) => 0_i64.checked_sub_unsigned(magnitude).map(Scalar::Int),
        (_, Ok(i)) => Some(Scalar::Int(i)),
        (None, Err(_)) => Some(Scalar::UInt(magnitude)),
        (Some(false), Err(_)) => None,
    }
}

/// A decimal float: digits, a point with digits on one side at least, an exponent; not beyond the
/// range of a float.
fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text).as_bytes();
    let digits = |bytes: &[u8]| bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let whole = digits(unsigned);
    let mut rest = &unsigned[whole..];
    if let [b'.', tail @ ..] = rest {
        let fraction = digits(tail);
        if whole == 0 && fraction == 0 {
            return None;
        }
        rest = &tail[fraction..];
    } else if whole == 0 {
        return None;
    }
    if let [b'e' | b'E', tail @ ..] = rest {
        let tail = if let [b'+' | b'-', tail @ ..] = tail { tail } else { tail };
        if tail.is_empty() || digits(tail) != tail.len() {
            return None;
        }
    } else if !rest.is_empty() {
        return None;
    }
    text.parse::<f64>().ok().filter(|f| f.is_finite())
}

/// Whether a text is a number to the base 60 as YAML 1.1 has them (`1:20`, `12:30:45.5`): goyaml.v2
/// reads those as text, but quotes them for the sake of others.
pub(crate) fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let head = parts.next().unwrap_or_default().as_bytes();
    let valid_head =
        head.first().is_some_and(u8::is_ascii_digit) && head.iter().all(|b| b.is_ascii_digit() || *b == b'_');
    let mut count = 0;
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let part = match part.split_once('.') {
            Some((whole, fraction)) if parts.peek().is_none() => {
                if !fraction.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
                    return false;
                }
                whole
            }
            _ => part,
        };
        let fits = matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
        if !fits {
            return false;
        }
        count += 1;
    }
    valid_head && count > 0
}

/// A finite float as JSON carries it: whole numbers that fit are integers. Above 2^53 that is the
/// number with the fewest digits that means this float, not the float's exact value.
pub(crate) fn float_value(f: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if f.fract() != 0.0 || f.abs() >= 1e21 {
        return Value::Float(f);
    }
    if f.abs() <= EXACT {
        return Value::Int(f as i64);
    }
    let digits = f.to_string();
    match (digits.parse::<i64>(), digits.parse::<u64>()) {
        (Ok(i), _) => Value::Int(i),
        (Err(_), Ok(u)) => Value::from(u),
        (Err(_), Err(_)) => Value::Float(f),
    }
}
