//! Host keys that are believed: the lines of a `known_hosts` file.
//!
//! There is no trust on first use (INV-NET-6): a host that no line names is refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// What a `known_hosts` file says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A line names this host with this key.
    Known,
    /// Lines name this host, with other keys.
    Mismatch,
    /// No line names this host.
    Unknown,
    /// A line revokes this key.
    Revoked,
}

/// Whether `key` (in SSH's binary form) is the one of `host`.
pub(crate) fn check(file: &str, host: &str, port: u16, key: &[u8]) -> Verdict {
    let mut named = false;
    let mut known = false;
    for line in file.lines().filter_map(parse) {
        let same_key = line.key == key;
        if line.marker == Some("@revoked") {
            if same_key {
                return Verdict::Revoked;
            }
        } else if line.marker.is_none() && line.names(host, port) {
            named = true;
            known |= same_key;
        }
    }
    match (known, named) {
        (true, _) => Verdict::Known,
        (false, true) => Verdict::Mismatch,
        (false, false) => Verdict::Unknown,
    }
}

/// The key types that the file has for a host, in its order; asking the server for one of these
/// avoids a mismatch with a key of another type.
pub(crate) fn key_types(file: &str, host: &str, port: u16) -> Vec<String> {
    let mut types = Vec::new();
    for line in file.lines().filter_map(parse) {
        if line.marker.is_none() && line.names(host, port) && !types.iter().any(|t| t == line.key_type) {
            types.push(line.key_type.to_owned());
        }
    }
    types
}

struct Line<'a> {
    marker: Option<&'a str>,
    hosts: &'a str,
    key_type: &'a str,
    key: Vec<u8>,
}

fn parse(line: &str) -> Option<Line<'_>> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    let mut words = line.split_whitespace();
    let mut hosts = words.next()?;
    let mut marker = None;
    if hosts.starts_with('@') {
        marker = Some(hosts);
        hosts = words.next()?;
    }
    let key_type = words.next()?;
    let key = STANDARD.decode(words.next()?).ok()?;
    Some(Line { marker, hosts, key_type, key })
}

impl Line<'_> {
    fn names(&self, host: &str, port: u16) -> bool {
        let full = if port == 22 { host.to_owned() } else { format!("[{host}]:{port}") };
        let mut named = false;
        for pattern in self.hosts.split(',') {
            let (negated, pattern) = pattern.strip_prefix('!').map_or((false, pattern), |p| (true, p));
            let matches = match pattern.strip_prefix("|1|") {
                Some(hashed) => matches_hash(hashed, &full),
                None => matches_pattern(pattern, &full) || (port == 22 && pattern == format!("[{host}]:22")),
            };
            if matches && negated {
                return false;
            }
            named |= matches;
        }
        named
    }
}

fn matches_hash(hashed: &str, host: &str) -> bool {
    let Some((salt, hash)) = hashed.split_once('|') else { return false };
    let (Ok(salt), Ok(hash)) = (STANDARD.decode(salt), STANDARD.decode(hash)) else { return false };
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&salt) else { return false };
    mac.update(host.as_bytes());
    mac.verify_slice(&hash).is_ok()
}

/// `*` and `?`, over the whole name.
fn matches_pattern(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (pattern.to_ascii_lowercase().into_bytes(), host.as_bytes());
    let (mut p, mut h) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while h < host.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, h));
                p += 1;
            }
            Some(&c) if c == b'?' || c == host[h] => (p, h) = (p + 1, h + 1),
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    (p, h) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests;
