//! `urlParse` and `urlJoin` by Go's `net/url`.

mod escape;

use super::arg::{self, Result};
use crate::error::Error;
use crate::fmt;
use crate::function::{Function, Functions, Param};
use crate::value::{Map, Str, Type, Value};
use Param::{Map as Dict, String as Text};
use escape::{Part, escape, unescape};

pub(super) fn register(f: &mut Functions) {
    f.add(Function::new("urlParse", &[Text], |_, a| {
        let url = parse(arg::str(a, 0)).map_err(|error| Error::new(format!("unable to parse url: {error}")))?;
        let userinfo = url.user.as_ref().map(User::text).unwrap_or_default();
        let hostname = hostname(&url.host).to_vec();
        let entries = [
            ("scheme", url.scheme),
            ("host", url.host),
            ("hostname", hostname),
            ("path", url.path),
            ("query", url.query),
            ("opaque", url.opaque),
            ("fragment", url.fragment),
            ("userinfo", userinfo),
        ];
        Ok(Map::from_entries(Type::MAP, entries.map(|(key, value)| (key, Value::from(value)))).into())
    }));
    f.add(Function::new("urlJoin", &[Dict], |_, a| {
        let parts = arg::map(a, 0);
        let part = |key: &str| text_of(&parts, key);
        let mut url = Url {
            scheme: part("scheme")?.to_vec(),
            host: part("host")?.to_vec(),
            path: part("path")?.to_vec(),
            query: part("query")?.to_vec(),
            opaque: part("opaque")?.to_vec(),
            fragment: part("fragment")?.to_vec(),
            user: None,
        };
        let userinfo = part("userinfo")?;
        if !userinfo.is_empty() {
            let read = parse(&[b"proto://", &*userinfo, b"@host"].concat());
            url.user = read.map_err(|error| Error::new(format!("unable to parse userinfo in dict: {error}")))?.user;
        }
        Ok(url.text().into())
    }));
}

fn text_of(map: &Map, key: &str) -> Result<Str> {
    match map.get(key.as_bytes()) {
        None => Ok(Str::default()),
        Some(Value::Str(s)) => Ok(s),
        Some(Value::Nil) => Err(arg::nil_dereference()),
        Some(value) => {
            let kind = value.kind().name();
            Err(Error::new(format!("unable to parse {key} key, must be of type string, but {kind} found")))
        }
    }
}

#[derive(Default)]
struct Url {
    scheme: Vec<u8>,
    opaque: Vec<u8>,
    user: Option<User>,
    host: Vec<u8>,
    path: Vec<u8>,
    query: Vec<u8>,
    fragment: Vec<u8>,
}

struct User {
    name: Vec<u8>,
    password: Option<Vec<u8>>,
}

impl User {
    fn text(&self) -> Vec<u8> {
        let mut out = escape(&self.name, Part::User);
        if let Some(password) = &self.password {
            out.push(b':');
            out.extend(escape(password, Part::User));
        }
        out
    }
}

impl Url {
    fn text(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.scheme.is_empty() {
            out.extend_from_slice(&self.scheme);
            out.push(b':');
        }
        if !self.opaque.is_empty() {
            out.extend_from_slice(&self.opaque);
        } else {
            let has_authority = !self.host.is_empty() || self.user.is_some();
            if has_authority || !self.scheme.is_empty() && !self.path.is_empty() {
                out.extend_from_slice(b"//");
            }
            if let Some(user) = &self.user {
                out.extend(user.text());
                out.push(b'@');
            }
            out.extend(escape(&self.host, Part::Host));
            let path = if self.path == b"*" { b"*".to_vec() } else { escape(&self.path, Part::Path) };
            if !path.is_empty() && path[0] != b'/' && !self.host.is_empty() {
                out.push(b'/');
            }
            let first_segment = path.split(|b| *b == b'/').next().unwrap_or_default();
            // It would be taken for a scheme.
            if out.is_empty() && first_segment.contains(&b':') {
                out.extend_from_slice(b"./");
            }
            out.extend(path);
        }
        for (mark, part) in [(b'?', self.query.clone()), (b'#', escape(&self.fragment, Part::Fragment))] {
            if !part.is_empty() {
                out.push(mark);
                out.extend(part);
            }
        }
        out
    }
}

/// `s` at the first `mark`.
fn cut(s: &[u8], mark: u8) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(mark, s) {
        Some(at) => (&s[..at], Some(&s[at + 1..])),
        None => (s, None),
    }
}

/// Reads a URL. The error is Go's text.
fn parse(text: &[u8]) -> std::result::Result<Url, String> {
    let (before, fragment) = cut(text, b'#');
    let told = |of: &[u8], error: String| format!("parse {}: {error}", fmt::quote(of));
    let mut url = parse_parts(before).map_err(|error| told(before, error))?;
    if let Some(fragment) = fragment.filter(|f| !f.is_empty()) {
        url.fragment = unescape(fragment, Part::Fragment).map_err(|error| told(text, error))?;
    }
    Ok(url)
}

fn parse_parts(text: &[u8]) -> std::result::Result<Url, String> {
    if text.iter().any(|b| *b < b' ' || *b == 0x7f) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    let mut url = Url::default();
    if text == b"*" {
        url.path = b"*".to_vec();
        return Ok(url);
    }
    let (scheme, rest) = scheme(text)?;
    url.scheme = scheme.to_ascii_lowercase();
    let (rest, query) = cut(rest, b'?');
    url.query = query.unwrap_or_default().to_vec();
    let mut path = rest;
    if !rest.starts_with(b"/") {
        if !url.scheme.is_empty() {
            url.opaque = rest.to_vec();
            return Ok(url);
        }
        if cut(rest, b'/').0.contains(&b':') {
            return Err("first path segment in URL cannot contain colon".to_owned());
        }
    }
    if let Some(rest) = rest.strip_prefix(b"//")
        && (!url.scheme.is_empty() || !rest.starts_with(b"/"))
    {
        let (authority, after) = rest.split_at(memchr::memchr(b'/', rest).unwrap_or(rest.len()));
        (url.user, url.host) = parse_authority(&url.scheme, authority)?;
        path = after;
    }
    url.path = unescape(path, Part::Path)?;
    Ok(url)
}

/// The scheme and what follows it; none where a character comes first that no scheme has.
fn scheme(text: &[u8]) -> std::result::Result<(&[u8], &[u8]), String> {
    for (i, b) in text.iter().enumerate() {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if i > 0 => {}
            b':' if i == 0 => return Err("missing protocol scheme".to_owned()),
            b':' => return Ok((&text[..i], &text[i + 1..])),
            _ => break,
        }
    }
    Ok((b"", text))
}

type Authority = (Option<User>, Vec<u8>);

fn parse_authority(scheme: &[u8], authority: &[u8]) -> std::result::Result<Authority, String> {
    let Some(at) = memchr::memrchr(b'@', authority) else { return Ok((None, parse_host(scheme, authority)?)) };
    let host = parse_host(scheme, &authority[at + 1..])?;
    let userinfo = &authority[..at];
    if !userinfo.iter().all(|b| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(b)) {
        return Err("net/url: invalid userinfo".to_owned());
    }
    let (name, password) = cut(userinfo, b':');
    let name = unescape(name, Part::User)?;
    let password = password.map(|password| unescape(password, Part::User)).transpose()?;
    Ok((Some(User { name, password }), host))
}

fn parse_host(scheme: &[u8], host: &[u8]) -> std::result::Result<Vec<u8>, String> {
    let port = |port: &[u8]| {
        let text = fmt::quote(port);
        if is_port(port) { Ok(()) } else { Err(format!("invalid port {text} after host")) }
    };
    match memchr::memrchr(b'[', host) {
        Some(0) => {
            let end = memchr::memrchr(b']', host).ok_or("missing ']' in host")?;
            let after = &host[end + 1..];
            port(after)?;
            let inner = &host[1..end];
            let zone = memchr::memmem::find(inner, b"%25").unwrap_or(inner.len());
            let mut name = unescape(&inner[..zone], Part::Host)?;
            name.extend(unescape(&inner[zone..], Part::Zone)?);
            check_address(&String::from_utf8_lossy(&name))?;
            return Ok([b"[", name.as_slice(), b"]", after].concat());
        }
        Some(_) => return Err("invalid IP-literal".to_owned()),
        None => {}
    }
    if let (Some(first), Some(last)) = (memchr::memchr(b':', host), memchr::memrchr(b':', host)) {
        // Lists of hosts with ports are common but in the web's own schemes.
        let strict = matches!(scheme, b"http" | b"https");
        port(&host[if strict { first } else { last }..])?;
    }
    unescape(host, Part::Host)
}

/// Brackets hold addresses of version 6 only.
fn check_address(name: &str) -> std::result::Result<(), String> {
    let (address, zone) = name.split_once('%').map_or((name, None), |(address, zone)| (address, Some(zone)));
    if address.parse::<std::net::Ipv4Addr>().is_ok() && zone.is_none() {
        return Err("invalid IP-literal".to_owned());
    }
    match address.parse::<std::net::Ipv6Addr>() {
        Ok(_) if zone != Some("") => Ok(()),
        _ => Err(format!("invalid host: ParseAddr({}): unable to parse IP", fmt::quote_str(name))),
    }
}

fn is_port(s: &[u8]) -> bool {
    s.is_empty() || s[0] == b':' && s[1..].iter().all(u8::is_ascii_digit)
}

/// The host without its port and brackets.
fn hostname(host: &[u8]) -> &[u8] {
    let colon = memchr::memrchr(b':', host).filter(|at| is_port(&host[*at..]));
    let host = &host[..colon.unwrap_or(host.len())];
    host.strip_prefix(b"[").and_then(|h| h.strip_suffix(b"]")).unwrap_or(host)
}
