//! Addresses without their userinfo, and credentials that know whom they are for.

use crate::{Error, ErrorKind, Secret};
use serde::{Serialize, Serializer};
use std::fmt;

/// How a remote is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// SSH.
    Ssh,
    /// A folder on this machine; for the command line and tests.
    File,
}

impl Scheme {
    /// As in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Ssh => "ssh",
            Scheme::File => "file",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
            Scheme::Ssh => 22,
            Scheme::File => 0,
        }
    }
}

/// Whom a credential is for: scheme, host and port (INV-NET-2).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
}

/// User name and password that stood in a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserInfo {
    /// The user's name.
    pub user: String,
    /// The password, if there was one.
    pub password: Option<Secret<String>>,
}

/// An absolute URL of a remote. *Invariant*: holds no password and, but for SSH where it is part
/// of the address, no user name; it may be printed anywhere.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RemoteUrl {
    origin: Origin,
    /// SSH only.
    user: Option<String>,
    text: String,
    path: String,
}

impl RemoteUrl {
    /// Reads a URL; userinfo in it is dropped.
    pub fn parse(text: &str) -> Result<RemoteUrl, Error> {
        RemoteUrl::parse_with_userinfo(text).map(|(url, _)| url)
    }

    /// Reads a URL and gives apart what stood before the `@`.
    pub fn parse_with_userinfo(text: &str) -> Result<(RemoteUrl, Option<UserInfo>), Error> {
        // The text itself may hold a password, so no message shows it.
        let wrong = |why: &str| Error::new(ErrorKind::Url, format!("URL {:?} {why}", crate::redact(text)));
        if text.len() > 4096 {
            return Err(Error::new(ErrorKind::Url, "URL is longer than 4096 bytes"));
        }
        let mut url = reqwest::Url::parse(text).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            "ssh" => Scheme::Ssh,
            "file" => Scheme::File,
            other => return Err(wrong(&format!("has scheme {other:?}; expected http, https or ssh"))),
        };
        // An IPv6 address without its brackets.
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let host = host.to_ascii_lowercase();
        if host.is_empty() && scheme != Scheme::File {
            return Err(wrong("has no host"));
        }
        // A host or user that begins with a dash reads as an option wherever a command line is
        // made of it; nobody has one in earnest (INV-NET-6).
        if host.starts_with('-') || url.username().starts_with('-') {
            return Err(wrong("has a host or user that begins with '-'"));
        }
        let user = percent_decode(url.username());
        let password = url.password().map(percent_decode);
        url.set_password(None).ok();
        if scheme != Scheme::Ssh {
            url.set_username("").ok();
        }
        let origin = Origin { scheme, host, port: url.port().unwrap_or(scheme.default_port()) };
        let userinfo = (!user.is_empty() || password.is_some())
            .then(|| UserInfo { user: user.clone(), password: password.map(Secret::new) });
        let user = (scheme == Scheme::Ssh && !user.is_empty()).then_some(user);
        let path = percent_decode(url.path());
        Ok((RemoteUrl { origin, user, text: url.into(), path }, userinfo))
    }

    /// Whom a credential for this URL is for.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// How the remote is reached.
    pub fn scheme(&self) -> Scheme {
        self.origin.scheme
    }

    /// Host name or address, lower case; empty for a file.
    pub fn host(&self) -> &str {
        &self.origin.host
    }

    /// Port, the scheme's own if none is given.
    pub fn port(&self) -> u16 {
        self.origin.port
    }

    /// The user of an SSH URL.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The path, percent escapes decoded.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The whole URL, without a password.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL that `relative` means as seen from this one (`../other.git`), as Git resolves the
    /// URLs of submodules: this URL is a directory.
    pub fn join(&self, relative: &str) -> Result<RemoteUrl, Error> {
        if relative.contains("://") {
            return RemoteUrl::parse(relative);
        }
        let mut base = self.text.trim_end_matches('/').to_owned();
        base.push('/');
        let joined = reqwest::Url::parse(&base)
            .and_then(|base| base.join(relative))
            .map_err(|error| Error::new(ErrorKind::Url, format!("URL {relative:?} cannot be read: {error}")))?;
        RemoteUrl::parse(joined.as_str())
    }
}

impl Origin {
    /// How the remote is reached.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme.as_str(), self.host, self.port)
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for RemoteUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// A credential and the origin that it is for; it is given for no other (INV-NET-2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bound<T> {
    origin: Origin,
    value: T,
}

impl<T> Bound<T> {
    /// Binds `value` to the origin of `url`.
    pub fn new(url: &RemoteUrl, value: T) -> Bound<T> {
        Bound { origin: url.origin().clone(), value }
    }

    /// The value, if `url` is of the same scheme, host and port.
    pub fn for_url(&self, url: &RemoteUrl) -> Option<&T> {
        (self.origin == *url.origin()).then_some(&self.value)
    }
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = (byte == b'%').then(|| tail.get(..2)).flatten();
        let decoded = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(decoded.unwrap_or(byte));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
