//! The formats of text that Kubernetes checks in custom resources.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;

use regex::Regex;

use crate::node::Format;

/// A format's name, and whether text has it.
type Check = (&'static str, fn(&str) -> bool);

const FORMATS: [Check; 17] = [
    ("uri", is_uri),
    ("email", is_email),
    ("hostname", |s| s.len() <= 255 && matches(HOSTNAME, s) && s.split('.').all(|p| p.len() <= 63)),
    ("ipv4", |s| s.parse::<Ipv4Addr>().is_ok()),
    ("ipv6", |s| s.parse::<Ipv6Addr>().is_ok()),
    ("cidr", is_cidr),
    ("mac", |s| matches(MAC, s)),
    ("uuid", |s| matches(UUID, s)),
    ("uuid3", |s| matches(UUID3, s)),
    ("uuid4", |s| matches(UUID4, s)),
    ("uuid5", |s| matches(UUID5, s)),
    ("date", |s| s.len() == 10 && crate::decode::is_time(&format!("{s}T00:00:00Z"))),
    ("duration", |s| belay_expr::parse_duration(s).is_some()),
    ("hexcolor", |s| matches(HEX_COLOR, s)),
    ("ssn", |s| matches(SSN, s)),
    ("k8s-short-name", |s| s.len() <= 63 && matches(SHORT_NAME, s)),
    ("k8s-long-name", |s| s.len() <= 253 && matches(LONG_NAME, s)),
];

const HOSTNAME: &str = r"^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$";
const MAC: &str = r"^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$|^([0-9A-Fa-f]{2}[:-]){7}[0-9A-Fa-f]{2}$|^([0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}$";
const UUID: &str = r"(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$";
const UUID3: &str = r"(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$";
const UUID4: &str = r"(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$";
const UUID5: &str = r"(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$";
const HEX_COLOR: &str = r"^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$";
const SSN: &str = r"^\d{3}[- ]?\d{2}[- ]?\d{4}$";
const SHORT_NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
const LONG_NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

fn matches(pattern: &'static str, text: &str) -> bool {
    static COMPILED: OnceLock<Vec<(&'static str, Regex)>> = OnceLock::new();
    let compiled = COMPILED.get_or_init(|| {
        [HOSTNAME, MAC, UUID, UUID3, UUID4, UUID5, HEX_COLOR, SSN, SHORT_NAME, LONG_NAME]
            .into_iter()
            .filter_map(|p| Some((p, Regex::new(p).ok()?)))
            .collect()
    });
    compiled.iter().find(|(p, _)| *p == pattern).is_none_or(|(_, regex)| regex.is_match(text))
}

/// The format of this name; `None` where it is not checked.
pub(crate) fn find(name: &str) -> Format {
    match name {
        "byte" => return Format::Byte,
        "date-time" | "datetime" => return Format::DateTime,
        _ => {}
    }
    let at = FORMATS.iter().position(|(known, _)| *known == name || known.replace('-', "") == name.replace('-', ""));
    at.and_then(|i| u8::try_from(i).ok()).map_or(Format::None, Format::Checked)
}

/// The name of a checked format.
pub(crate) fn name(format: Format) -> &'static str {
    match format {
        Format::Checked(i) => FORMATS.get(usize::from(i)).map_or("", |(name, _)| name),
        Format::Byte => "byte",
        Format::DateTime => "date-time",
        Format::None | Format::Int32 | Format::Int64 => "",
    }
}

/// The name of the format that text does not have; `None` where it has it.
pub(super) fn violated(format: Format, text: &str) -> Option<&'static str> {
    let holds = match format {
        Format::Checked(i) => FORMATS.get(usize::from(i)).is_none_or(|(_, check)| check(text)),
        Format::Byte => crate::decode::is_base64(text),
        Format::DateTime => crate::decode::is_time(text),
        Format::None | Format::Int32 | Format::Int64 => true,
    };
    (!holds).then(|| name(format))
}

fn is_uri(text: &str) -> bool {
    if text.is_empty() || text.bytes().any(|b| b <= b' ' || b == 0x7f) {
        return false;
    }
    let scheme = text.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
            && rest.starts_with('/')
    });
    scheme || text.starts_with('/')
}

fn is_email(text: &str) -> bool {
    let address = match (text.rfind('<'), text.ends_with('>')) {
        (Some(at), true) => &text[at + 1..text.len() - 1],
        _ => text,
    };
    address.rsplit_once('@').is_some_and(|(local, domain)| {
        let plain = |s: &str| {
            !s.is_empty()
                && !s.starts_with('.')
                && !s.ends_with('.')
                && !s.contains([' ', ',', ';', '<', '>', '(', ')'])
        };
        plain(local) && plain(domain) && !local.contains('@')
    })
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let most = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u8>().is_ok_and(|n| n <= most) && (bits == "0" || !bits.starts_with(['0', '+']))
}
