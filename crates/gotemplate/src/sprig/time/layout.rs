//! Layouts: what `2006-01-02` means, and writing a time by one.

use super::Time;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A part of a layout that stands for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Std {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekDay,
    WeekDay,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    ZoneName,
    /// A distance from UTC: `Z` for none if `iso`.
    Offset {
        iso: bool,
        form: OffsetForm,
    },
    /// A fraction of a second: this many digits, or at most those that are not 0 at the end.
    Fraction {
        digits: usize,
        trimmed: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OffsetForm {
    Hours,
    Minutes,
    ColonMinutes,
    Seconds,
    ColonSeconds,
}

/// Parts that are recognised by how they begin, in the order in which they are tried; a `true`
/// says that no small letter may follow.
const FIXED: &[(&[u8], Std, bool)] = &[
    (b"January", Std::LongMonth, false),
    (b"Jan", Std::Month, true),
    (b"Monday", Std::LongWeekDay, false),
    (b"Mon", Std::WeekDay, true),
    (b"MST", Std::ZoneName, false),
    (b"01", Std::ZeroMonth, false),
    (b"02", Std::ZeroDay, false),
    (b"03", Std::ZeroHour12, false),
    (b"04", Std::ZeroMinute, false),
    (b"05", Std::ZeroSecond, false),
    (b"06", Std::Year, false),
    (b"002", Std::ZeroYearDay, false),
    (b"15", Std::Hour, false),
    (b"1", Std::NumMonth, false),
    (b"2006", Std::LongYear, false),
    (b"2", Std::Day, false),
    (b"_2", Std::UnderDay, false),
    (b"__2", Std::UnderYearDay, false),
    (b"3", Std::Hour12, false),
    (b"4", Std::Minute, false),
    (b"5", Std::Second, false),
    (b"PM", Std::UpperPm, false),
    (b"pm", Std::LowerPm, false),
    (b"-070000", Std::Offset { iso: false, form: OffsetForm::Seconds }, false),
    (b"-07:00:00", Std::Offset { iso: false, form: OffsetForm::ColonSeconds }, false),
    (b"-0700", Std::Offset { iso: false, form: OffsetForm::Minutes }, false),
    (b"-07:00", Std::Offset { iso: false, form: OffsetForm::ColonMinutes }, false),
    (b"-07", Std::Offset { iso: false, form: OffsetForm::Hours }, false),
    (b"Z070000", Std::Offset { iso: true, form: OffsetForm::Seconds }, false),
    (b"Z07:00:00", Std::Offset { iso: true, form: OffsetForm::ColonSeconds }, false),
    (b"Z0700", Std::Offset { iso: true, form: OffsetForm::Minutes }, false),
    (b"Z07:00", Std::Offset { iso: true, form: OffsetForm::ColonMinutes }, false),
    (b"Z07", Std::Offset { iso: true, form: OffsetForm::Hours }, false),
];

/// What [`next`] gives.
type Cut<'a> = (&'a [u8], Option<(Std, &'a [u8])>, &'a [u8]);

/// A layout cut at its first part that stands for something: what is before it, it, its text,
/// what is after it. Without one, all of it is before.
pub(super) fn next(layout: &[u8]) -> Cut<'_> {
    for i in 0..layout.len() {
        let rest = &layout[i..];
        // `_2006` is an underscore and a year.
        if rest.starts_with(b"_2006") {
            return (&layout[..=i], Some((Std::LongYear, &rest[1..5])), &rest[5..]);
        }
        let fixed = FIXED.iter().find(|(text, _, ends)| {
            rest.starts_with(text) && !(*ends && rest.get(text.len()).is_some_and(u8::is_ascii_lowercase))
        });
        if let Some((text, std, _)) = fixed {
            return (&layout[..i], Some((*std, &rest[..text.len()])), &rest[text.len()..]);
        }
        if let (b'.' | b',', Some(digit @ (b'0' | b'9'))) = (rest[0], rest.get(1).copied()) {
            let digits = rest[1..].iter().take_while(|b| **b == digit).count();
            if !rest.get(1 + digits).is_some_and(u8::is_ascii_digit) {
                let std = Std::Fraction { digits, trimmed: digit == b'9' };
                return (&layout[..i], Some((std, &rest[..=digits])), &rest[1 + digits..]);
            }
        }
    }
    (layout, None, &[])
}

pub(super) fn format(time: &Time, layout: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(layout.len() + 8), layout);
    loop {
        let (before, std, after) = next(rest);
        out.extend_from_slice(before);
        let Some((std, text)) = std else { return out };
        out.extend_from_slice(part(time, std, text).as_bytes());
        rest = after;
    }
}

fn part(time: &Time, std: Std, text: &[u8]) -> String {
    let civil = time.civil();
    let hour12 = (civil.hour + 11) % 12 + 1;
    let month = MONTHS[(civil.month - 1) as usize];
    let week_day = DAYS[time.weekday() as usize];
    match std {
        Std::LongMonth => month.to_owned(),
        Std::Month => month[..3].to_owned(),
        Std::NumMonth => civil.month.to_string(),
        Std::ZeroMonth => format!("{:02}", civil.month),
        Std::LongWeekDay => week_day.to_owned(),
        Std::WeekDay => week_day[..3].to_owned(),
        Std::Day => civil.day.to_string(),
        Std::UnderDay => format!("{:2}", civil.day),
        Std::ZeroDay => format!("{:02}", civil.day),
        Std::UnderYearDay => format!("{:3}", time.year_day()),
        Std::ZeroYearDay => format!("{:03}", time.year_day()),
        Std::Hour => format!("{:02}", civil.hour),
        Std::Hour12 => hour12.to_string(),
        Std::ZeroHour12 => format!("{hour12:02}"),
        Std::Minute => civil.minute.to_string(),
        Std::ZeroMinute => format!("{:02}", civil.minute),
        Std::Second => civil.second.to_string(),
        Std::ZeroSecond => format!("{:02}", civil.second),
        Std::LongYear if civil.year < 0 => format!("-{:04}", civil.year.unsigned_abs()),
        Std::LongYear => format!("{:04}", civil.year),
        Std::Year => format!("{:02}", civil.year.max(0) % 100),
        Std::UpperPm => if civil.hour >= 12 { "PM" } else { "AM" }.to_owned(),
        Std::LowerPm => if civil.hour >= 12 { "pm" } else { "am" }.to_owned(),
        Std::ZoneName => match time.zone.at(time.seconds) {
            (offset, name) if name.is_empty() => offset_text(offset, OffsetForm::Minutes),
            (_, name) => name,
        },
        Std::Offset { iso, form } => match time.offset() {
            0 if iso => "Z".to_owned(),
            offset => offset_text(offset, form),
        },
        Std::Fraction { digits, trimmed } => fraction(time.nanos, digits, trimmed, text),
    }
}

fn offset_text(offset: i64, form: OffsetForm) -> String {
    let minutes = offset / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, minutes, seconds) = (minutes.abs() / 60, minutes.abs() % 60, offset.abs() % 60);
    match form {
        OffsetForm::Hours => format!("{sign}{hours:02}"),
        OffsetForm::Minutes => format!("{sign}{hours:02}{minutes:02}"),
        OffsetForm::ColonMinutes => format!("{sign}{hours:02}:{minutes:02}"),
        OffsetForm::Seconds => format!("{sign}{hours:02}{minutes:02}{seconds:02}"),
        OffsetForm::ColonSeconds => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
    }
}

fn fraction(nanos: u32, digits: usize, trimmed: bool, text: &[u8]) -> String {
    let all = format!("{nanos:09}");
    let shown = &all[..digits.min(all.len())];
    let shown = if trimmed { shown.trim_end_matches('0') } else { shown };
    let point = text.first().map_or('.', |b| char::from(*b));
    if shown.is_empty() { String::new() } else { format!("{point}{shown}") }
}
