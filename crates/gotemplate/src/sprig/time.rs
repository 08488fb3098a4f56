//! [`Time`]: Go's `time.Time` as far as templates meet it; its layouts, durations and zones.

mod duration;
mod layout;
mod parse;
mod zone;

pub(super) use duration::{Duration, format_duration, parse_duration, round_to_second};
pub(super) use parse::parse;
pub(super) use zone::Zone;

use super::arg::{self, Result};
use crate::context::Context;
use crate::error::Error;
use crate::function::{Param, Signature};
use crate::value::{Kind, Object, Value};

/// Go's name of the type.
pub(super) const TYPE: &str = "time.Time";

const NANOS: i128 = 1_000_000_000;

/// An instant and the zone that it is shown in.
#[derive(Clone)]
pub(super) struct Time {
    /// Seconds since 1970.
    seconds: i64,
    nanos: u32,
    zone: Zone,
}

/// What a calendar and a clock show of an instant.
pub(super) struct Civil {
    year: i64,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
}

impl Time {
    /// The instant of a count of nanoseconds since 1970, in UTC.
    pub(super) fn from_unix_ns(ns: i128) -> Time {
        let seconds = i64::try_from(ns.div_euclid(NANOS)).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX });
        Time { seconds, nanos: ns.rem_euclid(NANOS) as u32, zone: Zone::utc() }
    }
    /// The instant of a count of seconds since 1970, in UTC.
    pub(super) fn from_unix(seconds: i64) -> Time {
        Time { seconds, nanos: 0, zone: Zone::utc() }
    }
    /// Go's zero: the first of January of the year 1.
    pub(super) fn zero() -> Time {
        Time::from_unix(days_from_civil(1, 1, 1) * 86400)
    }
    pub(super) fn in_zone(&self, zone: Zone) -> Time {
        Time { zone, ..self.clone() }
    }
    pub(super) fn unix(&self) -> i64 {
        self.seconds
    }
    pub(super) fn unix_ns(&self) -> i128 {
        i128::from(self.seconds) * NANOS + i128::from(self.nanos)
    }
    /// Go's `Add`.
    pub(super) fn plus(&self, duration: Duration) -> Time {
        Time::from_unix_ns(self.unix_ns() + i128::from(duration.0)).in_zone(self.zone.clone())
    }
    /// Go's `Sub`: the limit of a duration where it is beyond.
    pub(super) fn since(&self, earlier: &Time) -> Duration {
        let ns = self.unix_ns() - earlier.unix_ns();
        Duration(i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX }))
    }
    /// Go's `Format`.
    pub(super) fn format(&self, layout: &[u8]) -> Vec<u8> {
        layout::format(self, layout)
    }
    fn offset(&self) -> i64 {
        self.zone.at(self.seconds).0
    }
    fn local_seconds(&self) -> i64 {
        self.seconds.saturating_add(self.offset())
    }
    pub(super) fn civil(&self) -> Civil {
        let local = self.local_seconds();
        let (year, month, day) = civil_from_days(local.div_euclid(86400));
        let of_day = local.rem_euclid(86400) as u32;
        Civil { year, month, day, hour: of_day / 3600, minute: of_day / 60 % 60, second: of_day % 60 }
    }
    /// 0 for Sunday.
    fn weekday(&self) -> u32 {
        // The first of January 1970 was a Thursday.
        (self.local_seconds().div_euclid(86400) + 4).rem_euclid(7) as u32
    }
    /// 1 for the first of January.
    fn year_day(&self) -> i64 {
        let civil = self.civil();
        self.local_seconds().div_euclid(86400) - days_from_civil(civil.year, 1, 1) + 1
    }
    /// The instant at which calendar and clock show this; parts may be out of range, as in Go.
    fn from_parts(parts: [i64; 6], nanos: u32, zone: Zone) -> Time {
        let [year, month, day, hour, minute, second] = parts;
        let months = month.saturating_sub(1);
        let year = year.saturating_add(months.div_euclid(12));
        let days = days_from_civil(year, months.rem_euclid(12) as u32 + 1, 1).saturating_add(day.saturating_sub(1));
        let clock = hour.saturating_mul(3600).saturating_add(minute.saturating_mul(60)).saturating_add(second);
        let local = days.saturating_mul(86400).saturating_add(clock);
        let seconds = zone.instant(local);
        Time { seconds, nanos, zone }
    }
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.format(b"2006-01-02 15:04:05.999999999 -0700 MST")).into_owned()
    }
}

/// Days since 1970 of a date of the Gregorian calendar, in periods of 400 years from a March.
pub(super) fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    // A year beyond this is not in 64 bits of seconds.
    let year = year.clamp(-300_000_000_000, 300_000_000_000) - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let from_march = i64::from((month + 9) % 12);
    let of_year = (153 * from_march + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days.saturating_add(719_468);
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    (era * 400 + year_of_era + i64::from(month <= 2), month as u32, day as u32)
}

impl Object for Time {
    fn type_name(&self) -> &str {
        TYPE
    }
    fn method(&self, name: &str) -> Option<&Signature> {
        const NONE: &Signature = &Signature::fixed(&[]);
        const TEXT: &Signature = &Signature::fixed(&[Param::String]);
        const OTHER: &Signature = &Signature::fixed(&[Param::Object(TYPE)]);
        const SPAN: &Signature = &Signature::fixed(&[Param::Object(duration::TYPE)]);
        const DATE: &Signature = &Signature::fixed(&[Param::Int, Param::Int, Param::Int]);
        Some(match name {
            "Year" | "Month" | "Day" | "Hour" | "Minute" | "Second" | "Nanosecond" | "YearDay" | "Weekday" => NONE,
            "Unix" | "UnixMilli" | "UnixMicro" | "UnixNano" | "UTC" | "Local" | "IsZero" | "String" => NONE,
            "Format" => TEXT,
            "Before" | "After" | "Equal" | "Compare" | "Sub" => OTHER,
            "Add" | "Round" | "Truncate" => SPAN,
            "AddDate" => DATE,
            _ => return None,
        })
    }
    fn call(&self, _ctx: &mut Context, name: &str, args: &[Value]) -> Result {
        let civil = self.civil();
        let int = |n: i64| Ok(Value::Int(n));
        Ok(match name {
            "Year" => return int(civil.year),
            "Month" => Value::object(Named { kind: "time.Month", number: civil.month.into() }),
            "Weekday" => Value::object(Named { kind: "time.Weekday", number: self.weekday().into() }),
            "Day" => return int(civil.day.into()),
            "Hour" => return int(civil.hour.into()),
            "Minute" => return int(civil.minute.into()),
            "Second" => return int(civil.second.into()),
            "Nanosecond" => return int(self.nanos.into()),
            "YearDay" => return int(self.year_day()),
            "Unix" => Value::Int64(self.seconds),
            "UnixMilli" => Value::Int64((self.unix_ns() / 1_000_000) as i64),
            "UnixMicro" => Value::Int64((self.unix_ns() / 1000) as i64),
            "UnixNano" => Value::Int64(self.unix_ns() as i64),
            "UTC" | "Local" => Value::object(self.in_zone(Zone::utc())),
            "IsZero" => (self.unix_ns() == Time::zero().unix_ns()).into(),
            "String" => self.text().into(),
            "Format" => self.format(arg::str(args, 0)).into(),
            "AddDate" => {
                let [years, months, days] = [0, 1, 2].map(|i| arg::int(args, i));
                let (month, day) = (i64::from(civil.month), i64::from(civil.day));
                let date = [civil.year.saturating_add(years), month.saturating_add(months), day.saturating_add(days)];
                let clock = [civil.hour, civil.minute, civil.second].map(i64::from);
                let parts = [date[0], date[1], date[2], clock[0], clock[1], clock[2]];
                Value::object(Time::from_parts(parts, self.nanos, self.zone.clone()))
            }
            "Add" | "Round" | "Truncate" => self.moved(name, arg::any(args, 0))?,
            _ => self.compared(name, arg::any(args, 0))?,
        })
    }
    fn text(&self) -> Option<String> {
        Some(Time::text(self))
    }
    /// RFC 3339 with nanoseconds.
    fn to_json(&self) -> belay_object::Value {
        let text = self.format(b"2006-01-02T15:04:05.999999999Z07:00");
        String::from_utf8_lossy(&text).into_owned().into()
    }
    fn equals(&self, other: &dyn Object) -> bool {
        let other = (other as &dyn std::any::Any).downcast_ref::<Time>();
        other.is_some_and(|other| other.unix_ns() == self.unix_ns() && other.zone == self.zone)
    }
}

impl Time {
    fn compared(&self, name: &str, other: &Value) -> Result {
        let other = other.downcast::<Time>().ok_or_else(arg::nil_dereference)?;
        let order = self.unix_ns().cmp(&other.unix_ns());
        Ok(match name {
            "Before" => order.is_lt().into(),
            "After" => order.is_gt().into(),
            "Equal" => order.is_eq().into(),
            "Compare" => Value::Int(order as i64),
            "Sub" => Value::object(self.since(other)),
            _ => return Err(Error::new(format!("no method {name}"))),
        })
    }
    fn moved(&self, name: &str, by: &Value) -> Result {
        let by = *by.downcast::<Duration>().ok_or_else(arg::nil_dereference)?;
        // Go counts multiples from its zero time.
        let since_zero = self.unix_ns() - Time::zero().unix_ns();
        let over = if by.0 > 0 { since_zero.rem_euclid(by.0.into()) } else { 0 };
        let up = over + over >= i128::from(by.0);
        let ns = match name {
            "Truncate" => -over,
            "Round" if by.0 > 0 && up => i128::from(by.0) - over,
            "Round" => -over,
            _ => by.0.into(),
        };
        Ok(Value::object(Time::from_unix_ns(self.unix_ns() + ns).in_zone(self.zone.clone())))
    }
}

/// A `time.Month` or `time.Weekday`: a number that prints as its name.
struct Named {
    kind: &'static str,
    number: i64,
}

impl Object for Named {
    fn type_name(&self) -> &str {
        self.kind
    }
    fn kind(&self) -> Kind {
        Kind::Int
    }
    fn method(&self, name: &str) -> Option<&Signature> {
        const NONE: &Signature = &Signature::fixed(&[]);
        (name == "String").then_some(NONE)
    }
    fn call(&self, _ctx: &mut Context, _name: &str, _args: &[Value]) -> Result {
        Ok(self.text().unwrap_or_default().into())
    }
    fn text(&self) -> Option<String> {
        let name = match self.kind {
            "time.Month" => layout::MONTHS.get((self.number - 1) as usize),
            _ => layout::DAYS.get(self.number as usize),
        };
        name.map(|name| (*name).to_owned())
    }
    fn underlying(&self) -> Option<Value> {
        Some(Value::Int(self.number))
    }
    fn to_json(&self) -> belay_object::Value {
        self.number.into()
    }
    fn equals(&self, other: &dyn Object) -> bool {
        let other = (other as &dyn std::any::Any).downcast_ref::<Named>();
        other.is_some_and(|other| other.kind == self.kind && other.number == self.number)
    }
}
