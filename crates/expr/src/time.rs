//! Spans and points in time, as far as expressions need them: UTC, to the nanosecond.

const NANOS: i128 = 1_000_000_000;
/// Points in time lie between the years 1 and 9999.
const MIN_SECONDS: i64 = -62_135_596_800;
const MAX_SECONDS: i64 = 253_402_300_799;

/// A span in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Duration(i64);

/// A point in nanoseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Timestamp(i128);

/// Reads a span in Go's form (`1h30m`, `-1.5s`, `300ms`); gives nanoseconds.
pub fn parse_duration(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let unit: i128 = match unit {
            "ns" => 1,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => NANOS,
            "m" => 60 * NANOS,
            "h" => 3_600 * NANOS,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || whole.len() > 18 {
            return None;
        }
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(unit)?)?;
        let fraction = &fraction[..fraction.len().min(15)];
        if !fraction.is_empty() {
            total = total.checked_add(fraction.parse::<i128>().ok()? * unit / 10_i128.pow(fraction.len() as u32))?;
        }
        rest = after;
    }
    i64::try_from(total * sign).ok()
}

impl Duration {
    pub(crate) fn parse(text: &str) -> Option<Duration> {
        parse_duration(text).map(Duration)
    }
    pub(crate) fn plus(self, other: Duration) -> Option<Duration> {
        self.0.checked_add(other.0).map(Duration)
    }
    pub(crate) fn minus(self, other: Duration) -> Option<Duration> {
        self.0.checked_sub(other.0).map(Duration)
    }
    pub(crate) fn negated(self) -> Option<Duration> {
        self.0.checked_neg().map(Duration)
    }
    /// Seconds with a fraction: `90s`, `1.5s`.
    pub(crate) fn to_text(self) -> String {
        let (whole, fraction) = (self.0.abs() / 1_000_000_000, self.0.abs() % 1_000_000_000);
        let sign = if self.0 < 0 { "-" } else { "" };
        let fraction = format!("{fraction:09}");
        let fraction = fraction.trim_end_matches('0');
        let dot = if fraction.is_empty() { "" } else { "." };
        format!("{sign}{whole}{dot}{fraction}s")
    }
    pub(crate) fn part(self, name: &str) -> Option<i64> {
        let seconds = self.0 / 1_000_000_000;
        Some(match name {
            "getHours" => seconds / 3_600,
            "getMinutes" => seconds / 60,
            "getSeconds" => seconds,
            "getMilliseconds" => self.0 / 1_000_000 % 1_000,
            _ => return None,
        })
    }
}

impl Timestamp {
    pub(crate) fn of_seconds(seconds: i64) -> Timestamp {
        Timestamp(i128::from(seconds.clamp(MIN_SECONDS, MAX_SECONDS)) * NANOS)
    }
    /// Reads RFC 3339 text.
    pub(crate) fn parse(text: &str) -> Option<Timestamp> {
        let bytes = text.as_bytes();
        if !text.is_ascii()
            || bytes.len() < 20
            || bytes[4] != b'-'
            || bytes[7] != b'-'
            || !matches!(bytes[10], b'T' | b't')
        {
            return None;
        }
        let number = |from: usize, to: usize| {
            text.get(from..to).filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?.parse::<i64>().ok()
        };
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let valid = (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60
            && bytes[13] == b':'
            && bytes[16] == b':';
        if !valid {
            return None;
        }
        let mut rest = &text[19..];
        let mut nanos = 0;
        if let Some(fraction) = rest.strip_prefix('.') {
            let end = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
            if end == 0 {
                return None;
            }
            nanos = format!("{:0<9}", &fraction[..end.min(9)]).parse::<i128>().ok()?;
            rest = &fraction[end..];
        }
        let offset = match rest {
            "Z" | "z" => 0,
            _ if rest.len() == 6 && rest.as_bytes()[3] == b':' => {
                let at = text.len() - 6;
                let minutes = number(at + 1, at + 3)? * 60 + number(at + 4, at + 6)?;
                match rest.as_bytes()[0] {
                    b'+' => minutes * 60,
                    b'-' => -minutes * 60,
                    _ => return None,
                }
            }
            _ => return None,
        };
        let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
        Some(Timestamp(i128::from(seconds) * NANOS + nanos))
    }
    /// Nanoseconds since 1970.
    pub(crate) fn nanos(self) -> i128 {
        self.0
    }
    pub(crate) fn seconds(self) -> i64 {
        i64::try_from(self.0.div_euclid(NANOS)).unwrap_or_default()
    }
    pub(crate) fn plus(self, span: Duration) -> Option<Timestamp> {
        let sum = Timestamp(self.0.checked_add(i128::from(span.0))?);
        (MIN_SECONDS..=MAX_SECONDS).contains(&sum.seconds()).then_some(sum)
    }
    pub(crate) fn since(self, other: Timestamp) -> Option<Duration> {
        i64::try_from(self.0 - other.0).ok().map(Duration)
    }
    pub(crate) fn to_text(self) -> String {
        let (days, second) = (self.seconds().div_euclid(86_400), self.seconds().rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        let fraction = format!("{:09}", self.0.rem_euclid(NANOS));
        let fraction = fraction.trim_end_matches('0');
        let dot = if fraction.is_empty() { "" } else { "." };
        format!(
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}{dot}{fraction}Z",
            second / 3_600,
            second / 60 % 60,
            second % 60
        )
    }
    pub(crate) fn part(self, name: &str) -> Option<i64> {
        let (days, second) = (self.seconds().div_euclid(86_400), self.seconds().rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        Some(match name {
            "getFullYear" => year,
            "getMonth" => month - 1,
            "getDate" => day,
            "getDayOfMonth" => day - 1,
            "getDayOfYear" => days - days_from_civil(year, 1, 1),
            "getDayOfWeek" => (days + 4).rem_euclid(7),
            "getHours" => second / 3_600,
            "getMinutes" => second / 60 % 60,
            "getSeconds" => second % 60,
            "getMilliseconds" => (self.0.rem_euclid(NANOS) / 1_000_000) as i64,
            _ => return None,
        })
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the Gregorian calendar, by the 400-year eras that begin in March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = (shifted + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}
