//! What a request asks for: its path and its query, read once and checked.
//!
//! *Invariant* (INV-API-4): a segment that decodes to something with a `/`, to `.` or `..`, or to
//! control characters leads nowhere; a path never means another scope than it spells.

use std::borrow::Cow;

use crate::status::{ApiError, Result};

/// The query, decoded, in order.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=b&c=d`.
    pub fn parse(text: &str) -> Query {
        let pairs = text.split('&').filter(|p| !p.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key, true).into_owned(), decode(value, true).into_owned())
        });
        Query(pairs.collect())
    }
    /// The first value of a name; empty where absent.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(k, _)| k == name).map_or("", |(_, v)| v)
    }
    /// All values of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(k, _)| k == name).map(|(_, v)| v.as_str())
    }
    /// A truth value as Go reads one; what is not readable is false.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), "1" | "t" | "T" | "true" | "TRUE" | "True")
    }
    /// A whole number; an error in Kubernetes' words where it is none.
    pub fn number(&self, name: &str) -> Result<Option<i64>> {
        match self.get(name) {
            "" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|_| ApiError::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))),
        }
    }
}

/// Percent-decodes; what is not valid stays as it is.
fn decode(text: &str, plus_is_space: bool) -> Cow<'_, str> {
    if !text.bytes().any(|b| b == b'%' || b == b'+') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = bytes.get(i + 1..i + 3).and_then(|h| u8::from_str_radix(std::str::from_utf8(h).ok()?, 16).ok());
        match (bytes[i], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                i += 2;
            }
            (b'+', _) if plus_is_space => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        i += 1;
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// No resource: `/healthz`, `/version`, `/openapi/v3`.
    Plain,
    /// `/api` or `/apis`.
    Root {
        /// `/api`: the core group's versions.
        core: bool,
    },
    /// `/apis/apps`
    Group(String),
    /// `/api/v1`, `/apis/apps/v1`
    Version {
        /// Empty for the core group.
        group: String,
        /// `v1`
        version: String,
    },
    /// A resource, an object or a subresource.
    Resource(ResourcePath),
}

/// `/apis/GROUP/VERSION/namespaces/NAMESPACE/RESOURCE/NAME/SUBRESOURCE`
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ResourcePath {
    /// Empty for the core group.
    pub group: String,
    /// `v1`
    pub version: String,
    /// Empty where the path names none.
    pub namespace: String,
    /// `deployments`
    pub resource: String,
    /// Empty for the collection.
    pub name: String,
    /// Empty for the object itself; `proxy/a/b` where more follows.
    pub subresource: String,
}

impl Target {
    /// Reads a path as sent; `None` where it can lead nowhere.
    pub fn parse(path: &str) -> Option<Target> {
        let mut segments = Vec::with_capacity(8);
        for raw in path.trim_end_matches('/').split('/').skip(1) {
            let segment = decode(raw, false);
            let foreign = segment.is_empty() || matches!(&*segment, "." | "..");
            if foreign || segment.chars().any(|c| c == '/' || c == '\\' || c.is_control()) {
                return None;
            }
            segments.push(segment);
        }
        let texts: Vec<&str> = segments.iter().map(|s| &**s).collect();
        Some(match texts.as_slice() {
            ["api"] => Target::Root { core: true },
            ["apis"] => Target::Root { core: false },
            ["apis", group] => Target::Group((*group).into()),
            ["api", version] => Target::Version { group: String::new(), version: (*version).into() },
            ["apis", group, version] => Target::Version { group: (*group).into(), version: (*version).into() },
            ["api", version, rest @ ..] => Target::Resource(ResourcePath::read("", version, rest)),
            ["apis", group, version, rest @ ..] => Target::Resource(ResourcePath::read(group, version, rest)),
            _ => Target::Plain,
        })
    }
}

impl ResourcePath {
    fn read(group: &str, version: &str, rest: &[&str]) -> ResourcePath {
        let mut path = ResourcePath { group: group.into(), version: version.into(), ..ResourcePath::default() };
        let rest = match rest {
            // The namespace's own subresources are spelled like resources in it.
            ["namespaces", _, "status" | "finalize"] if group.is_empty() => rest,
            ["namespaces", namespace, inner @ ..] if !inner.is_empty() => {
                path.namespace = (*namespace).into();
                inner
            }
            _ => rest,
        };
        let mut rest = rest.iter();
        let mut next = || rest.next().copied().unwrap_or_default().to_owned();
        (path.resource, path.name, path.subresource) = (next(), next(), next());
        for more in rest {
            path.subresource.push('/');
            path.subresource.push_str(more);
        }
        path
    }
}

#[cfg(test)]
mod tests;
