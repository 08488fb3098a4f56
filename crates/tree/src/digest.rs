//! The identity of content.
//!
//! Two equal digests mean equal content; two different ones mean nothing when they are of
//! different kinds (the same bytes have one SHA-256 and another Git object id). That is enough for
//! a cache, where a false difference only costs work.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;

/// Identity of a file's content, a listing or a directory: 32 bytes and what made them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    kind: Kind,
    bytes: [u8; 32],
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Sha256,
    GitSha1,
    GitSha256,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Sha256, Kind::GitSha1, Kind::GitSha256];

    fn name(self) -> &'static str {
        match self {
            Kind::Sha256 => "sha256",
            Kind::GitSha1 => "git-sha1",
            Kind::GitSha256 => "git-sha256",
        }
    }

    fn len(self) -> usize {
        match self {
            Kind::Sha256 | Kind::GitSha256 => 32,
            Kind::GitSha1 => 20,
        }
    }
}

impl Digest {
    /// SHA-256 of `content`.
    pub fn of(content: &[u8]) -> Digest {
        Digest { kind: Kind::Sha256, bytes: Sha256::digest(content).into() }
    }

    /// A SHA-256 computed elsewhere.
    pub fn from_sha256(bytes: [u8; 32]) -> Digest {
        Digest { kind: Kind::Sha256, bytes }
    }

    /// A Git object id of 20 bytes (SHA-1) or 32 bytes (SHA-256); `None` for any other length.
    pub fn from_git(id: &[u8]) -> Option<Digest> {
        let kind = match id.len() {
            20 => Kind::GitSha1,
            32 => Kind::GitSha256,
            _ => return None,
        };
        let mut bytes = [0; 32];
        bytes[..id.len()].copy_from_slice(id);
        Some(Digest { kind, bytes })
    }

    /// The significant bytes: 32, or 20 for a Git SHA-1 id.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.kind.len()]
    }

    /// Lower-case hex of [`Digest::as_bytes`].
    pub fn hex(&self) -> String {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut out = String::with_capacity(64);
        for byte in self.as_bytes() {
            out.push(HEX[usize::from(byte >> 4)].into());
            out.push(HEX[usize::from(byte & 15)].into());
        }
        out
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.name(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Digest, String> {
        let wrong = || format!("{text:?} is no digest: expected sha256:<64 hex digits>");
        let (name, hex) = text.split_once(':').ok_or_else(wrong)?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(wrong)?;
        if hex.len() != kind.len() * 2 || !hex.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (i, byte) in bytes[..kind.len()].iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[i * 2..i * 2 + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Digest { kind, bytes })
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Digests a sequence of parts so that no two different sequences collide: every part is
/// preceded by its length.
#[derive(Clone)]
pub struct DigestBuilder(Sha256);

impl DigestBuilder {
    /// Starts a digest; `domain` keeps digests of different things apart.
    pub fn new(domain: &str) -> DigestBuilder {
        let mut builder = DigestBuilder(Sha256::new());
        builder.part(domain);
        builder
    }

    /// Adds one part.
    pub fn part(&mut self, part: impl AsRef<[u8]>) -> &mut DigestBuilder {
        let part = part.as_ref();
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    /// Adds a digest, its kind included.
    pub fn digest(&mut self, digest: &Digest) -> &mut DigestBuilder {
        self.part([digest.kind as u8]).part(digest.as_bytes())
    }

    /// The digest of all parts.
    pub fn finish(self) -> Digest {
        Digest { kind: Kind::Sha256, bytes: self.0.finalize().into() }
    }
}
