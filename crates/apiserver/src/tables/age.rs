//! Durations as kubectl shows them.

use crate::builtin::times;

/// `5s`, `3m12s`, `47h`, `3d4h`: two units at most, coarser with age.
pub fn human_duration(seconds: i64) -> String {
    let pair = |a: i64, x: &str, b: i64, y: &str| if b == 0 { format!("{a}{x}") } else { format!("{a}{x}{b}{y}") };
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match seconds {
        i64::MIN..=-2 => "<invalid>".into(),
        -1 => "0s".into(),
        _ if seconds < 120 => format!("{seconds}s"),
        _ if minutes < 10 => pair(minutes, "m", seconds % 60, "s"),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => pair(hours, "h", minutes % 60, "m"),
        _ if hours < 48 => format!("{hours}h"),
        _ if hours < 24 * 8 => pair(hours / 24, "d", hours % 24, "h"),
        _ if hours < 24 * 365 * 2 => format!("{}d", hours / 24),
        _ if hours < 24 * 365 * 8 => pair(hours / 24 / 365, "y", hours / 24 % 365, "d"),
        _ => format!("{}y", hours / 24 / 365),
    }
}

/// How long ago an RFC 3339 time was; `<unknown>` where there is none.
pub(crate) fn since(time: Option<&str>, now_s: i64) -> String {
    match time.and_then(|t| times::parse(t).ok()) {
        Some(at) => human_duration(now_s - at.as_second()),
        None => "<unknown>".into(),
    }
}

/// The seconds between two RFC 3339 times.
pub(crate) fn between(from: &str, to: &str) -> Option<i64> {
    Some(times::parse(to).ok()?.as_second() - times::parse(from).ok()?.as_second())
}
