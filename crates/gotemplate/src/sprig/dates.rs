//! Dates. The clock is the context's, and the local zone is UTC.

use super::arg::{self, Result};
use super::numbers::leading_int;
use super::time::{self, Duration, Time, Zone, format_duration, parse_duration, round_to_second};
use crate::context::Context;
use crate::error::Error;
use crate::function::{Function, Functions, Param};
use crate::value::Value;
use Param::{Any, String as Text};

const TIME: Param = Param::Object(time::TYPE);

pub(super) fn register(f: &mut Functions) {
    f.add(Function::new("now", &[], |ctx, _| Ok(Value::object(now(ctx)))));
    f.add(Function::new("date", &[Text, Any], |ctx, a| Ok(shown(ctx, arg::str(a, 0), arg::any(a, 1), "UTC"))));
    f.add(Function::new("htmlDate", &[Any], |ctx, a| Ok(shown(ctx, HTML, arg::any(a, 0), "UTC"))));
    f.add(Function::new("htmlDateInZone", &[Any, Text], |ctx, a| {
        Ok(shown(ctx, HTML, arg::any(a, 0), &arg::text(a, 1)))
    }));
    for name in ["dateInZone", "date_in_zone"] {
        f.add(Function::new(name, &[Text, Any, Text], |ctx, a| {
            Ok(shown(ctx, arg::str(a, 0), arg::any(a, 1), &arg::text(a, 2)))
        }));
    }
    for name in ["dateModify", "date_modify"] {
        f.add(Function::new(name, &[Text, TIME], |_, a| match parse_duration(&arg::text(a, 0)) {
            Ok(duration) => Ok(Value::object(time_of(a, 1)?.plus(duration))),
            Err(_) => Ok(arg::any(a, 1).clone()),
        }));
    }
    for name in ["mustDateModify", "must_date_modify"] {
        f.add(Function::new(name, &[Text, TIME], |_, a| {
            let duration = parse_duration(&arg::text(a, 0)).map_err(Error::new)?;
            Ok(Value::object(time_of(a, 1)?.plus(duration)))
        }));
    }
    f.add(Function::new("toDate", &[Text, Text], |_, a| {
        let time = time::parse(&arg::text(a, 0), &arg::text(a, 1));
        Ok(Value::object(time.unwrap_or_else(|_| Time::zero())))
    }));
    f.add(Function::new("mustToDate", &[Text, Text], |_, a| {
        time::parse(&arg::text(a, 0), &arg::text(a, 1)).map(Value::object).map_err(Error::new)
    }));
    f.add(Function::new("unixEpoch", &[TIME], |_, a| Ok(Value::str(time_of(a, 0)?.unix().to_string()))));
    f.add(Function::new("ago", &[Any], |ctx, a| {
        let now = now(ctx);
        let then = instant(arg::any(a, 0)).unwrap_or_else(|| now.clone());
        Ok(format_duration(round_to_second(now.since(&then))).into())
    }));
    f.add(Function::new("duration", &[Any], |_, a| {
        let seconds = match arg::any(a, 0) {
            Value::Str(s) => leading_int(&s.to_string_lossy()),
            Value::Int64(seconds) => *seconds,
            _ => 0,
        };
        Ok(format_duration(Duration(seconds.wrapping_mul(1_000_000_000))).into())
    }));
    f.add(Function::new("durationRound", &[Any], |ctx, a| {
        let duration = match arg::any(a, 0) {
            Value::Str(s) => parse_duration(&s.to_string_lossy()).unwrap_or(Duration(0)),
            Value::Int64(ns) => Duration(*ns),
            value => value.downcast::<Time>().map_or(Duration(0), |then| now(ctx).since(then)),
        };
        Ok(Value::str(rounded(duration.0.unsigned_abs())))
    }));
}

const HTML: &[u8] = b"2006-01-02";

fn now(ctx: &Context) -> Time {
    Time::from_unix_ns(ctx.now_unix_ns())
}

fn time_of(args: &[Value], i: usize) -> Result<&Time> {
    arg::any(args, i).downcast::<Time>().ok_or_else(arg::nil_dereference)
}

/// What counts as an instant: a time, or seconds as a signed integer. Floats do not.
fn instant(value: &Value) -> Option<Time> {
    match value {
        Value::Int(seconds) | Value::Int64(seconds) => Some(Time::from_unix(*seconds)),
        _ => value.downcast::<Time>().cloned(),
    }
}

/// An instant by a layout in a zone; now where it is none, UTC where the zone is none.
fn shown(ctx: &Context, layout: &[u8], value: &Value, zone: &str) -> Value {
    let time = match value {
        Value::Int32(seconds) => Some(Time::from_unix((*seconds).into())),
        _ => instant(value),
    };
    let time = time.unwrap_or_else(|| now(ctx));
    time.in_zone(Zone::load(zone).unwrap_or_else(Zone::utc)).format(layout).into()
}

/// The largest unit that is exceeded, and how often it is.
fn rounded(ns: u64) -> String {
    const SECOND: u64 = 1_000_000_000;
    const DAY: u64 = 86_400 * SECOND;
    let units =
        [(365 * DAY, "y"), (30 * DAY, "mo"), (DAY, "d"), (3600 * SECOND, "h"), (60 * SECOND, "m"), (SECOND, "s")];
    let unit = units.iter().find(|(size, _)| ns > *size);
    unit.map_or("0s".to_owned(), |(size, name)| format!("{}{name}", ns / size))
}
