//! Names: repositories, tags and digests, as people write them.
//!
//! Compat(go-containerregistry): a name without a host is one of Docker Hub.

use std::fmt;

use sha2::{Digest as _, Sha256, Sha512};

use crate::error::{Error, ErrorKind, Result};

/// The host that is meant where none is written.
const DOCKER_HUB: &str = "index.docker.io";
/// Longest name of a repository, in bytes: the specification's bound for host and path together.
const MOST_BYTES: usize = 255;

/// A repository in a registry. *Invariant*: host and path hold nothing that has a meaning in a URL
/// but dots, slashes and one port.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Repository {
    registry: String,
    path: String,
}

impl Repository {
    /// Reads `oci://host[:port]/path`, or the same without the scheme. A tag or digest is refused.
    pub fn parse(text: &str) -> Result<Repository> {
        let name = text.strip_prefix("oci://").unwrap_or(text);
        let (registry, path) = match name.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
            _ => (DOCKER_HUB, name),
        };
        let registry = if registry == "docker.io" { DOCKER_HUB } else { registry };
        let path = match registry {
            DOCKER_HUB if !path.contains('/') => format!("library/{path}"),
            _ => path.to_owned(),
        };
        let wrong = |why: &str| Error::new(ErrorKind::Reference, format!("repository {name:?} {why}"));
        if name.len() > MOST_BYTES || path.is_empty() || path == "library/" {
            return Err(wrong("is not '<host>/<path>' of at most 255 characters"));
        }
        if path.contains(':') || path.contains('@') {
            return Err(wrong("must not contain a tag or digest"));
        }
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
        let (host, port) = registry.split_once(':').unwrap_or((registry, "443"));
        if host.is_empty() || host.starts_with('-') || !host.chars().all(is_host) || port.parse::<u16>().is_err() {
            return Err(wrong("names no host"));
        }
        // `.` and `..` would be resolved away by a URL and name another repository.
        let is_path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.".contains(c);
        if path.split('/').any(|s| s.is_empty() || s == "." || s == ".." || !s.chars().all(is_path)) {
            return Err(wrong("can only contain the characters `abcdefghijklmnopqrstuvwxyz0123456789_-./`"));
        }
        Ok(Repository { registry: registry.to_ascii_lowercase(), path })
    }
    /// Host, with its port if one is written.
    pub fn registry(&self) -> &str {
        &self.registry
    }
    /// Path below the host.
    pub fn path(&self) -> &str {
        &self.path
    }
    /// Host without port.
    pub fn host(&self) -> &str {
        self.registry.split(':').next().unwrap_or_default()
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

/// Reads `oci://host/path:tag`, `...@sha256:...` or the name alone.
pub fn parse_reference(text: &str) -> Result<(Repository, Option<Target>)> {
    if let Some((name, digest)) = text.split_once('@') {
        // A tag beside a digest says nothing more.
        let name = split_tag(name).map_or(name, |(name, _)| name);
        return Ok((Repository::parse(name)?, Some(Target::Digest(ContentDigest::parse(digest)?))));
    }
    match split_tag(text) {
        Some((name, tag)) => Ok((Repository::parse(name)?, Some(Target::Tag(Tag::parse(tag)?)))),
        None => Ok((Repository::parse(text)?, None)),
    }
}

/// A colon after the last slash begins a tag; one before it, a port.
fn split_tag(text: &str) -> Option<(&str, &str)> {
    let after = text.rfind('/').map_or(0, |i| i + 1);
    let colon = after + text[after..].find(':')?;
    Some((&text[..colon], &text[colon + 1..]))
}

/// A tag.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Tag(String);

impl Tag {
    /// Reads one: up to 128 letters, digits, `_`, `-` and `.`.
    pub fn parse(text: &str) -> Result<Tag> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if text.is_empty() || text.len() > 128 || !text.chars().all(fits) || text == "." || text == ".." {
            return Err(Error::new(ErrorKind::Reference, format!("{text:?} is no tag")));
        }
        Ok(Tag(text.to_owned()))
    }
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What names a manifest in a repository.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// A tag: what it names may change.
    Tag(Tag),
    /// A digest: what it names cannot change.
    Digest(ContentDigest),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Tag(tag) => tag.fmt(f),
            Target::Digest(digest) => digest.fmt(f),
        }
    }
}

/// Names content by its hash: `sha256:<64 hex>` or `sha512:<128 hex>`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ContentDigest(String);

impl ContentDigest {
    /// Reads one.
    pub fn parse(text: &str) -> Result<ContentDigest> {
        let digits = match text.split_once(':') {
            Some(("sha256", hex)) => (hex, 64),
            Some(("sha512", hex)) => (hex, 128),
            _ => ("", 1),
        };
        let (hex, len) = digits;
        if hex.len() != len || !hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(Error::new(ErrorKind::Reference, format!("{text:?} is no digest 'sha256:<64 hex digits>'")));
        }
        Ok(ContentDigest(text.to_owned()))
    }
    /// The SHA-256 of some bytes.
    pub fn of(bytes: &[u8]) -> ContentDigest {
        ContentDigest(format!("sha256:{}", hex(&Sha256::digest(bytes))))
    }
    /// `sha256:<hex>`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The digits alone.
    pub fn hex(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, hex)| hex)
    }
    /// The algorithm: `sha256`, `sha512`.
    pub fn algorithm(&self) -> &str {
        self.0.split_once(':').map_or("", |(name, _)| name)
    }
    pub(crate) fn hasher(&self) -> Hasher {
        match self.algorithm() {
            "sha512" => Hasher::Sha512(Box::default()),
            _ => Hasher::Sha256(Sha256::default()),
        }
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Hashes what streams by.
pub(crate) enum Hasher {
    Sha256(Sha256),
    Sha512(Box<Sha512>),
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Sha256(hash) => hash.update(bytes),
            Hasher::Sha512(hash) => hash.update(bytes),
        }
    }
    pub(crate) fn finish(self) -> ContentDigest {
        ContentDigest(match self {
            Hasher::Sha256(hash) => format!("sha256:{}", hex(&hash.finalize())),
            Hasher::Sha512(hash) => format!("sha512:{}", hex(&hash.finalize())),
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]).map(char::from).collect()
}
