//! Quantities (`100m`, `1Gi`, `1e3`) in their canonical form: the same amount always reads the same.

/// Amounts are whole numbers of nanos; 10^27 of them fit with room to multiply.
const NANO: i128 = 1_000_000_000;
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];

/// The message for text that is no quantity.
pub(crate) fn malformed(_text: &str) -> String {
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'".into()
}

#[derive(Clone, Copy, PartialEq)]
enum Family {
    Decimal,
    Binary,
    Exponent,
}

/// Writes a quantity canonically: no fraction, the greatest suffix of its family that leaves a whole
/// number. What is finer than a nano is rounded up. The error is Kubernetes' message.
pub fn canonical_quantity(text: &str) -> Result<String, String> {
    let bad = || malformed(text);
    let (negative, rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (number, suffix) = rest.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return Err(bad());
    }
    let (family, exponent) = parse_suffix(suffix).ok_or_else(bad)?;
    // digits * 10^scale (* 1024^n for the binary family) units
    let digits: String = format!("{whole}{fraction}").trim_start_matches('0').into();
    if digits.len() > 27 {
        return Err(bad());
    }
    let mantissa: i128 = if digits.is_empty() { 0 } else { digits.parse().map_err(|_| bad())? };
    let nanos = match family {
        Family::Binary => {
            scaled(mantissa.checked_mul(1_i128 << (10 * exponent)).ok_or_else(bad)?, 9 - fraction.len() as i32)
        }
        Family::Decimal | Family::Exponent => scaled(mantissa, exponent + 9 - fraction.len() as i32),
    }
    .ok_or_else(bad)?;
    let sign = if negative && nanos != 0 { "-" } else { "" };
    Ok(format!("{sign}{}", write(nanos, family)))
}

/// The family and the power (of ten, or of 1024) of a suffix.
fn parse_suffix(suffix: &str) -> Option<(Family, i32)> {
    if let Some((_, power)) = DECIMAL.iter().find(|(s, _)| *s == suffix) {
        return Some((Family::Decimal, *power));
    }
    if let Some(power) = BINARY.iter().position(|s| *s == suffix) {
        return Some((Family::Binary, power as i32));
    }
    let digits = suffix.strip_prefix(['e', 'E'])?;
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    Some((Family::Exponent, digits.parse().ok()?))
}

/// `mantissa * 10^power`, rounded up where the power is negative.
fn scaled(mantissa: i128, power: i32) -> Option<i128> {
    if mantissa == 0 {
        return Some(0);
    }
    if power >= 0 {
        return mantissa.checked_mul(10_i128.checked_pow(power as u32)?);
    }
    Some(match 10_i128.checked_pow(power.unsigned_abs()) {
        Some(by) => mantissa / by + i128::from(mantissa % by != 0),
        None => 1,
    })
}

fn write(nanos: i128, family: Family) -> String {
    if nanos == 0 {
        return "0".into();
    }
    // Binary suffixes are for whole numbers from 1024 on; everything else is written decimal.
    if family == Family::Binary && nanos % NANO == 0 && nanos / NANO >= 1024 {
        let (mut amount, mut power) = (nanos / NANO, 0);
        while amount % 1024 == 0 && power + 1 < BINARY.len() {
            amount /= 1024;
            power += 1;
        }
        return format!("{amount}{}", BINARY[power]);
    }
    let (mut amount, mut power) = (nanos, -9_i32);
    while amount % 1000 == 0 && power < 18 {
        amount /= 1000;
        power += 3;
    }
    if family == Family::Exponent {
        return if power == 0 { amount.to_string() } else { format!("{amount}e{power}") };
    }
    let suffix = DECIMAL.iter().find(|(_, p)| *p == power).map_or("", |(s, _)| s);
    format!("{amount}{suffix}")
}
