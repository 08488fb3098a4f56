//! Durations as Go reads and writes them: `1h30m`, `1.5s`, `250ms`.

use std::fmt;

/// A span of time in whole nanoseconds; negative ones exist in the form, though nobody wants them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
pub struct GoDuration(i64);

const SECOND: i64 = 1_000_000_000;

impl GoDuration {
    /// Whole seconds.
    pub const fn from_secs(seconds: i64) -> GoDuration {
        GoDuration(seconds.saturating_mul(SECOND))
    }
    /// From the standard library's form.
    pub fn from_std(duration: std::time::Duration) -> GoDuration {
        GoDuration(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
    /// Nanoseconds.
    pub fn as_nanos(self) -> i64 {
        self.0
    }
    /// In the standard library's form; a negative one is zero.
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }
    /// This less another.
    pub fn minus(self, other: GoDuration) -> GoDuration {
        GoDuration(self.0.saturating_sub(other.0))
    }
    /// Reads one: a sign, then numbers with units (`ns us µs ms s m h`), or just `0`.
    pub fn parse(text: &str) -> Option<GoDuration> {
        let (negative, mut rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        if rest == "0" {
            return Some(GoDuration(0));
        }
        if rest.is_empty() {
            return None;
        }
        let mut total: i128 = 0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, tail) = rest.split_at(digits);
            let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_end);
            let unit: i128 = match unit {
                "ns" => 1,
                "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
                "ms" => 1_000_000,
                "s" => i128::from(SECOND),
                "m" => 60 * i128::from(SECOND),
                "h" => 3600 * i128::from(SECOND),
                _ => return None,
            };
            total = total.checked_add(scaled(number, unit)?)?;
            if total > i128::from(i64::MAX) {
                return None;
            }
            rest = tail;
        }
        let total = i64::try_from(total).ok()?;
        Some(GoDuration(if negative { -total } else { total }))
    }
}

/// `1.5` of a unit; digits beyond what a nanosecond can hold are cut off.
fn scaled(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { i128::from(whole.parse::<u64>().ok()?) };
    let mut value = whole.checked_mul(unit)?;
    let mut place = unit;
    for digit in fraction.bytes() {
        // Beyond the fifteenth digit nothing is left of any unit.
        place = place.checked_div(10)?;
        value += i128::from(digit - b'0') * place;
    }
    Some(value)
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let nanos = self.0.unsigned_abs();
        let second = SECOND as u64;
        match nanos {
            0 => f.write_str("0s"),
            n if n < 1_000 => write!(f, "{n}ns"),
            n if n < 1_000_000 => write!(f, "{}\u{b5}s", decimal(n, 1_000)),
            n if n < second => write!(f, "{}ms", decimal(n, 1_000_000)),
            n => {
                let (minutes, rest) = (n / (60 * second), n % (60 * second));
                let (hours, minutes) = (minutes / 60, minutes % 60);
                if hours > 0 {
                    write!(f, "{hours}h")?;
                }
                if hours > 0 || minutes > 0 {
                    write!(f, "{minutes}m")?;
                }
                write!(f, "{}s", decimal(rest, second))
            }
        }
    }
}

fn decimal(n: u64, unit: u64) -> String {
    let (whole, fraction) = (n / unit, n % unit);
    if fraction == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    format!("{whole}.{}", format!("{fraction:0width$}").trim_end_matches('0'))
}

#[cfg(test)]
mod tests;
