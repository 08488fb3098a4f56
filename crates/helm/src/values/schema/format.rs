//! Formats of strings, asserted up to draft 7. Unknown formats accept everything.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether a text has a format; the error says what is wrong.
pub(super) fn check(name: &str, text: &str) -> Result<(), &'static str> {
    match name {
        "ipv4" => ipv4(text),
        "ipv6" => ipv6(text),
        "hostname" => hostname(text),
        "email" => email(text),
        "date" => date(text),
        "time" => time(text),
        "date-time" => match text.split_at_checked(10) {
            Some((day, rest)) if rest.starts_with(['T', 't']) => date(day).and(time(&rest[1..])),
            _ => Err("11th character must be t or T"),
        },
        "uri" | "iri" => uri(text, false),
        "uri-reference" | "iri-reference" => uri(text, true),
        "uuid" => uuid(text),
        "json-pointer" => json_pointer(text),
        "regex" => regex::Regex::new(text).map(|_| ()).map_err(|_| "error parsing regexp"),
        _ => Ok(()),
    }
}

fn holds(condition: bool, why: &'static str) -> Result<(), &'static str> {
    if condition { Ok(()) } else { Err(why) }
}

fn ipv4(text: &str) -> Result<(), &'static str> {
    holds(text.split('.').count() == 4, "expected four decimals")?;
    let has_zeros = |part: &str| part.len() > 1 && part.starts_with('0');
    holds(!text.split('.').any(has_zeros), "leading zeros")?;
    text.parse::<Ipv4Addr>().map(|_| ()).map_err(|_| "decimal must be between 0 and 255")
}

fn ipv6(text: &str) -> Result<(), &'static str> {
    holds(text.contains(':'), "missing colon")?;
    holds(!text.contains('%'), "zone id is not a part of ipv6 address")?;
    text.parse::<Ipv6Addr>().map(|_| ()).map_err(|_| "unable to parse IP")
}

fn hostname(text: &str) -> Result<(), &'static str> {
    let text = text.strip_suffix('.').unwrap_or(text);
    holds(text.len() <= 253, "more than 253 characters long")?;
    for label in text.split('.') {
        holds((1..=63).contains(&label.len()), "label must be 1 to 63 characters long")?;
        holds(!label.starts_with('-'), "label starts with hyphen")?;
        holds(!label.ends_with('-'), "label ends with hyphen")?;
        holds(label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "invalid character")?;
    }
    Ok(())
}

fn email(text: &str) -> Result<(), &'static str> {
    holds(text.len() <= 254, "more than 255 characters long")?;
    let (local, domain) = text.rsplit_once('@').ok_or("missing @")?;
    holds(local.len() <= 64, "local part more than 64 characters long")?;
    if !(local.len() > 1 && local.starts_with('"') && local.ends_with('"')) {
        holds(!local.starts_with('.'), "starts with dot")?;
        holds(!local.ends_with('.'), "ends with dot")?;
        holds(!local.contains(".."), "consecutive dots")?;
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c);
        holds(local.chars().all(is_allowed), "invalid character")?;
    }
    if let Some(address) = domain.strip_prefix('[').and_then(|d| d.strip_suffix(']')) {
        return match address.strip_prefix("IPv6:") {
            Some(address) => ipv6(address),
            None => ipv4(address),
        };
    }
    hostname(domain)
}

fn date(text: &str) -> Result<(), &'static str> {
    let is_formed = text.len() == 10 && text.is_ascii();
    holds(is_formed && text.parse::<jiff::civil::Date>().is_ok(), "invalid date")
}

fn time(text: &str) -> Result<(), &'static str> {
    holds(text.len() >= 9 && text.is_ascii(), "less than 9 characters long")?;
    let two = |at: usize| text.get(at..at + 2).and_then(|d| d.parse::<u8>().ok());
    let colons = text.as_bytes()[2] == b':' && text.as_bytes()[5] == b':';
    holds(colons, "missing colon in correct place")?;
    let (hour, minute, second) = (two(0), two(3), two(6));
    holds(hour.is_some() && minute.is_some() && second.is_some(), "invalid hour/min/sec")?;
    let in_range = hour < Some(24) && minute < Some(60) && second < Some(61);
    holds(in_range, "hour/min/sec out of range")?;
    let mut rest = &text[8..];
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        holds(rest.len() < fraction.len(), "no digits in second fraction")?;
    }
    if rest.eq_ignore_ascii_case("z") {
        return Ok(());
    }
    holds(rest.len() == 6, "offset must be 6 characters long")?;
    holds(rest.starts_with(['+', '-']), "offset must begin with plus/minus")?;
    holds(rest.as_bytes()[3] == b':', "missing colon in offset in correct place")?;
    let (hour, minute) = (rest[1..3].parse::<u8>(), rest[4..6].parse::<u8>());
    let in_range = hour.is_ok_and(|h| h < 24) && minute.is_ok_and(|m| m < 60);
    holds(in_range, "hour/min in offset out of range")
}

fn uri(text: &str, may_be_relative: bool) -> Result<(), &'static str> {
    holds(!text.contains('\\'), "contains \\")?;
    holds(!text.chars().any(|c| c.is_ascii_control() || c == ' '), "invalid character in URL")?;
    let is_scheme = |s: &str| {
        s.starts_with(|c: char| c.is_ascii_alphabetic())
            && s.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    let is_absolute = text.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme));
    holds(may_be_relative || is_absolute, "relative url")
}

fn uuid(text: &str) -> Result<(), &'static str> {
    let groups: Vec<&str> = text.split('-').collect();
    holds(groups.len() == 5, "must have 5 elements")?;
    let lengths = [8, 4, 4, 4, 12];
    holds(groups.iter().zip(lengths).all(|(g, n)| g.len() == n), "element has the wrong length")?;
    holds(groups.iter().all(|g| g.chars().all(|c| c.is_ascii_hexdigit())), "non-hex character")
}

fn json_pointer(text: &str) -> Result<(), &'static str> {
    holds(text.is_empty() || text.starts_with('/'), "not starting with /")?;
    let is_escape = |rest: &str| rest.starts_with(['0', '1']);
    holds(text.split('~').skip(1).all(is_escape), "~ must be followed by 0 or 1")
}
