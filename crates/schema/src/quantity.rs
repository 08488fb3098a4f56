//! Resource quantities: read, compared, and written in Kubernetes' canonical form.
//!
//! A quantity is a whole number of nano units in 128 bits, which holds everything from 1n to 170 Ri; beyond that
//! reading fails, where Kubernetes caps at 2^63-1.

use std::cmp::Ordering;

/// Which suffixes a quantity is written with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// `Ki`, `Mi`, ...
    Binary,
    /// `m`, none, `k`, `M`, ...
    Decimal,
    /// `e3`, `e6`, ...
    Exponent,
}

/// An amount with its notation.
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    nano: i128,
    format: Format,
}

/// What Kubernetes says where a text is no quantity.
pub const MALFORMED: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
/// A suffix of the right letters that means nothing.
const UNKNOWN_SUFFIX: &str = "unable to parse quantity's suffix";
const NANO: i128 = 1_000_000_000;

impl Quantity {
    /// Reads one. Fractions below a nano unit round away from zero, as in Kubernetes.
    pub fn parse(text: &str) -> Result<Quantity, &'static str> {
        let (negative, rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || number.len() > 64 {
            return Err(MALFORMED);
        }
        let (format, base, power) = read_suffix(suffix)?;
        let nano = scale(whole, fraction, base, power).ok_or(MALFORMED)?;
        Ok(Quantity { nano: if negative { -nano } else { nano }, format })
    }
    /// A whole number.
    pub fn of(value: i64) -> Quantity {
        Quantity { nano: i128::from(value) * NANO, format: Format::Decimal }
    }
    /// The value rounded up to a whole number, capped at 64 bits.
    pub fn value(&self) -> i64 {
        let up = self.nano.div_euclid(NANO) + i128::from(self.nano.rem_euclid(NANO) != 0);
        i64::try_from(up).unwrap_or(if up > 0 { i64::MAX } else { i64::MIN })
    }
    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        self.nano < 0
    }
    /// Whether it is nothing.
    pub fn is_zero(&self) -> bool {
        self.nano == 0
    }
    /// The amount in thousandths, rounded up.
    pub fn milli(&self) -> i64 {
        let unit = 1_000_000;
        let up = self.nano.div_euclid(unit) + i128::from(self.nano.rem_euclid(unit) != 0);
        i64::try_from(up).unwrap_or(i64::MAX)
    }
    /// Adds another; the notation stays this one's.
    pub fn plus(&self, other: &Quantity) -> Quantity {
        Quantity { nano: self.nano.saturating_add(other.nano), format: self.format }
    }
    /// The canonical text.
    pub fn canonical(&self) -> String {
        let (mantissa, suffix) = match self.format {
            Format::Binary if self.nano % NANO == 0 && self.nano.abs() >= 1024 * NANO => binary(self.nano / NANO),
            Format::Binary | Format::Decimal => decimal(self.nano, &DECIMAL_SUFFIXES),
            Format::Exponent => decimal(self.nano, &EXPONENT_SUFFIXES),
        };
        format!("{mantissa}{suffix}")
    }
    /// Which suffixes it was written with.
    pub fn notation(&self) -> Format {
        self.format
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Quantity) -> bool {
        self.nano == other.nano
    }
}
impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Quantity) -> Option<Ordering> {
        Some(self.nano.cmp(&other.nano))
    }
}

/// Whether the text is a quantity, and its canonical form.
pub fn canonical(text: &str) -> Result<String, &'static str> {
    Quantity::parse(text).map(|q| q.canonical())
}

const DECIMAL_SUFFIXES: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const EXPONENT_SUFFIXES: [&str; 10] = ["e-9", "e-6", "e-3", "", "e3", "e6", "e9", "e12", "e15", "e18"];
const BINARY_SUFFIXES: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

fn read_suffix(suffix: &str) -> Result<(Format, u32, i32), &'static str> {
    if let Some(i) = BINARY_SUFFIXES.iter().position(|s| *s == suffix) {
        return Ok((Format::Binary, 2, 10 * (i as i32 + 1)));
    }
    if let Some(i) = DECIMAL_SUFFIXES.iter().position(|s| *s == suffix) {
        return Ok((Format::Decimal, 10, 3 * (i as i32 - 3)));
    }
    match suffix.as_bytes().first() {
        Some(b'e' | b'E') if suffix.len() > 1 => {
            let power: i32 = suffix[1..].parse().map_err(|_| UNKNOWN_SUFFIX)?;
            if power.abs() > 30 { Err(MALFORMED) } else { Ok((Format::Exponent, 10, power)) }
        }
        _ if suffix.bytes().all(|b| b"eEinumkKMGTP+-0123456789".contains(&b)) => Err(UNKNOWN_SUFFIX),
        _ => Err(MALFORMED),
    }
}

/// `whole.fraction * base^power` in nano units, rounded up; `None` beyond 128 bits.
fn scale(whole: &str, fraction: &str, base: u32, power: i32) -> Option<i128> {
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let mut numerator = digits.checked_mul(NANO)?;
    let mut denominator = 10i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let factor = i128::from(base).checked_pow(power.unsigned_abs())?;
    if power >= 0 {
        // Reducing first keeps 1Ei with a long fraction within 128 bits.
        let shared = gcd(factor, denominator);
        denominator /= shared;
        numerator = numerator.checked_mul(factor / shared)?;
    } else {
        denominator = denominator.checked_mul(factor)?;
    }
    Some(numerator / denominator + i128::from(numerator % denominator != 0))
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn binary(value: i128) -> (i128, &'static str) {
    let mut mantissa = value;
    let mut suffix = "";
    for next in BINARY_SUFFIXES {
        if mantissa % 1024 != 0 {
            break;
        }
        mantissa /= 1024;
        suffix = next;
    }
    (mantissa, suffix)
}

fn decimal(nano: i128, suffixes: &[&'static str; 10]) -> (i128, &'static str) {
    if nano == 0 {
        return (0, "");
    }
    let mut mantissa = nano;
    let mut at = 0;
    while at + 1 < suffixes.len() && mantissa % 1000 == 0 {
        mantissa /= 1000;
        at += 1;
    }
    (mantissa, suffixes[at])
}
