//! Methods of Go's `time.Time` and `time.Duration`. Times are shown in UTC: controllers run there, and what
//! Kubernetes writes is in it.

use super::evaluate::Now;
use super::operators::Answer;
use super::value::{ExprValue, Named};

const NANOS: i128 = 1_000_000_000;
/// The first of January of the year 1, Go's zero.
const ZERO_S: i128 = -62_135_596_800;

/// From `b` to `a`; the limit of a duration where it is beyond.
pub(super) fn between(a: i128, b: i128) -> i64 {
    let span = a.saturating_sub(b);
    i64::try_from(span).unwrap_or(if span < 0 { i64::MIN } else { i64::MAX })
}

/// Nanoseconds since 1970 of RFC 3339 text.
pub fn parse(text: &str) -> Option<i128> {
    crate::time::Timestamp::parse(text).map(crate::time::Timestamp::nanos)
}

fn civil(ns: i128) -> jiff::civil::DateTime {
    let stamp = jiff::Timestamp::from_nanosecond(ns).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    stamp.to_zoned(jiff::tz::TimeZone::UTC).datetime()
}

/// As Go's `String`.
pub(super) fn moment_text(ns: i128) -> String {
    let at = civil(ns);
    let fraction = format!("{:09}", ns.rem_euclid(NANOS));
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    let date = format!("{:04}-{:02}-{:02}", at.year(), at.month(), at.day());
    format!("{date} {:02}:{:02}:{:02}{dot}{fraction} +0000 UTC", at.hour(), at.minute(), at.second())
}

/// As Go's `String`: `1h30m0s`, `1.5s`, `2ms`.
pub(super) fn span_text(ns: i64) -> String {
    if ns == 0 {
        return "0s".to_owned();
    }
    let (sign, ns) = (if ns < 0 { "-" } else { "" }, ns.unsigned_abs());
    let with_fraction = |ns: u64, unit: u64| {
        let (whole, rest) = (ns / unit, ns % unit);
        let digits = format!("{rest:0width$}", width = unit.ilog10() as usize);
        let digits = digits.trim_end_matches('0');
        if digits.is_empty() { whole.to_string() } else { format!("{whole}.{digits}") }
    };
    match ns {
        0..1_000 => format!("{sign}{ns}ns"),
        1_000..1_000_000 => format!("{sign}{}\u{b5}s", with_fraction(ns, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", with_fraction(ns, 1_000_000)),
        _ => {
            let minutes = ns / 60_000_000_000;
            let seconds = with_fraction(ns % 60_000_000_000, 1_000_000_000);
            let hours = if minutes >= 60 { format!("{}h", minutes / 60) } else { String::new() };
            let minutes = if minutes > 0 { format!("{}m", minutes % 60) } else { String::new() };
            format!("{sign}{hours}{minutes}{seconds}s")
        }
    }
}

/// A method of a moment or a span; `None` where the value has none of that name.
pub(super) fn method<'a>(of: &ExprValue<'a>, name: &str, args: &[ExprValue<'a>], now: &Now) -> Option<Answer<'a>> {
    match of {
        ExprValue::Moment(ns) => Some(of_moment(*ns, name, args, now)),
        ExprValue::Span(ns) => Some(of_span(*ns, name, args)),
        ExprValue::Named(named) if name == "String" && args.is_empty() => Some(Ok(ExprValue::str(named.name()))),
        _ => None,
    }
}

/// Whether a value has methods.
pub(super) fn has_methods(value: &ExprValue<'_>) -> bool {
    matches!(value, ExprValue::Moment(_) | ExprValue::Span(_) | ExprValue::Named(_))
}

fn of_moment<'a>(ns: i128, name: &str, args: &[ExprValue<'a>], now: &Now) -> Answer<'a> {
    let whole = |n: i128| Ok(ExprValue::Int(i64::try_from(n).unwrap_or_default()));
    let number = |n: i64| Ok(ExprValue::Int(n));
    match (name, args) {
        ("Sub", [ExprValue::Moment(other)]) => Ok(ExprValue::Span(between(ns, *other))),
        ("Add", [ExprValue::Span(span)]) => Ok(ExprValue::Moment(ns.saturating_add(i128::from(*span)))),
        ("Truncate", [ExprValue::Span(span)]) if *span <= 0 => Ok(ExprValue::Moment(ns)),
        ("Truncate", [ExprValue::Span(span)]) => {
            let since_zero = ns - ZERO_S * NANOS;
            Ok(ExprValue::Moment(ns - since_zero.rem_euclid(i128::from(*span))))
        }
        ("AddDate", [ExprValue::Int(years), ExprValue::Int(months), ExprValue::Int(days)]) => {
            add_date(ns, *years, *months, *days)
        }
        ("After", [ExprValue::Moment(other)]) => Ok(ExprValue::Bool(ns > *other)),
        ("Before", [ExprValue::Moment(other)]) => Ok(ExprValue::Bool(ns < *other)),
        ("Equal", [ExprValue::Moment(other)]) => Ok(ExprValue::Bool(ns == *other)),
        ("Compare", [ExprValue::Moment(other)]) => number(ns.cmp(other) as i64),
        ("Format", [layout]) => match (layout.as_str(), now.format) {
            (Some(layout), Some(format)) => Ok(ExprValue::str(format(ns, layout))),
            _ => Err("Format takes a layout".to_owned()),
        },
        ("UTC" | "Local", []) => Ok(ExprValue::Moment(ns)),
        ("IsZero", []) => Ok(ExprValue::Bool(ns == ZERO_S * NANOS)),
        ("String", []) => Ok(ExprValue::str(moment_text(ns))),
        ("Unix", []) => whole(ns.div_euclid(NANOS)),
        ("UnixMilli", []) => whole(ns.div_euclid(1_000_000)),
        ("UnixMicro", []) => whole(ns.div_euclid(1_000)),
        ("UnixNano", []) => whole(ns),
        ("Year", []) => number(civil(ns).year().into()),
        ("Month", []) => Ok(ExprValue::Named(Named::Month(civil(ns).month().unsigned_abs()))),
        ("Day", []) => number(civil(ns).day().into()),
        ("Hour", []) => number(civil(ns).hour().into()),
        ("Minute", []) => number(civil(ns).minute().into()),
        ("Second", []) => number(civil(ns).second().into()),
        ("Nanosecond", []) => whole(ns.rem_euclid(NANOS)),
        ("YearDay", []) => number(civil(ns).day_of_year().into()),
        ("Weekday", []) => {
            let day = civil(ns).weekday().to_sunday_zero_offset();
            Ok(ExprValue::Named(Named::Weekday(day.unsigned_abs())))
        }
        _ => Err(format!("cannot call {name} of a time.Time with {} arguments like these", args.len())),
    }
}

fn add_date<'a>(ns: i128, years: i64, months: i64, days: i64) -> Answer<'a> {
    let at = civil(ns);
    let months =
        i64::from(at.year()) * 12 + i64::from(at.month()) - 1 + years.saturating_mul(12).saturating_add(months);
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    let first = i16::try_from(year).ok().and_then(|y| jiff::civil::Date::new(y, month as i8, 1).ok());
    let first = first.ok_or("the date is out of range")?;
    let zone = jiff::tz::TimeZone::UTC;
    let midnight = first.to_zoned(zone).map_err(|_| "the date is out of range")?.timestamp().as_nanosecond();
    const DAY: i128 = 86_400 * NANOS;
    let days = i128::from(days) + i128::from(at.day()) - 1;
    Ok(ExprValue::Moment(midnight + days * DAY + ns.rem_euclid(DAY)))
}

fn of_span<'a>(ns: i64, name: &str, args: &[ExprValue<'a>]) -> Answer<'a> {
    let real = |unit: f64| Ok(ExprValue::Float(ns as f64 / unit));
    match (name, args) {
        ("Hours", []) => real(3.6e12),
        ("Minutes", []) => real(6e10),
        ("Seconds", []) => real(1e9),
        ("Milliseconds", []) => Ok(ExprValue::Int(ns / 1_000_000)),
        ("Microseconds", []) => Ok(ExprValue::Int(ns / 1_000)),
        ("Nanoseconds", []) => Ok(ExprValue::Int(ns)),
        ("Abs", []) => Ok(ExprValue::Span(ns.saturating_abs())),
        ("String", []) => Ok(ExprValue::str(span_text(ns))),
        ("Truncate", [ExprValue::Span(unit)]) if *unit <= 0 => Ok(ExprValue::Span(ns)),
        ("Truncate", [ExprValue::Span(unit)]) => Ok(ExprValue::Span(ns - ns % unit)),
        ("Round", [ExprValue::Span(unit)]) if *unit <= 0 => Ok(ExprValue::Span(ns)),
        ("Round", [ExprValue::Span(unit)]) => {
            // Halves go away from zero.
            let (rest, down) = (i128::from(ns % unit), i128::from(ns - ns % unit));
            let more = rest.abs() * 2 >= i128::from(*unit);
            let rounded = down + if more { i128::from(*unit) * i128::from(ns.signum()) } else { 0 };
            Ok(ExprValue::Span(i64::try_from(rounded).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })))
        }
        _ => Err(format!("cannot call {name} of a time.Duration with {} arguments like these", args.len())),
    }
}
