//! Sprig 3.3: its 211 functions with their Go signatures, results and error texts.
//!
//! Nothing here reaches outside: `env`, `expandenv` and `getHostByName` give empty texts, the
//! clock and randomness are the [`Context`](crate::Context)'s, the time zone is UTC and zones are
//! those of the database that is built in. What Go answers with a panic is an error of the same
//! text. Functions whose result can be much larger than their arguments charge the context first.
//!
//! What differs from Sprig, besides: keys of DSA are refused; `sortAlpha` sorts a copy where Go
//! sorts a `[]string` in place; `slice` ends at a list's length, not at its capacity; the copy of a
//! version by `deepCopy` is not 0.0.0; keys and values are in the order of the keys; what is wrong
//! within the DER of a key is told in fewer words; zones are those of a newer database.
//!
//! Each module holds the functions of one subject and registers them; `arg` reads arguments,
//! `unicode` is Go's view of text, `cast` its conversions of numbers.

mod arg;
mod cast;
mod certificates;
mod crypto;
mod dates;
mod decimal;
mod dicts;
mod encoding;
pub mod json;
mod lists;
mod logic;
mod merge;
mod numbers;
mod paths;
mod random;
mod regex;
mod semver;
mod strings;
mod time;
mod unicode;
mod url;

use crate::function::Functions;
use crate::value::Value;

/// A `time.Time` of nanoseconds since 1970, in UTC.
pub fn time_value(unix_ns: i128) -> Value {
    Value::object(time::Time::from_unix_ns(unix_ns))
}

/// A `time.Duration` of nanoseconds.
pub fn duration_value(ns: i64) -> Value {
    Value::object(time::Duration(ns))
}

/// A `time.Time` from a text in one of Go's layouts.
pub fn parse_time(layout: &str, text: &str) -> Result<Value, crate::Error> {
    time::parse(layout, text).map(Value::object).map_err(crate::Error::new)
}

/// A time, in UTC, in one of Go's layouts.
pub fn format_time(unix_ns: i128, layout: &str) -> String {
    crate::lossy(&time::Time::from_unix_ns(unix_ns).format(layout.as_bytes())).into_owned()
}

/// Adds Sprig's functions.
pub fn register(functions: &mut Functions) {
    let tables: [fn(&mut Functions); 14] = [
        strings::register,
        strings::register_words,
        numbers::register,
        lists::register,
        dicts::register,
        logic::register,
        json::register,
        encoding::register,
        random::register,
        dates::register,
        regex::register,
        paths::register,
        crypto::register,
        certificates::register,
    ];
    for register in tables {
        register(functions);
    }
    url::register(functions);
    semver::register(functions);
}

#[cfg(test)]
mod tests;
