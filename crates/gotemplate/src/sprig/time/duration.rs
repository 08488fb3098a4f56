//! [`Duration`]: nanoseconds, written as `1h2m3.5s`.

use crate::context::Context;
use crate::error::Error;
use crate::function::Signature;
use crate::value::{Kind, Object, Value};

pub(super) const TYPE: &str = "time.Duration";

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// A span of nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Duration(pub i64);

impl Object for Duration {
    fn type_name(&self) -> &str {
        TYPE
    }
    fn kind(&self) -> Kind {
        Kind::Int64
    }
    fn method(&self, name: &str) -> Option<&Signature> {
        const NONE: &Signature = &Signature::fixed(&[]);
        matches!(name, "Hours" | "Minutes" | "Seconds" | "Milliseconds" | "Microseconds" | "Nanoseconds" | "String")
            .then_some(NONE)
    }
    fn call(&self, _ctx: &mut Context, name: &str, _args: &[Value]) -> Result<Value, Error> {
        // Whole units and the rest apart keep what a quotient of large numbers would lose.
        let float = |unit: u64| {
            let unit = unit as i64;
            Value::Float((self.0 / unit) as f64 + (self.0 % unit) as f64 / unit as f64)
        };
        Ok(match name {
            "Hours" => float(HOUR),
            "Minutes" => float(MINUTE),
            "Seconds" => float(SECOND),
            "Milliseconds" => Value::Int64(self.0 / MILLISECOND as i64),
            "Microseconds" => Value::Int64(self.0 / MICROSECOND as i64),
            "Nanoseconds" => Value::Int64(self.0),
            _ => format_duration(*self).into(),
        })
    }
    fn text(&self) -> Option<String> {
        Some(format_duration(*self))
    }
    fn underlying(&self) -> Option<Value> {
        Some(Value::Int64(self.0))
    }
    fn to_json(&self) -> belay_object::Value {
        self.0.into()
    }
    fn equals(&self, other: &dyn Object) -> bool {
        (other as &dyn std::any::Any).downcast_ref::<Duration>() == Some(self)
    }
}

/// Go's `Duration.String`.
pub(in super::super) fn format_duration(duration: Duration) -> String {
    let size = duration.0.unsigned_abs();
    let sign = if duration.0 < 0 { "-" } else { "" };
    let decimal = |whole: u64, unit: u64| {
        let fraction = format!("{:0width$}", whole % unit, width = unit.ilog10() as usize);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() || unit == 1 { "" } else { "." };
        format!("{}{point}{}", whole / unit, if unit == 1 { "" } else { fraction })
    };
    match size {
        0 => "0s".to_owned(),
        _ if size < MICROSECOND => format!("{sign}{size}ns"),
        _ if size < MILLISECOND => format!("{sign}{}µs", decimal(size, MICROSECOND)),
        _ if size < SECOND => format!("{sign}{}ms", decimal(size, MILLISECOND)),
        _ => {
            let seconds = decimal(size % MINUTE, SECOND);
            match (size / HOUR, size / MINUTE % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// Go's `Round(time.Second)`.
pub(in super::super) fn round_to_second(duration: Duration) -> Duration {
    let second = SECOND as i64;
    let rest = duration.0 % second;
    let down = duration.0 - rest;
    Duration(match () {
        () if rest.abs() * 2 < second => down,
        () if duration.0 < 0 => down.saturating_sub(second),
        () => down.saturating_add(second),
    })
}

/// Go's `time.ParseDuration`; the error is its text.
pub(in super::super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let invalid = || format!("time: invalid duration {}", quoted(text));
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned == "0" {
        return Ok(Duration(0));
    }
    if unsigned.is_empty() {
        return Err(invalid());
    }
    // Up to 2^63, which is a duration when negative.
    let mut total: u64 = 0;
    let mut rest = unsigned;
    while !rest.is_empty() {
        let whole_len = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, after) = rest.split_at(whole_len);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => after.split_at(after.bytes().take_while(u8::is_ascii_digit).count()),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let unit_len = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_len);
        let size = match unit {
            "" => return Err(format!("time: missing unit in duration {}", quoted(text))),
            "ns" => 1,
            "us" | "µs" | "μs" => MICROSECOND,
            "ms" => MILLISECOND,
            "s" => SECOND,
            "m" => MINUTE,
            "h" => HOUR,
            _ => return Err(format!("time: unknown unit {} in duration {}", quoted(unit), quoted(text))),
        };
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        // Digits beyond 18 are less than a nanosecond of an hour.
        let kept = &fraction[..fraction.len().min(18)];
        let scale = 10f64.powi(kept.len() as i32);
        let part = (kept.parse::<u64>().unwrap_or(0) as f64 * (size as f64 / scale)) as u64;
        let value = whole.checked_mul(size).and_then(|v| v.checked_add(part));
        total = value.and_then(|v| total.checked_add(v)).filter(|t| *t <= 1 << 63).ok_or_else(invalid)?;
        rest = after;
    }
    match (text.starts_with('-'), i64::try_from(total)) {
        (true, _) => Ok(Duration((total as i64).wrapping_neg())),
        (false, Ok(total)) => Ok(Duration(total)),
        (false, Err(_)) => Err(invalid()),
    }
}

/// As package `time` quotes: all but ASCII's printable characters by their bytes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for b in text.bytes() {
        match b {
            b'"' | b'\\' => out.extend(['\\', char::from(b)]),
            0x20..0x80 => out.push(char::from(b)),
            _ => out.push_str(&format!("\\x{b:02x}")),
        }
    }
    out.push('"');
    out
}
