//! Reading a time by a layout, as Go's `time.ParseInLocation` with UTC; with its error texts.

use super::duration::quoted;
use super::layout::{self, DAYS, MONTHS, OffsetForm, Std};
use super::{Time, Zone, days_from_civil};

/// Why a part of a text is none.
enum Refusal {
    /// It has not the form.
    Form,
    /// A number in it is out of range; the error is told of what follows.
    Range(&'static str),
}

type Step<T> = Result<T, Refusal>;

/// Reads a time. The error is Go's text.
pub(in super::super) fn parse(layout: &str, text: &str) -> Result<Time, String> {
    let mut reader = Reader::default();
    let (mut rest_layout, mut rest) = (layout.as_bytes(), text.as_bytes());
    let whole = format!("parsing time {}", quoted(text));
    let cannot = |value: &[u8], part: &[u8]| {
        let [value, part] = [value, part].map(|b| quoted(&String::from_utf8_lossy(b)));
        format!("{whole} as {}: cannot parse {value} as {part}", quoted(layout))
    };
    loop {
        let (before, std, after) = layout::next(rest_layout);
        rest = skip(rest, before).map_err(|at| cannot(at, before))?;
        let Some((std, part)) = std else { break };
        let held = rest;
        match reader.part(std, rest, after) {
            Ok(left) => rest = left,
            Err(Refusal::Range(what)) => return Err(format!("{whole}: {what} out of range")),
            Err(Refusal::Form) => return Err(cannot(held, part)),
        }
        rest_layout = after;
    }
    if !rest.is_empty() {
        return Err(format!("{whole}: extra text: {}", quoted(&String::from_utf8_lossy(rest))));
    }
    reader.finish().map_err(|what| format!("{whole}: {what}"))
}

/// Goes over what a layout has literally; a space stands for any number of them.
fn skip<'a>(mut value: &'a [u8], mut prefix: &[u8]) -> Result<&'a [u8], &'a [u8]> {
    while let Some(first) = prefix.first() {
        if *first == b' ' {
            if value.first().is_some_and(|b| *b != b' ') {
                return Err(value);
            }
            prefix = without_spaces(prefix);
            value = without_spaces(value);
            continue;
        }
        if value.first() != Some(first) {
            return Err(value);
        }
        (prefix, value) = (&prefix[1..], &value[1..]);
    }
    Ok(value)
}

fn without_spaces(s: &[u8]) -> &[u8] {
    &s[s.iter().take_while(|b| **b == b' ').count()..]
}

fn is_digit(s: &[u8], i: usize) -> bool {
    s.get(i).is_some_and(u8::is_ascii_digit)
}

fn decimal(s: &[u8]) -> i64 {
    s.iter().fold(0, |n, b| n * 10 + i64::from(b.wrapping_sub(b'0')))
}

/// One or two digits; exactly two if `fixed`.
fn number(s: &[u8], fixed: bool) -> Step<(i64, &[u8])> {
    let digits = match (is_digit(s, 0), is_digit(s, 1)) {
        (true, true) => 2,
        (true, false) if !fixed => 1,
        _ => return Err(Refusal::Form),
    };
    Ok((decimal(&s[..digits]), &s[digits..]))
}

/// A point or comma and digits.
fn nanoseconds(s: &[u8], len: usize) -> Step<u32> {
    let digits = s.get(1..len).filter(|digits| digits.iter().all(u8::is_ascii_digit)).ok_or(Refusal::Form)?;
    if !matches!(s.first(), Some(b'.' | b',')) || digits.is_empty() {
        return Err(Refusal::Form);
    }
    let digits = &digits[..digits.len().min(9)];
    Ok((decimal(digits) * 10i64.pow(9 - digits.len() as u32)) as u32)
}

/// The name that `s` begins with in any case of letters, and what follows.
fn lookup<'a>(names: &[&str], len: Option<usize>, s: &'a [u8]) -> Step<(i64, &'a [u8])> {
    for (i, name) in names.iter().enumerate() {
        let name = &name.as_bytes()[..len.unwrap_or(name.len())];
        if let Some(start) = s.get(..name.len())
            && start.eq_ignore_ascii_case(name)
        {
            return Ok((i as i64, &s[name.len()..]));
        }
    }
    Err(Refusal::Form)
}

#[derive(Default)]
struct Reader {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: u32,
    afternoon: Option<bool>,
    utc: bool,
    offset: Option<i64>,
    zone_name: String,
}

impl Reader {
    /// Reads one part from the beginning of `s` and gives what follows.
    fn part<'a>(&mut self, std: Std, s: &'a [u8], layout_after: &[u8]) -> Step<&'a [u8]> {
        let ranged = |n: i64, range: std::ops::RangeInclusive<i64>, what: &'static str| {
            if range.contains(&n) { Ok(n) } else { Err(Refusal::Range(what)) }
        };
        let rest;
        match std {
            Std::Year => {
                if s.len() < 2 || !is_digit(s, 0) || !is_digit(s, 1) {
                    return Err(Refusal::Form);
                }
                let year = decimal(&s[..2]);
                self.year = if year >= 69 { year + 1900 } else { year + 2000 };
                rest = &s[2..];
            }
            Std::LongYear => {
                if s.len() < 4 || !s[..4].iter().all(u8::is_ascii_digit) {
                    return Err(Refusal::Form);
                }
                self.year = decimal(&s[..4]);
                rest = &s[4..];
            }
            Std::Month | Std::LongMonth => {
                let (month, after) = lookup(&MONTHS, (std == Std::Month).then_some(3), s)?;
                self.month = Some(month + 1);
                rest = after;
            }
            Std::NumMonth | Std::ZeroMonth => {
                let (month, after) = number(s, std == Std::ZeroMonth)?;
                self.month = Some(ranged(month, 1..=12, "month")?);
                rest = after;
            }
            Std::WeekDay | Std::LongWeekDay => rest = lookup(&DAYS, (std == Std::WeekDay).then_some(3), s)?.1,
            Std::Day | Std::UnderDay | Std::ZeroDay => {
                let s = if std == Std::UnderDay { s.strip_prefix(b" ").unwrap_or(s) } else { s };
                let (day, after) = number(s, std == Std::ZeroDay)?;
                self.day = Some(day);
                rest = after;
            }
            Std::UnderYearDay | Std::ZeroYearDay => {
                let padded = std == Std::UnderYearDay;
                let padding = if padded { s.iter().take(2).take_while(|b| **b == b' ').count() } else { 0 };
                let s = &s[padding..];
                let digits = (0..3).take_while(|i| is_digit(s, *i)).count();
                if digits == 0 || !padded && digits != 3 {
                    return Err(Refusal::Form);
                }
                self.year_day = Some(decimal(&s[..digits]));
                rest = &s[digits..];
            }
            Std::Hour => {
                let (hour, after) = number(s, false)?;
                self.hour = ranged(hour, 0..=23, "hour")?;
                rest = after;
            }
            Std::Hour12 | Std::ZeroHour12 => {
                let (hour, after) = number(s, std == Std::ZeroHour12)?;
                self.hour = ranged(hour, 0..=12, "hour")?;
                rest = after;
            }
            Std::Minute | Std::ZeroMinute => {
                let (minute, after) = number(s, std == Std::ZeroMinute)?;
                self.minute = ranged(minute, 0..=59, "minute")?;
                rest = after;
            }
            Std::Second | Std::ZeroSecond => {
                let (second, after) = number(s, std == Std::ZeroSecond)?;
                self.second = ranged(second, 0..=59, "second")?;
                rest = self.unannounced_fraction(after, layout_after)?;
            }
            Std::UpperPm | Std::LowerPm => {
                let (afternoon, morning): (&[u8], &[u8]) =
                    if std == Std::UpperPm { (b"PM", b"AM") } else { (b"pm", b"am") };
                if !s.starts_with(afternoon) && !s.starts_with(morning) {
                    return Err(Refusal::Form);
                }
                self.afternoon = Some(s.starts_with(afternoon));
                rest = &s[2..];
            }
            Std::Offset { iso: true, .. } if s.starts_with(b"Z") => {
                self.utc = true;
                rest = &s[1..];
            }
            Std::Offset { form, .. } => rest = self.offset(form, s)?,
            Std::ZoneName if s.starts_with(b"UTC") => {
                self.utc = true;
                rest = &s[3..];
            }
            Std::ZoneName => {
                let len = zone_name(s).ok_or(Refusal::Form)?;
                self.zone_name = String::from_utf8_lossy(&s[..len]).into_owned();
                rest = &s[len..];
            }
            Std::Fraction { digits, trimmed: false } => {
                self.nanos = nanoseconds(s, digits + 1)?;
                rest = &s[digits + 1..];
            }
            // Left out, or any number of digits.
            Std::Fraction { trimmed: true, .. } => {
                rest = if is_digit(s, 1) && matches!(s[0], b'.' | b',') { self.fraction(s)? } else { s };
            }
        }
        Ok(rest)
    }

    /// Seconds may have a fraction that the layout does not tell of.
    fn unannounced_fraction<'a>(&mut self, s: &'a [u8], layout_after: &[u8]) -> Step<&'a [u8]> {
        let told = matches!(layout::next(layout_after).1, Some((Std::Fraction { .. }, _)));
        if told || !is_digit(s, 1) || !matches!(s[0], b'.' | b',') { Ok(s) } else { self.fraction(s) }
    }

    fn fraction<'a>(&mut self, s: &'a [u8]) -> Step<&'a [u8]> {
        let digits = s[1..].iter().take_while(|b| b.is_ascii_digit()).count();
        self.nanos = nanoseconds(s, digits + 1)?;
        Ok(&s[digits + 1..])
    }

    fn offset<'a>(&mut self, form: OffsetForm, s: &'a [u8]) -> Step<&'a [u8]> {
        let (len, minutes, seconds, colons): (usize, usize, usize, &[usize]) = match form {
            OffsetForm::Hours => (3, 0, 0, &[]),
            OffsetForm::Minutes => (5, 3, 0, &[]),
            OffsetForm::ColonMinutes => (6, 4, 0, &[3]),
            OffsetForm::Seconds => (7, 3, 5, &[]),
            OffsetForm::ColonSeconds => (9, 4, 7, &[3, 6]),
        };
        if s.len() < len || colons.iter().any(|i| s[*i] != b':') {
            return Err(Refusal::Form);
        }
        let at = |i: usize| if i == 0 { Ok(0) } else { number(&s[i..i + 2], true).map(|(n, _)| n) };
        let (hours, minutes, seconds) = (at(1)?, at(minutes)?, at(seconds)?);
        // Some write 24 hours, or 60 minutes.
        for (n, most, what) in [
            (hours, 24, "time zone offset hour"),
            (minutes, 60, "time zone offset minute"),
            (seconds, 60, "time zone offset second"),
        ] {
            if n > most {
                return Err(Refusal::Range(what));
            }
        }
        let offset = (hours * 60 + minutes) * 60 + seconds;
        self.offset = Some(match s[0] {
            b'+' => offset,
            b'-' => -offset,
            _ => return Err(Refusal::Form),
        });
        Ok(&s[len..])
    }

    fn finish(mut self) -> Result<Time, &'static str> {
        match self.afternoon {
            Some(true) if self.hour < 12 => self.hour += 12,
            Some(false) if self.hour == 12 => self.hour = 0,
            _ => {}
        }
        let first = days_from_civil(self.year, 1, 1);
        let year_len = days_from_civil(self.year + 1, 1, 1) - first;
        if let Some(year_day) = self.year_day {
            if !(1..=year_len).contains(&year_day) {
                return Err("day-of-year out of range");
            }
            let (_, month, day) = super::civil_from_days(first + year_day - 1);
            if self.month.is_some_and(|m| m != i64::from(month)) {
                return Err("day-of-year does not match month");
            }
            if self.day.is_some_and(|d| d != i64::from(day)) {
                return Err("day-of-year does not match day");
            }
            (self.month, self.day) = (Some(month.into()), Some(day.into()));
        }
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        let month_first = days_from_civil(self.year, month as u32, 1);
        let next = if month == 12 { first + year_len } else { days_from_civil(self.year, month as u32 + 1, 1) };
        if !(1..=next - month_first).contains(&day) {
            return Err("day out of range");
        }
        let local = (month_first + day - 1) * 86400 + (self.hour * 60 + self.minute) * 60 + self.second;
        let time = |seconds: i64, zone: Zone| Time { seconds, nanos: self.nanos, zone };
        let named = matches!(self.zone_name.as_str(), "" | "UTC");
        Ok(match self.offset {
            _ if self.utc => time(local, Zone::utc()),
            Some(0) if named => time(local, Zone::utc()),
            Some(offset) => time(local - offset, Zone::Fixed { offset, name: self.zone_name }),
            None if named => time(local, Zone::utc()),
            // A name of unknown distance; of Greenwich it is told.
            None => {
                let hours: i64 = self.zone_name.strip_prefix("GMT").and_then(|h| h.parse().ok()).unwrap_or(0);
                time(local, Zone::Fixed { offset: hours * 3600, name: self.zone_name })
            }
        })
    }
}

/// How many bytes at the beginning look like the name of a zone.
fn zone_name(s: &[u8]) -> Option<usize> {
    if s.len() < 3 {
        return None;
    }
    if s.starts_with(b"ChST") || s.starts_with(b"MeST") {
        return Some(4);
    }
    if let Some(rest) = s.strip_prefix(b"GMT") {
        return Some(3 + signed_hours(rest));
    }
    if matches!(s[0], b'+' | b'-') {
        return Some(signed_hours(s)).filter(|len| *len > 0);
    }
    match s.iter().take(6).take_while(|b| b.is_ascii_uppercase()).count() {
        5 if s[4] == b'T' => Some(5),
        4 if s[3] == b'T' || s.starts_with(b"WITA") => Some(4),
        3 => Some(3),
        _ => None,
    }
}

/// The length of a sign and hours up to 23; 0 if it is none.
fn signed_hours(s: &[u8]) -> usize {
    if !matches!(s.first(), Some(b'+' | b'-')) {
        return 0;
    }
    let digits = s[1..].iter().take_while(|b| b.is_ascii_digit()).count();
    let is_hours = digits > 0 && digits < 18 && decimal(&s[1..1 + digits]) <= 23;
    if is_hours { 1 + digits } else { 0 }
}
