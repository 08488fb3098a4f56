//! Cron schedules as CronJobs write them: five fields, names, steps, `@hourly` and the like.
//!
//! A schedule knows no time zone: times come in as wall clock fields.

use jiff::civil::DateTime;
use jiff::{ToSpan, Unit};

/// When a CronJob runs: a set of allowed values a field.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether the day of the month, of the week, was `*`: cron takes either day where both are given.
    any_day: bool,
    any_weekday: bool,
    /// `@every 5m` in seconds.
    every_s: Option<i64>,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Schedule {
    /// Reads one; the error is the cron library's.
    pub fn parse(text: &str) -> Result<Schedule, String> {
        let text = match text.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        if let Some(every) = text.strip_prefix("@every ") {
            let every_s = seconds(every)
                .ok_or_else(|| format!("failed to parse duration {text}: time: invalid duration {every:?}"))?;
            return Ok(Schedule { every_s: Some(every_s.max(1)), ..Schedule::parse("* * * * *")? });
        }
        if text.starts_with('@') {
            return Err(format!("unrecognized descriptor: {text}"));
        }
        // A time zone before the fields is refused by validation, but read by the library.
        let fields: Vec<&str> = text.split_whitespace().filter(|f| !f.contains("TZ=")).collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return Err(format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" ")));
        };
        Ok(Schedule {
            minutes: field(minutes, 0, 59, &[], 0)?,
            hours: field(hours, 0, 23, &[], 0)?,
            days: field(days, 1, 31, &[], 1)?,
            months: field(months, 1, 12, &MONTHS, 1)?,
            weekdays: field(weekdays, 0, 6, &WEEKDAYS, 0)?,
            any_day: is_any(days),
            any_weekday: is_any(weekdays),
            every_s: None,
        })
    }

    /// The first time after `now`; `None` where there is none within five years.
    pub fn next(&self, now: DateTime) -> Option<DateTime> {
        if let Some(every) = self.every_s {
            return now.checked_add(every.seconds()).ok();
        }
        let mut at = now.round(Unit::Minute).ok()?;
        if at <= now {
            at = at.checked_add(1.minute()).ok()?;
        }
        let end = now.checked_add(5.years()).ok()?;
        while at < end {
            if !has(self.months, at.month()) {
                at = at.first_of_month().checked_add(1.month()).ok()?.start_of_day_fields();
            } else if !self.runs_on(at) {
                at = at.checked_add(1.day()).ok()?.start_of_day_fields();
            } else if !has(self.hours, at.hour()) {
                at = at.with().minute(0).build().ok()?.checked_add(1.hour()).ok()?;
            } else if !has(self.minutes, at.minute()) {
                at = at.checked_add(1.minute()).ok()?;
            } else {
                return at.with().second(0).subsec_nanosecond(0).build().ok();
            }
        }
        None
    }

    fn runs_on(&self, at: DateTime) -> bool {
        let day = has(self.days, at.day());
        let weekday = has(self.weekdays, at.weekday().to_sunday_zero_offset());
        if self.any_day || self.any_weekday { day && weekday } else { day || weekday }
    }
}

trait StartOfDay {
    fn start_of_day_fields(self) -> DateTime;
}
impl StartOfDay for DateTime {
    fn start_of_day_fields(self) -> DateTime {
        self.date().at(0, 0, 0, 0)
    }
}

fn has(set: u64, value: i8) -> bool {
    set >> value & 1 == 1
}

fn is_any(text: &str) -> bool {
    text == "*" || text == "?" || text.starts_with("*/")
}

fn field(text: &str, low: u32, high: u32, names: &[&str], first_name: u32) -> Result<u64, String> {
    let mut set = 0u64;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(number(step, &[], 0)?)),
            None => (part, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" || range == "?" => (low, high),
            Some((from, to)) => (number(from, names, first_name)?, number(to, names, first_name)?),
            None => {
                let from = number(range, names, first_name)?;
                (from, if step.is_some() { high } else { from })
            }
        };
        if from < low {
            return Err(format!("beginning of range ({from}) below minimum ({low}): {part}"));
        }
        if to > high {
            return Err(format!("end of range ({to}) above maximum ({high}): {part}"));
        }
        if from > to {
            return Err(format!("beginning of range ({from}) beyond end of range ({to}): {part}"));
        }
        if step == Some(0) {
            return Err(format!("step of range should be a positive number: {part}"));
        }
        for value in (from..=to).step_by(step.unwrap_or(1) as usize) {
            set |= 1 << value;
        }
    }
    Ok(set)
}

fn number(text: &str, names: &[&str], first_name: u32) -> Result<u32, String> {
    if let Some(i) = names.iter().position(|n| n.eq_ignore_ascii_case(text)) {
        return Ok(i as u32 + first_name);
    }
    text.parse().map_err(|_| format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: invalid syntax"))
}

/// A Go duration of hours, minutes and seconds.
fn seconds(text: &str) -> Option<i64> {
    let mut total = 0i64;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let amount: i64 = rest[..end].parse().ok()?;
        let factor = match rest.as_bytes()[end] {
            b'h' => 3600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        total = total.checked_add(amount.checked_mul(factor)?)?;
        rest = &rest[end + 1..];
    }
    (!text.is_empty()).then_some(total)
}
