//! Times as Go's `time.Parse` takes them from YAML's four layouts, written as RFC 3339.
//!
//! `2001-12-14`, `2001-12-14T21:59:43.10-05:00`, the same with a small `t`, and
//! `2001-12-14 21:59:43.10`, which is UTC. One digit suffices everywhere but in year and zone.

/// Gives the RFC 3339 text of a time; nothing where the text is none.
pub(super) fn parse(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    // All layouts start with a year of four digits and a dash.
    if bytes.len() < 8 || bytes[4] != b'-' || !bytes[..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let year: u32 = text[..4].parse().ok()?;
    let mut rest = &bytes[5..];
    let month = number(&mut rest)?;
    take(&mut rest, b'-')?;
    let day = number(&mut rest)?;
    if !(1..=12).contains(&month) || day < 1 || day > days(year, month) {
        return None;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    let zoned = match rest.first() {
        None => return Some(date + "T00:00:00Z"),
        Some(b'T' | b't') => {
            rest = &rest[1..];
            true
        }
        Some(b' ') => {
            let spaces = rest.iter().take_while(|b| **b == b' ').count();
            rest = &rest[spaces..];
            false
        }
        Some(_) => return None,
    };
    let hour = number(&mut rest)?;
    take(&mut rest, b':')?;
    let minute = number(&mut rest)?;
    take(&mut rest, b':')?;
    let second = number(&mut rest)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction = fraction(&mut rest);
    let zone = match (zoned, rest) {
        (false, []) | (true, b"Z") => String::from("Z"),
        (true, zone) => offset(zone)?,
        (false, _) => return None,
    };
    Some(format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"))
}

/// One or two digits.
fn number(rest: &mut &[u8]) -> Option<u32> {
    let value = match **rest {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', ref tail @ ..] => {
            *rest = tail;
            u32::from(a - b'0') * 10 + u32::from(b - b'0')
        }
        [a @ b'0'..=b'9', ref tail @ ..] => {
            *rest = tail;
            u32::from(a - b'0')
        }
        _ => return None,
    };
    Some(value)
}

fn take(rest: &mut &[u8], byte: u8) -> Option<()> {
    *rest = rest.strip_prefix(&[byte])?;
    Some(())
}

/// A point or comma and digits; nine of them count, zeros at the end are not written.
fn fraction(rest: &mut &[u8]) -> String {
    let [b'.' | b',', tail @ ..] = *rest else { return String::new() };
    let count = tail.iter().take_while(|b| b.is_ascii_digit()).count();
    if count == 0 {
        return String::new();
    }
    *rest = &tail[count..];
    let digits = String::from_utf8_lossy(&tail[..count.min(9)]).into_owned();
    match digits.trim_end_matches('0') {
        "" => String::new(),
        digits => format!(".{digits}"),
    }
}

/// `+hh:mm` or `-hh:mm`; no difference to UTC is written `Z`.
fn offset(zone: &[u8]) -> Option<String> {
    let [b'+' | b'-', h1, h2, b':', m1, m2] = zone else { return None };
    if ![h1, h2, m1, m2].iter().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let two = |a: &u8, b: &u8| (a - b'0') * 10 + (b - b'0');
    if two(h1, h2) > 24 || two(m1, m2) > 60 {
        return None;
    }
    match &zone[1..] {
        b"00:00" => Some(String::from("Z")),
        _ => Some(String::from_utf8_lossy(zone).into_owned()),
    }
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
