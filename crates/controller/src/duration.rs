//! Durations as Go reads and writes them (`1m30s`, `10m0s`, `1.5h`). Not calendars: Go has no days.

use std::fmt::Write;
use std::time::Duration;

/// Go's durations are 64 signed bits of nanoseconds: about 292 years.
const MAX_NANOS: u128 = i64::MAX as u128;

/// A text that is no duration, in Go's words.
#[derive(Clone, PartialEq, Debug)]
pub struct DurationError(String);

impl std::fmt::Display for DurationError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for DurationError {}

/// Reads a duration; a negative one is an error here, though Go takes it.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let invalid = || DurationError(format!("time: invalid duration {text:?}"));
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if unsigned == "0" {
        return Ok(Duration::ZERO);
    }
    if unsigned.is_empty() {
        return Err(invalid());
    }
    let (mut rest, mut nanos) = (unsigned, 0u128);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (whole, after) = rest.split_at(digits);
        let (fraction, after) = match after.strip_prefix('.') {
            None => ("", after),
            Some(after) => after.split_at(after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len())),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        if unit.is_empty() {
            return Err(DurationError(format!("time: missing unit in duration {text:?}")));
        }
        let unit_nanos = unit_nanos(unit)
            .ok_or_else(|| DurationError(format!("time: unknown unit {unit:?} in duration {text:?}")))?;
        let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        nanos = whole.checked_mul(unit_nanos).and_then(|n| n.checked_add(nanos)).ok_or_else(invalid)?;
        // What is beyond a nanosecond is cut, as in Go: nineteen digits are more than enough.
        let fraction = &fraction[..fraction.len().min(19)];
        if let Ok(digits) = fraction.parse::<u128>() {
            nanos += digits * unit_nanos / 10u128.pow(fraction.len() as u32);
        }
        if nanos > MAX_NANOS {
            return Err(invalid());
        }
        rest = next;
    }
    if negative && nanos > 0 {
        return Err(DurationError(format!("duration {text:?} is negative")));
    }
    Ok(Duration::from_nanos(u64::try_from(nanos).map_err(|_| invalid())?))
}

fn unit_nanos(unit: &str) -> Option<u128> {
    Some(match unit {
        "ns" => 1,
        // The micro sign and the Greek letter.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// Writes a duration as Go's `String` does: `1h0m0s`, `1m30s`, `1.5s`, `20ms`, `0s`.
pub fn format(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    if nanos < 1_000_000_000 {
        let (unit, name) = match nanos {
            0..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "\u{b5}s"),
            _ => (1_000_000, "ms"),
        };
        return format!("{}{name}", decimal(nanos, unit));
    }
    let seconds = nanos / 1_000_000_000;
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let mut out = String::new();
    if hours > 0 {
        let _ = write!(out, "{hours}h");
    }
    if hours > 0 || minutes > 0 {
        let _ = write!(out, "{minutes}m");
    }
    out + &decimal(nanos % 60_000_000_000, 1_000_000_000) + "s"
}

/// Writes `nanos / unit` without trailing zeros.
fn decimal(nanos: u128, unit: u128) -> String {
    let (whole, rest) = (nanos / unit, nanos % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    let fraction = format!("{rest:0width$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}
