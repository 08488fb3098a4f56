//! `os.time` and `os.date` of a given present, in UTC.
//!
//! Compat(argo 3.5): the formats are those of Argo CD's reduced `os`; a letter that it does not
//! know stays as it is written.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use mlua::{Lua, Result, Table, Value};

pub(super) fn install(lua: &Lua, os: &Table, now_s: i64) -> Result<()> {
    os.set("time", lua.create_function(move |_, table: Option<Table>| time(now_s, table))?)?;
    os.set(
        "date",
        lua.create_function(move |lua, (format, at): (Option<String>, Option<f64>)| {
            let at = at.map_or(now_s, |at| at as i64);
            date(lua, format.as_deref().unwrap_or("%c"), at)
        })?,
    )
}

fn civil(seconds: i64) -> Result<DateTime> {
    let at = Timestamp::from_second(seconds).map_err(|e| mlua::Error::RuntimeError(e.to_string()))?;
    Ok(at.to_zoned(TimeZone::UTC).datetime())
}

/// A field of a date, or what stands for it where it is absent.
fn field(table: &Table, name: &str, absent: i64) -> Result<i64> {
    Ok(table.raw_get::<Option<f64>>(name).ok().flatten().map_or(absent, |n| n as i64))
}

fn time(now_s: i64, table: Option<Table>) -> Result<f64> {
    let Some(table) = table else { return Ok(now_s as f64) };
    let (year, month) = (field(&table, "year", -1)?, field(&table, "month", -1)?);
    // Fields beyond their range carry over, as Go's time.Date has it.
    let months = year.saturating_mul(12).saturating_add(month - 1);
    let first = DateTime::new(
        i16::try_from(months.div_euclid(12)).unwrap_or(0),
        i8::try_from(months.rem_euclid(12) + 1).unwrap_or(1),
        1,
        0,
        0,
        0,
        0,
    );
    let first = first.and_then(|d| d.to_zoned(TimeZone::UTC)).map_err(|e| mlua::Error::RuntimeError(e.to_string()))?;
    let days = field(&table, "day", -1)?.saturating_sub(1);
    let hours = days.saturating_mul(24).saturating_add(field(&table, "hour", 12)?);
    let minutes = hours.saturating_mul(60).saturating_add(field(&table, "min", 0)?);
    let seconds = minutes.saturating_mul(60).saturating_add(field(&table, "sec", 0)?);
    Ok(first.timestamp().as_second().saturating_add(seconds) as f64)
}

fn date(lua: &Lua, format: &str, at: i64) -> Result<Value> {
    let format = format.strip_prefix('!').unwrap_or(format);
    let now = civil(at)?;
    if format.starts_with("*t") {
        let table = lua.create_table()?;
        for (name, value) in [
            ("year", i64::from(now.year())),
            ("month", now.month().into()),
            ("day", now.day().into()),
            ("hour", now.hour().into()),
            ("min", now.minute().into()),
            ("sec", now.second().into()),
            ("wday", i64::from(now.weekday().to_sunday_zero_offset()) + 1),
            ("yday", 0),
        ] {
            table.set(name, value as f64)?;
        }
        table.set("isdst", false)?;
        return Ok(Value::Table(table));
    }
    Ok(Value::String(lua.create_string(formatted(format, now))?))
}

fn formatted(format: &str, at: DateTime) -> String {
    let mut out = String::new();
    let mut letters = format.chars();
    while let Some(c) = letters.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let Some(letter) = letters.next() else {
            out.push('%');
            break;
        };
        let known = match letter {
            'a' => "%a",
            'A' => "%A",
            'b' => "%b",
            'B' => "%B",
            'c' => "%d %b %y %H:%M UTC",
            'd' => "%d",
            'F' => "%Y-%m-%d",
            'H' => "%H",
            'I' => "%I",
            'm' => "%m",
            'M' => "%M",
            'p' => "%p",
            'P' => "%P",
            'S' => "%S",
            'x' => "%H/%M/%S",
            'X' => "%H:%M:%S",
            'y' => "%y",
            'Y' => "%Y",
            'z' => "+0000",
            'Z' => "UTC",
            'w' => "%w",
            other => {
                out.push('%');
                out.push(other);
                continue;
            }
        };
        out.push_str(&at.strftime(known).to_string());
    }
    out
}
