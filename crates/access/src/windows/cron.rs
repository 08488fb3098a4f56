//! Schedules as robfig's cron reads them: five fields, names, ranges, steps, `?`, `CRON_TZ=`.
//!
//! Seconds are not there. When a schedule comes next is asked of a moment that is given.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A schedule; each field a set of bits.
#[derive(Clone, Debug)]
pub struct Schedule {
    minute: u64,
    hour: u64,
    day: u64,
    month: u64,
    weekday: u64,
    /// `None`: the moments are taken in UTC.
    zone: Option<TimeZone>,
}

/// The bit that says that a field was a star: then the other day field decides alone.
const STAR: u64 = 1 << 63;

struct Bounds {
    min: u32,
    max: u32,
    names: &'static [&'static str],
}

const MINUTE: Bounds = Bounds { min: 0, max: 59, names: &[] };
const HOUR: Bounds = Bounds { min: 0, max: 23, names: &[] };
const DAY: Bounds = Bounds { min: 1, max: 31, names: &[] };
const MONTH: Bounds = Bounds {
    min: 1,
    max: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const WEEKDAY: Bounds = Bounds { min: 0, max: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

impl Schedule {
    /// Reads five fields. Compat(argo 3.5): descriptors such as `@daily` are refused; the errors
    /// are robfig's own.
    pub fn parse(text: &str) -> Result<Schedule, String> {
        Schedule::read(text, false)
    }

    /// Reads five fields or a descriptor (`@yearly`, `@monthly`, `@weekly`, `@daily`, `@hourly` and
    /// their synonyms).
    pub fn parse_standard(text: &str) -> Result<Schedule, String> {
        Schedule::read(text, true)
    }

    fn read(text: &str, descriptors: bool) -> Result<Schedule, String> {
        if text.is_empty() {
            return Err("empty spec string".to_owned());
        }
        let (mut text, mut zone) = (text, None);
        if let Some(named) = text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ=")) {
            let (name, rest) = named.split_once(' ').ok_or_else(|| format!("provided bad location {named}"))?;
            zone = Some(super::zone(name).map_err(|why| format!("provided bad location {name}: {why}"))?);
            text = rest.trim();
        }
        if text.starts_with('@') {
            if !descriptors {
                return Err(format!("parser does not accept descriptors: {text}"));
            }
            let fields = match text {
                "@yearly" | "@annually" => "0 0 1 1 *",
                "@monthly" => "0 0 1 * *",
                "@weekly" => "0 0 * * 0",
                "@daily" | "@midnight" => "0 0 * * *",
                "@hourly" => "0 * * * *",
                _ => return Err(format!("unrecognized descriptor: {text}")),
            };
            return Schedule::fields(fields, zone);
        }
        Schedule::fields(text, zone)
    }

    fn fields(text: &str, zone: Option<TimeZone>) -> Result<Schedule, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" ")));
        };
        Ok(Schedule {
            minute: field(minute, &MINUTE)?,
            hour: field(hour, &HOUR)?,
            day: field(day, &DAY)?,
            month: field(month, &MONTH)?,
            weekday: field(weekday, &WEEKDAY)?,
            zone,
        })
    }

    /// When the schedule comes next after a moment; `None` if not within five years.
    ///
    /// Compat(robfig/cron 3): an hour that a change of clocks leaves out does not come that day.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let zone = self.zone.clone().unwrap_or(TimeZone::UTC);
        let start = after.checked_add(1.second()).ok()?.to_zoned(zone.clone()).datetime();
        let start = start.with().subsec_nanosecond(0).build().ok()?;
        let last_year = start.year().checked_add(5)?;
        let mut date = start.date();
        // At most 5 years of days, and of months where none fits.
        while date.year() <= last_year {
            if !has(self.month, date.month().unsigned_abs().into()) {
                date = date.first_of_month().checked_add(1.month()).ok()?;
                continue;
            }
            if self.has_day(date)
                && let Some(moment) = self.on(date, start, after, &zone)
            {
                return Some(moment);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn has_day(&self, date: Date) -> bool {
        let day = has(self.day, date.day().unsigned_abs().into());
        let weekday = has(self.weekday, date.weekday().to_sunday_zero_offset().unsigned_abs().into());
        if (self.day | self.weekday) & STAR != 0 { day && weekday } else { day || weekday }
    }

    /// The first moment of a day that is after another.
    fn on(&self, date: Date, start: DateTime, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let from = if date == start.date() { start.hour() } else { 0 };
        for hour in (from..24).filter(|hour| has(self.hour, hour.unsigned_abs().into())) {
            for minute in (0..60_i8).filter(|minute| has(self.minute, minute.unsigned_abs().into())) {
                let at = date.at(hour, minute, 0, 0);
                let zoned = at.to_zoned(zone.clone()).ok()?;
                // A time that the clocks leave out comes back as another one.
                if zoned.datetime() == at && zoned.timestamp() > after {
                    return Some(zoned.timestamp());
                }
            }
        }
        None
    }
}

fn has(bits: u64, n: u32) -> bool {
    bits & 1 << n != 0
}

/// A list of ranges. Empty items are passed over, as there.
fn field(text: &str, bounds: &Bounds) -> Result<u64, String> {
    text.split(',').filter(|part| !part.is_empty()).try_fold(0, |bits, part| Ok(bits | range(part, bounds)?))
}

/// `number | name | * | ?`, `a-b`, each with `/step`; `a/step` goes to the end.
fn range(text: &str, bounds: &Bounds) -> Result<u64, String> {
    let (span, mut steps) = match text.split_once('/') {
        Some((span, steps)) => (span, steps.split('/')),
        None => (text, "".split('/')),
    };
    let ends: Vec<&str> = span.split('-').collect();
    let (start, mut end, mut extra) = match ends[..] {
        ["*" | "?", ..] => (bounds.min, bounds.max, STAR),
        [one] => {
            let one = number(one, bounds.names, bounds.min)?;
            (one, one, 0)
        }
        [first, last] => (number(first, bounds.names, bounds.min)?, number(last, bounds.names, bounds.min)?, 0),
        _ => return Err(format!("too many hyphens: {text}")),
    };
    let mut step = 1;
    if text.contains('/') {
        let given = steps.next().unwrap_or_default();
        if steps.next().is_some() {
            return Err(format!("too many slashes: {text}"));
        }
        step = number(given, &[], 0)?;
        if ends.len() == 1 {
            end = bounds.max;
        }
        if step > 1 {
            extra = 0;
        }
    }
    if start < bounds.min {
        return Err(format!("beginning of range ({start}) below minimum ({}): {text}", bounds.min));
    }
    if end > bounds.max {
        return Err(format!("end of range ({end}) above maximum ({}): {text}", bounds.max));
    }
    if start > end {
        return Err(format!("beginning of range ({start}) beyond end of range ({end}): {text}"));
    }
    if step == 0 {
        return Err(format!("step of range should be a positive number: {text}"));
    }
    let mut bits = extra;
    let mut n = start;
    while n <= end {
        bits |= 1 << n;
        n = n.saturating_add(step);
    }
    Ok(bits)
}

fn number(text: &str, names: &[&str], first: u32) -> Result<u32, String> {
    let lower = text.to_lowercase();
    if let Some(i) = names.iter().position(|name| *name == lower) {
        return Ok(first + u32::try_from(i).unwrap_or_default());
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: invalid syntax"));
    }
    let wide: i64 = text
        .parse()
        .map_err(|_| format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: value out of range"))?;
    if wide < 0 {
        return Err(format!("negative number ({wide}) not allowed: {text}"));
    }
    // Beyond every bound, and no more than that.
    Ok(u32::try_from(wide).unwrap_or(u32::MAX))
}
