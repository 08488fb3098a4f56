//! What can go wrong on the way out, in words that hold no credential.

use std::fmt;

/// A failed connection or exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// What code may branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is no usable URL.
    Url,
    /// A certificate, key or proxy address cannot be used.
    Config,
    /// The host is unknown, or nothing answers.
    Unreachable,
    /// The other side's certificate is not trusted, or the TLS handshake failed.
    Tls,
    /// A deadline passed.
    Timeout,
    /// The egress policy forbids the address.
    Forbidden,
    /// A redirect that is not followed.
    Redirect,
    /// More bytes than allowed.
    TooLarge,
    /// The exchange broke off.
    Protocol,
}

impl Error {
    /// A failure told in `message`, credentials taken out.
    pub fn new(kind: ErrorKind, message: impl AsRef<str>) -> Error {
        Error { kind, message: redact(message.as_ref()) }
    }

    /// What code may branch on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Error {
        let error = error.without_url();
        let chain = chain(&error);
        // Our resolver and redirect policy put their own error at the end of the chain.
        if let Some(own) = find_own(&error) {
            return own.clone();
        }
        let kind = if error.is_timeout() {
            ErrorKind::Timeout
        } else if error.is_redirect() {
            ErrorKind::Redirect
        } else if error.is_builder() {
            ErrorKind::Config
        } else if ["certificate", "tls", "handshake"].iter().any(|word| chain.to_lowercase().contains(word)) {
            ErrorKind::Tls
        } else if error.is_connect() {
            ErrorKind::Unreachable
        } else {
            ErrorKind::Protocol
        };
        // The outermost text only says that sending a request failed.
        let words = chain.split_once(": ").map_or(chain.as_str(), |(_, rest)| rest);
        let words = words.strip_prefix("client error (Connect): ").unwrap_or(words);
        Error::new(kind, if kind == ErrorKind::Timeout { "timed out" } else { words })
    }
}

fn find_own<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(own) = error.downcast_ref::<Error>() {
            return Some(own);
        }
        next = error.source();
    }
    None
}

/// The texts of an error and its causes, without those that only repeat the one before.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let part = error.to_string();
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        next = error.source();
    }
    text
}

/// Takes the userinfo out of every URL in a text, and the value out of every `Authorization`-like
/// header.
pub fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '?' | '#' | ')' | '>'));
        let authority = &after[..end.unwrap_or(after.len())];
        let host = authority.rfind('@').map_or(authority, |at| &authority[at + 1..]);
        if host.len() != authority.len() {
            out.push_str("***@");
        }
        out.push_str(host);
        rest = &after[authority.len()..];
    }
    out.push_str(rest);
    for word in ["Basic ", "Bearer ", "basic ", "bearer "] {
        let mut from = 0;
        while let Some(at) = out[from..].find(word) {
            let start = from + at + word.len();
            let end = out[start..].find(|c: char| c.is_whitespace() || c == '"').map_or(out.len(), |end| start + end);
            // Words of prose stay; what looks like a token goes.
            if end - start >= 8 {
                out.replace_range(start..end, "***");
            }
            from = start;
        }
    }
    out
}
