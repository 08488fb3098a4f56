//! Times as the API writes them: UTC, to the second or the microsecond.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Writes an instant as metav1.Time does.
pub fn seconds(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Writes an instant as metav1.MicroTime does.
pub fn micros(at: Timestamp) -> String {
    let micros = at.subsec_microsecond() + at.subsec_millisecond() * 1000;
    format!("{}.{micros:06}Z", at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S"))
}

/// Reads an RFC 3339 time; the error is Go's.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    let malformed =
        || format!("parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse {text:?} as \"2006\"");
    // jiff also reads other ISO 8601 forms, which Go refuses.
    let bytes = text.as_bytes();
    if bytes.len() < 20 || bytes[10] != b'T' || bytes[4] != b'-' || bytes[13] != b':' {
        return Err(malformed());
    }
    text.parse::<Timestamp>().map_err(|_| malformed())
}

/// Brings a time into metav1.Time's form.
pub fn canonical_seconds(text: &str) -> Result<String, String> {
    let bytes = text.as_bytes();
    if bytes.len() == 20 && bytes[19] == b'Z' {
        parse(text)?;
        return Ok(text.to_owned());
    }
    parse(text).map(seconds)
}

/// Brings a time into metav1.MicroTime's form.
pub fn canonical_micros(text: &str) -> Result<String, String> {
    parse(text).map(micros)
}
