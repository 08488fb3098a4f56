//! Any value as a number, as spf13/cast 1.10 does it: texts by Go's syntax of literals, what is no
//! number is 0.

use crate::value::Value;

/// `cast.ToInt64`.
pub(super) fn to_int64(value: &Value) -> i64 {
    match value {
        Value::Bool(b) => i64::from(*b),
        Value::Int(i) | Value::Int64(i) => *i,
        Value::Int32(i) => (*i).into(),
        Value::Uint8(i) => (*i).into(),
        Value::Uint32(i) => (*i).into(),
        Value::Uint64(i) => *i as i64,
        Value::Float(f) => truncate(*f),
        Value::Str(s) => std::str::from_utf8(s).ok().and_then(|s| parse_int(trim_decimal(s))).unwrap_or(0),
        // A number with a name, such as a month.
        Value::Object(o) => o.underlying().and_then(|v| v.as_int()).unwrap_or(0),
        Value::Nil | Value::Complex(..) | Value::Bytes(_) | Value::List(_) | Value::Map(_) | Value::Func(_) => 0,
    }
}

/// `cast.ToFloat64`.
pub(super) fn to_float64(value: &Value) -> f64 {
    match value {
        Value::Float(f) => *f,
        Value::Uint64(i) => *i as f64,
        Value::Str(s) => std::str::from_utf8(s).ok().and_then(parse_float).unwrap_or(0.0),
        _ => to_int64(value) as f64,
    }
}

/// Go's conversion on amd64: towards zero; the least number for what does not fit.
pub(super) fn truncate(f: f64) -> i64 {
    // 2^63 is exact as f64.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&f) { f as i64 } else { i64::MIN }
}

/// A plain decimal number without what follows its point: `1.9` is 1, `-.5` is 0.
fn trim_decimal(s: &str) -> &str {
    let Some((whole, fraction)) = s.split_once('.') else { return s };
    let digits = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    if ![digits, fraction].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit())) {
        return s;
    }
    if digits.is_empty() { "0" } else { whole }
}

/// Go's `strconv.ParseInt(s, 0, 64)`.
pub(super) fn parse_int(s: &str) -> Option<i64> {
    let (negative, digits) = match s.as_bytes().first()? {
        b'-' => (true, &s[1..]),
        b'+' => (false, &s[1..]),
        _ => (false, s),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, body) = match () {
        () if lower.starts_with("0x") => (16, &lower[2..]),
        () if lower.starts_with("0b") => (2, &lower[2..]),
        () if lower.starts_with("0o") => (8, &lower[2..]),
        () if lower.len() > 1 && lower.starts_with('0') => (8, &lower[1..]),
        () => (10, lower.as_str()),
    };
    if !underscores_separate(&lower) || body.starts_with(['+', '-']) {
        return None;
    }
    let plain = body.replace('_', "");
    let number = u64::from_str_radix(&plain, base).ok()?;
    if negative { (number <= 1 << 63).then(|| (number as i64).wrapping_neg()) } else { i64::try_from(number).ok() }
}

/// Whether underscores stand between digits only, or after the prefix of a base, which counts as a
/// digit. `number` is without its sign, in small letters.
fn underscores_separate(number: &str) -> bool {
    let prefixed = ["0x", "0b", "0o"].iter().any(|prefix| number.starts_with(prefix));
    let (body, is_hex) = if prefixed { (&number[2..], number.starts_with("0x")) } else { (number, false) };
    let mut before = if prefixed { b'0' } else { b'^' };
    for b in body.bytes() {
        before = match b {
            b'_' if before == b'0' => b'_',
            b'_' => return false,
            _ if b.is_ascii_digit() || is_hex && b.is_ascii_hexdigit() => b'0',
            _ if before == b'_' => return false,
            _ => b'!',
        };
    }
    before != b'_'
}

/// Go's `strconv.ParseFloat(s, 64)`; `None` where it gives an error (also for what is too large).
pub(super) fn parse_float(s: &str) -> Option<f64> {
    let lower = s.to_ascii_lowercase();
    let unsigned = lower.strip_prefix(['+', '-']).unwrap_or(&lower);
    let sign = if lower.starts_with('-') { -1.0 } else { 1.0 };
    match unsigned {
        "inf" | "infinity" => return Some(sign * f64::INFINITY),
        // A signed NaN is none.
        "nan" => return (unsigned.len() == lower.len()).then_some(f64::NAN),
        _ => {}
    }
    if unsigned.contains('_') && !underscores_separate(unsigned) {
        return None;
    }
    let unsigned = unsigned.replace('_', "");
    if let Some(hex) = unsigned.strip_prefix("0x") {
        return hex_float(hex).map(|f| sign * f);
    }
    let plain = unsigned.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'+' | b'-'));
    let number: f64 = if plain { unsigned.parse().ok()? } else { return None };
    number.is_finite().then_some(sign * number)
}

/// `1.8p3`: hexadecimal digits, and an exponent of 2 that must be there. Digits beyond 52 bits are
/// cut, not rounded.
fn hex_float(s: &str) -> Option<f64> {
    let (mantissa, exponent) = s.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut exponent = exponent.parse::<i64>().ok()?.clamp(-100_000, 100_000);
    if whole.len() + fraction.len() == 0 {
        return None;
    }
    let mut bits: u64 = 0;
    for (i, digit) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = digit.to_digit(16)?;
        let is_fraction = i >= whole.len();
        if bits >> 49 == 0 {
            bits = bits << 4 | u64::from(digit);
            exponent -= if is_fraction { 4 } else { 0 };
        } else if !is_fraction {
            exponent += 4;
        }
    }
    let exponent = i32::try_from(exponent.clamp(-3000, 3000)).ok()?;
    // In two steps, so that a subnormal's power does not vanish before it is multiplied.
    let number = bits as f64 * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2);
    number.is_finite().then_some(number)
}
