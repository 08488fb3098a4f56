//! Number literals, with all the types that one can have.

use super::lex::Kind;
use super::quote::unquote_char;
use super::tree::Number;

/// A number literal. The error is what Go's parser says.
pub(super) fn number(text: &[u8], kind: Kind) -> Result<Number, String> {
    let shown = String::from_utf8_lossy(text);
    let mut n = Number { text: shown.as_ref().into(), ..Number::default() };
    if kind == Kind::CharConstant {
        let rune = unquote_char(text)?;
        n.int = Some(rune);
        n.uint = Some(rune as u64);
        n.float = Some(rune as f64);
        return Ok(n);
    }
    if let Some(imaginary) = shown.strip_suffix('i') {
        // The sign of the imaginary part is the last one that belongs to no exponent.
        let split = if kind == Kind::Complex { sign_of_second(imaginary) } else { Some(0) };
        let parts = split.and_then(|at| {
            let real = if at == 0 { 0.0 } else { parse_float(&imaginary[..at])? };
            Some((real, parse_float(&imaginary[at..])?))
        });
        let Some((real, imaginary)) = parts else {
            let is_pair = kind == Kind::Complex;
            return Err(if is_pair { "syntax error scanning complex number".to_owned() } else { illegal(&shown) });
        };
        n.complex = Some((real, imaginary));
        if imaginary == 0.0 {
            n.float = Some(real);
            n.int = exact_int(real);
            n.uint = exact_uint(real);
        }
        return Ok(n);
    }
    n.uint = parse_uint(&shown);
    n.int = parse_int(&shown);
    if n.int == Some(0) && n.uint.is_none() {
        n.uint = Some(0);
    }
    n.float = n.int.map(|i| i as f64).or(n.uint.map(|u| u as f64));
    if n.float.is_none() {
        let Some(f) = parse_float(&shown) else { return Err(illegal(&shown)) };
        if !shown.contains(['.', 'e', 'E', 'p', 'P']) {
            return Err(format!("integer overflow: {}", crate::fmt::quote_str(&shown)));
        }
        n.float = Some(f);
        n.int = exact_int(f);
        n.uint = exact_uint(f);
    }
    Ok(n)
}

fn illegal(text: &str) -> String {
    format!("illegal number syntax: {}", crate::fmt::quote_str(text))
}

fn sign_of_second(s: &str) -> Option<usize> {
    let bytes = s.as_bytes();
    (1..bytes.len())
        .rev()
        .find(|i| matches!(bytes[*i], b'+' | b'-') && !matches!(bytes[i - 1], b'e' | b'E' | b'p' | b'P'))
}

fn exact_int(f: f64) -> Option<i64> {
    (f as i64 as f64 == f && f.abs() < 9.3e18).then_some(f as i64)
}

fn exact_uint(f: f64) -> Option<u64> {
    (f as u64 as f64 == f && (0.0..1.9e19).contains(&f)).then_some(f as u64)
}

fn parse_uint(s: &str) -> Option<u64> {
    let lower = s.to_ascii_lowercase();
    let (digits, base) = if let Some(d) = lower.strip_prefix("0x") {
        (d, 16)
    } else if let Some(d) = lower.strip_prefix("0o") {
        (d, 8)
    } else if let Some(d) = lower.strip_prefix("0b") {
        (d, 2)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (&lower[1..], 8)
    } else {
        (lower.as_str(), 10)
    };
    let plain = without_underscores(&lower, digits)?;
    if plain.is_empty() || plain.starts_with('+') {
        return None;
    }
    u64::from_str_radix(&plain, base).ok()
}

fn parse_int(s: &str) -> Option<i64> {
    let (negative, rest) = match s.as_bytes().first()? {
        b'-' => (true, &s[1..]),
        b'+' => (false, &s[1..]),
        _ => (false, s),
    };
    let magnitude = parse_uint(rest)?;
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Go's `strconv.ParseFloat`, without the words for infinity and NaN, which no literal is.
fn parse_float(s: &str) -> Option<f64> {
    let (sign, rest) = match s.as_bytes().first()? {
        b'-' => (-1.0, &s[1..]),
        b'+' => (1.0, &s[1..]),
        _ => (1.0, s),
    };
    if !rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let plain = without_underscores(rest, rest)?;
    let lower = plain.to_ascii_lowercase();
    let value = match lower.strip_prefix("0x") {
        Some(hex) => parse_hex_float(hex)?,
        None => lower.parse::<f64>().ok()?,
    };
    // Go refuses what overflows.
    value.is_finite().then_some(sign * value)
}

fn parse_hex_float(s: &str) -> Option<f64> {
    let (mantissa, exponent) = s.split_once('p')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0f64;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    Some(value * 2f64.powi(exponent.saturating_sub(4 * fraction.len() as i32)))
}

/// Cuts underscores out of `digits`, which must each stand between digits or after the base's
/// prefix of `whole`.
fn without_underscores(whole: &str, digits: &str) -> Option<String> {
    if !digits.contains('_') {
        return Some(digits.to_owned());
    }
    let has_prefix = whole.len() != digits.len() || whole.starts_with("0x") || whole.starts_with("0X");
    let is_hex = whole.starts_with("0x") || whole.starts_with("0X");
    let is_digit = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_digit() || is_hex && b.is_ascii_hexdigit());
    let bytes = digits.as_bytes();
    for (i, _) in digits.match_indices('_') {
        let before = i == 0 && has_prefix || i > 0 && is_digit(bytes.get(i - 1)) || i == 2 && has_prefix;
        if !before || !is_digit(bytes.get(i + 1)) {
            return None;
        }
    }
    Some(digits.replace('_', ""))
}
