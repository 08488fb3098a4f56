//! Durations as Go reads them, with what Go says of those that it cannot read.

use belay_object::GoDuration;

/// Reads one of Go's `time.ParseDuration`, in nanoseconds; the error is Go's text.
pub fn parse_go_duration(text: &str) -> Result<i64, String> {
    GoDuration::parse(text).map(GoDuration::as_nanos).ok_or_else(|| why(text))
}

/// What is wrong: the first number without a unit, or the first unit that is none.
fn why(text: &str) -> String {
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    while rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        let tail = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        if rest.len() == tail.len() + 1 && rest.starts_with('.') {
            break;
        }
        let (unit, after) = tail.split_at(tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len()));
        match unit {
            "" => return format!("time: missing unit in duration {text:?}"),
            "ns" | "us" | "\u{b5}s" | "\u{3bc}s" | "ms" | "s" | "m" | "h" => rest = after,
            other => return format!("time: unknown unit {other:?} in duration {text:?}"),
        }
    }
    format!("time: invalid duration {text:?}")
}
